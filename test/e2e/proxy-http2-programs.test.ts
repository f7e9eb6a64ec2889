// HTTP/2 with clients and servers that are not Node's: curl, nghttp, h2load and nginx.
import test, { type ExecutionContext } from "ava";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { runProgram } from "../helpers/client.ts";
import { freePort, startDaemon } from "../helpers/daemon.ts";
import { echo, h2Origin } from "../helpers/h2.ts";
import { answering, rawOrigin } from "../helpers/origin.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

/** nginx with HTTP/2 over TLS on a free port, serving a folder with `body`; null where it is not installed. */
async function nginxOrigin(t: ExecutionContext, body: Buffer, more = ""): Promise<number | null> {
  const nginx = requireProgram(t, "nginx", "nginx-light");
  if (nginx === undefined) return null;
  const folder = temporaryFolder("nginx");
  const port = await freePort();
  await writeFile(join(folder, "body.bin"), body);
  await writeFile(join(folder, "nginx.conf"), `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 256; }
    http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile}; root ${folder}; ${more} } }`);
  await startDaemon(t, nginx, ["-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`], port);
  return port;
}

test.serial("curl --http2 through the proxy to nginx: version, body and upload", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  const body = randomBytes(3_000_000);
  const port = await nginxOrigin(t, body);
  if (curl === undefined || port === null) return;
  const gate = recordingGate();
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const folder = temporaryFolder("curl");
  const out = join(folder, "out");
  const end = await runProgram(curl, ["-sS", "--http2", "-x", proxy.url, "--cacert", proxy.caFile, "-o", out, "-w", "%{http_version} %{response_code} %{size_download}", `https://localhost:${port}/body.bin`]);
  t.is(end.stdout, `2 200 ${body.length}`, end.stderr);
  t.is(createHash("sha256").update(await readFile(out)).digest("hex"), createHash("sha256").update(body).digest("hex"));
  const several = await runProgram(curl, ["-sS", "--http2", "-Z", "-x", proxy.url, "--cacert", proxy.caFile, "-w", "%{http_version} %{response_code} %{num_connects}\n", ...Array.from({ length: 8 }, (_, i) => ["-o", join(folder, `out${i}`), `https://localhost:${port}/body.bin?${i}`]).flat()]);
  t.regex(several.stdout, /^(2 200 [01]\n){8}$/, several.stderr);
  t.deepEqual(gate.problems, []);
});

test.serial("curl --http2 through the proxy to an HTTP/1 server gets HTTP/1; --http1.1 to an HTTP/2 server as well", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  if (curl === undefined) return;
  const old = await rawOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), { tls: certificate });
  const modern = await h2Origin(t, certificate, echo);
  t.teardown(() => { old.close(); });
  const proxy = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const common = ["-sS", "-x", proxy.url, "--cacert", proxy.caFile, "-w", " %{http_version} %{response_code}"];
  t.is((await runProgram(curl, [...common, "--http2", `https://localhost:${old.port}/`])).stdout, "ok 1.1 200");
  t.is((await runProgram(curl, [...common, "--http1.1", "-d", "sent", `https://localhost:${modern.port}/`])).stdout, "sent 1.1 200");
  t.is((await runProgram(curl, [...common, "--http2", "-d", "sent", `https://localhost:${modern.port}/`])).stdout, "sent 2 200");
});

test.serial("curl: an upload with Expect: 100-continue, and one that the server ends early", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  if (curl === undefined) return;
  const modern = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/no") {
      stream.respond({ ":status": 413 });
      return stream.end("no");
    }
    if (headers.expect === "100-continue") stream.additionalHeaders({ ":status": 100 });
    echo(stream, headers);
  });
  const proxy = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const body = randomBytes(2_000_000);
  const common = ["-sS", "--http2", "-x", proxy.url, "--cacert", proxy.caFile, "--data-binary", "@-"];
  const whole = await runProgram(curl, [...common, "-H", "Expect: 100-continue", `https://localhost:${modern.port}/`], body);
  t.true(Buffer.from(whole.stdout, "latin1").equals(body), `${whole.stderr} ${whole.stdout.length}`);
  const early = await runProgram(curl, [...common, "-w", " %{response_code}", `https://localhost:${modern.port}/no`], body);
  t.is(early.stdout, "no 413", early.stderr);
});

test.serial("nghttp with prior knowledge: many resources over one connection, trailers, an upload", async (t) => {
  const nghttp = requireProgram(t, "nghttp", "nghttp2-client");
  if (nghttp === undefined) return;
  const server = await rawOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"));
  t.teardown(() => { server.close(); });
  const proxy = await startProxy(t);
  // It speaks to the proxy as if that were the server, and names the server in :authority.
  const end = await runProgram(nghttp, ["-v", "-m", "10", "--trailer=x-sum: 1", "-d", certificate.certFile, "-H", `:authority: 127.0.0.1:${server.port}`, `http://127.0.0.1:${proxy.port}/up`]);
  t.regex(end.stdout, /:status: 200/, end.stderr);
  t.regex(end.stdout, /one/);
  t.regex(server.received.map(String).join(""), /\r\n0\r\nx-sum: 1\r\n\r\n/);
});

test.serial("h2load: 8 connections with 8 streams each, nothing fails", async (t) => {
  const h2load = requireProgram(t, "h2load", "nghttp2-client");
  if (h2load === undefined) return;
  const server = await rawOrigin(answering(`HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n${"x".repeat(1_024)}`));
  t.teardown(() => { server.close(); });
  const gate = recordingGate({ wants: (event) => event === "response" });
  const proxy = await startProxy(t, { gate });
  const end = await runProgram(h2load, ["-n", "1600", "-c", "8", "-m", "8", "-H", `:authority: 127.0.0.1:${server.port}`, `http://127.0.0.1:${proxy.port}/`], "", 60_000);
  t.regex(end.stdout, /1600 succeeded, 0 failed, 0 errored, 0 timeout/, end.stdout + end.stderr);
  t.is(gate.events.length, 1_600);
  t.true(server.connectionCount <= 64, `${server.connectionCount} connections to the server`);
});

test.serial("nginx that ends a connection after a few requests loses none of them", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  const port = await nginxOrigin(t, Buffer.from("small"), "keepalive_requests 5;");
  if (curl === undefined || port === null) return;
  const gate = recordingGate();
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const urls = Array.from({ length: 40 }, (_, i) => `https://localhost:${port}/body.bin?${i}`);
  const end = await runProgram(curl, ["-sS", "--http2", "-Z", "--parallel-max", "10", "-x", proxy.url, "--cacert", proxy.caFile, "-w", "%{response_code}\n", ...urls], "", 60_000);
  t.is(end.stdout.match(/small/g)?.length, 40, end.stderr);
  t.is(end.stdout.match(/200\n/g)?.length, 40);
  t.true(gate.events.filter((name) => name === "serverconnect").length >= 4);
  t.deepEqual(gate.problems, []);
});
