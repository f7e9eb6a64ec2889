// Saved flows as entries of HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), with what Chromium writes beside it where the
// format has no place. Bodies are decoded, as HAR wants them; what is no UTF-8 is base64. It writes no files.
import { isUtf8 } from "node:buffer";
import { decodeContent } from "../../http/content-encoding.ts";
import { formatAuthority } from "../../http/request-target.ts";
import { requestCookies, responseCookies } from "./har-cookies.ts";
import { writeHarWebSocket } from "./har-websocket.ts";
import type { SavedBody, SavedField, SavedHttpFlow, SavedRequest, SavedResponse } from "./saved-flow.ts";

/** LIMIT: of a body, decoded; one that is larger is left as it was on the wire, with a word about it. */
const mostDecodedBytes = 64 * 1024 * 1024;

/** What stands before the entries, and after them. */
export const harHead = (version: string): string => `{"log":{"version":"1.2","creator":{"name":"Flowcell","version":${JSON.stringify(version)}},"pages":[],"entries":[`;
export const harTail = "\n]}}\n";

interface HarPair { readonly name: string; readonly value: string }

/** The entry of one exchange, as an object for JSON. */
export async function harEntry(flow: SavedHttpFlow): Promise<object> {
  const { request, response, error, server, websocket, comment } = flow;
  const timings = timingsOf(flow);
  const time = Object.values(timings).reduce((sum, ms) => (ms > 0 ? sum + ms : sum), 0);
  return {
    startedDateTime: new Date(request.timestampStart * 1_000).toISOString(), time,
    request: await harRequest(request),
    response: { ...(response === null ? noResponse : await harResponse(response)), ...(error !== null && { _error: error.msg }) },
    cache: {}, timings, ...(server.peername !== null && { serverIPAddress: server.peername.host }), connection: server.id,
    ...(comment !== "" && { comment }), ...(websocket !== null && writeHarWebSocket(websocket)),
  };
}

const noResponse = {
  status: 0, statusText: "", httpVersion: "", cookies: [], headers: [], content: { size: 0, mimeType: "x-unknown" }, redirectURL: "", headersSize: -1, bodySize: -1,
};

async function harRequest(request: SavedRequest): Promise<object> {
  const { method, headers, body, path } = request;
  const mimeType = valueOf(headers, "content-type") ?? "";
  const url = urlOf(request);
  const at = path.indexOf("?");
  const { content } = await harContent(headers, body);
  return {
    method, url, httpVersion: request.httpVersion, cookies: requestCookies(headers), headers: headers.map(pair), queryString: at === -1 ? [] : [...new URLSearchParams(path.slice(at))].map(pair),
    headersSize: sizeOf(headers), bodySize: bodySize(body), ...((body.kind === "missing" || body.bytes.length > 0) && { postData: { mimeType, ...content } }),
  };
}

async function harResponse({ statusCode, reason, httpVersion, headers, body }: SavedResponse): Promise<object> {
  const mimeType = valueOf(headers, "content-type") ?? "x-unknown";
  const { content, decodedBytes } = await harContent(headers, body);
  const size = decodedBytes ?? (body.kind === "missing" ? body.size ?? 0 : 0);
  return {
    status: statusCode, statusText: reason, httpVersion, cookies: responseCookies(headers), headers: headers.map(pair),
    content: { size, ...(body.kind === "whole" && decodedBytes !== null && { compression: decodedBytes - body.bytes.length }), mimeType, ...content },
    redirectURL: valueOf(headers, "location") ?? "", headersSize: sizeOf(headers), bodySize: bodySize(body),
  };
}

interface Content { readonly text?: string; readonly encoding?: "base64"; readonly comment?: string }

async function harContent(headers: readonly SavedField[], body: SavedBody): Promise<{ readonly content: Content; readonly decodedBytes: number | null }> {
  if (body.kind === "missing") return { content: { comment: `the body was not kept (${body.why})` }, decodedBytes: null };
  const codings = headers.filter(([name]) => name.toLowerCase() === "content-encoding").map(([, value]) => value).join(", ");
  const result = codings === "" ? null : await decodeContent(body.bytes, codings, mostDecodedBytes);
  const bytes = result?.kind === "decoded" ? result.content : body.bytes;
  const comment = result?.kind === "error" ? { comment: `not decoded: ${result.message}` } : {};
  return { content: { ...textOf(bytes), ...comment }, decodedBytes: bytes.length };
}

const textOf = (bytes: Buffer): Content => (isUtf8(bytes) ? { text: bytes.toString("utf8") } : { text: bytes.toString("base64"), encoding: "base64" });

const pair = ([name, value]: readonly [string, string]): HarPair => ({ name, value });
const bodySize = (body: SavedBody): number => (body.kind === "whole" ? body.bytes.length : body.size ?? -1);
const sizeOf = (fields: readonly SavedField[]): number => fields.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 2);

function valueOf(headers: readonly SavedField[], lowerName: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === lowerName)?.[1];
}

/** Bytes beyond ASCII in a path are escaped: a URL has none. */
function urlOf({ scheme, host, port, path }: SavedRequest): string {
  const escaped = path.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${scheme}://${formatAuthority(host, port, scheme)}${escaped.startsWith("/") ? escaped : `/${escaped}`}`;
}

/** Milliseconds; -1: not known, or it did not happen for this exchange. */
function timingsOf({ request, response, server }: SavedHttpFlow): Readonly<Record<"blocked" | "dns" | "connect" | "send" | "wait" | "receive" | "ssl", number>> {
  const ms = (from: number | null, to: number | null): number => (from === null || to === null ? -1 : Math.max(0, Math.round((to - from) * 1e6) / 1e3));
  const sent = request.timestampEnd ?? request.timestampStart;
  const isNew = server.timestampStart !== null && server.timestampStart >= request.timestampStart;
  const connected = server.timestampTlsSetup ?? server.timestampTcpSetup;
  const connect = isNew ? ms(server.timestampStart, connected) : -1;
  const ssl = isNew && server.timestampTlsSetup !== null ? ms(server.timestampTcpSetup, server.timestampTlsSetup) : -1;
  const send = Math.max(0, ms(request.timestampStart, sent));
  const wait = response === null ? 0 : Math.max(0, ms(sent, response.timestampStart) - Math.max(0, connect));
  return { blocked: -1, dns: -1, connect, send, wait, receive: response === null ? 0 : Math.max(0, ms(response.timestampStart, response.timestampEnd)), ssl };
}
