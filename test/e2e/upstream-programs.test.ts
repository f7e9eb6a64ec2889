// upstream:URL through proxies that are not ours: squid, in the clear and under TLS, with a password; and mitmdump, with a password.
import test, { type ExecutionContext } from "ava";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { freePort, startDaemon } from "../helpers/daemon.ts";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { findProgram, requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

/** A folder that servers which give up their rights can read. */
async function openFolder(): Promise<string> {
  const folder = temporaryFolder("next");
  await chmod(folder, 0o755);
  return folder;
}

interface Squid { readonly http: number; readonly https: number }

async function startSquid(t: ExecutionContext): Promise<Squid | null> {
  const squid = requireProgram(t, "squid", "squid-openssl");
  const openssl = requireProgram(t, "openssl", "openssl");
  if (squid === undefined || openssl === undefined) return null;
  const helper = findProgram("basic_ncsa_auth", { PATH: "/usr/lib/squid:/usr/lib64/squid:/usr/libexec/squid" });
  if (helper === undefined) throw new Error("squid's basic_ncsa_auth is missing");
  const folder = await openFolder();
  const [http, https] = [await freePort(), await freePort()];
  const { stdout: hash } = await runProgram(openssl, ["passwd", "-apr1", "secret"]);
  await writeFile(join(folder, "users"), `ada:${hash.trim()}\n`);
  for (const [from, to] of [[certificate.certFile, "cert.pem"], [certificate.keyFile, "key.pem"]] as const) {
    await copyFile(from, join(folder, to));
    await chmod(join(folder, to), 0o644);
  }
  await writeFile(join(folder, "squid.conf"), `
    http_port 127.0.0.1:${http}
    https_port 127.0.0.1:${https} tls-cert=${folder}/cert.pem tls-key=${folder}/key.pem
    auth_param basic program ${helper} ${folder}/users
    auth_param basic children 1
    acl known proxy_auth REQUIRED
    http_access allow known
    http_access deny all
    cache deny all
    cache_mem 1 MB
    pid_filename none
    access_log none
    cache_log /dev/null
    shutdown_lifetime 0
    via off
    coredump_dir ${folder}
  `);
  await startDaemon(t, squid, ["-N", "-f", join(folder, "squid.conf")], http);
  return { http, https };
}

test.serial("squid: plain, TLS and h2 requests through its two doors; a wrong password is said to be one", async (t) => {
  const squid = await startSquid(t);
  if (squid === null) return;
  const [plain, secure] = [await startHttpOrigin(), await startHttpsOrigin()];
  t.teardown(() => { plain.close(); secure.close(); });
  for (const [scheme, port] of [["http", squid.http], ["https", squid.https]] as const) {
    const proxy = await startProxy(t, { mode: `upstream:${scheme}://localhost:${port}`, upstreamAuth: "ada:secret", sslInsecure: true });
    for (const url of [`http://127.0.0.1:${plain.port}/plain`, `https://localhost:${secure.port}/secure`]) {
      const answer = await curl(t, ["-i", "-x", proxy.url, "--cacert", proxy.caFile, "-d", "body", url, url]);
      t.is(answer.status, 200, `${scheme} ${url} ${answer.stderr} ${answer.body}`);
      t.regex(answer.body, /body$/);
      t.notRegex(answer.body, /proxy-authorization/i);
    }
    const wrong = await startProxy(t, { mode: `upstream:${scheme}://localhost:${port}`, upstreamAuth: "ada:wrong", sslInsecure: true });
    for (const url of [`http://127.0.0.1:${plain.port}/`, `https://localhost:${secure.port}/`]) {
      const answer = await curl(t, ["-i", "-x", wrong.url, "--cacert", wrong.caFile, url]);
      t.is(answer.status, 502);
      t.regex(answer.body, /--upstream-auth/);
    }
  }
  const strict = await startProxy(t, { mode: `upstream:https://localhost:${squid.https}`, upstreamAuth: "ada:secret" });
  const untrusted = await curl(t, ["-i", "-x", strict.url, `http://127.0.0.1:${plain.port}/`]);
  t.is(untrusted.status, 502);
  t.regex(untrusted.body, /--upstream-ca/);
});

test.serial("mitmdump: as the next proxy with a password, and as the client's own in front of ours", async (t) => {
  const mitmdump = requireProgram(t, "mitmdump", "mitmproxy");
  if (mitmdump === undefined) return;
  const [plain, secure] = [await startHttpOrigin(), await startHttpsOrigin()];
  t.teardown(() => { plain.close(); secure.close(); });
  const folder = await openFolder();
  const run = async (...args: string[]): Promise<number> => {
    const port = await freePort();
    await startDaemon(t, mitmdump, ["-q", "--listen-host", "127.0.0.1", "-p", String(port), "--set", `confdir=${folder}`, "--ssl-insecure", ...args], port);
    return port;
  };
  const next = await run("--proxyauth", "ada:secret");
  const proxy = await startProxy(t, { mode: `upstream:http://127.0.0.1:${next}`, upstreamAuth: "ada:secret", sslInsecure: true });
  const urls = [`http://127.0.0.1:${plain.port}/plain`, `https://localhost:${secure.port}/secure`];
  for (const url of urls) {
    const answer = await curl(t, ["-i", "-x", proxy.url, "--cacert", proxy.caFile, "-d", "body", url]);
    t.is(answer.status, 200, `${url} ${answer.stderr} ${answer.body}`);
    t.notRegex(answer.body, /proxy-authorization/i);
  }
  const wrong = await startProxy(t, { mode: `upstream:http://127.0.0.1:${next}`, sslInsecure: true });
  t.regex((await curl(t, ["-x", wrong.url, urls[0] ?? ""])).body, /--upstream-auth/);
  const ours = await startProxy(t, { sslInsecure: true });
  const front = await run("--mode", `upstream:http://127.0.0.1:${ours.port}`);
  for (const url of urls) {
    const answer = await curl(t, ["-i", "-x", `http://127.0.0.1:${front}`, "-k", "-d", "body", url]);
    t.is(answer.status, 200, `${url} ${answer.stderr} ${answer.body}`);
    t.regex(answer.body, /body$/);
  }
});
