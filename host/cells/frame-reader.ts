// Finds frames in what a cell's socket delivers, without copying what arrives whole: a frame that is spread over chunks is put
// together in one buffer of its own size, so a large one costs one copy however it is cut. Bounded; knows no messages.
import { type FrameLayout, frameHeaderBytes, readFrame } from "../../sandbox-api/wire/frame.ts";

/** `bytes` holds the frame from `start` on. `isOwn`: it holds nothing else and may be kept; otherwise it is only lent, and freed afterwards. */
export type OnFrame = (frame: FrameLayout, bytes: Buffer, start: number, isOwn: boolean) => void;

export class FrameReader {
  readonly #onFrame: OnFrame;
  /** LIMIT: no frame may be larger; may be raised at any time. */
  largestFrameBytes: number;
  /** The beginning of a frame, when there is one: `#filled` of `#wanted` bytes. */
  #partial: Buffer | undefined;
  #filled = 0;
  #wanted = 0;

  constructor(largestFrameBytes: number, onFrame: OnFrame) {
    this.largestFrameBytes = largestFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Hands on every frame that is whole now. Gives what is wrong when the peer cannot be believed any more, else null. */
  push(chunk: Buffer): string | null {
    let start = 0;
    while (this.#partial !== undefined) {
      const count = Math.min(this.#wanted - this.#filled, chunk.length - start);
      chunk.copy(this.#partial, this.#filled, start, start + count);
      this.#filled += count;
      start += count;
      if (this.#filled < this.#wanted) return null;
      const lie = this.#advance(this.#partial);
      if (lie !== null) return lie;
    }
    return this.#readWhole(chunk, start);
  }

  /** Looks at the partial frame, which has all the bytes that were wanted. */
  #advance(partial: Buffer): string | null {
    const result = readFrame(viewOf(partial), 0, this.#filled, this.largestFrameBytes);
    if (result.kind === "lie") return result.message;
    if (result.kind === "need-more") {
      this.#begin(partial.subarray(0, this.#filled), result.bytes);
      return null;
    }
    this.#partial = undefined;
    this.#onFrame(result.frame, partial, 0, partial.length === result.frame.totalBytes);
    return null;
  }

  #readWhole(chunk: Buffer, from: number): string | null {
    let start = from;
    if (start === chunk.length) return null;
    const view = viewOf(chunk);
    for (;;) {
      const result = readFrame(view, start, chunk.length - start, this.largestFrameBytes);
      if (result.kind === "lie") return result.message;
      if (result.kind === "need-more") {
        if (start < chunk.length) this.#begin(chunk.subarray(start), result.bytes);
        return null;
      }
      this.#onFrame(result.frame, chunk, start, false);
      start += result.frame.totalBytes;
    }
  }

  #begin(head: Buffer, wanted: number): void {
    // Not from the pool: it may be megabytes, and attachments may stay in it.
    this.#partial = Buffer.allocUnsafeSlow(Math.max(wanted, frameHeaderBytes));
    head.copy(this.#partial);
    this.#filled = head.length;
    this.#wanted = this.#partial.length;
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
