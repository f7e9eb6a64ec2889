// The bytes of one body in whichever form they are here: an array, a text that was assigned, or an array with the frame it came in beside it.
// PERF: a text goes back and forth as text while nobody has asked for its bytes (docs/profiles/bodies.md). Once somebody has, the array
// alone counts, because whoever has it may edit it in place. Decides nothing about encodings of messages.
import { utf8Length, encodeUtf8 } from "./byte-string.ts";
import { decodeCharset, type Charset } from "./charset.ts";
import { RealUint8Array, byteLengthOf, isWellFormed } from "./intrinsics.ts";
import { nativeFrameText } from "./native-text.ts";

/** LIMIT: characters of a text that leaves as one: the cell takes no more at once. Below the least a text is bytes as soon. */
const leastTextChars = 512;
const mostTextChars = 8 * 1024 * 1024;

/** Where the cell finds the bytes while the call runs that they came with. */
export interface FrameSource { readonly call: number; readonly index: number }

export class BodyBytes {
  #bytes: Uint8Array | null;
  #text: string;
  #source: FrameSource | null;

  private constructor(bytes: Uint8Array | null, text: string, source: FrameSource | null) {
    this.#bytes = bytes;
    this.#text = text;
    this.#source = source;
  }

  static of(bytes: Uint8Array): BodyBytes {
    return new BodyBytes(bytes, "", null);
  }

  /** What came with an event. */
  static attached(buffer: ArrayBuffer, source: FrameSource): BodyBytes {
    return new BodyBytes(new RealUint8Array(buffer), "", source);
  }

  /** A text to be written as UTF-8; `null`: it must be bytes at once. */
  static ofText(text: string): BodyBytes | null {
    return text.length < leastTextChars || text.length > mostTextChars || !isWellFormed(text) ? null : new BodyBytes(null, text, null);
  }

  /** The array itself, always the same one. From now on it may be edited by whoever asked. */
  get bytes(): Uint8Array {
    this.#source = null;
    if (this.#bytes !== null) return this.#bytes;
    this.#bytes = encodeUtf8(this.#text);
    this.#text = "";
    return this.#bytes;
  }

  /** Well-formed, and as UTF-8 exactly these bytes; `null`: they are bytes. */
  get ownText(): string | null {
    return this.#bytes === null ? this.#text : null;
  }

  get byteLength(): number {
    return this.#bytes === null ? utf8Length(this.#text) : byteLengthOf(this.#bytes);
  }

  decoded(charset: Charset): string {
    if (charset !== "utf-8") return decodeCharset(this.#bytes ?? this.bytes, charset);
    if (this.#bytes === null) return this.#text;
    const known = this.#source === null ? null : nativeFrameText(charset, this.#source.call, this.#source.index);
    return known ?? decodeCharset(this.#bytes, charset);
  }
}
