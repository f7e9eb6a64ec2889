// WebSocket peers for tests: ws as server and client (through a tunnel of the proxy), and raw frames for what no honest peer sends.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { connect as connectTls } from "node:tls";
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from "ws";
import type { TestCertificate } from "./certificate.ts";
import { rawClient, tunnelClient, type RawClient } from "./client.ts";
import { bare } from "./h2.ts";

interface Owner { teardown(clean: () => void): void }

export interface WebSocketOrigin { readonly port: number; readonly server: WebSocketServer }

/** A server of ws; with a certificate over TLS. Closed when the test ends. */
export async function webSocketOrigin(t: Owner, serve: (socket: WebSocket, request: IncomingMessage) => void, options: ServerOptions = {}, certificate: TestCertificate | null = null): Promise<WebSocketOrigin> {
  const http = certificate === null ? createHttpServer() : createHttpsServer({ key: certificate.key, cert: certificate.cert });
  const server = new WebSocketServer({ server: http, ...options });
  server.on("connection", (socket, request) => {
    socket.on("error", () => undefined);
    serve(socket, request);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    http.close();
    http.closeAllConnections();
  });
  return { port: (http.address() as AddressInfo).port, server };
}

/** Sends back what it gets, in the form in which it came. */
export const echoMessages = (socket: WebSocket): void => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
};

/** What a WebSocket got, in order: messages as "text:…" and "binary:HEX", "ping:…", "pong:…", and last "close:CODE:REASON". */
export class Hearing {
  readonly all: string[] = [];
  readonly socket: WebSocket;
  readonly #watchers = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    const note = (line: string): void => {
      this.all.push(line);
      for (const watcher of [...this.#watchers]) watcher();
    };
    socket.on("message", (data: Buffer, isBinary) => note(isBinary ? `binary:${data.toString("hex")}` : `text:${data.toString()}`));
    socket.on("ping", (data) => note(`ping:${data.toString()}`)).on("pong", (data) => note(`pong:${data.toString()}`));
    socket.on("close", (code, reason) => note(`close:${code}:${reason.toString()}`));
    socket.on("error", () => undefined);
  }

  /** Waits until there are so many; all of them. */
  async atLeast(count: number, timeoutMs = 20_000): Promise<readonly string[]> {
    const deadline = Date.now() + timeoutMs;
    while (this.all.length < count) {
      if (Date.now() > deadline) throw new Error(`${count} things were to be heard, there were ${JSON.stringify(this.all).slice(0, 2_000)}`);
      await new Promise<void>((resolve) => {
        const done = (): void => { clearTimeout(timer); this.#watchers.delete(done); resolve(); };
        const timer = setTimeout(done, 200);
        this.#watchers.add(done);
      });
    }
    return this.all;
  }

  /** Waits for the close; everything before it and it. */
  async untilClose(): Promise<readonly string[]> {
    while (!this.all.some((line) => line.startsWith("close:"))) await this.atLeast(this.all.length + 1);
    return this.all;
  }
}

/** A client of ws through a tunnel of the proxy; open when it resolves. `ca`: TLS inside the tunnel. */
export async function webSocketClient(t: Owner, proxyPort: number, originPort: number, options: ClientOptions & { readonly path?: string; readonly proxyCa?: string } = {}): Promise<Hearing> {
  const { path = "/", proxyCa, ...rest } = options;
  const place = `localhost:${originPort}`;
  const tunnel = bare(await tunnelClient(proxyPort, place));
  const inside = proxyCa === undefined ? tunnel : connectTls({ socket: tunnel, ca: proxyCa, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  const socket = new WebSocket(`${proxyCa === undefined ? "ws" : "wss"}://${place}${path}`, { ...rest, createConnection: () => inside });
  t.teardown(() => { socket.terminate(); });
  const hearing = new Hearing(socket);
  await once(socket, "open");
  return hearing;
}

/** A raw client whose WebSocket through the proxy is open: frames may follow. `fields`: more lines of the opening, each with CRLF. */
export async function rawWebSocket(proxyPort: number, originPort: number, fields = ""): Promise<RawClient> {
  const client = await rawClient(proxyPort);
  const place = `localhost:${originPort}`;
  client.send(`GET http://${place}/ HTTP/1.1\r\nHost: ${place}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${fields}\r\n`);
  const answer = await client.until(/\r\n\r\n/);
  if (!answer.startsWith("HTTP/1.1 101 ")) throw new Error(`the WebSocket did not open: ${answer}`);
  client.bytes = Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4), "latin1");
  return client;
}

/** One frame; masked with that key when there is one. `first`: FIN, RSV bits and opcode. */
export function wsFrame(first: number, payload: Buffer | string, key: Buffer | null = null): Buffer {
  const body = Buffer.from(payload);
  const { length } = body;
  const size = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 0xff] : [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  if (key === null) return Buffer.concat([Buffer.from([first, ...size]), body]);
  for (let i = 0; i < length; i++) body[i] = (body[i] ?? 0) ^ (key[i % 4] ?? 0);
  return Buffer.concat([Buffer.from([first, (size[0] ?? 0) | 0x80, ...size.slice(1)]), key, body]);
}

/** A client's frame. */
export const clientFrame = (first: number, payload: Buffer | string): Buffer => wsFrame(first, payload, Buffer.from([1, 2, 3, 4]));
