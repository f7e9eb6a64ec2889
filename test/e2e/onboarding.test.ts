// The magic host: through the proxy, over HTTPS, straight at its port, over HTTP/2; what it serves, and what nobody may do to it.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { onboardingSite } from "../../host/tls/onboarding-site.ts";
import { openAuthority } from "../../host/tls/authority.ts";
import { rawClient } from "../helpers/client.ts";
import { curl } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { runProgram } from "../helpers/client.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

async function site(): Promise<{ readonly pages: ReturnType<typeof onboardingSite>; readonly folder: string }> {
  const folder = temporaryFolder("site");
  return { pages: onboardingSite(await openAuthority(folder)), folder };
}

test.serial("the program serves the certificate in each form, with name and type, and addons neither see nor change it", async (t) => {
  const spy = await writeAddon(`
    export function requestheaders(flow) { console.log("saw", flow.request.url); }
    export function response(flow) { console.log("saw", flow.request.url); flow.response.text = "another certificate"; }`);
  const flowcell = await startFlowcell([spy]);
  t.teardown(() => flowcell.stop());
  const ask = (url: string, ...more: readonly string[]): ReturnType<typeof curl> => curl(t, ["-i", "-x", flowcell.proxyUrl, ...more, url]);
  const page = await ask("http://flow.cell/");
  t.is(page.status, 200);
  t.is(page.header("content-type"), "text/html; charset=utf-8");
  t.regex(page.header("content-security-policy") ?? "", /default-src 'none'; style-src 'sha256-/);
  t.regex(page.body, /flowcell ca install-help/);
  t.regex(page.body, /update-ca-certificates/);
  t.notRegex(page.body, /<(script|img|link|iframe|object|form)|href="(?!\/cert\/)/);
  const expected = new X509Certificate(await readFile(flowcell.caFile));
  t.true(page.body.includes(expected.fingerprint256));
  const pem = await ask("http://FLOW.cell/cert/pem");
  t.is(new X509Certificate(pem.body).fingerprint256, expected.fingerprint256);
  t.is(pem.header("content-disposition"), 'inline; filename="flowcell-ca.pem"');
  for (const [form, type] of [["cer", "application/x-x509-ca-cert"], ["p12", "application/x-pkcs12"], ["mobileconfig", "application/x-apple-aspen-config"]] as const) {
    const answer = await curl(t, ["-x", flowcell.proxyUrl, "-o", path.join(flowcell.confdir, form), "-D", "-", `http://flow.cell/cert/${form}?x=1`]);
    t.is(answer.status, 200);
    t.is(answer.header("content-type"), type);
    t.is(answer.header("content-length"), String((await readFile(path.join(flowcell.confdir, form))).length));
  }
  t.is(new X509Certificate(await readFile(path.join(flowcell.confdir, "cer"))).fingerprint256, expected.fingerprint256);
  t.true((await readFile(path.join(flowcell.confdir, "mobileconfig"), "utf8")).includes(expected.raw.toString("base64")));
  t.is((await ask("http://flow.cell/flowcell-ca.pem")).status, 404);
  t.is((await ask("http://flow.cell/..%2fflowcell-ca-key.pem")).status, 404);
  const posted = await ask("http://flow.cell/", "-d", "x");
  t.is(posted.status, 405);
  t.is(posted.header("allow"), "GET, HEAD");
  t.is((await curl(t, ["-I", "-x", flowcell.proxyUrl, "http://flow.cell/cert/pem"])).status, 200);
  // By HTTPS, with the certificate that it just gave, over HTTP/1 and HTTP/2.
  await writeFile(path.join(flowcell.confdir, "got.pem"), pem.body);
  for (const version of ["--http1.1", "--http2"]) t.is((await ask("https://flow.cell/", version, "--cacert", path.join(flowcell.confdir, "got.pem"))).status, 200);
  // Straight at the port.
  t.is((await curl(t, ["-i", "-H", "Host: flow.cell", `${flowcell.proxyUrl}/`])).status, 200);
  t.is((await curl(t, ["-i", "-H", "Host: elsewhere.example", `${flowcell.proxyUrl}/`])).status, 400);
  t.false(flowcell.lines.some(({ msg }) => msg.includes("saw")), JSON.stringify(flowcell.lines));
});

test.serial("through SOCKS5, and only for who may use the proxy", async (t) => {
  const socks = await startFlowcell([], ["-m", "socks5"]);
  t.is((await curl(t, ["-i", "--socks5-hostname", `127.0.0.1:${socks.port}`, "http://flow.cell/"])).status, 200);
  await socks.stop();
  const closed = await startFlowcell([], ["--proxy-auth", "ada:secret"]);
  t.is((await curl(t, ["-i", "-x", closed.proxyUrl, "http://flow.cell/"])).status, 407);
  t.is((await curl(t, ["-i", "-x", closed.proxyUrl, "-U", "ada:secret", "http://flow.cell/cert/pem"])).status, 200);
  await closed.stop();
});

test.serial("--no-onboarding, and another name", async (t) => {
  const without = await startFlowcell([], ["--no-onboarding"]);
  t.not((await curl(t, ["-i", "-x", without.proxyUrl, "http://flow.cell/"])).status, 200);
  await without.stop();
  const renamed = await startFlowcell([], ["--onboarding-host", "trust.me"]);
  t.is((await curl(t, ["-i", "-x", renamed.proxyUrl, "http://trust.me/"])).status, 200);
  t.not((await curl(t, ["-i", "-x", renamed.proxyUrl, "http://flow.cell/"])).status, 200);
  await renamed.stop();
});

test("the private key is in none of the pages", async (t) => {
  const { pages, folder } = await site();
  const key = await readFile(path.join(folder, "flowcell-ca.pem"), "utf8").catch(() => "");
  t.regex(key, /PRIVATE KEY/);
  const secret = Buffer.from(createPrivateKey(key).export({ format: "jwk" }).d ?? "", "base64url");
  t.true(secret.length >= 32);
  for (const [place, { body }] of pages) {
    t.false(body.includes("PRIVATE"), place);
    t.false(body.includes(secret.subarray(4, 28)), place);
  }
});

test("the policy names the style that is in the page", async (t) => {
  const { pages } = await site();
  const html = pages.get("/")?.body.toString() ?? "";
  const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? "";
  const { onboardingPolicy } = await import("../../host/tls/onboarding-site.ts");
  t.true(onboardingPolicy.includes(createHash("sha256").update(style).digest("base64")));
});

test("openssl reads what is served as PKCS#12, without a key", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { pages } = await site();
  const { code, stdout, stderr } = await runProgram(openssl, ["pkcs12", "-nodes", "-passin", "pass:", "-legacy"], pages.get("/cert/p12")?.body ?? "");
  t.is(code, 0, stderr);
  t.regex(stdout, /BEGIN CERTIFICATE/);
  t.notRegex(stdout, /PRIVATE KEY/);
});

test("the connection lives on after it, and its other requests are seen by addons", async (t) => {
  const gate = recordingGate({ on: { requestheaders: (flow) => { flow.killedBy = "test"; } } });
  const { pages } = await site();
  const proxy = await startProxy(t, { gate, onboarding: { host: "flow.cell", pages } });
  const client = await rawClient(proxy.port);
  for (let at = 0; at < 2; at++) {
    client.send("GET http://flow.cell/nothing HTTP/1.1\r\nHost: flow.cell\r\n\r\n");
    t.regex(await client.until(/certificate is at \/\n/), /^HTTP\/1\.1 404 /);
    client.clear();
  }
  t.deepEqual(gate.events, ["clientconnect", "next_layer(http1)"]);
  client.send("GET http://flow.cell.evil.example/ HTTP/1.1\r\nHost: flow.cell.evil.example\r\n\r\n");
  await client.untilEnd();
  t.true(gate.events.includes("requestheaders"));
});
