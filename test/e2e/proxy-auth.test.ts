// --proxy-auth with curl and with raw bytes: who gets in, what a refusal looks like on connections that live on, and that nobody behind
// the proxy, no addon and no log line ever sees a credential.
import test, { type ExecutionContext } from "ava";
import { hash } from "bcryptjs";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { openProxyAuth } from "../../host/access/proxy-auth.ts";
import type { HttpFlow } from "../../host/flows/flow.ts";
import { linesOf } from "../helpers/flows.ts";
import { rawClient } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { curl } from "../helpers/e2e.ts";
import { startProxy, type TestProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const secret = "hunter2:é";
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const right = basic(`ada:${secret}`);

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

interface Stage extends TestProxy { readonly http: number; readonly https: number; readonly asked: readonly IncomingMessage[]; readonly shown: readonly string[] }

async function stage(t: ExecutionContext, options: TestProxyOptions = {}): Promise<Stage> {
  const asked: IncomingMessage[] = [];
  const shown: string[] = [];
  const listen = async (server: Server & { closeAllConnections(): void }): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.teardown(() => { server.close(); server.closeAllConnections(); });
    return (server.address() as AddressInfo).port;
  };
  const answer = (request: IncomingMessage, response: { end(text: string): unknown }): void => { asked.push(request); request.resume().on("end", () => response.end(`answer to ${request.url}`)); };
  const [http, https] = [await listen(createHttp(answer)), await listen(createHttps({ key: certificate.key, cert: certificate.cert }, answer))];
  const see = (flow: HttpFlow): void => { shown.push(...linesOf(flow.request), flow.request.authority, flow.request.path); };
  const gate = recordingGate({ on: { http_connect: see, requestheaders: see } });
  const proxyAuth = await openProxyAuth({ kind: "pair", pair: { user: "ada", password: secret } });
  return { ...(await startProxy(t, { proxyAuth, gate, upstreamCaFile: certificate.certFile, ...options })), http, https, asked, shown };
}

/** No credential came further than the proxy. */
function isKept(t: ExecutionContext, { asked, shown, log }: Stage): void {
  const seen = JSON.stringify([asked.map(({ rawHeaders }) => rawHeaders), shown, log]).toLowerCase();
  for (const leak of ["proxy-authorization", "hunter2", right.slice(6).toLowerCase()]) t.false(seen.includes(leak), leak);
}

test("curl: the right credentials pass, in the clear, through CONNECT, and to a proxy under TLS", async (t) => {
  const made = await stage(t);
  const { url, http, https, caFile, port } = made;
  for (const target of [`http://127.0.0.1:${http}/`, `https://localhost:${https}/`]) {
    for (const proxy of [["-x", url], ["-x", `https://127.0.0.1:${port}`, "--proxy-cacert", caFile]]) {
      const answer = await curl(t, ["-i", ...proxy, "--cacert", caFile, "--proxy-user", `ada:${secret}`, target, target]);
      t.is(answer.status, 200, answer.stderr);
      const refused = await curl(t, ["-i", ...proxy, "--cacert", caFile, "--proxy-user", "ada:wrong", target]);
      t.is(target.startsWith("https") ? refused.code : refused.status, target.startsWith("https") ? 56 : 407, refused.stderr);
    }
  }
  const byHeader = await curl(t, ["-i", "-x", url, "--cacert", caFile, "--proxy-header", `Proxy-Authorization: ${right}`, "--proxy-header", "X-For-Proxy: y", `https://localhost:${https}/`]);
  t.is(byHeader.status, 200, byHeader.stderr);
  t.is((await curl(t, ["-i", "-x", url, `http://127.0.0.1:${http}/`])).header("proxy-authenticate"), 'Basic realm="flowcell", charset="UTF-8"');
  const negotiated = await curl(t, ["-i", "-x", url, "--proxy-anyauth", "--proxy-user", `ada:${secret}`, "-d", "body", `http://127.0.0.1:${http}/`]);
  t.is(negotiated.status, 200);
  isKept(t, made);
});

test("curl: a body, by length and in chunks, with and without Expect; a second request on the same connection after a refusal", async (t) => {
  const made = await stage(t);
  const { url, http } = made;
  for (const args of [["-d", "x".repeat(1_000)], ["-d", "x".repeat(100_000)], ["-H", "Transfer-Encoding: chunked", "-d", "y"], ["-H", "Expect: 100-continue", "-d", "z".repeat(5_000)]]) {
    const refused = await curl(t, ["-i", "-x", url, ...args, `http://127.0.0.1:${http}/`]);
    t.is(refused.status, 407, refused.stderr);
  }
  t.is(made.asked.length, 0);
  const client = await rawClient(made.port);
  const target = `http://127.0.0.1:${http}`;
  client.send(`POST ${target}/no HTTP/1.1\r\nHost: 127.0.0.1:${made.http}\r\nContent-Length: 5\r\n\r\n12`);
  await client.until(/^HTTP\/1\.1 407 [\s\S]*password/);
  client.clear();
  // The rest of the refused body is not taken for a request.
  client.send(`345GET ${target}/yes HTTP/1.1\r\nHost: 127.0.0.1:${made.http}\r\nProxy-Authorization: ${right}\r\n\r\n`);
  t.regex(await client.until(/answer to/), /^HTTP\/1\.1 200 [\s\S]*answer to \/yes$/);
  client.close();
  isKept(t, made);
});

