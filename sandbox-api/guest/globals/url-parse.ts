// Parses URLs for `URL` in the guest: a small part of the WHATWG URL standard (§4), exact for ordinary http, https, ws, wss and ftp
// URLs. Left out: IDNA (a host that is not ASCII is refused), compression of IPv6 addresses, file: and blob: particulars.
import { encodeUtf8 } from "../byte-string.ts";
import { bareArray, byteLengthOf, charCodeAt, exec, indexOf, lastIndexOf, slice, toLowerCase, floor } from "../intrinsics.ts";
import { percentByte, percentDecode, splitAt } from "../percent.ts";

export interface UrlRecord {
  scheme: string;
  username: string;
  password: string;
  /** `null`: none. */
  host: string | null;
  /** "" : the scheme's own. */
  port: string;
  /** Opaque where the scheme is not special and no host follows. */
  path: string;
  /** With "?", or "". */
  search: string;
  /** With "#", or "". */
  hash: string;
}

const specialPorts: { readonly [scheme: string]: string | undefined } = { __proto__: null as never, http: "80", https: "443", ws: "80", wss: "443", ftp: "21" };
export const isSpecial = (scheme: string): boolean => specialPorts[scheme] !== undefined;

const schemePattern = /^([a-z][a-z0-9+.-]*):([^]*)$/i;
const restPattern = /^([^?#]*)(\?[^#]*)?(#[^]*)?$/;
const forbiddenHost = /[\x00-\x20"#%/:<>?@[\\\]^`{|}\x7f-\uffff]/;
const ipv6Pattern = /^\[[0-9a-f:.]{2,45}\]$/i;

const pathSafe = " \"#<>?`{}^";
const encodeSets = { path: pathSafe, query: " \"#<>", specialQuery: " \"#<>'", fragment: " \"<>`", user: `${pathSafe}/:;=@[\\]|`, opaque: "" } as const;

export function encodeFor(text: string, set: keyof typeof encodeSets): string {
  const bytes = encodeUtf8(text, false);
  const length = byteLengthOf(bytes);
  let encoded = "";
  let start = 0;
  for (let at = 0, unit = 0; at < length; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x20 && byte < 0x7f && indexOf(encodeSets[set], text[unit] ?? "") < 0) { unit++; continue; }
    encoded += slice(text, start, unit) + percentByte(byte);
    // A character of several bytes is one or two units; it is passed with its last byte.
    const isLast = at + 1 >= length || (bytes[at + 1]! & 0xc0) !== 0x80;
    if (isLast) unit += charCodeAt(text, unit) >= 0xd800 && charCodeAt(text, unit) <= 0xdbff && unit + 1 < text.length && charCodeAt(text, unit + 1) >= 0xdc00 && charCodeAt(text, unit + 1) <= 0xdfff ? 2 : 1;
    start = unit;
  }
  return encoded + slice(text, start);
}

/** `null` when `input` is no URL, with or without `base`. */
export function parseUrl(input: string, base: UrlRecord | null): UrlRecord | null {
  const text = cleaned(input);
  const found = exec(schemePattern, text);
  if (found === null) return base === null ? null : resolve(text, base);
  const scheme = toLowerCase(found[1]!);
  const rest = found[2]!;
  if (isSpecial(scheme)) {
    const isRelative = base !== null && base.scheme === scheme && !isSlash(rest[0]);
    if (isRelative) return resolve(rest, base);
    let at = 0;
    while (isSlash(rest[at])) at++;
    return withAuthority(scheme, slice(rest, at));
  }
  if (slice(rest, 0, 2) === "//") return withAuthority(scheme, slice(rest, 2));
  return withTail({ scheme, username: "", password: "", host: null, port: "", path: "", search: "", hash: "" }, rest, null);
}

/** Without C0 controls and spaces at the ends, and without tabs and line ends anywhere. */
function cleaned(input: string): string {
  let start = 0;
  let end = input.length;
  while (start < end && charCodeAt(input, start) <= 32) start++;
  while (end > start && charCodeAt(input, end - 1) <= 32) end--;
  let text = "";
  for (let at = start; at < end; at++) if (indexOf("\t\n\r", input[at]!) < 0) text += input[at]!;
  return text;
}

const isSlash = (char: string | undefined): boolean => char === "/" || char === "\\";

function resolve(text: string, base: UrlRecord): UrlRecord | null {
  const slash = isSpecial(base.scheme) ? isSlash : (char: string | undefined): boolean => char === "/";
  if (slash(text[0]) && slash(text[1])) return withAuthority(base.scheme, slice(text, 2));
  if (base.host === null && base.path[0] !== "/" && text[0] !== "#") return null;
  const start: UrlRecord = { ...base, hash: "" };
  if (text === "") return start;
  if (text[0] === "#") return { ...base, hash: encodeHash(text) };
  if (text[0] === "?") return withTail(start, text, base.path);
  if (slash(text[0])) return withTail(start, text, null);
  return withTail(start, slice(base.path, 0, lastIndexOf(base.path, "/") + 1) + text, null);
}

const encodeHash = (text: string): string => (text.length < 2 ? "" : `#${encodeFor(slice(text, 1), "fragment")}`);

function withAuthority(scheme: string, text: string): UrlRecord | null {
  let end = 0;
  while (end < text.length && indexOf(isSpecial(scheme) ? "/\\?#" : "/?#", text[end]!) < 0) end++;
  const authority = slice(text, 0, end);
  const at = lastIndexOf(authority, "@");
  const user = at < 0 ? "" : slice(authority, 0, at);
  const colon = indexOf(user, ":");
  const hostPort = exec(/^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/, slice(authority, at + 1));
  if (hostPort === null) return null;
  const host = parseHost(hostPort[1]!, isSpecial(scheme));
  const port = hostPort[2] ?? "";
  if (host === null || +port > 65_535) return null;
  const record: UrlRecord = {
    scheme, host, port: port === "" || `${+port}` === specialPorts[scheme] ? "" : `${+port}`, path: "", search: "", hash: "",
    username: encodeFor(colon < 0 ? user : slice(user, 0, colon), "user"), password: colon < 0 ? "" : encodeFor(slice(user, colon + 1), "user"),
  };
  return withTail(record, slice(text, end), null);
}

/** `path` is kept as it is where given; otherwise it comes from `text`. */
function withTail(record: UrlRecord, text: string, path: string | null): UrlRecord | null {
  const found = exec(restPattern, text);
  if (found === null) return null;
  const search = found[2] ?? "";
  const isOpaque = path === null && record.host === null && found[1]![0] !== "/";
  return {
    ...record,
    path: path ?? (isOpaque ? encodeFor(found[1]!, "opaque") : normalPath(found[1]!, record.scheme)),
    search: search.length < 2 ? "" : `?${encodeFor(slice(search, 1), isSpecial(record.scheme) ? "specialQuery" : "query")}`,
    hash: encodeHash(found[3] ?? ""),
  };
}

/** Dot segments resolved, backslashes turned (special schemes), the path percent-encode set applied. */
export function normalPath(path: string, scheme: string): string {
  const segments = bareArray<string>();
  let start = isSlash(path[0]) ? 1 : 0;
  if (path === "" && !isSpecial(scheme)) return "";
  for (let at = start; at <= path.length; at++) {
    const isEnd = at === path.length;
    if (!isEnd && path[at] !== "/" && !(path[at] === "\\" && isSpecial(scheme))) continue;
    addSegment(segments, slice(path, start, at), isEnd);
    start = at + 1;
  }
  let text = "";
  for (let index = 0; index < segments.length; index++) text += `/${segments[index]!}`;
  return text;
}

function addSegment(segments: string[], segment: string, isEnd: boolean): void {
  const plain = toLowerCase(segment);
  if (plain === ".." || plain === ".%2e" || plain === "%2e." || plain === "%2e%2e") {
    if (segments.length > 0) segments.length--;
    if (isEnd) segments[segments.length] = "";
  } else if (plain === "." || plain === "%2e") {
    if (isEnd) segments[segments.length] = "";
  } else segments[segments.length] = encodeFor(segment, "path");
}

/** `null` when it is no host. Opaque hosts are only checked. */
export function parseHost(text: string, isSpecialHost: boolean): string | null {
  if (text[0] === "[") return exec(ipv6Pattern, text) === null ? null : toLowerCase(text);
  if (!isSpecialHost) return exec(/[\x00\t\n\r #/<>?@[\\\]^|]/, text) === null ? encodeFor(text, "opaque") : null;
  const host = toLowerCase(percentDecode(text, false));
  if (host === "" || exec(forbiddenHost, host) !== null) return null;
  return endsInNumber(host) ? parseIpv4(host) : host;
}

const endsInNumber = (host: string): boolean => exec(/(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$/, host) !== null;

function parseIpv4(host: string): string | null {
  const parts = splitAt(host[host.length - 1] === "." ? slice(host, 0, -1) : host, 46);
  let address = 0;
  if (parts.length === 0 || parts.length > 4 || indexOf(host, "..") >= 0) return null;
  for (let index = 0; index < parts.length; index++) {
    const value = ipv4Number(parts[index]!);
    const isLast = index === parts.length - 1;
    if (value === null || value >= (isLast ? 256 ** (5 - parts.length) : 256)) return null;
    address += isLast ? value : value * 256 ** (3 - index);
  }
  return `${floor(address / 16_777_216)}.${floor(address / 65_536) % 256}.${floor(address / 256) % 256}.${address % 256}`;
}

function ipv4Number(text: string): number | null {
  if (exec(/^0x[0-9a-f]*$/, text) !== null) return text === "0x" ? 0 : +text;
  if (exec(/^0[0-7]+$/, text) !== null) return +`0o${slice(text, 1)}`;
  return exec(/^[0-9]+$/, text) === null || (text[0] === "0" && text !== "0") ? null : +text;
}
