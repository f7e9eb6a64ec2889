// HTTP/2 header blocks ⇄ heads and trailers of http-event.ts. Pure: name-value arrays as node:http2 gives and takes them, no streams.
// WALL: what came over HTTP/2 may leave over HTTP/1, so nothing passes here that a parser there could read differently: pseudo-header
// fields, names, values, targets and lengths are all checked again, whatever nghttp2 has checked before. It never repairs.
import { isToken } from "../../sandbox-api/schema/http.ts";
import { isBodiless, type BodyFraming } from "./body-framing.ts";
import { isHostValue, isSendableTarget, isSendableValue } from "./field-rules.ts";
import { forbiddenTrailers } from "./h1-body-reader.ts";
import { h1Limits } from "./h1-limits.ts";
import { h2LimitTable as limits } from "./h2-limits.ts";
import { HeaderFields } from "./header-fields.ts";
import { endToEnd } from "./hop-by-hop.ts";
import { faultOf, type Fault, type FaultCode, type RequestHead, type ResponseHead, type Side } from "./http-event.ts";

export interface H2Request {
  readonly kind: "request";
  /** Its target is `:path`, or the authority for CONNECT. An extended CONNECT is the GET that asks for its protocol in HTTP/1.1 (RFC 8441 §5), and has no body. */
  readonly head: RequestHead;
  /** `:scheme`; null for CONNECT and for schemes that are none of ours. */
  readonly scheme: "http" | "https" | null;
  /** `:authority`, or "" where the client named its server in Host only. A Host field that says the same is gone from the head. */
  readonly authority: string;
}

export interface MapFault { readonly kind: "fault"; readonly fault: Fault }

/** Names and values by turns, in the order of the wire. */
export type RawFields = readonly string[];

/** RFC 9113 §6.5.2. */
const fieldOverheadBytes = 32;

const none: BodyFraming = { kind: "none" };
const chunked: BodyFraming = { kind: "chunked" };
const noUpgrade: readonly string[] = [];

/** Fields of one HTTP/1 connection (RFC 9113 §8.2.2): malformed in HTTP/2, and never sent. */
const connectionFields: ReadonlySet<string> = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"]);

/** Methods whose request says how long it is even when it is empty (RFC 9110 §8.6). */
const methodsWithBody: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** A request's header block. `endStream`: nothing follows it. */
export function requestFromH2(raw: RawFields, endStream: boolean): H2Request | MapFault {
  const taken = take(raw, requestPseudo);
  if (typeof taken === "string") return faultFrom(taken, "client");
  const { pseudo, headers } = taken;
  const method = pseudo.get(":method") ?? "";
  if (!isToken(method)) return faultFrom(pseudo.has(":method") ? "bad-method" : "bad-pseudo-field", "client");
  if (method.length > h1Limits.methodBytes) return faultFrom("method-too-long", "client");
  const authority = takeAuthority(pseudo.get(":authority"), headers);
  if (typeof authority !== "object") return faultFrom(authority, "client");
  const protocol = pseudo.get(":protocol");
  const target = targetFrom(method, pseudo, authority.value);
  if ("fault" in target) return faultFrom(target.fault, "client");
  const framing = requestFraming(method, headers, endStream);
  if (typeof framing === "string") return faultFrom(framing, "client");
  const scheme = pseudo.get(":scheme")?.toLowerCase();
  // RFC 8441 §4: what follows its head belongs to the tunnel.
  const line = protocol === undefined
    ? { method, framing, endStream, upgrade: noUpgrade, expectContinue: !endStream && headers.get("expect")?.toLowerCase() === "100-continue" }
    : { method: "GET", framing: none, endStream: true, upgrade: [protocol], expectContinue: false };
  return {
    kind: "request", authority: authority.value, scheme: scheme === "http" || scheme === "https" ? scheme : null,
    head: { kind: "request-head", target: target.text, version: "2", headers, keepAlive: true, ...line },
  };
}

