// One line of a head at a time, byte by byte: request-line, status-line and field line (RFC 9112 §3–5).
// Pure: each function gets the bytes of a line that may still be incomplete and gives where the next line begins,
// MORE, or a fault. Never looks past `end`, so that the caller's limits are the end. It keeps nothing.
// PERF: the inner loop is one table look-up per byte (bench/h1-codec.ts).
import { byteClasses, TARGET, TOKEN, VALUE } from "./field-rules.ts";
import type { FaultCode } from "./http-event.ts";

/** The line is not complete yet. */
export const MORE = -1;

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const ZERO = 0x30;
const COLON = 0x3a;

/** The first offset from `at` on whose byte is not of that class, or `end`. */
function skip(bytes: Uint8Array, at: number, end: number, byteClass: number): number {
  while (at < end && ((byteClasses[bytes[at] ?? 0] ?? 0) & byteClass) !== 0) at++;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

/** Where the line after the CRLF at `at` begins, MORE, or `otherwise` when there is another byte. */
function lineEnd(bytes: Uint8Array, at: number, end: number, otherwise: FaultCode): number | FaultCode {
  if (at >= end) return MORE;
  if (bytes[at] !== CR) return bytes[at] === LF ? "bare-lf" : otherwise;
  if (at + 1 >= end) return MORE;
  return bytes[at + 1] === LF ? at + 2 : "bare-cr";
}

/** For the empty line at `start`: where the next line begins, MORE or a fault; 0 when the line is not empty. */
export function scanEmptyLine(bytes: Uint8Array, start: number, end: number): number | FaultCode {
  if (start >= end) return MORE;
  const first = bytes[start];
  return first === CR || first === LF ? lineEnd(bytes, start, end, "bare-cr") : 0;
}

/** A field line at `start`. Writes where the line begins and the name ends, less `origin`, to marks at `mark` (see HeaderFields). */
export function scanFieldLine(
  bytes: Uint8Array, start: number, end: number, origin: number, marks: number[], mark: number,
): number | FaultCode {
  const nameEnd = skip(bytes, start, end, TOKEN);
  if (nameEnd === end) return MORE;
  if (bytes[nameEnd] !== COLON) return nameFault(bytes[nameEnd], nameEnd === start);
  if (nameEnd === start) return "empty-field-name";
  const next = lineEnd(bytes, skip(bytes, nameEnd + 1, end, VALUE), end, "bad-field-value");
  if (typeof next === "string" || next === MORE) return next;
  marks[mark] = start - origin;
  marks[mark + 1] = nameEnd - origin;
  return next;
}

function nameFault(byte: number | undefined, isFirst: boolean): FaultCode {
  if (isBlank(byte)) return isFirst ? "obs-fold" : "space-before-colon";
  return byte === CR || byte === LF ? "missing-colon" : "bad-field-name";
}

/** What a first line says, to be filled by the two scanners below. */
export interface StartLine {
  method: string;
  target: string;
  version: "1.0" | "1.1";
  status: number;
  reason: string;
}

/** A request-line at `start`: method SP target SP version CRLF, exactly. Writes method, target and version. */
export function scanRequestLine(
  bytes: Buffer, start: number, end: number, limits: { readonly methodBytes: number; readonly targetBytes: number }, line: StartLine,
): number | FaultCode {
  const methodEnd = skip(bytes, start, Math.min(end, start + limits.methodBytes + 1), TOKEN);
  if (methodEnd - start > limits.methodBytes) return "method-too-long";
  if (methodEnd === end) return MORE;
  if (methodEnd === start || bytes[methodEnd] !== SP) return "bad-method";
  const target = methodEnd + 1;
  const targetEnd = skip(bytes, target, Math.min(end, target + limits.targetBytes + 1), TARGET);
  if (targetEnd - target > limits.targetBytes) return "target-too-long";
  if (targetEnd === end) return MORE;
  const after = bytes[targetEnd];
  if (after === CR || after === LF) return "bad-start-line";
  if (targetEnd === target || after !== SP) return "bad-target";
  const next = scanVersion(bytes, targetEnd + 1, end, line);
  if (typeof next === "string" || next === MORE) return next;
  const lineAfter = lineEnd(bytes, next, end, "bad-version");
  if (typeof lineAfter === "string" || lineAfter === MORE) return lineAfter;
  const text = bytes.toString("latin1", start, targetEnd);
  line.method = text.slice(0, methodEnd - start);
  line.target = text.slice(target - start);
  return targetFault(line.method, line.target) ?? lineAfter;
}

/** A status-line at `start`: version SP 3DIGIT [SP reason] CRLF. Writes version, status and reason. */
export function scanStatusLine(bytes: Buffer, start: number, end: number, line: StartLine): number | FaultCode {
  const version = scanVersion(bytes, start, end, line);
  if (typeof version === "string") return version === "bad-version" ? "bad-start-line" : version;
  if (version === MORE) return MORE;
  if (version === end) return MORE;
  if (bytes[version] !== SP) return "bad-start-line";
  const digits = version + 1;
  let status = 0;
  for (let at = digits; at < digits + 3; at++) {
    if (at >= end) return MORE;
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9 || (at === digits && digit === 0)) return "bad-status";
    status = status * 10 + digit;
  }
  let reason = digits + 3;
  if (reason >= end) return MORE;
  if (bytes[reason] === SP) reason++;
  else if (bytes[reason] !== CR && bytes[reason] !== LF) return "bad-status";
  const reasonEnd = skip(bytes, reason, end, VALUE);
  const next = lineEnd(bytes, reasonEnd, end, "bad-reason");
  if (typeof next === "string" || next === MORE) return next;
  line.status = status;
  line.reason = reasonEnd === reason ? "" : bytes.toString("latin1", reason, reasonEnd);
  return next;
}

const VERSION_PREFIX = Buffer.from("HTTP/");

/** HTTP-version at `at`: where it ends, MORE, or a fault. Writes version. */
function scanVersion(bytes: Uint8Array, at: number, end: number, line: StartLine): number | FaultCode {
  for (let k = 0; k < VERSION_PREFIX.length; k++) {
    if (at + k >= end) return MORE;
    if (bytes[at + k] !== VERSION_PREFIX[k]) return "bad-version";
  }
  const major = at + VERSION_PREFIX.length;
  if (major + 2 >= end) return MORE;
  if (!isDigit(bytes[major]) || bytes[major + 1] !== 0x2e || !isDigit(bytes[major + 2])) return "bad-version";
  const minor = (bytes[major + 2] ?? 0) - ZERO;
  if (bytes[major] !== ZERO + 1 || minor > 1) return "unsupported-version";
  line.version = minor === 1 ? "1.1" : "1.0";
  return major + 3;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

/** The fault of a target whose form does not fit the method (RFC 9112 §3.2), or null. */
function targetFault(method: string, target: string): FaultCode | null {
  if (method === "CONNECT") return /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+):\d{1,5}$/.test(target) ? null : "bad-target";
  if (target.charCodeAt(0) === 0x2f) return null;
  if (target === "*") return method === "OPTIONS" ? null : "bad-target";
  return /^[A-Za-z]+:\/\/[\w.~!$&'()*+,;=:%@[\]-]+(?:[/?]|$)/.test(target) ? null : "bad-target";
}
