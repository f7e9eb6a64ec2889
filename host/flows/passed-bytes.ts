// What went by of a body that no event shows (streamed, too large, wanted by nobody), kept up to a bound for whoever saves flows.
// Whole or not at all: beyond the bound everything is let go, and only counted.

export class PassedBytes {
  readonly #limitBytes: number;
  #chunks: Buffer[] | null = [];
  /** Bytes that went by, kept or not. */
  size = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > this.#limitBytes) this.#chunks = null;
    else this.#chunks?.push(chunk);
  }

  /** Everything in one piece; null: it was too much. */
  get bytes(): Buffer | null {
    return this.#chunks === null ? null : this.#chunks.length === 1 ? this.#chunks[0] ?? null : Buffer.concat(this.#chunks);
  }
}
