// Part "compression": CompressionStream and DecompressionStream (WHATWG Compression). The cell compresses; what goes in is kept until
// the stream ends and then done in one piece, so it is bounded.
import { copyBytes, bytesOf } from "./bytes.ts";
import { describe, needs, text } from "./idl.ts";
import { RealTypeError, RealUint8Array, bareArray, bufferOf, byteLengthOf, copyInto } from "./intrinsics.ts";

/** LIMIT: bytes that go into one stream (runtime/native takes as many at once). */
const mostBytes = 4 * 1024 * 1024;
const pieceBytes = 65_536;

interface Controller { enqueue(chunk: Uint8Array): void }
interface Pair { readonly readable: unknown; readonly writable: unknown }

function makePair(operation: "compress" | "decompress", format: string): Pair {
  const { TransformStream } = $kernel.part("streams") as { readonly TransformStream: new (transformer: object) => Pair };
  const pieces = bareArray<Uint8Array>();
  let size = 0;
  return new TransformStream({
    transform: (chunk: unknown) => {
      const bytes = bytesOf(chunk);
      if (bytes === null) throw new RealTypeError("a chunk must be an ArrayBuffer or a view of one");
      size += byteLengthOf(bytes);
      if (size > mostBytes) throw new RealTypeError(`${operation}: more than ${mostBytes} bytes`);
      pieces[pieces.length] = copyBytes(bytes);
    },
    flush: (controller: Controller) => emit(run(operation, format, joined(pieces, size)), controller),
  });
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new RealUint8Array(size);
  for (let index = 0, at = 0; index < pieces.length; index++) {
    copyInto(bytes, pieces[index]!, at);
    at += byteLengthOf(pieces[index]!);
  }
  return bytes;
}

function run(operation: string, format: string, bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  try {
    return $kernel.native(operation, `{"format":"${format}"}`, bufferOf(bytes));
  } catch (thrown) {
    throw new RealTypeError($kernel.flatten(thrown).message);
  }
}

function emit(result: ArrayBuffer, controller: Controller): void {
  const size = $kernel.intrinsics.bufferByteLength(result);
  for (let at = 0; at < size; at += pieceBytes) controller.enqueue(copyBytes(new RealUint8Array(result, at, size - at < pieceBytes ? size - at : pieceBytes)));
}

function formatOf(given: number, value: unknown): string {
  needs(1, given, "CompressionStream");
  const format = text(value);
  if (format !== "gzip" && format !== "deflate" && format !== "deflate-raw") throw new RealTypeError('the format must be "gzip", "deflate" or "deflate-raw"');
  return format;
}

export class CompressionStream {
  readonly #pair: Pair;
  constructor(format: unknown) { this.#pair = makePair("compress", formatOf(arguments.length, format)); }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}
describe(CompressionStream, "CompressionStream");

export class DecompressionStream {
  readonly #pair: Pair;
  constructor(format: unknown) { this.#pair = makePair("decompress", formatOf(arguments.length, format)); }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}
describe(DecompressionStream, "DecompressionStream");
