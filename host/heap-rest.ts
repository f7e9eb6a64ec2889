// Gives memory back to the system when the proxy has been quiet for twenty seconds after a burst. V8's young generation grows with a burst
// of connections and stays as large while nothing is allocated: its own reducer takes an idle Node for a busy one. It knows no connection,
// frees nothing that is in use, and does nothing under load.
import { performance } from "node:perf_hooks";
import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** Time between two looks, in milliseconds. */
const lookEveryMs = 5_000;
/** A look is quiet if no connection came and of the time the process used less than this share. */
const quietBelow = 0.05;
/**
 * So many quiet looks in a row, twenty seconds, come before a collection. PERF: the young generation must grow again in the next burst, whose first
 * some thousand requests cost up to twice as much: collecting in each pause of a second doubled the CPU of HTTP/2 in bursts (docs/performance.md).
 */
export const quietLooks = 4;
/** LIMIT: a heap that grew by less than that since it was last seen at rest is left as it is. */
export const worthBytes = 8 * 1024 * 1024;
/** V8 begins to mark when more than 64 MiB outside its heap were added. Nobody touches them, so that they take addresses and no memory. */
const startingBytes = 128 * 1024 * 1024;

/** What there is to decide by. */
export interface HeapLook {
  /** Looks in a row at which it was quiet, this one included. */
  readonly quietLooks: number;
  /** What the heap takes of the system now, and what it took when it was last at rest. */
  readonly heapBytes: number;
  readonly restingBytes: number;
}

/** Whether to look again later, to collect now, or to leave the heap as it is until connections come. */
export function judgeRest({ quietLooks: looks, heapBytes, restingBytes }: HeapLook): "later" | "collect" | "leave" {
  if (looks < quietLooks) return "later";
  return heapBytes - restingBytes >= worthBytes ? "collect" : "leave";
}

/** What it stands on; tests have their own. */
export interface HeapMeans {
  heapBytes(): number;
  /** Share of the time since the last call in which the process did something. */
  busyShare(): number;
  collect(): void;
}

/** Of one proxy. Collects at most once for each burst. */
export class HeapRest {
  readonly #means: HeapMeans;
  #timer: NodeJS.Timeout | null = null;
  #isOpening = false;
  #quietLooks = 0;
  #restingBytes: number;
  /** At the last look: by the next one it has done what it can. */
  #hasCollected = false;

  constructor(means: HeapMeans = makeMeans()) {
    this.#means = means;
    this.#restingBytes = means.heapBytes();
  }

  /** To be told of each connection. Looks from now on, until it is quiet; that never keeps the process alive. */
  opened(): void {
    this.#isOpening = true;
    if (this.#timer !== null) return;
    this.#quietLooks = 0;
    this.#means.busyShare();
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  /** Called by the timer; tests call it themselves. */
  look(): void {
    const heapBytes = this.#means.heapBytes();
    // What it did not give back is no reason to try again.
    this.#restingBytes = this.#hasCollected ? heapBytes : Math.min(this.#restingBytes, heapBytes);
    const isQuiet = this.#means.busyShare() < quietBelow && !this.#isOpening;
    this.#isOpening = false;
    this.#quietLooks = isQuiet ? this.#quietLooks + 1 : 0;
    const judged = judgeRest({ quietLooks: this.#quietLooks, heapBytes, restingBytes: this.#restingBytes });
    this.#hasCollected = judged === "collect";
    if (judged === "collect") this.#means.collect();
    if (judged === "leave") this.stop();
  }

  /** Looks no more until a connection comes. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function makeMeans(): HeapMeans {
  let last = performance.eventLoopUtilization();
  return {
    heapBytes: () => getHeapStatistics().total_heap_size,
    busyShare() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    collect: collectGently,
  };
}

/**
 * Begins a collection that gives back what it can, in steps between turns of the loop (whole ones, which `gc()` makes, hold everything up three
 * to ten times as long). What V8 is to save decides how marking begins, and is nothing to it from then on.
 */
export function collectGently(): void {
  setFlagsFromString("--memory-saver-mode");
  try {
    Buffer.allocUnsafeSlow(startingBytes);
  } catch (error) {
    // A system that bounds addresses: then all stays as it is, which is no reason to die.
    if (!(error instanceof RangeError)) throw error;
  } finally {
    setFlagsFromString("--no-memory-saver-mode");
  }
}
