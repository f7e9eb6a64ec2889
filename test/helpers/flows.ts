// Flows for tests: plain records as an exchange would make them, with what a test wants different.
import { objectKey } from "../../sandbox-api/schema/ids.ts";
import { HeaderFields } from "../../host/http/header-fields.ts";
import type { ClientConnection, RootLayer, ServerConnection } from "../../host/flows/connection.ts";
import type { WebSocketMessage, WebSocketState, HttpFlow, HttpRequest, HttpResponse, LayerProposal, TcpFlow } from "../../host/flows/flow.ts";
import { MessageBody } from "../../host/flows/message-body.ts";

let nextKey = 1;
const key = (): ReturnType<typeof objectKey> => objectKey(nextKey++);
const noTls = { tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null };

export type Pairs = readonly (readonly [string, string])[];

export const makeClient = (): ClientConnection => ({
  kind: "client", key: key(), id: "client-1", address: { host: "127.0.0.1", port: 50_000 }, sockname: { host: "127.0.0.1", port: 8080 }, mode: "regular",
  timestampStart: 1, timestampEnd: null, version: 0, ...noTls,
});

export const makeServer = (): ServerConnection => ({
  kind: "server", key: key(), id: "server-1", address: { host: "example.com", port: 443 }, via: null, peername: null, sockname: null, timestampStart: null,
  timestampTcpSetup: null, timestampEnd: null, error: null, killed: false, version: 0, ...noTls,
});

export const makeRoot = (): RootLayer => ({ kind: "root", key: key(), client: makeClient(), server: makeServer(), killed: false });

export const makeLayer = (): LayerProposal => ({
  kind: "layer", key: key(), name: "tls", client: makeClient(), server: makeServer(), dataClient: Buffer.from("hello"),
  clientHello: { sni: "example.com", alpnProtocols: ["h2"], cipherSuites: [1] }, replacement: null,
});

function makeBody(bytes: Buffer | null): MessageBody {
  const body = new MessageBody();
  if (bytes !== null) body.complete(bytes);
  return body;
}

export const makeRequest = (fields: Pairs = [["Host", "example.com"], ["Accept", "*/*"]], body: Buffer | null = null): HttpRequest => ({
  method: "GET", scheme: "https", host: "example.com", port: 443, path: "/path", authority: "", httpVersion: "HTTP/1.1", headers: HeaderFields.from(fields), trailers: null,
  body: makeBody(body), stream: false, timestampStart: 1, timestampEnd: null, version: 0, trailersVersion: 0,
});

export const makeResponse = (fields: Pairs = [["Content-Type", "text/plain"], ["Content-Length", "5"]], body: Buffer | null = null): HttpResponse => ({
  statusCode: 200, reason: "OK", httpVersion: "HTTP/1.1", made: false, headers: HeaderFields.from(fields), trailers: null, body: makeBody(body), stream: false,
  timestampStart: 2, timestampEnd: null, version: 0, trailersVersion: 0,
});

export const makeHttpFlow = (request: HttpRequest = makeRequest(), response: HttpResponse | null = null): HttpFlow => ({
  kind: "http", key: key(), id: "flow-1", client: makeClient(), server: makeServer(), error: null, live: true, killedBy: null, intercepted: false, marked: "",
  comment: "", timestampCreated: 1, refusal: null, history: [], version: 0, request, response, isWebSocket: false, webSocket: null, replayDepth: 0,
});

export const makeWebSocketMessage = (content: string | Buffer, change: Partial<WebSocketMessage> = {}): WebSocketMessage => ({
  index: 0, fromClient: true, type: typeof content === "string" ? "text" : "binary", content: Buffer.from(content), timestamp: 4, injected: false, dropped: false, version: 0, ...change,
});

/** An HTTP flow that has become a WebSocket, with its newest message; null: none yet. */
export const makeWebSocketFlow = (message: WebSocketMessage | null = makeWebSocketMessage("data")): HttpFlow & { readonly webSocket: WebSocketState } => ({
  ...makeHttpFlow(makeRequest([["Host", "example.com"]]), { ...makeResponse([]), statusCode: 101 }), isWebSocket: true,
  webSocket: { message, injections: [], closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, version: 0 },
});

export const makeTcpFlow = (content: string | null = "data"): TcpFlow => ({
  kind: "tcp", key: key(), id: "tcp-1", client: makeClient(), server: makeServer(), error: null, live: true, killedBy: null, intercepted: false, marked: "", comment: "",
  timestampCreated: 1, refusal: null, history: [], version: 0, message: content === null ? null : { fromClient: true, content: Buffer.from(content), timestamp: 3 },
});

/** The fields of a head as `Name: value` lines. */
export const linesOf = (message: { readonly headers: HeaderFields }): readonly string[] => [...message.headers.entries()].map(([name, value]) => `${name}: ${value}`);
