// What went by of a body that no event shows (streamed, too large, wanted by nobody), kept up to a bound for whoever saves flows.
// Whole or not at all: beyond the bound everything is let go, and only counted. Copied, so that a peer who sends single bytes makes
// us keep bytes and not as many objects.

const leastBytes = 1_024;
const none = Buffer.alloc(0);

export class PassedBytes {
  readonly #limitBytes: number;
  #kept: Buffer | null = none;
  /** Bytes that went by, kept or not. */
  size = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    const from = this.size;
    this.size += chunk.length;
    if (this.#kept === null) return;
    if (this.size > this.#limitBytes) this.#kept = null;
    else {
      if (this.size > this.#kept.length) this.#kept = grown(this.#kept, from, this.size);
      chunk.copy(this.#kept, from);
    }
  }

  /** Everything in one piece; null: it was too much. */
  get bytes(): Buffer | null {
    return this.#kept?.subarray(0, this.size) ?? null;
  }
}

/** Twice as large, at least: each byte is copied a bounded number of times. */
function grown(kept: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(leastBytes, needed, kept.length * 2));
  kept.copy(larger, 0, 0, used);
  return larger;
}
