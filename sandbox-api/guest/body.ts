// The body of a message as one addon knows it: bytes from the wire, decoded bytes, and whether somebody gave it new ones. A body is
// never changed in place; assigning makes a new one. The host encodes and frames (events.md §1.9, §4), the guest only remembers.
import type { BodyView } from "../schema/view.ts";
import { RealArrayBuffer, RealUint8Array, bareArray, bufferByteLength, copyInto, jsonParse, typedArrayTag, byteLengthOf } from "./intrinsics.ts";
import { encodeUtf8 } from "./byte-string.ts";
import { checkSize, copyOf } from "./draft.ts";
import { refuse } from "./thrown.ts";

export class Body {
  /** As on the wire; `null`: not known here. */
  readonly raw: Uint8Array | null;
  /** Decoded by Content-Encoding; `null`: not known here. */
  readonly content: Uint8Array | null;
  readonly contentError: string | null;
  readonly isTruncated: boolean;
  readonly isStreamed: boolean;
  /** Given by the call that runs: raw bytes or content. */
  readonly assigned: "raw" | "content" | null;

  constructor(raw: Uint8Array | null, content: Uint8Array | null, contentError: string | null, isTruncated: boolean, isStreamed: boolean, assigned: "raw" | "content" | null) {
    this.raw = raw;
    this.content = content;
    this.contentError = contentError;
    this.isTruncated = isTruncated;
    this.isStreamed = isStreamed;
    this.assigned = assigned;
  }

  /** The same body when its call is over. */
  settled(): Body {
    return new Body(this.raw, this.content, this.contentError, false, false, null);
  }
}

export const noBody = new Body(null, null, null, false, false, null);

/** Bytes that an addon assigned. Where the message has a Content-Encoding, only one of both forms is known until the host did its work. */
export function assignedBody(bytes: Uint8Array, as: "raw" | "content", isEncoded: boolean): Body {
  if (!isEncoded) return new Body(bytes, bytes, null, false, false, as);
  return as === "raw" ? new Body(bytes, null, "not decoded: assigned by this addon", false, false, as) : new Body(null, bytes, null, false, false, as);
}

export type Attachments = readonly ArrayBuffer[];
export const noAttachments: Attachments = bareArray<ArrayBuffer>();

export function attachedBytes(attachments: Attachments, index: number | null): Uint8Array | null {
  const buffer = index === null ? undefined : attachments[index];
  return buffer === undefined ? null : new RealUint8Array(buffer);
}

/** From the text of a body part. */
export function parseBody(text: string, attachments: Attachments): Body {
  const view: BodyView = jsonParse(text);
  const raw = attachedBytes(attachments, view.raw);
  const content = attachedBytes(attachments, view.content) ?? (view.contentError === null ? raw : null);
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
