// Tells from first bytes what a client speaks: TLS, HTTP/1, HTTP/2 with prior knowledge, or something unknown. Pure; it looks at what is there and says whether
// more would help. What is done about it is select's business.
import { parseClientHello, type ClientHello } from "../tls/client-hello.ts";

export type Sniffed =
  | { readonly kind: "tls"; readonly hello: ClientHello }
  /** It is TLS, but the hello is not complete (yet). */
  | { readonly kind: "tls-partial" }
  /** It is TLS of a form that cannot be read. */
  | { readonly kind: "tls-fault"; readonly reason: string }
  | { readonly kind: "http1" }
  | { readonly kind: "http2" }
  | { readonly kind: "unknown" };

const unknown: Sniffed = { kind: "unknown" };
const http1: Sniffed = { kind: "http1" };
const http2: Sniffed = { kind: "http2" };

/** RFC 9113 §3.4. */
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** LIMIT: bytes of a first line that are waited for before a guess is made. */
const longestLineBytes = 4_096;

/** Null: more bytes are needed. `isFinal`: no more will come in time, so that a guess is due. */
export function sniff(bytes: Buffer, isFinal: boolean): Sniffed | null {
  if (bytes.length === 0) return isFinal ? unknown : null;
  const parsed = parseClientHello(bytes);
  if (parsed.kind === "client-hello") return { kind: "tls", hello: parsed.hello };
  if (parsed.kind === "fault") return { kind: "tls-fault", reason: parsed.reason };
  if (parsed.kind === "need-more") return isFinal ? { kind: "tls-partial" } : null;
  return sniffHttp(bytes, isFinal);
}

function sniffHttp(bytes: Buffer, isFinal: boolean): Sniffed | null {
  const opening = bytes.toString("latin1", 0, preface.length);
  if (opening === preface) return http2;
  // "PRI" alone could still become a method of HTTP/1.
  if (preface.startsWith(opening)) return isFinal ? unknown : null;
  const start = firstLineStart(bytes);
  const text = bytes.toString("latin1", start, start + longestLineBytes);
  const end = text.indexOf("\n");
  if (end >= 0) return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64} \S+ HTTP\/\d\.\d\r?$/.test(text.slice(0, end)) && !text.startsWith("PRI * HTTP/2.0") ? http1 : unknown;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,64}(?: \S*(?: [HTP/\d.\r]*)?)?$/.test(text)) return unknown;
  if (!isFinal && text.length < longestLineBytes) return null;
  // A line that did not come to its end: a method and the beginning of a target will do.
  return /^[A-Z]{3,20} (?:\/|https?:\/\/|\*)/.test(text) ? http1 : unknown;
}

/** Empty lines before a request are allowed (RFC 9112 §2.2). */
function firstLineStart(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length && at < 8 && (bytes[at] === 0x0d || bytes[at] === 0x0a)) at++;
  return at;
}
