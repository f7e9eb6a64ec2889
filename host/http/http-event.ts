// What a message is made of once it is decoded: head, data, trailers, end, or a fault. The same for HTTP/1
// and HTTP/2, so that the exchange above never asks which one it talks to.
// A peer that misbehaves is a fault value with a code of the table here, never an exception.
import type { HeaderFields } from "./header-fields.ts";
import type { BodyFraming } from "./body-framing.ts";

export type HttpVersion = "1.0" | "1.1" | "2";

/**
 * Every fault: its sentence for the operator, and the status to answer with when a client's bytes caused it.
 * When a server's bytes caused it the answer is 502.
 */
export const faultTable = {
  "bad-start-line": { status: 400, sentence: "The first line is not a request-line or status-line of HTTP/1." },
  "bad-method": { status: 400, sentence: "The method is not a token." },
  "method-too-long": { status: 501, sentence: "The method is longer than the limit." },
  "bad-target": { status: 400, sentence: "The request-target holds forbidden bytes or has none of the four forms." },
  "target-too-long": { status: 414, sentence: "The request-target is longer than the limit." },
  "bad-version": { status: 400, sentence: "The protocol version is malformed." },
  "unsupported-version": { status: 505, sentence: "The protocol version is neither HTTP/1.0 nor HTTP/1.1." },
  "bad-status": { status: 400, sentence: "The status code is not three digits from 100 on." },
  "bad-reason": { status: 400, sentence: "The reason phrase holds forbidden bytes." },
  "too-many-empty-lines": { status: 400, sentence: "More empty lines than the limit came before the request-line." },
  "line-too-long": { status: 431, sentence: "A field line is longer than the limit." },
  "head-too-large": { status: 431, sentence: "The head is larger than the limit." },
  "too-many-fields": { status: 431, sentence: "The head has more fields than the limit." },
  "empty-field-name": { status: 400, sentence: "A field line has no name." },
  "bad-field-name": { status: 400, sentence: "A field name holds a byte that no token may hold." },
  "space-before-colon": { status: 400, sentence: "Whitespace stands inside or after a field name." },
  "missing-colon": { status: 400, sentence: "A field line has no colon." },
  "bad-field-value": { status: 400, sentence: "A field value holds a control byte." },
  "obs-fold": { status: 400, sentence: "A field line begins with whitespace (obsolete line folding)." },
  "bare-lf": { status: 400, sentence: "A line ends in LF without CR." },
  "bare-cr": { status: 400, sentence: "A CR is not followed by LF." },
  "missing-host": { status: 400, sentence: "An HTTP/1.1 request has no Host field." },
  "repeated-host": { status: 400, sentence: "The request has more than one Host field." },
  "bad-host": { status: 400, sentence: "The Host field is not a host with an optional port." },
  "bad-content-length": { status: 400, sentence: "Content-Length is not a plain number, or too large to count." },
  "repeated-content-length": { status: 400, sentence: "There is more than one Content-Length." },
  "length-and-transfer-encoding": { status: 400, sentence: "Content-Length and Transfer-Encoding are both there." },
  "bad-transfer-encoding": { status: 400, sentence: "Transfer-Encoding does not end in one single, plain chunked." },
  "unsupported-transfer-coding": { status: 501, sentence: "A transfer coding other than chunked is applied." },
  "transfer-encoding-in-1.0": { status: 400, sentence: "An HTTP/1.0 message has Transfer-Encoding." },
  "connect-with-body": { status: 400, sentence: "A CONNECT request announces a body." },
  "bad-chunk-size": { status: 400, sentence: "A chunk size is not a plain hexadecimal number followed by CRLF." },
  "chunk-size-overflow": { status: 413, sentence: "A chunk size is too large to count." },
  "bad-chunk-extension": { status: 400, sentence: "A chunk extension is malformed." },
  "chunk-extensions-too-large": { status: 413, sentence: "The chunk extensions of one body are larger than the limit." },
  "bad-chunk-end": { status: 400, sentence: "Chunk data is not followed by CRLF." },
  "trailers-too-large": { status: 431, sentence: "The trailer section is larger than the limit." },
  "forbidden-trailer": { status: 400, sentence: "A field that frames or routes the message stands in its trailers." },
  "interim-with-body": { status: 400, sentence: "An interim response announces a body." },
  "too-many-interim": { status: 400, sentence: "More interim responses than the limit came before the final one." },
  "unasked-upgrade": { status: 400, sentence: "The server switched protocols without being asked to." },
  "closed-before-response": { status: 400, sentence: "The server closed the connection before a response." },
  "truncated-head": { status: 400, sentence: "The connection closed inside a head." },
  "truncated-body": { status: 400, sentence: "The connection closed inside a body." },
  "bad-pseudo-field": { status: 400, sentence: "A pseudo-header field is missing, repeated, unknown or out of place." },
  "connection-field": { status: 400, sentence: "A field that belongs to one HTTP/1 connection stands in an HTTP/2 message." },
  "authority-mismatch": { status: 400, sentence: ":authority and Host name different servers." },
  "length-mismatch": { status: 400, sentence: "The body is not as long as Content-Length says." },
  "stream-reset": { status: 400, sentence: "The HTTP/2 stream was reset before the message was complete." },
} as const satisfies Record<string, { readonly status: number; readonly sentence: string }>;

