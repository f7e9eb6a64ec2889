// How long a message is (RFC 9112 §6), whether the connection outlives it (§9.3) and what else its head says
// to the connection (Upgrade, Expect). Pure functions over a head's fields, for HTTP/1.
// WALL: what two parsers could read differently is refused here: two lengths, a length beside a transfer coding,
// a coding that is not one final chunked. It never repairs.
import type { HeaderFields } from "./header-fields.ts";
import type { FaultCode, HttpVersion } from "./http-event.ts";

/** none: no body. length: that many bytes (maybe 0). chunked: RFC 9112 §7.1. close: until the connection ends. */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

const none: BodyFraming = Object.freeze({ kind: "none" });
const chunked: BodyFraming = Object.freeze({ kind: "chunked" });
const close: BodyFraming = Object.freeze({ kind: "close" });
const noTokens: readonly string[] = Object.freeze([]);

/** Framing of a request body, or the fault that its head is. */
export function requestFraming(method: string, version: HttpVersion, headers: HeaderFields): BodyFraming | FaultCode {
  const framing = declaredFraming(version, headers);
  if (method === "CONNECT" && typeof framing === "object" && hasBody(framing)) return "connect-with-body";
  return framing;
}

/**
 * Framing of a response body, or the fault that its head is. A response to HEAD, a 1xx, 204 or 304 and a 2xx to CONNECT
 * have no body whatever they declare (RFC 9112 §6.3), but a contradictory declaration, or any in a 1xx, is refused.
 */
export function responseFraming(
  status: number, requestMethod: string, version: HttpVersion, headers: HeaderFields,
): BodyFraming | FaultCode {
  const framing = declaredFraming(version, headers);
  if (typeof framing === "string") return framing;
  if (status < 200 && hasBody(framing)) return "interim-with-body"; // WALL: llhttp reads a body after an unknown 1xx.
  if (isBodiless(status, requestMethod)) return none;
  return framing === none ? close : framing;
}

/** True for a response that ends with its head: to HEAD, 1xx, 204, 304, and a 2xx to CONNECT. */
export function isBodiless(status: number, requestMethod: string): boolean {
  return status < 200 || status === 204 || status === 304 || requestMethod === "HEAD"
    || (requestMethod === "CONNECT" && status < 300);
}

/** True when data follows a head of this framing. */
export function hasBody(framing: BodyFraming): boolean {
  return framing.kind === "length" ? framing.length > 0 : framing.kind !== "none";
}

function declaredFraming(version: HttpVersion, headers: HeaderFields): BodyFraming | FaultCode {
  const coding = headers.indexOf("transfer-encoding");
  const length = headers.indexOf("content-length");
  if (coding >= 0) {
    if (length >= 0) return "length-and-transfer-encoding";
    if (version === "1.0") return "transfer-encoding-in-1.0";
    return transferCoding(headers, coding);
  }
  if (length < 0) return none;
  if (headers.indexOf("content-length", length + 1) >= 0) return "repeated-content-length";
  const text = plainValue(headers, length);
  if (/^[0-9]{1,15}$/.test(text)) return { kind: "length", length: Number(text) };
  return text.includes(",") ? "repeated-content-length" : "bad-content-length";
}

/**
 * The value of a framing field after at most one space, whatever whitespace follows it included. WALL: the line may go on
 * as it came, and parsers differ on tabs and trailing spaces there (llhttp refuses `chunked ` as well).
 */
function plainValue(headers: HeaderFields, i: number): string {
  const line = headers.line(i);
  const colon = headers.name(i).length;
  return line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
}

function transferCoding(headers: HeaderFields, first: number): BodyFraming | FaultCode {
  if (headers.indexOf("transfer-encoding", first + 1) < 0 && plainValue(headers, first).toLowerCase() === "chunked") return chunked;
  const codings = headers.getAll("transfer-encoding").join(",").toLowerCase().split(",").map((coding) => coding.trim());
  const isFinalOnly = codings.length > 1 && codings.indexOf("chunked") === codings.length - 1;
  return isFinalOnly && !codings.includes("") ? "unsupported-transfer-coding" : "bad-transfer-encoding";
}

/** The elements of all fields of that name (lower case), split at commas, trimmed, in lower case, without empty ones. */
export function listTokens(headers: HeaderFields, lowerName: string): readonly string[] {
  const first = headers.indexOf(lowerName);
  if (first < 0) return noTokens;
  const isOnly = headers.indexOf(lowerName, first + 1) < 0;
  const text = (isOnly ? headers.value(first) : headers.getAll(lowerName).join(",")).toLowerCase();
  if (!text.includes(",")) return text === "" ? noTokens : [text];
  return text.split(",").map((token) => token.trim()).filter((token) => token !== "");
}

/** True when the sender lets the connection live on: 1.1 unless Connection says close, 1.0 only if it says keep-alive. */
export function isPersistent(version: HttpVersion, headers: HeaderFields): boolean {
  const tokens = listTokens(headers, "connection");
  return !tokens.includes("close") && (version !== "1.0" || tokens.includes("keep-alive"));
}

/** The protocols of Upgrade as sent; none where Connection does not name it or the version is 1.0 (RFC 9110 §7.8). */
export function upgradeTokens(version: HttpVersion, headers: HeaderFields): readonly string[] {
  if (version === "1.0" || !headers.has("upgrade") || !listTokens(headers, "connection").includes("upgrade")) return noTokens;
  return headers.getAll("upgrade").join(",").split(",").map((token) => token.trim()).filter((token) => token !== "");
}

/** True for `Expect: 100-continue` in HTTP/1.1 (RFC 9110 §10.1.1); other expectations are not looked at. */
export function expectsContinue(version: HttpVersion, headers: HeaderFields): boolean {
  return version !== "1.0" && headers.get("expect")?.toLowerCase() === "100-continue";
}
