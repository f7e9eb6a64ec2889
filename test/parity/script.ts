// The traffic that both proxies get, one scenario after the other, through real sockets. Each is over when its promise resolves; what the
// proxies said of it is the recorders' business.
import { once } from "node:events";
import type { Server as HttpServer } from "node:http";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { WebSocketServer } from "ws";
import { rawClient, tunnelClient, type RawClient } from "../helpers/client.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { echoMessages, clientFrame } from "../helpers/websocket.ts";

/** The ports of the servers; they stand in recordings by these names. */
export interface Places { readonly plain: number; readonly secure: number; readonly tcp: number; readonly closed: number; readonly socket: number }

interface Owner { teardown(clean: () => void | Promise<void>): void }

async function open(t: Owner, server: Server | HttpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => { server.close(); if ("closeAllConnections" in server) server.closeAllConnections(); });
  return (server.address() as AddressInfo).port;
}

/** Servers that answer the same whoever asks. */
export async function openPlaces(t: Owner): Promise<Places> {
  const answer: Parameters<typeof createHttpServer>[1] = (request, response) => {
    response.sendDate = false;
    let body = "";
    request.on("data", (chunk: Buffer) => { body += chunk.toString("latin1"); });
    request.on("end", () => {
      response.writeHead(200, ["Content-Type", "text/plain", "X-Two", "a", "X-Two", "b", "Content-Length", String(body.length + 6)]);
      response.end(`hello ${body}`);
    });
  };
  const { key, cert } = await testCertificate();
  const tcp = createTcpServer((socket) => socket.on("data", (chunk: Buffer) => { socket.end(Buffer.concat([Buffer.from("\0got "), chunk])); }).on("error", () => undefined));
  const closed = createTcpServer();
  const socketServer = createHttpServer();
  const sockets = new WebSocketServer({ server: socketServer, perMessageDeflate: false });
  sockets.on("connection", echoMessages);
  const places = {
    plain: await open(t, createHttpServer(answer)), secure: await open(t, createHttpsServer({ key, cert }, answer)), tcp: await open(t, tcp), closed: await open(t, closed), socket: await open(t, socketServer),
  };
  await new Promise((resolve) => closed.close(resolve));
  return places;
}

async function ask(client: RawClient, head: string, answer: RegExp): Promise<void> {
  client.clear();
  client.send(`${head}\r\n\r\n`);
  await client.until(answer);
}

/** `ca`: of the proxy. */
export interface Proxied { readonly port: number; readonly ca: string }

export type Scenario = (proxy: Proxied, places: Places) => Promise<void>;

const get = (port: number, path: string, more = ""): string => `GET http://127.0.0.1:${port}${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}${more}`;

export const scenarios: Readonly<Record<string, Scenario>> = {
  async "two requests on one connection"({ port }, { plain }) {
    const client = await rawClient(port);
    await ask(client, get(plain, "/one?a=1&b=2", "\r\nCookie: x=1; y=2\r\nX-Two: 1\r\nX-Two: 2"), /hello /);
    await ask(client, get(plain, "/two"), /hello /);
    client.close();
  },
  async "a POST with a body"({ port }, { plain }) {
    const client = await rawClient(port);
    await ask(client, `POST http://127.0.0.1:${plain}/post HTTP/1.1\r\nHost: 127.0.0.1:${plain}\r\nContent-Length: 8\r\n\r\nthe body`, /hello the body/);
    client.close();
  },
  async "CONNECT and TLS"({ port, ca }, { secure }) {
    const tunnel = await tunnelClient(port, `localhost:${secure}`);
    const client = await tunnel.secure({ ca, servername: "localhost" });
    await ask(client, `GET /secret HTTP/1.1\r\nHost: localhost:${secure}`, /hello /);
    client.close();
    tunnel.close();
  },
  async "a server that is not there"({ port }, { closed }) {
    const client = await rawClient(port);
    await ask(client, get(closed, "/"), /^HTTP\/1\.1 502 .*\r\n\r\n/s);
    client.close();
  },
  async "a request that an addon kills"({ port }, { plain }) {
    const client = await rawClient(port);
    client.send(`${get(plain, "/kill")}\r\n\r\n`);
    await client.untilEnd();
    client.close();
  },
  async "a request that an addon answers"({ port }, { plain }) {
    const client = await rawClient(port);
    await ask(client, get(plain, "/replace"), /short and stout/);
    client.close();
  },
  async "a response that is streamed"({ port }, { plain }) {
    const client = await rawClient(port);
    await ask(client, get(plain, "/stream"), /hello /);
    client.close();
  },
  async "TCP in CONNECT"({ port }, { tcp }) {
    const tunnel = await tunnelClient(port, `127.0.0.1:${tcp}`);
    tunnel.send("\0\x01ping");
    await tunnel.until(/got \0\x01ping/);
    await tunnel.untilEnd();
    tunnel.close();
  },
  async "a WebSocket"({ port }, { socket }) {
    const client = await rawClient(port);
    await ask(client, get(socket, "/chat", "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"), /^HTTP\/1\.1 101 .*\r\n\r\n/s);
    client.clear();
    client.send(clientFrame(0x81, "hi"));
    await client.until(/hi/);
    client.send(clientFrame(0x88, Buffer.from([0x03, 0xe8])));
    await client.untilEnd();
    client.close();
  },
};
