// Gathers a body for addons up to a limit. What came before the limit was passed is given out as it is, to be sent on. Holds bytes,
// decides nothing.

const empty = Buffer.alloc(0);

export class BodyCollector {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Adds a chunk; false when the body is now larger than the limit. The chunk is kept in either case. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes <= this.#limitBytes;
  }

  /** Everything so far in one piece; the collector is empty afterwards. */
  takeWhole(): Buffer {
    const chunks = this.takeChunks();
    const [first] = chunks;
    if (first === undefined) return empty;
    return chunks.length === 1 ? first : Buffer.concat(chunks);
  }

  /** Everything so far as it came; the collector is empty afterwards. */
  takeChunks(): readonly Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }
}
