// What this process does for an isolate within one of its entries (`$native`, `$text`), on the clock: isolated-vm's own clocks stand
// still meanwhile, so without this neither the time-out nor the CPU time of the entry would know of it. It does not interrupt:
// each piece of work is bounded by whoever does it.

export class NativeWork {
  readonly #now: () => number;
  #leftMs = 0;
  #spentMs = 0;

  constructor(now = (): number => performance.now()) {
    this.#now = now;
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

  /** Does one piece. Once they have taken too long together each throws, for the guest, an error without this process's stack. */
  run<T>(piece: () => T): T {
    if (this.#spentMs > this.#leftMs) {
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
