// HTTP/2 peers for tests: Node's own as origin and client (through a tunnel of the proxy), and raw frames for what no honest peer sends.
import { connect as connectH2, createSecureServer, createServer, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type SecureServerOptions, type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { TestCertificate } from "./certificate.ts";
import { rawClient, tunnelClient, type RawClient } from "./client.ts";

interface Owner { teardown(clean: () => void): void }

export interface H2Origin {
  readonly port: number;
  readonly sessions: readonly ServerHttp2Session[];
  /** Of each request so far, as name-value lists. */
  readonly requests: readonly (readonly string[])[];
}

/** An HTTP/2 server; with a certificate over TLS, without in the clear. Closed when the test ends. */
export async function h2Origin(t: Owner, certificate: TestCertificate | null, serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void, options: SecureServerOptions & ServerOptions = {}): Promise<H2Origin> {
  const server = certificate === null ? createServer(options) : createSecureServer({ key: certificate.key, cert: certificate.cert, ...options });
  const sessions: ServerHttp2Session[] = [];
  const requests: (readonly string[])[] = [];
  server.on("session", (session) => { sessions.push(session); session.on("error", () => undefined); });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: readonly string[]) => {
    requests.push([...raw]);
    stream.on("error", () => undefined);
    serve(stream, headers, raw);
  });
  server.on("sessionError", () => undefined);
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  t.teardown(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sessions, requests };
}

/** Answers with the body it got and what it was asked in fields. */
export function echo(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "x-path": headers[":path"], "x-method": headers[":method"] });
    stream.end(Buffer.concat(chunks));
  });
}

/** The TLS socket of a tunnel through the proxy, with that ALPN offer. */
export async function secureTunnel(t: Owner, proxyPort: number, place: string, ca: string, offer: readonly string[] = ["h2"]): Promise<TLSSocket> {
  const tunnel = await tunnelClient(proxyPort, place);
  const socket = connectTls({ socket: bare(tunnel), ca, servername: "localhost", ALPNProtocols: [...offer] });
  t.teardown(() => { socket.destroy(); });
  await new Promise<void>((resolve, reject) => { socket.once("secureConnect", resolve).once("error", reject); });
  socket.on("error", () => undefined);
  return socket;
}

/** The socket of a raw client that listens no longer. */
export function bare({ socket }: RawClient): Socket {
  socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close");
  return socket;
}

/** An HTTP/2 session over a socket. */
export function sessionOver(t: Owner, socket: Socket, options: { readonly settings?: { readonly initialWindowSize?: number } } = {}): ClientHttp2Session {
  const session = connectH2("https://localhost", { createConnection: () => socket, ...options });
  session.on("error", () => undefined);
  t.teardown(() => { session.destroy(); });
  return session;
}

/** An HTTP/2 session through the proxy to an origin on this machine. */
export async function h2Client(t: Owner, proxyPort: number, originPort: number, ca: string): Promise<ClientHttp2Session> {
  return sessionOver(t, await secureTunnel(t, proxyPort, `localhost:${originPort}`, ca));
}

export interface H2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  readonly interim: readonly IncomingHttpHeaders[];
  readonly trailers: IncomingHttpHeaders | null;
  readonly body: Buffer;
  /** Code that the stream was closed with. */
  readonly code: number;
}

/** Everything that comes on a stream until it is closed. */
export function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  return new Promise((resolve) => {
    let [headers, raw, trailers]: [IncomingHttpHeaders, readonly string[], IncomingHttpHeaders | null] = [{}, [], null];
    const interim: IncomingHttpHeaders[] = [];
    const chunks: Buffer[] = [];
    stream.on("headers", (fields) => interim.push(fields));
    stream.on("response", (fields, _flags, list) => { [headers, raw] = [fields, list]; });
    stream.on("trailers", (fields) => { trailers = fields; });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => undefined);
    stream.on("close", () => resolve({ status: Number(headers[":status"] ?? 0), headers, raw, interim, trailers, body: Buffer.concat(chunks), code: stream.rstCode }));
  });
}

/** One request with its answer. */
export function ask(session: ClientHttp2Session, headers: Record<string, string | string[]>, body: Buffer | null = null): Promise<H2Answer> {
  const stream = session.request({ ":path": "/", ...headers }, { endStream: body === null });
  if (body !== null) stream.end(body);
  return answerOf(stream);
}

export const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const;
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** One frame (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block without compression (RFC 7541 §6.2.2, literal without indexing). */
export function block(...fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0x00]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541 §5.1. */
function integer(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([value]);
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

export interface ReceivedFrame { readonly type: number; readonly flags: number; readonly stream: number; readonly payload: Buffer }

/** The whole frames in those bytes. */
export function framesIn(bytes: Buffer): readonly ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) break;
    frames.push({ type: bytes.readUInt8(at + 3), flags: bytes.readUInt8(at + 4), stream: bytes.readUInt32BE(at + 5) & 0x7fffffff, payload: bytes.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return frames;
}

/** Code of the first GOAWAY in those bytes that is an error or, failing that, of the last; null: there is none. */
export function goawayCode(bytes: Buffer): number | null {
  const codes = framesIn(bytes).filter(({ type }) => type === frameTypes.goaway).map(({ payload }) => payload.readUInt32BE(4));
  return codes.find((code) => code !== 0) ?? codes.at(-1) ?? null;
}

/** A raw client that has sent the preface and its SETTINGS to the proxy, in the clear. */
export async function rawH2Client(t: Owner, proxyPort: number): Promise<RawClient> {
  const client = await rawClient(proxyPort);
  t.teardown(() => { client.close(); });
  client.send(preface).send(frame(frameTypes.settings, 0, 0));
  return client;
}

/** Header block of a GET for that origin, through the proxy in the clear. */
export function getBlock(authority: string, path = "/", ...more: readonly (readonly [string, string])[]): Buffer {
  return block([":method", "GET"], [":scheme", "http"], [":authority", authority], [":path", path], ...more);
}
