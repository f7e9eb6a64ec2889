// Lets V8's heap grow further between two markings while bodies are collected for addons. V8 counts a body, which lies outside its heap,
// as old at once, and marked a heap of 16 MB for every 10 MB of bodies, which was a third of the host's time (docs/profiles/bodies.md). It
// frees nothing and knows no flow: a body is still found by the garbage collector, when nothing refers to it.
import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** A fresh look at the heap after so many bytes of bodies. */
const lookAfterBytes = 1024 * 1024;
/** LIMIT: of a heap that is larger V8 itself decides again; so the room is at most twice this. */
export const mostRoomyHeapBytes = 64 * 1024 * 1024;
/** V8 marks when three times as much is there as the last marking left, in place of a factor of its own choice. 0: its own. */
const roomyPercent = 200;

/** Of one proxy. What it sets is the process's: several in one say the same of the same heap. */
export class HeapRoom {
  readonly #usedBytes: () => number;
  readonly #setPercent: (percent: number) => void;
  #percent = 0;
  /** The first body counts as enough: room that comes in the midst of a load, when the young generation has grown, helps half as much. */
  #bytes = lookAfterBytes;

  constructor(usedBytes = (): number => getHeapStatistics().used_heap_size, setPercent = (percent: number): void => setFlagsFromString(`--heap-growing-percent=${percent}`)) {
    this.#usedBytes = usedBytes;
    this.#setPercent = setPercent;
  }

  /** To be told of each body that was collected. */
  collected(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    if (this.#bytes < lookAfterBytes) return;
    this.#bytes = 0;
    const percent = this.#usedBytes() <= mostRoomyHeapBytes ? roomyPercent : 0;
    if (percent === this.#percent) return;
    this.#percent = percent;
    this.#setPercent(percent);
  }
}
