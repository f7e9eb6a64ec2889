// The body of a message as one addon knows it: bytes from the wire, decoded bytes, and whether somebody gave it new ones. A body is
// never changed in place; assigning makes a new one. The host encodes and frames (events.md §1.9, §4), the guest only remembers.
import type { BodyView } from "../schema/view.ts";
import { BodyBytes } from "./body-bytes.ts";
import type { Charset } from "./charset.ts";
import { RealArrayBuffer, RealUint8Array, bareArray, bufferByteLength, copyInto, jsonParse, typedArrayTag, byteLengthOf } from "./intrinsics.ts";
import { encodeUtf8 } from "./byte-string.ts";
import { checkSize, copyOf } from "./draft.ts";
import { refuse } from "./thrown.ts";

export class Body {
  readonly #raw: BodyBytes | null;
  readonly #content: BodyBytes | null;
  readonly contentError: string | null;
  readonly isTruncated: boolean;
  readonly isStreamed: boolean;
  /** Given by the call that runs: raw bytes or content. */
  readonly assigned: "raw" | "content" | null;

  /** Both may be the same; `null`: not known here. */
  constructor(raw: BodyBytes | null, content: BodyBytes | null, contentError: string | null, isTruncated: boolean, isStreamed: boolean, assigned: "raw" | "content" | null) {
    this.#raw = raw;
    this.#content = content;
    this.contentError = contentError;
    this.isTruncated = isTruncated;
    this.isStreamed = isStreamed;
    this.assigned = assigned;
  }

  /** As on the wire; `null`: not known here. */
  get raw(): Uint8Array | null {
    return this.#raw === null ? null : this.#raw.bytes;
  }
  /** Decoded by Content-Encoding; `null`: not known here. */
  get content(): Uint8Array | null {
    return this.#content === null ? null : this.#content.bytes;
  }
  /** The content as text; `null`: not known here. */
  text(charset: Charset): string | null {
    return this.#content === null ? null : this.#content.decoded(charset);
  }
  /** What was given by the call that runs: the content where that is to be encoded, else what goes on the wire. */
  given(isContent: boolean): BodyBytes | null {
    return !isContent && this.assigned === "raw" ? this.#raw : this.#content;
  }

  /** The same body when its call is over. */
  settled(): Body {
    return new Body(this.#raw, this.#content, this.contentError, false, false, null);
  }
}

export const noBody = new Body(null, null, null, false, false, null);

/** Bytes that an addon assigned. Where the message has a Content-Encoding, only one of both forms is known until the host did its work. */
export function assignedBody(given: Uint8Array | BodyBytes, as: "raw" | "content", isEncoded: boolean): Body {
  const bytes = given instanceof BodyBytes ? given : BodyBytes.of(given);
  if (!isEncoded) return new Body(bytes, bytes, null, false, false, as);
  return as === "raw" ? new Body(bytes, null, "not decoded: assigned by this addon", false, false, as) : new Body(null, bytes, null, false, false, as);
}

export type Attachments = readonly ArrayBuffer[];
export const noAttachments: Attachments = bareArray<ArrayBuffer>();

export function attachedBytes(attachments: Attachments, index: number | null): Uint8Array | null {
  const buffer = index === null ? undefined : attachments[index];
  return buffer === undefined ? null : new RealUint8Array(buffer);
}

function attachedBody(attachments: Attachments, index: number | null, call: number): BodyBytes | null {
  const buffer = index === null ? undefined : attachments[index];
  return index === null || buffer === undefined ? null : BodyBytes.attached(buffer, { call, index });
}

/** From the text of a body part, which came with that call. */
export function parseBody(text: string, attachments: Attachments, call: number): Body {
  const view: BodyView = jsonParse(text);
  const raw = attachedBody(attachments, view.raw, call);
  const content = attachedBody(attachments, view.content, call) ?? (view.contentError === null ? raw : null);
  return new Body(raw, content, view.contentError, view.truncated, view.streamed, null);
}

const isArrayBuffer = (value: unknown): value is ArrayBuffer => {
  try {
    return bufferByteLength(value) >= 0;
  } catch {
    // The getter throws for everything that is no ArrayBuffer.
    return false;
  }
};

export const isBytes = (value: unknown): value is Uint8Array => typedArrayTag(value) === "Uint8Array";

/**
 * A copy of what an addon gave as bytes: Uint8Array, ArrayBuffer, `null` (empty), and a string (UTF-8) where allowed. Throws
 * a refusal for anything else, and when it is larger than one call's changes may be.
 */
export function bytesFrom(field: string, value: unknown, mostBytes: number, mayBeText: boolean): Uint8Array<ArrayBuffer> {
  if (value === null) return new RealUint8Array(0);
  if (mayBeText && typeof value === "string") {
    checkSize(value.length, mostBytes);
    return encodeUtf8(value);
  }
  if (isBytes(value)) {
    checkSize(byteLengthOf(value), mostBytes);
    return copyOf(value);
  }
  if (!isArrayBuffer(value)) throw refuse(field, `${field} must be a Uint8Array${mayBeText ? ", a string" : ""} or null`);
  checkSize(bufferByteLength(value), mostBytes);
  const copy = new RealUint8Array(new RealArrayBuffer(bufferByteLength(value)));
  copyInto(copy, new RealUint8Array(value));
  return copy;
}
