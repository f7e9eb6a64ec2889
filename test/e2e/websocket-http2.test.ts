// WebSockets over HTTP/2 (RFC 8441): from clients that speak it, to servers that do and to those that speak HTTP/1.1, and back.
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import test, { type ExecutionContext } from "ava";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { ask, h2Client, h2Origin, type H2Origin } from "../helpers/h2.ts";
import { startProxy, type TestProxy } from "../helpers/proxy.ts";
import { kill, made, recordingGate, type Callbacks, type RecordingGate } from "../helpers/recording-gate.ts";
import { clientFrame, webSocketClient, wsFrame } from "../helpers/websocket.ts";

/** A client that is slow to speak in its tunnel must not make it raw TCP. */
const timeouts = { peekMs: 30_000 };

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

/** Unmasks and sends back each frame of the client; closes with it. Frames come whole. */
function echoFrames(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (headers[":protocol"] !== "websocket") { stream.respond({ ":status": 400 }); stream.end("no websocket"); return; }
  stream.respond({ ":status": 200, "x-origin": "h2" });
  stream.on("data", (data: Buffer) => {
    for (let at = 0; at < data.length;) {
      const length = (data[at + 1] ?? 0) & 0x7f;
      const key = data.subarray(at + 2, at + 6);
      const payload = Buffer.from(data.subarray(at + 6, at + 6 + length).map((byte, i) => byte ^ (key[i % 4] ?? 0)));
      stream.write(wsFrame(data[at] ?? 0, payload));
      if (data[at] === 0x88) stream.end();
      at += 6 + length;
    }
  });
}

const h2Server = (t: ExecutionContext, serve: typeof echoFrames = echoFrames, enableConnectProtocol = true): Promise<H2Origin> => h2Origin(t, certificate, serve, { settings: { enableConnectProtocol }, allowHTTP1: false });

interface Stage { readonly proxy: TestProxy; readonly gate: RecordingGate }

async function stage(t: ExecutionContext, on: Callbacks = {}, isWatched = true): Promise<Stage> {
  const gate = recordingGate({ on, wants: (event) => isWatched || !event.startsWith("websocket_") });
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile, timeouts });
  t.teardown(() => { if (gate.problems.length > 0) throw new Error(gate.problems.join("; ")); });
  return { proxy, gate };
}

interface Opened { readonly stream: ClientHttp2Stream; readonly status: number; readonly headers: IncomingHttpHeaders; until(bytes: Buffer): Promise<void> }

/** Sends an extended CONNECT and waits for the answer. */
async function open(session: ClientHttp2Session, port: number, fields: Record<string, string> = {}): Promise<Opened> {
  if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");
  const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": "/chat", ":authority": `localhost:${port}`, "sec-websocket-version": "13", ...fields }, { endStream: false });
  stream.on("error", () => undefined);
  let heard = Buffer.alloc(0);
  stream.on("data", (data: Buffer) => { heard = Buffer.concat([heard, data]); });
  const [headers] = await once(stream, "response") as [IncomingHttpHeaders];
  const until = async (bytes: Buffer): Promise<void> => {
    while (heard.length < bytes.length) await once(stream, "data");
    if (!heard.equals(bytes)) throw new Error(`heard ${heard.toString("hex")}`);
  };
  return { stream, status: Number(headers[":status"]), headers, until };
}

const fromClient = ["requestheaders", "request", "websockets_handshake"];

test("from HTTP/2 to HTTP/2, on the one connection that other requests use", async (t) => {
  const { proxy, gate } = await stage(t);
  const origin = await h2Server(t);
  const session = await h2Client(t, proxy.port, origin.port, proxy.ca);
  const { stream, status, headers, until } = await open(session, origin.port);
  t.is(status, 200);
  t.is(headers["x-origin"], "h2");
  stream.write(clientFrame(0x81, "hello"));
  await until(wsFrame(0x81, "hello"));
  t.is((await ask(session, {})).status, 400);
  stream.write(clientFrame(0x88, Buffer.from([0x03, 0xe8])));
  await until(Buffer.concat([wsFrame(0x81, "hello"), wsFrame(0x88, Buffer.from([0x03, 0xe8]))]));
  await gate.seen("websocket_end");
  t.is(origin.sessions.length, 1);
  t.deepEqual(gate.events.filter((event) => /^websocket|^serverconnect/.test(event)), ["serverconnect", "websockets_handshake", "websocket_start", "websocket_message", "websocket_message", "websocket_end"]);
  t.true(origin.requests[0]?.includes(":protocol"));
  t.false(origin.requests[0]?.includes("sec-websocket-key"));
});

