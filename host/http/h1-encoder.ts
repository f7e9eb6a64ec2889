// HTTP/1 heads and chunks to the wire. A head is one latin1 string: `socket.write(text, "latin1")` costs less in Node
// than a Buffer made of it; fields that nobody changed are the bytes that came in.
// WALL: the last one against smuggling: throws (invariant) rather than let a CR, LF, NUL or stray space out. What HeaderFields
// holds was checked when it went in. It does not decide about framing: the caller puts the fields that say so.
import { invariant } from "../invariant.ts";
import { isSendableTarget, isSendableValue, isTokenText } from "./field-rules.ts";
import type { HeaderFields } from "./header-fields.ts";

/** What of a request goes on the wire; a decoded RequestHead fits, unless it came over HTTP/2. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** Default "1.1", which is what an intermediary says of itself (RFC 9110 §2.5). */
  readonly version?: "1.0" | "1.1";
  readonly headers: HeaderFields;
}

/** What of a response goes on the wire. */
export interface StatusLine {
  /** 100–999. */
  readonly status: number;
  readonly reason: string;
  /** Default "1.1". */
  readonly version?: "1.0" | "1.1";
  readonly headers: HeaderFields;
}

/** Request-line, fields and the empty line as latin1 text. Throws for a method, target or version that may not be sent. */
export function encodeRequestHead({ method, target, version = "1.1", headers }: RequestLine): string {
  invariant(isTokenText(method), "encoder: the method is not a token");
  invariant(isSendableTarget(target), "encoder: the target holds a forbidden character");
  invariant(version === "1.1" || version === "1.0", "encoder: no such version");
  return `${method} ${target} HTTP/${version}\r\n${headers.toBlock()}\r\n`;
}

/** Status-line, fields and the empty line as latin1 text. Throws for a status or reason that may not be sent. */
export function encodeResponseHead({ status, reason, version = "1.1", headers }: StatusLine): string {
  invariant(Number.isInteger(status) && status >= 100 && status <= 999, "encoder: the status is not three digits");
  invariant(isSendableValue(reason), "encoder: the reason holds a forbidden character");
  invariant(version === "1.1" || version === "1.0", "encoder: no such version");
  return `HTTP/${version} ${status} ${reason}\r\n${headers.toBlock()}\r\n`;
}

/** Below this a chunk is copied into one piece, so that it goes out in one plain write; above, copying would cost more than a vectored write. */
const COPY_BELOW_BYTES = 4_096;
const CRLF = Buffer.from("\r\n");

/** One chunk of a chunked body, in one piece (a copy) when small, else in three to be corked. No pieces for empty data, which would end the body. */
export function encodeChunk(data: Buffer): readonly Buffer[] {
  if (data.length === 0) return [];
  const size = `${data.length.toString(16)}\r\n`;
  if (data.length >= COPY_BELOW_BYTES) return [Buffer.from(size, "latin1"), data, CRLF];
  const chunk = Buffer.allocUnsafe(size.length + data.length + 2);
  chunk.write(size, 0, "latin1");
  data.copy(chunk, size.length);
  chunk.write("\r\n", size.length + data.length, "latin1");
  return [chunk];
}

/** What ends a chunked body: last chunk, trailers as they are, empty line; latin1 text. */
export function encodeLastChunk(trailers?: HeaderFields): string {
  return `0\r\n${trailers === undefined ? "" : trailers.toBlock()}\r\n`;
}
