// Certificates of the operator's own: for clients by host and on the listener, and for servers that ask for one (openssl's server in TLS
// 1.2 and 1.3, nginx). What cannot work is refused at the start with a sentence.
import test, { type ExecutionContext } from "ava";
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openAuthority } from "../../host/tls/authority.ts";
import { readCertificateFile } from "../../host/tls/certificate-file.ts";
import { pickByHost, readOwnCertificate } from "../../host/tls/host-names.ts";
import { createLeafCache } from "../../host/tls/leaf-cache.ts";
import { openOwnCertificate, openOwnCertificates } from "../../host/tls/own-certificates.ts";
import { openUpstreamTrust } from "../../host/tls/trust.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { freePort, startDaemon } from "../helpers/daemon.ts";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell } from "../helpers/flowcell.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let server: TestCertificate;
let client: TestCertificate;
test.before(async () => { [server, client] = await Promise.all([testCertificate(), testCertificate("DNS:client.test")]); });

async function folderOf(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = temporaryFolder("own-certs");
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const both = ({ key, cert }: TestCertificate): string => key + cert;

test("by host, nearest first; a listener's own", async (t) => {
  const [shop, exact, door] = [await testCertificate("DNS:*.shop.test,DNS:shop.test"), await testCertificate("DNS:any.test"), await testCertificate("DNS:proxy.test,IP:127.0.0.1")];
  const folder = await folderOf({ "shop.pem": both(shop), "any.pem": both(exact), "door.pem": both(door) });
  const origin = await startHttpsOrigin();
  const plain = await startHttpOrigin();
  t.teardown(() => { origin.close(); plain.close(); });
  const own = [readOwnCertificate(`*.shop.test=${folder}/shop.pem`), readOwnCertificate(`any.test=${folder}/any.pem`)];
  const authority = await openAuthority(await folderOf());
  const proxy = await startProxy(t, { sslInsecure: true, leafSource: await openOwnCertificates(own, createLeafCache(authority)), listenerCertificate: await openOwnCertificate(join(folder, "door.pem"), "--cert") });
  const ask = (name: string, caFile: string): ReturnType<typeof curl> => curl(t, ["-i", "-x", proxy.url, "--cacert", caFile, "--connect-to", `::localhost:${origin.port}`, `https://${name}/`]);
  t.is((await ask("a.shop.test", shop.certFile)).status, 200);
  t.is((await ask("any.test", exact.certFile)).status, 200);
  t.is((await ask("other.test", authority.files.certPem)).status, 200);
  t.is((await ask("shop.test", shop.certFile)).code, 60, "*.shop.test is not shop.test");
  const inTls = await curl(t, ["-x", `https://127.0.0.1:${proxy.port}`, "--proxy-cacert", door.certFile, `http://127.0.0.1:${plain.port}/door`]);
  t.regex(inTls.body, /GET \/door/, inTls.stderr);
});

test("which pattern is nearest, and what is none", (t) => {
  const kept = new Map(["*", "*.b.test", "a.b.test", "127.0.0.1"].map((pattern) => [pattern, pattern]));
  for (const [host, pattern] of [["a.b.test", "a.b.test"], ["A.B.TEST.", "a.b.test"], ["c.b.test", "*.b.test"], ["d.c.b.test", "*.b.test"], ["b.test", "*"], ["127.0.0.1", "127.0.0.1"], ["::1", "*"], ["", "*"], ["a b", "*"]] as const) t.is(pickByHost(kept, host), pattern, host);
  t.deepEqual(readOwnCertificate("*.A.test=/x=y.pem"), { pattern: "*.a.test", file: "/x=y.pem" });
  t.deepEqual(readOwnCertificate("/x.pem"), { pattern: "*", file: "/x.pem" });
  for (const words of ["a b=/x", "a.test=", "=/x", ""]) t.throws(() => readOwnCertificate(words), { code: "ERR_USAGE" }, words);
});

test("files that are refused at the start", async (t) => {
  const encrypted = await promisify(execFile)("openssl", ["pkey", "-in", client.keyFile, "-aes128", "-passout", "pass:x"]);
  const folder = await folderOf({
    "cert-only.pem": client.cert, "key-only.pem": client.key, "mismatch.pem": server.key + client.cert, "order.pem": client.key + server.cert + client.cert, "encrypted.pem": encrypted.stdout + client.cert, "empty.pem": "",
    "garbage.pem": `${client.key}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`, "good.pem": both(client),
  });
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["none.pem", "ERR_CERTIFICATE_UNREADABLE", /ENOENT.*--certs/], ["cert-only.pem", "ERR_CERTIFICATE_CORRUPT", /no private key.*cat key\.pem/], ["key-only.pem", "ERR_CERTIFICATE_CORRUPT", /no certificate/],
    ["mismatch.pem", "ERR_CERTIFICATE_MISMATCH", /belong together/], ["order.pem", "ERR_CERTIFICATE_MISMATCH", /before the others/], ["encrypted.pem", "ERR_CERTIFICATE_CORRUPT", /openssl pkey/],
    ["empty.pem", "ERR_CERTIFICATE_CORRUPT", /no private key/], ["garbage.pem", "ERR_CERTIFICATE_CORRUPT", /Certificate 1/],
  ];
  for (const [name, code, message] of cases) await t.throwsAsync(readCertificateFile(join(folder, name), "--certs"), { code, message }, name);
  const day = 86_400_000;
  await t.throwsAsync(readCertificateFile(join(folder, "good.pem"), "--certs", new Date(Date.now() + 5 * day)), { code: "ERR_CERTIFICATE_EXPIRED", message: /expired on/ });
  await t.throwsAsync(readCertificateFile(join(folder, "good.pem"), "--certs", new Date(Date.now() - 5 * day)), { code: "ERR_CERTIFICATE_EXPIRED", message: /clock/ });
  await t.throwsAsync(openUpstreamTrust({ sslInsecure: true, clientCertsPath: join(folder, "nothing") }), { code: "ERR_CERTIFICATE_UNREADABLE" });
  await t.throwsAsync(openUpstreamTrust({ sslInsecure: true, clientCertsPath: await folderOf() }), { message: /no files HOST\.pem/ });
  await t.throwsAsync(openUpstreamTrust({ sslInsecure: true, clientCertsPath: await folderOf({ "a b.pem": both(client) }) }), { message: /not named after a host/ });
});

