// A pipe of bytes without a socket: a test pushes what the peer sends and reads what was written to it.
import type { BytePipe } from "../../host/net/byte-pipe.ts";

export class MemoryPipe implements BytePipe {
  onNews: () => void = () => undefined;
  error: Error | null = null;
  isClosed = false;
  isBlocked = false;
  hasEnd = false;
  hasEndedWriting = false;
  readonly written: Buffer[] = [];
  readonly #incoming: Buffer[] = [];

  /** What the peer sends next. */
  push(...chunks: readonly Buffer[]): void {
    this.#incoming.push(...chunks);
    this.onNews();
  }

  /** The peer sends nothing more. */
  finish(): void {
    this.hasEnd = true;
    this.onNews();
  }

  /** Everything written so far; forgets it. */
  takeWritten(): Buffer {
    return Buffer.concat(this.written.splice(0));
  }

  /** Chunks that were not taken. */
  get unread(): number {
    return this.#incoming.length;
  }

  get isEnded(): boolean {
    return this.hasEnd && this.#incoming.length === 0;
  }

  take(): Buffer | null {
    return this.#incoming.shift() ?? null;
  }
  write(data: Buffer): void {
    this.written.push(Buffer.from(data));
  }

  pass(data: Buffer): void {
    this.write(data);
  }
  flush(): void {}
  end(): void {
    this.hasEndedWriting = true;
  }
  reset(): void {
    this.isClosed = true;
  }
}
