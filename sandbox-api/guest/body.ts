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

/** What lies beside an event, or beside the answer to a host call. */
export type Attachments = readonly BodyBytes[];
export const noAttachments: Attachments = bareArray<BodyBytes>();

/** As they came with that call, which runs. */
export function attachmentsOf(came: readonly (ArrayBuffer | number)[], call: number): Attachments {
  if (came.length === 0) return noAttachments;
  const attachments = bareArray<BodyBytes>();
  for (let index = 0; index < came.length; index++) attachments[index] = BodyBytes.came(came[index]!, call, index);
  return attachments;
}

/** To be called at the end of the entry with which they came: what is still lent is fetched, or is here as text. */
export function keepAttachments(attachments: Attachments): void {
  for (let index = 0; index < attachments.length; index++) attachments[index]!.keep();
}

const attached = (attachments: Attachments, index: number | null): BodyBytes | null => (index === null ? null : attachments[index] ?? null);

export function attachedBytes(attachments: Attachments, index: number | null): Uint8Array | null {
  const bytes = attached(attachments, index);
  return bytes === null ? null : bytes.bytes;
}

/** From the text of a body part. */
export function parseBody(text: string, attachments: Attachments): Body {
  const view: BodyView = jsonParse(text);
  const raw = attached(attachments, view.raw);
  const content = attached(attachments, view.content) ?? (view.contentError === null ? raw : null);
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
