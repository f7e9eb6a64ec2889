// Gathers a body for addons up to a limit. What came before the limit was passed is given out as it is, to be sent on. Holds bytes,
// decides nothing. LIMIT: small chunks are copied together, so that a body in pieces of one byte costs what it holds, not a buffer each.
import { giveBack } from "../read-memory.ts";

const empty = Buffer.alloc(0);

/** Smaller chunks are copied into blocks. */
const smallBytes = 2_048;
/**
 * The first block has just room for the first chunk, and each is twice as large as the one before. PERF: most bodies are one chunk; 16 KB for
 * each of them made V8 mark the whole heap every second (docs/profiles/events.md).
 */
const leastBlockBytes = 256;
const mostBlockBytes = 16_384;

export class BodyCollector {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  /** Those of the chunks that are blocks of ours. */
  readonly #blocks = new Set<Buffer>();
  #bytes = 0;
  /** The last of the chunks, where it is a block of ours with room for more. */
  #block: Buffer | null = null;
  #blockBytes = 0;
  /** Size of the next block, unless a chunk needs more. */
  #nextBlockBytes = leastBlockBytes;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Adds a chunk, at which nobody else looks any more; false when the body is now larger than the limit. The chunk is kept in either case. */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (chunk.length >= smallBytes) {
      this.#closeBlock();
      this.#chunks.push(chunk);
    } else this.#copy(chunk);
    return this.#bytes <= this.#limitBytes;
  }

  #copy(chunk: Buffer): void {
    if (this.#block === null || this.#block.length - this.#blockBytes < chunk.length) {
      this.#closeBlock();
      this.#block = Buffer.allocUnsafe(Math.max(this.#nextBlockBytes, chunk.length));
      this.#nextBlockBytes = Math.min(this.#block.length * 2, mostBlockBytes);
    }
    this.#blockBytes += chunk.copy(this.#block, this.#blockBytes);
  }

  #closeBlock(): void {
    if (this.#block !== null) {
      const block = this.#block.subarray(0, this.#blockBytes);
      this.#chunks.push(block);
      this.#blocks.add(block);
    }
    this.#block = null;
    this.#blockBytes = 0;
  }

  /** Everything so far in one piece; the collector is empty afterwards. */
  takeWhole(): Buffer {
    const chunks = this.takeChunks();
    const [first] = chunks;
    if (first === undefined) return empty;
    if (chunks.length === 1) return first;
    const whole = Buffer.concat(chunks);
    // PERF: else the collector would mark the whole heap for them all too soon (docs/profiles/bodies.md).
    for (const chunk of chunks) if (!this.#blocks.has(chunk)) giveBack(chunk);
    return whole;
  }

  /** Everything so far as it came; the collector is empty afterwards. */
  takeChunks(): readonly Buffer[] {
    this.#closeBlock();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }
}
