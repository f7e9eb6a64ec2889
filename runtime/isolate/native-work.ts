// What this process does for an isolate within one of its entries (`$native`, `$text`), on the clock: isolated-vm's own clocks stand
// still meanwhile, so without this neither the time-out nor the CPU time of the entry would know of it. It does not interrupt:
// each piece of work is bounded by whoever does it. What is refused is refused by CPU time: on a busy machine the clock runs for others too.
import { threadMicros } from "./meter.ts";

export class NativeWork {
  readonly #now: () => number;
  readonly #cpuMicros: () => number;
  #leftMs = 0;
  #spentMs = 0;
  /** CPU time of the thread when the entry's first piece began. */
  #firstMicros = 0;

  constructor(now = (): number => performance.now(), cpuMicros = threadMicros) {
    this.#now = now;
    this.#cpuMicros = cpuMicros;
  }

  /** Begins an entry whose work may take that long. */
  open(mostMs: number): void {
    this.#leftMs = mostMs;
    this.#spentMs = 0;
  }

  /** What the entry's work has taken on the clock. */
  get micros(): number {
    return Math.round(this.#spentMs * 1_000);
  }

  /** Does one piece. Once they have taken too long together each throws, for the guest, an error without this process's stack. PERF: CPU time is read at the first piece, and where the clock says that it was too long. */
  run<T>(piece: () => T): T {
    if (this.#spentMs === 0) this.#firstMicros = this.#cpuMicros();
    else if (this.#spentMs > this.#leftMs && this.#cpuMicros() - this.#firstMicros > this.#leftMs * 1_000) {
      const error = new Error("no CPU time is left for this");
      error.stack = error.message;
      throw error;
    }
    const begunAt = this.#now();
    try {
      return piece();
    } finally {
      this.#spentMs += this.#now() - begunAt;
    }
  }
}
