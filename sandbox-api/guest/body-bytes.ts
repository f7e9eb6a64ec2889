// The bytes of one body in whichever form they are here: an array, a text, or lent by the cell, in whose frame they came. PERF: a text goes
// back and forth as text, and what nobody asks for stays where it is, while nobody has asked for bytes (docs/profiles/bodies.md). Once somebody
// has, the array alone counts, because whoever has it may edit it in place. Decides nothing about encodings of messages.
import { mostTextBytes } from "../schema/guest-contract.ts";
import { utf8Length, encodeUtf8 } from "./byte-string.ts";
import { decodeCharset, type Charset } from "./charset.ts";
import { RealUint8Array, byteLengthOf, isWellFormed } from "./intrinsics.ts";
import { lentBytes, nativeFrameText } from "./native-text.ts";

/** PERF: below this a text is bytes as soon. */
const leastTextChars = 512;

export class BodyBytes {
  #bytes: Uint8Array | null;
  /** Well-formed, and as UTF-8 exactly the bytes; forgotten once there is an array. */
  #text: string | null;
  /** Where the cell finds the bytes while the call runs that they came with; 0: nowhere. */
  #call: number;
  readonly #index: number;
  readonly #lentLength: number;

  private constructor(bytes: Uint8Array | null, text: string | null, call = 0, index = 0, lentLength = 0) {
    this.#bytes = bytes;
    this.#text = text;
    this.#call = call;
    this.#index = index;
    this.#lentLength = lentLength;
  }

  static of(bytes: Uint8Array): BodyBytes {
    return new BodyBytes(bytes, null);
  }

  /** What lies beside that call, which runs: a buffer, or the length of what is lent. */
  static came(attachment: ArrayBuffer | number, call: number, index: number): BodyBytes {
    return typeof attachment === "number" ? new BodyBytes(null, null, call, index, attachment) : new BodyBytes(new RealUint8Array(attachment), null, call, index);
  }

  /** A text to be written as UTF-8; `null`: it must be bytes at once. */
  static ofText(text: string): BodyBytes | null {
    return text.length < leastTextChars || text.length > mostTextBytes || !isWellFormed(text) ? null : new BodyBytes(null, text);
  }

  /** The array itself, always the same one. From now on it may be edited by whoever asked. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#text === null ? lentBytes(this.#call, this.#index) : encodeUtf8(this.#text);
    this.#text = null;
    this.#call = 0;
    return this.#bytes;
  }

  /** Well-formed, and as UTF-8 exactly these bytes; `null`: they are bytes. */
  get ownText(): string | null {
    return this.#bytes === null ? this.#text : null;
  }

  get byteLength(): number {
    return this.#bytes !== null ? byteLengthOf(this.#bytes) : this.#text === null ? this.#lentLength : utf8Length(this.#text);
  }

  decoded(charset: Charset): string {
    if (charset !== "utf-8") return decodeCharset(this.bytes, charset);
    if (this.ownText !== null) return this.ownText;
    const known = this.#call === 0 || this.byteLength < leastTextChars ? null : nativeFrameText(charset, this.#call, this.#index);
    if (known === null) return decodeCharset(this.bytes, charset);
    if (this.#bytes === null) this.#text = known;
    return known;
  }

  /** The call ends with which they came: what it lent must be here. LIMIT: as text only where that takes no more room. */
  keep(): void {
    if (this.#bytes === null && this.#text?.length !== this.#lentLength) this.#bytes = lentBytes(this.#call, this.#index);
    if (this.#bytes !== null) this.#text = null;
    this.#call = 0;
  }
}
