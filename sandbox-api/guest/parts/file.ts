// Blob and File (W3C File API). Slices copy nothing: the bytes of a blob never change.
import { bytesOf, copyBytes, decode } from "./bytes.ts";
import { describe, dictionary, needs, text, wellFormed } from "./idl.ts";
import { RealError, RealTypeError, RealUint8Array, bareArray, bufferOf, byteLengthOf, byteOffsetOf, copyInto, dateNow, exec, floor, isObject, setPrototypeOf, toLowerCase } from "./intrinsics.ts";

const door: { bytesOf: (value: unknown) => Uint8Array<ArrayBuffer> | null } = { bytesOf: () => null };
/** The bytes of a blob, not to be changed; null for whatever is none. */
export const blobBytes = (value: unknown): Uint8Array<ArrayBuffer> | null => door.bytesOf(value);

/** Made from bytes that nobody else has, without looking at arguments. */
const key = {};
const notAscii = /[^\x20-\x7e]/;
const typeOf = (value: unknown): string => {
  const given = text(value);
  return exec(notAscii, given) === null ? toLowerCase(given) : "";
};

export class Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #type: string;

  constructor(parts?: unknown, options?: unknown, given?: unknown) {
    if (given === key) {
      this.#bytes = parts as Uint8Array<ArrayBuffer>;
      this.#type = options as string;
      return;
    }
    const list = parts === undefined ? bareArray<unknown>() : readParts(parts);
    const { endings = "transparent", type = "" } = dictionary(options, "options");
    const lineEnds = text(endings);
    if (lineEnds !== "transparent" && lineEnds !== "native") throw new RealTypeError('endings must be "transparent" or "native"');
    this.#bytes = join(list, lineEnds === "native");
    this.#type = typeOf(type);
  }
  static {
    door.bytesOf = (value) => (isObject(value) && #bytes in value ? value.#bytes : null);
  }
  get size(): number { return byteLengthOf(this.#bytes); }
  get type(): string { return this.#type; }
  slice(start?: unknown, end?: unknown, contentType?: unknown): Blob {
    const bytes = this.#bytes;
    const from = clamp(start, 0, byteLengthOf(bytes));
    const to = clamp(end, byteLengthOf(bytes), byteLengthOf(bytes));
    const type = contentType === undefined ? "" : typeOf(contentType);
    return newBlob(new RealUint8Array(bufferOf(bytes), byteOffsetOf(bytes) + from, to > from ? to - from : 0), type);
  }
  async text(): Promise<string> { return decode(this.#bytes); }
  async arrayBuffer(): Promise<ArrayBuffer> { return bufferOf(copyBytes(this.#bytes)); }
  async bytes(): Promise<Uint8Array> { return copyBytes(this.#bytes); }
  stream(): unknown {
    const bytes = this.#bytes;
    const { ReadableStream } = $kernel.part("streams") as { readonly ReadableStream: new (source: object) => object };
    return new ReadableStream(sourceOf(bytes));
  }
}
describe(Blob, "Blob", (value) => {
  const bytes = blobBytes(value);
  if (bytes === null) return undefined;
  const { type } = value as Blob;
  return value instanceof File ? new File([newBlob(bytes, "")], value.name, { type, lastModified: value.lastModified }) : newBlob(bytes, type);
});
$kernel.intrinsics.define(Blob, "length", 0, false);

export const newBlob = (bytes: Uint8Array, type: string): Blob => new Blob(bytes, type, key);
const pieceBytes = 65_536;
/** An underlying byte source over bytes that stay what they are. */
function sourceOf(bytes: Uint8Array<ArrayBuffer>): object {
  let at = 0;
  return {
    type: "bytes",
    pull(controller: { enqueue(chunk: Uint8Array): void; close(): void; readonly byobRequest: { respond(count: number): void } | null }): void {
      const left = byteLengthOf(bytes) - at;
      if (left > 0) {
        const size = left < pieceBytes ? left : pieceBytes;
        controller.enqueue(copyBytes(new RealUint8Array(bufferOf(bytes), byteOffsetOf(bytes) + at, size)));
        at += size;
      }
      if (at < byteLengthOf(bytes)) return;
      controller.close();
      controller.byobRequest?.respond(0);
    },
  };
}

function readParts(parts: unknown): unknown[] {
  const list = bareArray<unknown>();
  $kernel.iterate(parts, (part) => {
    list[list.length] = bytesOf(part) !== null || blobBytes(part) !== null ? part : wellFormed(part);
  });
  return list;
}

const anyLineEnd = /\r\n?|\n/g;
const { replace } = String.prototype;
function join(list: readonly unknown[], isNative: boolean): Uint8Array<ArrayBuffer> {
  const pieces = bareArray<Uint8Array>();
  let size = 0;
  for (let index = 0; index < list.length; index++) {
    const part = list[index];
    const piece = typeof part === "string" ? $kernel.encodeUtf8(isNative ? ($kernel.intrinsics.apply(replace as never, part, [anyLineEnd, "\n"]) as string) : part, false) : bytesOf(part) ?? blobBytes(part);
    if (piece === null) throw new RealError("not reached");
    pieces[index] = piece;
    size += byteLengthOf(piece);
  }
  const bytes = new RealUint8Array(size);
  for (let index = 0, at = 0; index < pieces.length; index++) {
    copyInto(bytes, pieces[index]!, at);
    at += byteLengthOf(pieces[index]!);
  }
  return bytes;
}

/** A `[Clamp] long long` as an index; negative ones count from the end. */
function clamp(value: unknown, missing: number, size: number): number {
  if (value === undefined) return missing;
  const number = +(value as number);
  const whole = number === number ? (number < 0 ? -floor(-number) : floor(number)) : 0;
  return whole < 0 ? (size + whole > 0 ? size + whole : 0) : whole < size ? whole : size;
}

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;
  constructor(parts: unknown, name: unknown, options?: unknown) {
    needs(2, arguments.length, "File");
    if (parts === undefined) throw new RealTypeError("the parts of a file must be a list");
    super(parts, options);
    this.#name = wellFormed(name);
    const { lastModified } = dictionary(options, "options");
    const time = lastModified === undefined ? dateNow() : +(lastModified as number);
    this.#lastModified = time === time && time !== Infinity && time !== -Infinity ? (time < 0 ? -floor(-time) : floor(time)) + 0 : 0;
  }
  get name(): string { return this.#name; }
  get lastModified(): number { return this.#lastModified; }
  get webkitRelativePath(): string { return this.#name === "" ? "" : ""; }
}
describe(File, "File", (value) => $kernel.intrinsics.weakGet($kernel.interfaces, Blob.prototype)?.(value));
setPrototypeOf(File, Blob);