/** A response's header block, interim or final, to a request of that method. */
export function responseFromH2(raw: RawFields, requestMethod: string, endStream: boolean): ResponseHead | MapFault {
  const taken = take(raw, responsePseudo);
  if (typeof taken === "string") return faultFrom(taken, "server");
  const { pseudo, headers } = taken;
  const text = pseudo.get(":status") ?? "";
  // RFC 9113 §8.6: there is no 101.
  if (!/^[1-9][0-9]{2}$/.test(text) || text === "101") return faultFrom("bad-status", "server");
  const status = Number(text);
  const interim = status < 200;
  if (interim && endStream) return faultFrom("interim-with-body", "server");
  const length = declaredLength(headers);
  if (typeof length === "string") return faultFrom(length, "server");
  const bodiless = interim || isBodiless(status, requestMethod);
  if (endStream && !bodiless && length !== null && length > 0) return faultFrom("length-mismatch", "server");
  const framing = bodiless || endStream ? none : length === null ? chunked : { kind: "length", length } as const;
  return { kind: "response-head", status, reason: "", version: "2", headers, framing, endStream: endStream || (bodiless && !interim), keepAlive: true, upgrade: noUpgrade, interim };
}

/** The header block after a body. */
export function trailersFromH2(raw: RawFields, side: Side): HeaderFields | MapFault {
  const taken = take(raw, noPseudo);
  if (typeof taken === "string") return faultFrom(taken, side);
  return forbiddenTrailers.some((name) => taken.headers.has(name)) ? faultFrom("forbidden-trailer", side) : taken.headers;
}

export interface H2RequestLine {
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly path: string;
}

/** A request's header block. A Host field goes: `authority` stands for it. `splitsCookies`: one field for each cookie (RFC 9113 §8.2.3), for fields that came over HTTP/1. */
export function requestToH2(line: H2RequestLine, headers: HeaderFields, splitsCookies: boolean): string[] {
  const raw = [":method", line.method, ":scheme", line.scheme, ":authority", line.authority, ":path", line.path];
  addFields(headers, (name, value) => {
    if (name === "host") return;
    if (name === "cookie" && splitsCookies) for (const cookie of value.split("; ")) raw.push(name, cookie);
    else raw.push(name, value);
  });
  return raw;
}

/** The header block of an extended CONNECT (RFC 8441 §4). */
export function tunnelToH2(line: Omit<H2RequestLine, "method">, protocol: string, headers: HeaderFields, splitsCookies: boolean): string[] {
  const [, , ...rest] = requestToH2({ ...line, method: "CONNECT" }, headers, splitsCookies);
  return [":method", "CONNECT", ":protocol", protocol, ...rest];
}

/** A final response's header block. */
export function responseToH2(status: number, headers: HeaderFields): string[] {
  const raw = [":status", String(status)];
  addFields(headers, (name, value) => void raw.push(name, value));
  return raw;
}

/** Fields as an object, for what node:http2 takes in no other form (interim responses, trailers): duplicates stay apart, names keep the order of their first. */
export function fieldsToObject(headers: HeaderFields): Record<string, string[]> {
  const fields = new Map<string, string[]>();
  addFields(headers, (name, value) => {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  });
  return Object.fromEntries(fields);
}

/** Calls `add` for each field that may be sent over HTTP/2, its name in lower case. */
function addFields(headers: HeaderFields, add: (lowerName: string, value: string) => void): void {
  const fields = endToEnd(headers);
  for (let i = 0; i < fields.length; i++) {
    const name = fields.name(i).toLowerCase();
    if (connectionFields.has(name)) continue;
    const value = fields.value(i);
    if (name !== "te") add(name, value);
    else if (value.toLowerCase() === "trailers") add(name, "trailers");
  }
}

const requestPseudo: ReadonlySet<string> = new Set([":method", ":scheme", ":authority", ":path", ":protocol"]);
const responsePseudo: ReadonlySet<string> = new Set([":status"]);
const noPseudo: ReadonlySet<string> = new Set();

interface Taken { readonly pseudo: ReadonlyMap<string, string>; readonly headers: HeaderFields }

