// Builders of flows for tests: an ordinary exchange, with what a test wants different. Pure.
import { randomInt } from "node:crypto";
import { isFieldName, isFieldValue, isHost, isMethod, isPath } from "../../sandbox-api/schema/http.ts";
import { objectKey, type ObjectKey } from "../../sandbox-api/schema/ids.ts";
import { httpFlowOf, responseOf, tcpFlowOf } from "../flows/saved/to-flow.ts";
import { nothingLeftOut, type SavedField, type SavedHttpFlow, type SavedResponse } from "../flows/saved/saved-flow.ts";
import { recordOf, TestFlow, TestTcpFlow, toWire } from "./test-flow.ts";

/** By name (several values as a list), or pairs in order. */
export type TestHeadersInit = { readonly [name: string]: string | readonly string[] } | readonly (readonly [name: string, value: string])[];

export interface MessageInit {
  readonly headers?: TestHeadersInit;
  /** As on the wire: with a Content-Encoding it must be encoded already. */
  readonly body?: string | Uint8Array;
}
export interface RequestInit extends MessageInit {
  /** Default GET. */
  readonly method?: string;
  /** Default https://example.com/. */
  readonly url?: string;
}
export interface ResponseInit extends MessageInit {
  /** Default 200. */
  readonly status?: number;
  readonly reason?: string;
}

const time = 1_700_000_000;
const address = { host: "127.0.0.1", port: 50_000 };
const noTls = { tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null };

/** A flow with a request and no response yet. Throws a TypeError for what no request can be. */
export function makeRequestFlow(init: RequestInit = {}): TestFlow {
  return new TestFlow(httpFlowOf(savedRequest(init), newKey));
}

/** A flow whose server has answered. */
export function makeResponseFlow(init: RequestInit & { readonly response?: ResponseInit } = {}): TestFlow {
  const flow = makeRequestFlow(init);
  setResponse(flow, init.response ?? {});
  return flow;
}

/** A flow for which no response came. */
export function makeErrorFlow(init: RequestInit & { readonly error?: string } = {}): TestFlow {
  return new TestFlow(httpFlowOf({ ...savedRequest(init), error: { msg: init.error ?? "Connection refused", timestamp: time } }, newKey));
}

/** Gives a flow this response, as if its server had sent it. */
export function setResponse(flow: TestFlow, init: ResponseInit): void {
  recordOf(flow).response = responseOf(savedResponse(init));
}

/** A WebSocket whose handshake is done (default wss://example.com/); messages come by `websocketMessage`. */
export function makeWebSocketFlow(init: { readonly url?: string; readonly headers?: TestHeadersInit } = {}): TestFlow {
  const flow = makeRequestFlow({ url: (init.url ?? "wss://example.com/").replace(/^ws/, "http"), headers: [["Connection", "Upgrade"], ["Upgrade", "websocket"], ...fieldsOf(init.headers ?? {})] });
  setResponse(flow, { status: 101, reason: "Switching Protocols", headers: { Connection: "Upgrade", Upgrade: "websocket" } });
  const record = recordOf(flow);
  record.isWebSocket = true;
  record.webSocket = { message: null, injections: [], closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, version: 0 };
  return flow;
}

/** A raw TCP flow to `host:port` (default example.com:9000); messages come by `tcp_message`. */
export function makeTcpFlow(init: { readonly host?: string; readonly port?: number } = {}): TestTcpFlow {
  const { host = "example.com", port = 9000 } = init;
  return new TestTcpFlow({ ...tcpFlowOf({ kind: "tcp", ...parts(host, port), messages: [], leftOut: nothingLeftOut }, newKey), live: true });
}

const newKey = (): ObjectKey => objectKey(randomInt(1, 2 ** 32 - 1));

function savedRequest({ method = "GET", url: text = "https://example.com/", headers = {}, body = "" }: RequestInit): SavedHttpFlow {
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const path = `${url.pathname}${url.search}`;
  if (!isMethod(method)) throw new TypeError(`"${method}" is not a method`);
  if (!isHost(host) || !isPath(path)) throw new TypeError(`${text} is not an http or https URL`);
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  const fields = fieldsOf(headers);
  const hasHost = fields.some(([name]) => name.toLowerCase() === "host");
  return {
    kind: "http", ...parts(host, port), isReplay: null, response: null, websocket: null,
    request: { method, scheme, host, port, path, authority: "", ...message(hasHost ? fields : [["Host", url.host], ...fields], body) },
  };
}

function savedResponse({ status = 200, reason, headers = {}, body = "" }: ResponseInit): SavedResponse {
  if (!Number.isInteger(status) || status < 100 || status > 599) throw new TypeError(`${status} is not a status`);
  return { statusCode: status, reason: reason ?? (status === 200 ? "OK" : ""), ...message(fieldsOf(headers), body) };
}

function message(headers: readonly SavedField[], body: string | Uint8Array): Pick<SavedResponse, "httpVersion" | "headers" | "trailers" | "body" | "timestampStart" | "timestampEnd"> {
  return { httpVersion: "HTTP/1.1", headers, trailers: null, body: { kind: "whole", bytes: Buffer.from(body) }, timestampStart: time, timestampEnd: time };
}

function fieldsOf(init: TestHeadersInit): readonly SavedField[] {
  const pairs = isPairs(init) ? init : Object.entries(init).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : value.map((each) => [name, each] as const)));
  return pairs.map(([name, value]) => {
    const bytes = toWire(value).trim();
    if (!isFieldName(name) || !isFieldValue(bytes)) throw new TypeError(`"${name}: ${value}" is not a header field`);
    return [name, bytes];
  });
}

const isPairs = (init: TestHeadersInit): init is readonly (readonly [string, string])[] => Array.isArray(init);

function parts(host: string, port: number): Omit<SavedHttpFlow, "kind" | "isReplay" | "request" | "response" | "websocket"> {
  return {
    id: "test", timestampCreated: time, marked: "", comment: "", error: null,
    client: { id: "client", address, sockname: { host: "127.0.0.1", port: 8080 }, mode: "regular", ...noTls, timestampStart: time, timestampEnd: null },
    server: { id: "server", address: { host, port }, via: null, peername: null, sockname: null, ...noTls, timestampStart: null, timestampTcpSetup: null, timestampEnd: null, error: null },
  };
}
