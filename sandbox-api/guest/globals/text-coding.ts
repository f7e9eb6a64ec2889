// TextEncoder and TextDecoder (WHATWG Encoding) for utf-8, utf-16le, utf-16be and windows-1252 (and its labels latin1 and ascii).
// Not stateful: `stream: true` is refused rather than done wrong. Other encodings throw a RangeError.
import { bytesFrom, isBytes } from "../body.ts";
import { decodeUtf8, encodeUtf8 } from "../byte-string.ts";
import { charsetOf, decodeCharset, type Charset } from "../charset.ts";
import { RealRangeError, RealTypeError, RealUint8Array, bufferOf, byteLengthOf, byteOffsetOf, charCodeAt, copyInto, dataViewBuffer, dataViewByteLength, dataViewByteOffset, expose, isObject, slice, toLowerCase, trim, typedArrayTag } from "../intrinsics.ts";
import { readMember } from "../iterate.ts";

export class TextEncoder {
  get encoding(): "utf-8" { return "utf-8"; }
  encode(text: unknown = ""): Uint8Array {
    return encodeUtf8(`${text as string}`, false);
  }
  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    if (!isBytes(target)) throw new RealTypeError("encodeInto needs a Uint8Array");
    const source = `${text}`;
    const room = byteLengthOf(target);
    let read = 0;
    let written = 0;
    while (read < source.length) {
      const unit = charCodeAt(source, read);
      const next = read + 1 < source.length ? charCodeAt(source, read + 1) : 0;
      const units = unit >= 0xd800 && unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff ? 2 : 1;
      const bytes = encodeUtf8(slice(source, read, read + units), false);
      if (written + byteLengthOf(bytes) > room) break;
      copyInto(target, bytes, written);
      written += byteLengthOf(bytes);
      read += units;
    }
    return { read, written };
  }
}
expose(TextEncoder, "TextEncoder");

/** Any buffer source as a view of its bytes. */
export function viewOf(source: unknown): Uint8Array {
  if (source === undefined) return new RealUint8Array(0);
  if (isObject(source)) {
    if (typedArrayTag(source) !== undefined) {
      const view = source as ArrayBufferView;
      return new RealUint8Array(bufferOf(view), byteOffsetOf(view), byteLengthOf(view));
    }
    try {
      return new RealUint8Array(dataViewBuffer(source), dataViewByteOffset(source), dataViewByteLength(source));
    } catch {
      // No DataView; what follows refuses everything but an ArrayBuffer.
    }
  }
  return bytesFrom("input", source ?? undefined, Infinity, false);
}

export class TextDecoder {
  readonly #charset: Charset;
  readonly #isFatal: boolean;
  readonly #keepsMark: boolean;
  constructor(label: unknown = "utf-8", options?: unknown) {
    const charset = charsetOf(toLowerCase(trim(`${label as string}`)));
    if (charset === undefined) throw new RealRangeError(`the encoding "${slice(`${label as string}`, 0, 40)}" is not available to addons`);
    this.#charset = charset;
    this.#isFatal = isObject(options) && readMember(options, "fatal") === true;
    this.#keepsMark = isObject(options) && readMember(options, "ignoreBOM") === true;
  }
  get encoding(): string { return this.#charset; }
  get fatal(): boolean { return this.#isFatal; }
  get ignoreBOM(): boolean { return this.#keepsMark; }
  decode(source?: unknown, options?: unknown): string {
    if (isObject(options) && readMember(options, "stream") === true) throw new RealTypeError("TextDecoder: stream is not available to addons");
    const bytes = viewOf(source);
    const text = this.#charset === "utf-8" ? decodeUtf8(bytes, this.#isFatal ? "refuse" : "replace") : decodeCharset(bytes, this.#charset);
    if (text === null) throw new RealTypeError("the data is not valid utf-8");
    return !this.#keepsMark && this.#charset !== "windows-1252" && text.length > 0 && charCodeAt(text, 0) === 0xfeff ? slice(text, 1) : text;
  }
}
expose(TextDecoder, "TextDecoder");