test("pipelined requests are each asked for; one without credentials stops none of the others", async (t) => {
  const made = await stage(t);
  const client = await rawClient(made.port);
  const ask = (path: string, authorization: string): string => `GET http://127.0.0.1:${made.http}${path} HTTP/1.1\r\nHost: 127.0.0.1:${made.http}\r\n${authorization === "" ? "" : `Proxy-Authorization: ${authorization}\r\n`}\r\n`;
  client.send([ask("/1", right), ask("/2", ""), ask("/3", basic("ada:x")), ask("/4", right), ask("/5", `${right}\r\nProxy-Authorization: ${right}`), ask("/6", "Digest x"), ask("/7", right)].join(""));
  await client.until(/answer to \/7/);
  t.deepEqual([...client.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status), ["200", "407", "407", "200", "407", "407", "200"]);
  t.deepEqual(made.asked.map(({ url }) => url), ["/1", "/4", "/7"]);
  client.close();
  isKept(t, made);
});

test("CONNECT: asked once for what is inside; refused on a connection that lives on", async (t) => {
  const made = await stage(t);
  const client = await rawClient(made.port);
  const place = `127.0.0.1:${made.http}`;
  client.send(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`);
  t.regex(await client.until(/password/), /^HTTP\/1\.1 407 [\s\S]*Proxy-Authenticate: Basic/);
  client.clear();
  client.send(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\nproxy-authorization: ${right}\r\n\r\n`);
  await client.until(/^HTTP\/1\.1 200 /);
  client.clear();
  client.send("GET /a HTTP/1.1\r\nHost: inside\r\n\r\nGET /b HTTP/1.1\r\nHost: inside\r\n\r\n");
  t.regex(await client.until(/answer to \/b/), /answer to \/a/);
  client.close();
  isKept(t, made);
});

test("HTTP/2 with prior knowledge is asked as well", async (t) => {
  const { connect } = await import("node:http2");
  const made = await stage(t);
  const session = connect(made.url);
  t.teardown(() => session.destroy());
  const ask = (fields: Record<string, string>): Promise<number> => new Promise((resolve, reject) => {
    session.request({ ":path": "/h2", ":authority": `127.0.0.1:${made.http}`, ":scheme": "http", ...fields }).on("response", (head) => resolve(Number(head[":status"]))).on("error", reject).resume();
  });
  t.is(await ask({}), 407);
  t.is(await ask({ "proxy-authorization": right }), 200);
  t.is(await ask({ "proxy-authorization": basic("ada:no") }), 407);
  isKept(t, made);
});

test("without --proxy-auth a credential that a client sends all the same is not passed on either", async (t) => {
  const made = await stage(t, { proxyAuth: null });
  const { url, http, https, caFile } = made;
  for (const target of [`http://127.0.0.1:${http}/`, `https://localhost:${https}/`]) t.is((await curl(t, ["-i", "-x", url, "--cacert", caFile, "--proxy-user", `ada:${secret}`, target])).status, 200);
  t.is(made.asked.length, 2);
  isKept(t, made);
});

test("an htpasswd file: a right user among many who guess waits for none of them, and names inject nothing", async (t) => {
  const folder = temporaryFolder("users");
  const file = path.join(folder, "users");
  await writeFile(file, `ada:${await hash(secret, 6)}\n`);
  const proxyAuth = await openProxyAuth({ kind: "file", file });
  t.teardown(() => proxyAuth.close());
  const made = await stage(t, { proxyAuth });
  const target = `http://127.0.0.1:${made.http}/`;
  const asks = async (authorization: string): Promise<string> => {
    const client = await rawClient(made.port);
    const text = await client.send(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${made.http}\r\nProxy-Authorization: ${authorization}\r\nConnection: close\r\n\r\n`).untilEnd(60_000);
    client.close();
    return text;
  };
  t.regex(await asks(right), /^HTTP\/1\.1 200 /);
  const guesses = Promise.all(Array.from({ length: 80 }, (_, i) => asks(basic(`ada\r\nX-Injected: ${i}:guess`))));
  t.regex(await asks(right), /^HTTP\/1\.1 200 /);
  const answers = await guesses;
  t.true(answers.every((text) => /^HTTP\/1\.1 (407|503) /.test(text) && !/X-Injected/.test(text)));
  t.true(answers.some((text) => text.startsWith("HTTP/1.1 407 ")));
  t.false(JSON.stringify(made.log).includes("Injected"));
  isKept(t, made);
});