/** A server that insists on a certificate of the client's authority. */
async function demanding(t: ExecutionContext, version: string): Promise<number | null> {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return null;
  const port = await freePort();
  await startDaemon(t, openssl, ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", server.certFile, "-key", server.keyFile, "-CAfile", client.certFile, "-Verify", "1", "-verify_return_error", "-www", version, "-quiet"], port);
  return port;
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  test(`a server that asks for a certificate, ${version}: one for all, one for its name, none`, async (t) => {
    const port = await demanding(t, version);
    if (port === null) return;
    const file = await folderOf({ "client.pem": both(client) });
    const folder = await folderOf({ "localhost.pem": both(client), "other.test.pem": both(server) });
    for (const clientCertsPath of [join(file, "client.pem"), folder]) {
      const proxy = await startProxy(t, { upstreamCaFile: server.certFile, clientCertsPath });
      const answer = await curl(t, ["-i", "-x", proxy.url, "--cacert", proxy.caFile, `https://localhost:${port}/`]);
      t.regex(answer.body, /client\.test|Client certificate|CN ?= ?test origin/, answer.stderr + answer.head);
    }
    const without = await startProxy(t, { upstreamCaFile: server.certFile });
    const refused = await curl(t, ["-i", "-x", without.url, "--cacert", without.caFile, `https://localhost:${port}/`]);
    t.is(refused.status, 502);
    t.regex(refused.body, /client certificate.*--client-certs/);
    const folderOfOthers = await folderOf({ "other.test.pem": both(client) });
    const elsewhere = await startProxy(t, { upstreamCaFile: server.certFile, clientCertsPath: folderOfOthers });
    t.is((await curl(t, ["-i", "-x", elsewhere.url, "--cacert", elsewhere.caFile, `https://localhost:${port}/`])).status, 502, "a certificate for another host is not shown");
  });
}

test("nginx that wants a certificate for HTTP/2", async (t) => {
  const nginx = requireProgram(t, "nginx", "nginx-light");
  if (nginx === undefined) return;
  const folder = await folderOf({ "client.pem": both(client), "body.txt": "inside" });
  const port = await freePort();
  await mkdir(join(folder, "tmp"));
  await writeFile(join(folder, "nginx.conf"), `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 64; }
    http { access_log off; client_body_temp_path ${folder}/tmp; proxy_temp_path ${folder}/tmp; fastcgi_temp_path ${folder}/tmp; uwsgi_temp_path ${folder}/tmp; scgi_temp_path ${folder}/tmp;
      server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${server.certFile}; ssl_certificate_key ${server.keyFile}; ssl_client_certificate ${client.certFile}; ssl_verify_client on; root ${folder}; } }`);
  await startDaemon(t, nginx, ["-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`], port);
  const proxy = await startProxy(t, { upstreamCaFile: server.certFile, clientCertsPath: join(folder, "client.pem") });
  const answer = await curl(t, ["-i", "--http2", "-x", proxy.url, "--cacert", proxy.caFile, `https://localhost:${port}/body.txt`]);
  t.is(answer.body, "inside", answer.stderr + answer.head);
});

test("the command line: --certs, --cert and --client-certs reach the proxy, and are refused with exit 1", async (t) => {
  const folder = await folderOf({ "own.pem": both(server), "client.pem": both(client) });
  await copyFile(server.certFile, join(folder, "cert-only.pem"));
  const origin = await startHttpsOrigin();
  t.teardown(() => origin.close());
  const flowcell = await startFlowcell([], ["--certs", `localhost=${folder}/own.pem`, "--cert", `${folder}/own.pem`, "--client-certs", `${folder}/client.pem`, "--upstream-ca", origin.caFile, "-m", "regular", "-m", "socks5@127.0.0.1:0"]);
  const answer = await curl(t, ["-i", "-x", `https://localhost:${flowcell.port}`, "--proxy-cacert", server.certFile, "--cacert", server.certFile, `https://localhost:${origin.port}/`]);
  t.is(answer.status, 200, answer.stderr);
  t.is(await flowcell.stop(), 0);
  await t.throwsAsync(startFlowcell([], ["--certs", `${folder}/cert-only.pem`]), { message: /holds no private key/ });
  t.true((await readFile(join(folder, "own.pem"), "utf8")).length > 0);
});
