// What Request and Response have in common, as addons see it: headers, trailers, body in its four forms, streaming. Reading
// parses what is needed; writing checks at the author's line and records. No rules of request lines or status lines.
import { decodeText } from "./byte-string.ts";
import { assignedBody, bytesFrom } from "./body.ts";
import { BodyBytes } from "./body-bytes.ts";
import { contentCharset, encodeCharset } from "./charset.ts";
import { checkSize, mostBytesPerUnit } from "./draft.ts";
import { findField, type Field } from "./fields.ts";
import { Headers, replaceFields, type HeadersInit } from "./headers.ts";
import { bareArray, charCodeAt, expose, isFunction, jsonParse, slice } from "./intrinsics.ts";
import { HeadSource, TrailerSource, type Head, type MessageState, type StreamFunction } from "./message-state.ts";
import { refuse } from "./thrown.ts";

export abstract class Message<H extends Head<H>> {
  readonly #state: MessageState<H>;
  #headers: Headers | null = null;
  #trailers: Headers | null = null;

  constructor(state: MessageState<H>) {
    this.#state = state;
  }

  /** "HTTP/1.1", "HTTP/2.0", … */
  get httpVersion(): string {
    return this.#state.head.httpVersion;
  }
  /** Seconds since the epoch. */
  get timestampStart(): number {
    return this.#state.head.timestampStart;
  }
  /** Seconds since the epoch; `null`: not read to the end. */
  get timestampEnd(): number | null {
    return this.#state.head.timestampEnd;
  }

  /** Assigning replaces the whole list. */
  get headers(): Headers {
    return (this.#headers ??= new Headers(new HeadSource(this.#state)));
  }
  set headers(init: HeadersInit) {
    replaceFields(new HeadSource(this.#state), init);
  }

  /** Fields after the body; `null`: none. */
  get trailers(): Headers | null {
    if (this.#state.trailers === null) return null;
    return (this.#trailers ??= new Headers(new TrailerSource(this.#state)));
  }
  set trailers(init: HeadersInit | null) {
    if (init !== null) replaceFields(new TrailerSource(this.#state), init);
    else if (this.#state.trailers !== null) this.#state.writeTrailers(null);
  }

  /**
   * Raw bytes as on the wire; `null` when they were not read yet, not granted, too large (`truncated`) or streamed. The array is
   * this addon's own: editing it in place changes nothing, assign to change. `null` empties the body.
   */
  get body(): Uint8Array | null {
    return this.#state.body.raw;
  }
  set body(bytes: Uint8Array | ArrayBuffer | null) {
    this.#assign("raw", "body", bytes, false);
  }

  /** The body decoded by Content-Encoding; `null` where `body` is, or when it cannot be decoded. Assigning keeps the encoding. A string is written as UTF-8. */
  get content(): Uint8Array | null {
    return this.#state.body.content;
  }
  set content(bytes: Uint8Array | ArrayBuffer | string | null) {
    this.#assign("content", "content", bytes, true);
  }

  /** The content as text, by the charset of Content-Type (UTF-8 without one); `null` where `content` is. */
  get text(): string | null {
    return this.#decoded();
  }
  set text(text: string | null) {
    const field = `${this.#state.kind}.text`;
    if (text !== null && typeof text !== "string") throw refuse(field, `${field} must be a string or null`);
    const charset = contentCharset(this.#contentType);
    const held = charset === "utf-8" && text !== null ? BodyBytes.ofText(text) : null;
    if (held !== null) {
      this.#state.writeBody(field, (mostBytes) => assignedBody(withinSize(held, mostBytes), "content", this.#state.hasEncoding));
      return;
    }
    const bytes = encodeCharset(text ?? "", charset);
    if (bytes === null) throw refuse(field, `${field} has characters that the charset of Content-Type cannot write`);
    this.#assign("content", "text", bytes, false);
  }

  /** The text parsed as JSON. Throws a SyntaxError when it is none, a TypeError when there is no body here. */
  json(): unknown {
    const text = this.#decoded();
    if (text === null) throw refuse(`${this.#state.kind}.content`, `${this.#state.kind}.json(): there is no decoded body here`);
    return jsonParse(charCodeAt(text, 0) === 0xfeff ? slice(text, 1) : text);
  }

  /** The body was larger than this addon may get, so it was not given. */
  get truncated(): boolean {
    return this.#state.body.isTruncated;
  }

  /** `true` passes the body on while it comes; a function gets each chunk and gives what goes on instead. */
  get stream(): boolean | StreamFunction {
    return this.#state.stream;
  }
  set stream(stream: boolean | StreamFunction) {
    const field = `${this.#state.kind}.stream`;
    if (typeof stream !== "boolean" && !isFunction(stream)) throw refuse(field, `${field} must be true, false or a function`);
    this.#state.writeStream(stream);
  }

  #decoded(): string | null {
    return this.#state.body.text(contentCharset(this.#contentType));
  }

  get #contentType(): string | null {
    // Not given: UTF-8, as for a body without a type.
    const fields = this.#state.knownFields ?? bareArray<Field>();
    const at = findField(fields, "content-type");
    return at < 0 ? null : decodeText(fields[at]!.value);
  }

  #assign(as: "raw" | "content", name: string, value: unknown, mayBeText: boolean): void {
    const field = `${this.#state.kind}.${name}`;
    this.#state.writeBody(field, (mostBytes) => assignedBody(bytesFrom(field, value, mostBytes, mayBeText), as, this.#state.hasEncoding));
  }
}
expose(Message, "Message");

/** The same. Throws a refusal where it is larger than one call's changes may be. PERF: a text is measured only where it may be. */
function withinSize(held: BodyBytes, mostBytes: number): BodyBytes {
  const { ownText } = held;
  if (ownText === null || mostBytesPerUnit * ownText.length > mostBytes) checkSize(held.byteLength, mostBytes);
  return held;
}
