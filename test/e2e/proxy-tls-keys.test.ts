// TLS as clients and operators rely on it: keys written down on request, sessions resumed, certificates with hundreds of names, and
// Apache at the other end.
import test from "ava";
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { PassThrough } from "node:stream";
import { connect, TLSSocket, type ConnectionOptions } from "node:tls";
import { openKeyLog } from "../../host/tls/key-log.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { runProgram, tunnelClient } from "../helpers/client.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { freePort, startDaemon } from "../helpers/daemon.ts";
import { bare } from "../helpers/h2.ts";
import { answering, rawOrigin } from "../helpers/origin.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** One request over TLS of its own in a tunnel; the socket is open when this resolves. */
async function ask(proxyPort: number, place: string, options: ConnectionOptions): Promise<TLSSocket> {
  const tunnel = await tunnelClient(proxyPort, place);
  const socket = connect({ socket: bare(tunnel), servername: "localhost", ...options });
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise<void>((resolve, reject) => socket.once("data", () => resolve()).once("error", reject));
  return socket;
}

async function folderOf(): Promise<string> {
  const folder = temporaryFolder("tls");
  return folder;
}

test("SSLKEYLOGFILE: the keys of both sides, for the owner alone, and a file that cannot be written stops nothing", async (t) => {
  const certificate = await testCertificate();
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const file = path.join(await folderOf(), "keys.txt");
  const keyLog = openKeyLog(file, makeLog(() => undefined));
  const { port, ca } = await startProxy(t, { keyLog, upstreamCaFile: certificate.certFile });
  (await ask(port, `localhost:${server.port}`, { ca })).destroy();
  await keyLog.close();
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  for (const line of lines) t.regex(line, /^(?:CLIENT|SERVER|EXPORTER)_\w+ [0-9a-f]{64} [0-9a-f]{64,96}$/);
  t.is(new Set(lines.map((line) => line.split(" ")[1])).size, 2, "two handshakes: the client's and ours");
  t.is((await stat(file)).mode & 0o777, 0o600);
  const records: LogRecord[] = [];
  const broken = openKeyLog("/nonexistent/keys.txt", makeLog((record) => void records.push(record)));
  const second = await startProxy(t, { keyLog: broken, upstreamCaFile: certificate.certFile });
  (await ask(second.port, `localhost:${server.port}`, { ca: second.ca })).destroy();
  await broken.close();
  t.deepEqual(records.map(({ fields }) => fields["event"]), ["key-log"]);
});

test("SSLKEYLOGFILE on a disk that does not keep up: what waits is bounded, the loss is said once, the rest is written", async (t) => {
  const file = path.join(await folderOf(), "slow");
  t.is((await runProgram("mkfifo", [file])).code, 0);
  const records: LogRecord[] = [];
  // Nobody reads the pipe yet: nothing can be written.
  const keyLog = openKeyLog(file, makeLog((record) => void records.push(record)));
  const socket = new TLSSocket(new PassThrough());
  t.teardown(() => socket.destroy());
  keyLog.watch(socket);
  for (let i = 0; i < 40; i++) socket.emit("keylog", Buffer.alloc(65_536, 0x61));
  t.deepEqual(records.map(({ fields }) => fields["event"]), ["key-log"]);
  t.regex(records[0]?.msg ?? "", /too slow/);
  const [written] = await Promise.all([runProgram("cat", [file]), keyLog.close()]);
  t.true(written.stdout.length > 1_048_576 && written.stdout.length < 1_048_576 + 3 * 65_536, String(written.stdout.length));
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`a client resumes its session: ${version}`, async (t) => {
    const certificate = await testCertificate();
    const server = await rawOrigin(answering(ok, ok), { tls: certificate });
    t.teardown(() => server.close());
    const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
    const options: ConnectionOptions = { ca, minVersion: version, maxVersion: version };
    const first = connect({ socket: bare(await tunnelClient(port, `localhost:${server.port}`)), servername: "localhost", ...options });
    const session = new Promise<Buffer>((resolve) => first.once("session", resolve));
    first.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const ticket = await session;
    first.destroy();
    const again = await ask(port, `localhost:${server.port}`, { ...options, session: ticket });
    t.true(again.isSessionReused());
    again.destroy();
  });
}

test("a server's certificate with hundreds of names, wildcards and addresses: the leaf has what the client needs", async (t) => {
  const names = [...Array.from({ length: 400 }, (_, i) => `DNS:host-${i}.example.test`), "DNS:*.wild.test", "IP:127.0.0.1", "DNS:localhost"].join(",");
  const certificate = await testCertificate(names);
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const socket = await ask(port, `localhost:${server.port}`, { ca, ALPNProtocols: ["http/1.1"] });
  t.true(socket.authorized);
  t.regex(socket.getPeerCertificate().subjectaltname ?? "", /DNS:localhost/);
  socket.destroy();
});

test("curl to Apache through the proxy: TLS, a body up and down, keep-alive", async (t) => {
  const apache = requireProgram(t, "apache2", "apache2-bin");
  const curl = requireProgram(t, "curl", "curl");
  if (apache === undefined || curl === undefined) return;
  const certificate = await testCertificate();
  const [folder, port] = [await folderOf(), await freePort()];
  const body = randomBytes(300_000);
  await writeFile(path.join(folder, "body.bin"), body);
  await writeFile(path.join(folder, "apache.conf"), [
    `ServerName localhost`, `Listen 127.0.0.1:${port}`, `PidFile ${folder}/pid`, `ErrorLog ${folder}/error.log`, `DocumentRoot ${folder}`, `DefaultRuntimeDir ${folder}`, `Mutex file:${folder}`,
    ...["mpm_event", "authz_core", "ssl", "http2"].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    "SSLEngine on", `SSLCertificateFile ${certificate.certFile}`, `SSLCertificateKeyFile ${certificate.keyFile}`, "Protocols h2 http/1.1", `<Directory ${folder}>`, "Require all granted", "</Directory>",
    ...(process.getuid?.() === 0 ? ["User nobody", "Group nogroup"] : []), "",
  ].join("\n"));
  await runProgram("chmod", ["755", folder]);
  await startDaemon(t, apache, ["-f", path.join(folder, "apache.conf"), "-X"], port);
  const proxy = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const out = path.join(folder, "out.bin");
  for (const version of ["--http1.1", "--http2"]) {
    const url = `https://localhost:${port}/body.bin`;
    const end = await runProgram(curl, ["-sS", version, "-x", proxy.url, "--cacert", proxy.caFile, "-o", out, "-w", "%{http_version} %{response_code} %{num_connects}\n", url, "-o", "/dev/null", url]);
    t.regex(end.stdout, version === "--http2" ? /^2 200 1\n2 200 0\n$/ : /^1\.1 200 1\n1\.1 200 0\n$/, end.stderr);
    t.true((await readFile(out)).equals(body));
  }
});