export type FaultCode = keyof typeof faultTable;

/** Whose bytes were decoded: decides the suggested status. */
export type Side = "client" | "server";

/** A peer broke the protocol or a limit. `status` is what to answer the client with, if an answer is still possible. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly status: number;
}

/** The fault of that code, with the status that suits the side whose bytes caused it. */
export function faultOf(code: FaultCode, side: Side): Fault {
  const row = faultTable[code];
  return { code, message: row.sentence, status: side === "server" ? 502 : row.status };
}

/** What both kinds of head have. */
interface Head {
  readonly version: HttpVersion;
  readonly headers: HeaderFields;
  /** How the body is framed; over HTTP/2 `none`, `length` or, where the length is not declared, `chunked`: its end is marked. */
  readonly framing: BodyFraming;
  /** True when no data and no trailers follow: `end` is the next event (for an interim head: the next head). */
  readonly endStream: boolean;
  /** True when the sender lets the connection live on after this message. */
  readonly keepAlive: boolean;
  /**
   * Protocols of the Upgrade field, as sent, in order; empty unless Connection names it and the version is 1.1. Where it is
   * empty an Upgrade field means nothing and must not be forwarded: the next parser could take it up.
   */
  readonly upgrade: readonly string[];
}

export interface RequestHead extends Head {
  readonly kind: "request-head";
  readonly method: string;
  /** The request-target as sent, latin1: origin-form, absolute-form, authority-form or "*". */
  readonly target: string;
  /** True when the client waits for 100 (Continue) before it sends the body. */
  readonly expectContinue: boolean;
}

export interface ResponseHead extends Head {
  readonly kind: "response-head";
  /** 100–999. */
  readonly status: number;
  /** As sent, latin1; may be empty. */
  readonly reason: string;
  /** True for 1xx other than 101: another head follows, no `end` belongs to this one. */
  readonly interim: boolean;
}

export interface DataEvent {
  readonly kind: "data";
  /** A view on the input, not a copy; never empty. */
  readonly data: Buffer;
}

export interface TrailersEvent {
  readonly kind: "trailers";
  readonly headers: HeaderFields;
}

export interface EndEvent {
  readonly kind: "end";
}

export interface FaultEvent {
  readonly kind: "fault";
  readonly fault: Fault;
}

/**
 * One message is: interim response-heads, one head, data*, trailers?, end. A fault may stand in any place
 * and is the last event of its decoder.
 */
export type HttpEvent = RequestHead | ResponseHead | DataEvent | TrailersEvent | EndEvent | FaultEvent;