for (const isWatched of [true, false]) {
  const way = isWatched ? "with events" : "relayed";
  test(`from HTTP/2 to a server of both that takes WebSockets over HTTP/1.1 only, ${way}`, async (t) => {
    const { proxy } = await stage(t, {}, isWatched);
    const heads: string[] = [];
    const origin = await bothVersions(t, heads);
    const session = await h2Client(t, proxy.port, origin, proxy.ca);
    const { stream, status, headers, until } = await open(session, origin);
    t.is(status, 200);
    t.is(headers["x-origin"], "h1");
    for (const gone of ["sec-websocket-accept", "upgrade", "connection"]) t.false(gone in headers);
    stream.write(clientFrame(0x82, "bytes"));
    await until(wsFrame(0x82, "BYTES"));
    stream.end(clientFrame(0x88, ""));
    await once(stream, "close");
    t.is(stream.rstCode, 0);
    t.regex(heads[0] ?? "", /^GET \/chat HTTP\/1\.1\r\n/);
    t.regex(heads[0] ?? "", /\r\nUpgrade: websocket\r\n/i);
  });

  test(`from HTTP/1.1 to a server of HTTP/2 alone, ${way}`, async (t) => {
    const { proxy } = await stage(t, {}, isWatched);
    const origin = await h2Server(t);
    const client = await webSocketClient(t, proxy.port, origin.port, { proxyCa: proxy.ca, perMessageDeflate: false });
    client.socket.send("over");
    t.deepEqual(await client.atLeast(1), ["text:over"]);
    client.socket.close(1000);
    t.deepEqual(await client.untilClose(), ["text:over", "close:1000:"]);
  });
}

test("a WebSocket that the server refuses, and one that an addon answers with 200, are refused", async (t) => {
  const { proxy, gate } = await stage(t, { websockets_handshake: (flow) => { if (flow.request.path === "/made") flow.response = made(200, "no"); } });
  const origin = await h2Server(t, (stream) => { stream.respond({ ":status": 403 }); stream.end("no entry"); });
  const session = await h2Client(t, proxy.port, origin.port, proxy.ca);
  const refused = await open(session, origin.port);
  t.is(refused.status, 403);
  const answered = await open(session, origin.port, { ":path": "/made" });
  t.is(answered.status, 502);
  t.deepEqual(gate.events.filter((event) => fromClient.includes(event)), [...fromClient, ...fromClient]);
  t.false(gate.events.includes("websocket_start"));
});

test("kill resets the stream and leaves the others alone", async (t) => {
  const { proxy, gate } = await stage(t, { websocket_message: kill });
  const origin = await h2Server(t);
  const session = await h2Client(t, proxy.port, origin.port, proxy.ca);
  const { stream } = await open(session, origin.port);
  const other = await open(session, origin.port);
  stream.write(clientFrame(0x81, "die"));
  await once(stream, "close");
  t.is(stream.rstCode, 8);
  await gate.seen("websocket_end");
  t.false(other.stream.closed);
});

test("other protocols are not implemented, and openings that are none are refused", async (t) => {
  const { proxy } = await stage(t);
  const origin = await h2Server(t);
  const session = await h2Client(t, proxy.port, origin.port, proxy.ca);
  t.is((await open(session, origin.port, { ":protocol": "connect-udp" })).status, 501);
  t.is((await open(session, origin.port, { "sec-websocket-version": "12" })).status, 400);
  t.is(origin.requests.length, 0);
});

/** A server that takes HTTP/2, without extended CONNECT, and WebSockets over HTTP/1.1, whose answers shout. */
async function bothVersions(t: ExecutionContext, heads: string[]): Promise<number> {
  const { createSecureServer } = await import("node:http2");
  const server = createSecureServer({ key: certificate.key, cert: certificate.cert, allowHTTP1: true });
  server.on("upgrade", (request, socket) => {
    heads.push(`${request.method} ${request.url} HTTP/1.1\r\n${request.rawHeaders.flatMap((word: string, i: number) => (i % 2 === 0 ? [`${word}: ${request.rawHeaders[i + 1]}`] : [])).join("\r\n")}\r\n`);
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Origin: h1\r\n\r\n`);
    socket.on("error", () => undefined).on("data", (data: Buffer) => (data[0] === 0x88 ? socket.end(wsFrame(0x88, "")) : socket.write(wsFrame(0x82, "BYTES"))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => { server.close(); });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
