// What structuredClone moves instead of copying (WHATWG HTML §2.7, Streams §8.2): ArrayBuffers and streams. A copy stands in for each
// while the value is cloned; only when nothing can fail any more the bytes move and streams are joined to their stand-ins.
import { RealArrayBuffer, RealUint8Array, apply, bufferByteLength, copyInto } from "./intrinsics.ts";
import { isBuffer } from "./bytes.ts";

export interface Transfer {
  readonly original: object;
  readonly copy: object;
  /** It is detached, or locked: it cannot be moved. */
  readonly isSpent: () => boolean;
  readonly move: () => void;
}

type Clone = (value: unknown) => unknown;
interface Readable { readonly locked: boolean; pipeTo(target: unknown): Promise<void> }
interface Writable { readonly locked: boolean }
interface Pair { _readable: Readable; _writable: Writable; readonly readable: Readable; readonly writable: Writable }
interface Streams { readonly ReadableStream: new () => Readable; readonly WritableStream: new () => Writable; readonly TransformStream: new (transformer?: object) => Pair }

const transferBuffer = (ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer }).transfer!;

export function isDetached(buffer: ArrayBuffer): boolean {
  return bufferByteLength(buffer) === 0 && (buffer as { detached?: boolean }).detached === true;
}

/** How to move that object; null when it cannot be. Does nothing yet. Chunks of streams are cloned by `clone`, as if they had crossed to another realm. */
export function transferOf(original: object, clone: Clone): Transfer | null {
  if (isBuffer(original)) return ofBuffer(original);
  if (!$kernel.isLoaded("streams")) return null;
  const streams = $kernel.part("streams") as object as Streams;
  if (original instanceof streams.ReadableStream) return ofReadable(streams, original, clone);
  if (original instanceof streams.WritableStream) return ofWritable(streams, original, clone);
  return original instanceof streams.TransformStream ? ofPair(streams, original, clone) : null;
}

function ofBuffer(original: ArrayBuffer): Transfer {
  const isSpent = (): boolean => isDetached(original);
  const copy = new RealArrayBuffer(isSpent() ? 0 : bufferByteLength(original));
  return {
    original, copy, isSpent,
    move: () => {
      copyInto(new RealUint8Array(copy), new RealUint8Array(original));
      apply(transferBuffer, original, []);
    },
  };
}

const through = ({ TransformStream }: Streams, clone: Clone): Pair =>
  new TransformStream({ transform: (chunk: unknown, controller: { enqueue(chunk: unknown): void }) => controller.enqueue(clone(chunk)) });

/** Errors of either side reach the other by the pipe; its own promise is nobody's. */
function join(from: Readable, to: Writable): void {
  void (async () => {
    try {
      await from.pipeTo(to);
    } catch {
      // Told to both streams.
    }
  })();
}

function ofReadable(streams: Streams, original: Readable, clone: Clone): Transfer {
  const { readable, writable } = through(streams, clone);
  return { original, copy: readable, isSpent: () => original.locked, move: () => join(original, writable) };
}

function ofWritable(streams: Streams, original: Writable, clone: Clone): Transfer {
  const { readable, writable } = through(streams, clone);
  return { original, copy: writable, isSpent: () => original.locked, move: () => join(readable, original) };
}

function ofPair(streams: Streams, original: Pair, clone: Clone): Transfer {
  const readable = ofReadable(streams, original.readable, clone);
  const writable = ofWritable(streams, original.writable, clone);
  const copy = new streams.TransformStream();
  // The library has no other way to make one of two streams that there are.
  copy._readable = readable.copy as Readable;
  copy._writable = writable.copy as Writable;
  return {
    original, copy, isSpent: () => readable.isSpent() || writable.isSpent(),
    move: () => {
      readable.move();
      writable.move();
    },
  };
}