/** Splits a block into pseudo-header fields, which come first and once each, and checked fields. */
function take(raw: RawFields, allowed: ReadonlySet<string>): Taken | FaultCode {
  const pseudo = new Map<string, string>();
  const marks: number[] = [];
  let block = "";
  let bytes = 0;
  if (raw.length > 2 * limits.fields.value) return "too-many-fields";
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const value = raw[i + 1] ?? "";
    // Node enforces what we announce only once the peer has acknowledged it, which a hostile one never does.
    bytes += name.length + value.length + fieldOverheadBytes;
    if (bytes > limits.headBytes.value) return "head-too-large";
    if (name.startsWith(":")) {
      if (!allowed.has(name) || pseudo.has(name) || marks.length > 0) return "bad-pseudo-field";
      pseudo.set(name, value);
      continue;
    }
    const code = fieldFault(name, value);
    if (code !== null) return code;
    marks.push(block.length, block.length + name.length);
    block += `${name}: ${value}\r\n`;
  }
  return { pseudo, headers: HeaderFields.fromScan(block, marks) };
}

/** RFC 9113 §8.2: lower case tokens; no control byte in a value, no white space around it. */
function fieldFault(name: string, value: string): FaultCode | null {
  if (name === "") return "empty-field-name";
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) return "bad-field-name";
  if (!isSendableValue(value) || /^[ \t]|[ \t]$/.test(value)) return "bad-field-value";
  if (connectionFields.has(name) || (name === "te" && value.toLowerCase() !== "trailers")) return "connection-field";
  return null;
}

/** RFC 9113 §8.3.1: one name for the server, in either place, or the same in both. */
function takeAuthority(authority: string | undefined, headers: HeaderFields): { readonly value: string } | FaultCode {
  const at = headers.indexOf("host");
  if (at >= 0 && headers.indexOf("host", at + 1) >= 0) return "repeated-host";
  const host = at < 0 ? undefined : headers.value(at);
  if (host !== undefined && !isHostValue(host)) return "bad-host";
  if (authority === undefined || authority === "") return host === undefined || host === "" ? "missing-host" : { value: "" };
  if (!isHostValue(authority)) return "bad-target";
  if (host === undefined) return { value: authority };
  if (host.toLowerCase() !== authority.toLowerCase()) return "authority-mismatch";
  headers.delete("host");
  return { value: authority };
}

/** RFC 9113 §8.3.1 and §8.5. */
function targetFrom(method: string, pseudo: ReadonlyMap<string, string>, authority: string): { readonly text: string } | { readonly fault: FaultCode } {
  const path = pseudo.get(":path");
  const isExtended = pseudo.has(":protocol");
  // RFC 8441 §4.
  if (isExtended && (method !== "CONNECT" || !isToken(pseudo.get(":protocol") ?? ""))) return { fault: "bad-pseudo-field" };
  if (method === "CONNECT" && !isExtended) return path !== undefined || pseudo.has(":scheme") || authority === "" ? { fault: "bad-pseudo-field" } : { text: authority };
  if (path === undefined || !pseudo.has(":scheme")) return { fault: "bad-pseudo-field" };
  if (path.length > h1Limits.targetBytes) return { fault: "target-too-long" };
  const hasForm = path.startsWith("/") || (path === "*" && method === "OPTIONS");
  return hasForm && isSendableTarget(path) && !path.includes("#") ? { text: path } : { fault: "bad-target" };
}

function requestFraming(method: string, headers: HeaderFields, endStream: boolean): BodyFraming | FaultCode {
  const length = declaredLength(headers);
  if (typeof length === "string") return length;
  if (method === "CONNECT" && length !== null) return "connect-with-body";
  if (!endStream) return length === null ? chunked : { kind: "length", length };
  if (length !== null && length > 0) return "length-mismatch";
  return length === 0 || methodsWithBody.has(method) ? { kind: "length", length: 0 } : none;
}

function declaredLength(headers: HeaderFields): number | null | FaultCode {
  const at = headers.indexOf("content-length");
  if (at < 0) return null;
  if (headers.indexOf("content-length", at + 1) >= 0) return "repeated-content-length";
  const text = headers.value(at);
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  return text.includes(",") ? "repeated-content-length" : "bad-content-length";
}

function faultFrom(code: FaultCode, side: Side): MapFault {
  return { kind: "fault", fault: faultOf(code, side) };
}
