// Part "encoding": TextEncoder and TextDecoder (WHATWG Encoding). UTF-8 by the guest's own codec, everything else by @exodus/bytes;
// the tables of multi-byte encodings are a part of their own.
import { TextDecoder as LibraryDecoder, labelToName, normalizeEncoding } from "@exodus/bytes/encoding-lite.js";
import { needBytes } from "./bytes.ts";
import { describe, dictionary, text, wellFormed } from "./idl.ts";
import { RealRangeError, RealTypeError, RealUint8Array, byteLengthOf, charCodeAt, copyInto, toLowerCase, typedArrayTag } from "./intrinsics.ts";

type Decode = (bytes: Uint8Array, isStream: boolean) => string;
type CreateDecoder = (encoding: string, isLoose: boolean) => Decode;
const multibyteNames: { readonly [name: string]: true | undefined } = {
  __proto__: null as never,
  big5: true, "euc-kr": true, "euc-jp": true, "iso-2022-jp": true, shift_jis: true, gbk: true, gb18030: true,
};

function makeDecoder(name: string, fatal: boolean, ignoreBOM: boolean): Decode {
  if (multibyteNames[name] === true) return ($kernel.part("multibyte")["createMultibyteDecoder"] as CreateDecoder)(name, !fatal);
  const decoder = new LibraryDecoder(name, { fatal, ignoreBOM });
  return (bytes, stream) => decoder.decode(bytes, { stream });
}

export class TextEncoder {
  readonly #isOurs = true;
  get encoding(): "utf-8" {
    return this.#isOurs ? "utf-8" : "utf-8";
  }
  encode(input: unknown = ""): Uint8Array {
    if (!this.#isOurs) throw new RealTypeError("no TextEncoder");
    return $kernel.encodeUtf8(text(input), false);
  }
  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    if (!this.#isOurs) throw new RealTypeError("no TextEncoder");
    const given = wellFormed(source);
    if (typedArrayTag(destination) !== "Uint8Array") throw new RealTypeError("encodeInto needs a Uint8Array");
    return encodeInto(given, destination as Uint8Array);
  }
}
describe(TextEncoder, "TextEncoder");

/** As many whole characters as there is room for. */
function encodeInto(source: string, target: Uint8Array): { read: number; written: number } {
  const room = byteLengthOf(target);
  let read = 0;
  let written = 0;
  while (read < source.length) {
    const unit = charCodeAt(source, read);
    const size = unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit < 0xd800 || unit > 0xdfff ? 3 : 4;
    if (written + size > room) break;
    written += size;
    read += size === 4 ? 2 : 1;
  }
  if (read > 0) copyInto(target, $kernel.encodeUtf8($kernel.intrinsics.slice(source, 0, read), false));
  return { read, written };
}

export class TextDecoder {
  readonly #decode: Decode;
  readonly #name: string;
  readonly #isFatal: boolean;
  readonly #keepsMark: boolean;

  constructor(label: unknown = "utf-8", options?: unknown) {
    const given = text(label);
    const name = normalizeEncoding(given);
    const { fatal, ignoreBOM } = dictionary(options, "options");
    if (name === null || name === "replacement") throw new RealRangeError(`"${$kernel.intrinsics.slice(given, 0, 40)}" is not the label of an encoding`);
    this.#name = toLowerCase(labelToName(name) ?? name);
    this.#isFatal = !!fatal;
    this.#keepsMark = !!ignoreBOM;
    this.#decode = makeDecoder(name, this.#isFatal, this.#keepsMark);
  }
  get encoding(): string { return this.#name; }
  get fatal(): boolean { return this.#isFatal; }
  get ignoreBOM(): boolean { return this.#keepsMark; }

  decode(input?: unknown, options?: unknown): string {
    const decode = this.#decode;
    const bytes = input === undefined ? new RealUint8Array(0) : needBytes(input, "input");
    const stream = !!dictionary(options, "options")["stream"];
    return decode(bytes, stream);
  }
}
describe(TextDecoder, "TextDecoder");
