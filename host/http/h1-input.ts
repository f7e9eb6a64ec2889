// The bytes a decoder was given and has not used up: a short queue of chunks, read from the front without copying.
// It has no bound of its own: its owner stops reading from the socket while nobody takes events.

const EMPTY = Buffer.alloc(0);

/** First in, first out; `chunk` and `at` are the front. */
export class Input {
  /** The front chunk; empty when there is none. */
  chunk: Buffer = EMPTY;
  /** Offset of the first unread byte in it. */
  at = 0;
  #later: Buffer[] = [];

  /** Adds a chunk at the back. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.at < this.chunk.length) {
      this.#later.push(chunk);
    } else {
      this.chunk = chunk;
      this.at = 0;
    }
  }

  /** True when a byte can be read; brings the next chunk to the front when the front one is used up. */
  hasMore(): boolean {
    if (this.at < this.chunk.length) return true;
    this.at = 0;
    this.chunk = this.#later.shift() ?? EMPTY;
    return this.chunk.length > 0;
  }

  /** The bytes of the front chunk before `at` are read. Lets go of a chunk that is used up: idle connections hold none. */
  advance(at: number): void {
    if (at < this.chunk.length) {
      this.at = at;
      return;
    }
    this.chunk = EMPTY;
    this.at = 0;
  }

  /** Unread bytes. */
  get length(): number {
    return this.#later.reduce((sum, chunk) => sum + chunk.length, this.chunk.length - this.at);
  }

  /** Up to `most` bytes of the front chunk as a view, which count as read. */
  take(most: number): Buffer {
    const { chunk, at } = this;
    const end = Math.min(chunk.length, at + most);
    this.advance(end);
    return at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
  }

  /** All unread bytes; none are left. */
  takeAll(): Buffer {
    const rest = this.chunk.subarray(this.at);
    const all = this.#later.length === 0 ? rest : Buffer.concat([rest, ...this.#later]);
    this.chunk = EMPTY;
    this.at = 0;
    this.#later = [];
    return all;
  }
}
