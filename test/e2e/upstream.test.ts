// upstream:URL: everything through another proxy. With a second Flowcell, and with one made of raw bytes that misbehaves in every way a
// proxy can; real ones (squid, mitmdump) are in upstream-programs.test.ts.
import test, { type ExecutionContext } from "ava";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import type { HttpFlow } from "../../host/flows/flow.ts";
import { openProxyAuth } from "../../host/access/proxy-auth.ts";
import { rawClient } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { curl } from "../helpers/e2e.ts";
import { linesOf } from "../helpers/flows.ts";
import { rawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

interface Origins { readonly http: number; readonly https: number; readonly asked: readonly IncomingMessage[] }

async function origins(t: ExecutionContext): Promise<Origins> {
  const asked: IncomingMessage[] = [];
  const listen = async (server: Server & { closeAllConnections(): void }): Promise<number> => {
    server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
      asked.push(request);
      socket.on("error", () => undefined).end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nswitched");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.teardown(() => { server.close(); server.closeAllConnections(); });
    return (server.address() as AddressInfo).port;
  };
  const answer = (request: IncomingMessage, response: { end(text: string): unknown }): void => { asked.push(request); request.resume().on("end", () => response.end(`answer to ${request.url}`)); };
  return { http: await listen(createHttp(answer)), https: await listen(createHttps({ key: certificate.key, cert: certificate.cert }, answer)), asked };
}

const start = (t: ExecutionContext, options: TestProxyOptions): Promise<TestProxy> => startProxy(t, { upstreamCaFile: certificate.certFile, ...options });

const secret = "hunter2";

for (const scheme of ["http", "https"] as const) {
  test(`through a second proxy by ${scheme}, with credentials: plain, TLS, h2, SOCKS-like raw bytes; nobody sees the password`, async (t) => {
    const { http, https, asked } = await origins(t);
    const nextGate = recordingGate();
    const next = await startProxy(t, {
      mode: scheme === "https" ? "regular+tls" : "regular", gate: nextGate, upstreamCaFile: certificate.certFile, ignoreHosts: [new RegExp(`:${https}$`)],
      proxyAuth: await openProxyAuth({ kind: "pair", pair: { user: "ada", password: secret } }),
    });
    const shown: string[] = [];
    const see = (flow: HttpFlow): void => { shown.push(...linesOf(flow.request), JSON.stringify(flow.server.via)); };
    const gate = recordingGate({ on: { http_connect: see, request: see } });
    const mode = `upstream:${scheme}://127.0.0.1:${next.port}`;
    const trusted = scheme === "https" ? { sslInsecure: true } : {};
    const proxy = await start(t, { mode, gate, upstreamAuth: `ada:${secret}`, ...trusted });
    for (const [args, url] of [[[], `http://127.0.0.1:${http}/plain?x`], [["--cacert", proxy.caFile], `https://localhost:${https}/tls`], [["-p", "--proxytunnel"], `http://127.0.0.1:${http}/tunnel`]] as const) {
      const answer = await curl(t, ["-i", "-x", proxy.url, ...args, url]);
      t.is(answer.status, 200, `${url} ${answer.stderr}`);
    }
    t.deepEqual(asked.map(({ url }) => url), ["/plain?x", "/tls", "/tunnel"]);
    t.true(shown.includes(JSON.stringify({ scheme, host: "127.0.0.1", port: next.port })));
    const seen = JSON.stringify([asked.map(({ rawHeaders }) => rawHeaders), shown, proxy.log, next.log]).toLowerCase();
    for (const leak of ["proxy-authorization", secret, Buffer.from(`ada:${secret}`).toString("base64").toLowerCase()]) t.false(seen.includes(leak), leak);
    t.true(nextGate.events.includes("http_connect"));
    t.deepEqual([gate.problems, nextGate.problems], [[], []]);
  });
}

test("raw bytes, an upgrade and a Host that is not the target's go through a tunnel; plain requests do not", async (t) => {
  const { http } = await origins(t);
  const first = await rawOrigin((socket) => { socket.end("first\r\n"); });
  t.teardown(() => first.close());
  const connects: string[] = [];
  const requests: string[] = [];
  const nextGate = recordingGate({ on: { http_connect: (flow) => { connects.push(`${flow.request.host}:${flow.request.port}`); }, request: (flow) => { requests.push(flow.request.path); } } });
  const next = await start(t, { gate: nextGate });
  const gate = recordingGate({ on: { request: ({ request }) => { if (request.path === "/named") request.headers.set("host", "named.test"); } } });
  const proxy = await start(t, { mode: `upstream:http://127.0.0.1:${next.port}`, gate });
  const raw = await rawClient(proxy.port);
  raw.send(`CONNECT 127.0.0.1:${first.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await raw.until(/first\r\n$/);
  raw.close();
  const upgrading = await rawClient(proxy.port);
  upgrading.send(`GET http://127.0.0.1:${http}/up HTTP/1.1\r\nHost: 127.0.0.1:${http}\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n`);
  await upgrading.until(/switched$/);
  upgrading.close();
  const named = await rawClient(proxy.port);
  named.send(`GET http://127.0.0.1:${http}/named HTTP/1.1\r\nHost: 127.0.0.1:${http}\r\n\r\n`);
  await named.until(/answer to \/named/);
  named.clear();
  named.send(`GET http://127.0.0.1:${http}/plain HTTP/1.1\r\nHost: 127.0.0.1:${http}\r\n\r\n`);
  await named.until(/answer to \/plain/);
  named.close();
  t.deepEqual(connects, [`127.0.0.1:${first.port}`, `127.0.0.1:${http}`, `127.0.0.1:${http}`]);
  t.deepEqual(requests, ["/up", "/named", "/plain"]);
});

test("an addon sees via and may change it, take it away or set one; the password stays with the operator's proxy", async (t) => {
  const { http, https } = await origins(t);
  const [one, other] = [await start(t, { ignoreHosts: [new RegExp(`:${https}$`)] }), await rawOrigin((socket) => { socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")); })];
  t.teardown(() => other.close());
  let via: { scheme: "http"; host: string; port: number } | null = null;
  const seen: unknown[] = [];
  const gate = recordingGate({ on: { serverconnect: (server) => { seen.push(server.via); server.via = via; server.version++; } } });
  const proxy = await start(t, { mode: `upstream:http://127.0.0.1:${one.port}`, gate, upstreamAuth: "ada:x" });
  const ask = (url: string): ReturnType<typeof curl> => curl(t, ["-i", "-x", proxy.url, "--cacert", proxy.caFile, url]);
  t.regex((await ask(`http://127.0.0.1:${http}/direct`)).body, /answer to \/direct/);
  via = { scheme: "http", host: "127.0.0.1", port: other.port };
  t.is((await ask(`http://127.0.0.1:${http}/elsewhere`)).body, "other");
  t.regex(other.text(), new RegExp(`^GET http://127.0.0.1:${http}/elsewhere HTTP/1.1\r\n`));
  t.notRegex(other.text(), /authorization/i);
  t.deepEqual(seen, [{ scheme: "http", host: "127.0.0.1", port: one.port }, { scheme: "http", host: "127.0.0.1", port: one.port }]);
  const plain = await start(t, { gate: recordingGate({ on: { serverconnect: (server) => { server.via = { scheme: "http", host: "127.0.0.1", port: one.port }; server.version++; } } }) });
  for (const url of [`http://127.0.0.1:${http}/set`, `https://localhost:${https}/set`]) t.regex((await curl(t, ["-x", plain.url, "--cacert", plain.caFile, url])).body, /answer to \/set/);
});

test("loops: to itself, and round another proxy and back", async (t) => {
  const { http } = await origins(t);
  const proxy = await start(t, { mode: "regular" });
  const self = await proxy.proxy.listen({ host: "127.0.0.1", port: 0, mode: `upstream:http://localhost:${proxy.port}` });
  const direct = await curl(t, ["-i", "-x", `http://127.0.0.1:${self.port}`, `http://127.0.0.1:${http}/`]);
  t.is(direct.status, 400);
  t.regex(direct.body, /this proxy itself/);
  let back = 0;
  const mirror = await rawOrigin((socket) => {
    // A proxy that passes everything on to the first one.
    const onward = connect({ host: "127.0.0.1", port: back });
    onward.on("error", () => undefined).pipe(socket);
    socket.pipe(onward);
  });
  t.teardown(() => mirror.close());
  const first = await start(t, { mode: `upstream:http://127.0.0.1:${mirror.port}` });
  back = first.port;
  const round = await curl(t, ["-i", "-x", first.url, `http://127.0.0.1:${http}/`]);
  t.is(round.status, 400);
  t.regex(round.body, /been through this proxy already/);
  const tunnel = await rawClient(first.port);
  tunnel.send("CONNECT x.example:80 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: y.example\r\n\r\n");
  t.regex(await tunnel.until(/status 400/), /HTTP\/1\.1 502 /);
  tunnel.close();
  t.true(mirror.connectionCount <= 3, String(mirror.connectionCount));
});

interface Misbehaviour { readonly name: string; readonly answer: (socket: Socket) => void; readonly says: RegExp; readonly status?: number }

const endless = (head: string, piece: string) => (socket: Socket): void => {
  const timer = setInterval(() => socket.write(piece.repeat(1_000)), 1);
  socket.write(head);
  socket.once("close", () => clearInterval(timer)).on("error", () => undefined);
};

const misbehaviours: readonly Misbehaviour[] = [
  { name: "407", answer: (s) => s.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="evil"\r\nContent-Length: 0\r\n\r\n'), says: /--upstream-auth/ },
  { name: "403", answer: (s) => s.end("HTTP/1.1 403 <b>evil</b>\r\nContent-Length: 3\r\n\r\nno!"), says: /status 403/ },
  { name: "garbage", answer: (s) => s.end("\x16\x03\x01 garbage\r\n\r\n"), says: /no valid answer/ },
  { name: "nothing", answer: (s) => s.end(), says: /no valid answer/ },
  { name: "a reset", answer: (s) => s.resetAndDestroy(), says: /no valid answer/ },
  { name: "half a head", answer: (s) => s.end("HTTP/1.1 200 OK\r\nX: "), says: /no valid answer/ },
  { name: "endless fields", answer: endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"), says: /no valid answer/ },
  { name: "an endless line", answer: endless("HTTP/1.1 200 OK\r\nX: ", "y"), says: /no valid answer/ },
  { name: "endless interim responses", answer: endless("", "HTTP/1.1 100 Continue\r\n\r\n"), says: /no valid answer/ },
  { name: "a refusal with an endless body", answer: endless("HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n"), says: /status 502/ },
  { name: "smuggling", answer: (s) => s.end("HTTP/1.1 500 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), says: /no valid answer/ },
  { name: "silence", answer: () => undefined, says: /did not answer/, status: 504 },
];

for (const { name, answer, says, status = 502 } of misbehaviours) {
  test(`an upstream proxy that answers CONNECT with ${name}`, async (t) => {
    const evil = await rawOrigin((socket) => { socket.once("data", () => answer(socket)); });
    t.teardown(() => evil.close());
    const proxy = await start(t, { mode: `upstream:http://127.0.0.1:${evil.port}`, timeouts: { headMs: name === "silence" ? 1_000 : 20_000 } });
    const client = await rawClient(proxy.port);
    client.send("CONNECT x.example:80 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: y.example\r\n\r\n");
    const text = await client.until(says, 20_000);
    t.regex(text, new RegExp(`\r\n\r\nHTTP/1\\.1 ${status} `));
    t.notRegex(text, /Proxy-Authenticate|evil/);
    client.close();
  });
}

test("407 for a plain request is not shown as ours; a proxy that is not there, or does not speak TLS, is named", async (t) => {
  const evil = await rawOrigin((socket) => { socket.once("data", () => socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="evil"\r\nContent-Length: 0\r\n\r\n')); });
  t.teardown(() => evil.close());
  const proxy = await start(t, { mode: `upstream:http://127.0.0.1:${evil.port}` });
  const wanted = await curl(t, ["-i", "-x", proxy.url, "http://x.example/"]);
  t.is(wanted.status, 502);
  t.regex(wanted.body, /--upstream-auth/);
  const gone = await start(t, { mode: "upstream:http://127.0.0.1:1" });
  t.regex((await curl(t, ["-i", "-x", gone.url, "http://x.example/"])).body, /No way through the upstream proxy 127\.0\.0\.1:1: .*refused/);
  const plain = await start(t, { mode: `upstream:https://127.0.0.1:${evil.port}` });
  t.regex((await curl(t, ["-i", "-x", plain.url, "http://x.example/"])).body, /No way through the upstream proxy.*TLS/);
});
