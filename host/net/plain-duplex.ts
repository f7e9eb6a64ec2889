// Plain bytes in both directions over one socket (TCP or TLS), pulled and not pushed: its owner takes chunks when it wants them
// and looks at flags; `onNews` says when looking is worth it. Holds at most about `holdBytes` unread bytes, then stops reading.
// It knows nothing of protocols, never throws for what a peer does, and is the only place that listens to the socket's events.
import type { Socket } from "node:net";
import type { BytePipe } from "./byte-pipe.ts";
import { giveBack, worthGivingBackBytes } from "../read-memory.ts";

/** LIMIT: unread bytes after which the socket is paused; the kernel then slows the peer down. */
export const holdBytes = 65_536;

/** PERF: head and body up to this size go out as one buffer, which costs less than a vectored write. */
const joinBelowBytes = 8_192;

/** PERF: node:tls copies all pieces of a vectored write into one; from this size on a write of its own costs less (bench/rewrite.ts). */
const aloneFromBytes = 32_768;

const nothing = (): void => {};

export class PlainDuplex implements BytePipe {
  /** Called at bytes, end, drain and close. It may be replaced at any time; it must not throw. */
  onNews: () => void = nothing;
  /** Why the connection broke, if it did. */
  error: Error | null = null;
  readonly #socket: Socket;
  /** The TCP socket under a TLS one; itself otherwise. */
  readonly #transport: Socket;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #isPaused = false;
  #hasEnd = false;
  #isClosed = false;
  #hasEndedWriting = false;
  #outgoing: (string | Buffer)[] = [];
  #outgoingBytes = 0;
  /** Those of `#outgoing` that are ours alone; made when there is one. */
  #passed: Set<Buffer> | null = null;

  /** Takes the socket over and begins to read. `transport`: the TCP socket below, when `socket` is TLS. */
  constructor(socket: Socket, transport: Socket = socket) {
    this.#socket = socket;
    this.#transport = transport;
    this.#isClosed = socket.destroyed;
    socket.on("data", this.#onData).on("end", this.#onEnd).on("drain", this.#onDrain).on("finish", this.#onDrain).on("error", this.#onError).on("close", this.#onClose);
    socket.resume();
  }

  get socket(): Socket {
    return this.#socket;
  }

  get transport(): Socket {
    return this.#transport;
  }

  /** The next unread chunk, or null when there is none now. */
  take(): Buffer | null {
    const chunk = this.#queue.shift();
    if (chunk === undefined) return null;
    this.#queuedBytes -= chunk.length;
    if (this.#isPaused && this.#queue.length === 0) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    return chunk;
  }

  /** Puts bytes back in front of what is unread. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#queue.unshift(bytes);
    this.#queuedBytes += bytes.length;
  }

  get unreadBytes(): number {
    return this.#queuedBytes;
  }

  /** The peer will send nothing more and everything was taken. */
  get isEnded(): boolean {
    return (this.#hasEnd || this.isClosed) && this.#queue.length === 0;
  }

  /** The peer shut down writing, whether or not its last bytes were taken. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  /** Gone in both directions. Bytes that came before can still be taken. */
  get isClosed(): boolean {
    return this.#isClosed || this.#socket.destroyed;
  }

  /** After `end`: everything was handed to the kernel. */
  get isFlushed(): boolean {
    return this.#socket.writableFinished;
  }

  /** More is waiting to be sent than should be: stop writing until the next news. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain || this.#outgoingBytes >= holdBytes;
  }

  /** Adds latin1 text or bytes to what the next `flush` sends in one piece. */
  write(data: string | Buffer): void {
    this.#outgoing.push(data);
    this.#outgoingBytes += data.length;
  }

  pass(chunk: Buffer): void {
    if (chunk.length >= worthGivingBackBytes) (this.#passed ??= new Set()).add(chunk);
    this.write(chunk);
  }

  /** Hands what was written to the kernel. To be called before every wait. */
  flush(): void {
    if (this.#outgoing.length === 0) return;
    const outgoing = this.#outgoing;
    const bytes = this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (this.#hasEndedWriting || this.isClosed) return void this.#passed?.clear();
    this.#sendAll(outgoing, bytes);
    // Who was held up by what was gathered here waits for news. Of one piece that the kernel takes at once the socket tells none: no "drain".
    if (bytes >= holdBytes && !this.#socket.writableNeedDrain) this.onNews();
  }

  #sendAll(outgoing: readonly (string | Buffer)[], bytes: number): void {
    const [first] = outgoing;
    if (outgoing.length === 1 && first !== undefined) this.#send(first);
    else if (bytes < joinBelowBytes) {
      this.#socket.write(joined(outgoing, bytes));
      for (const chunk of this.#passed ?? []) giveBack(chunk);
      this.#passed?.clear();
    } else {
      this.#socket.cork();
      for (const piece of outgoing) {
        if (piece.length < aloneFromBytes || this.#socket === this.#transport) this.#send(piece);
        else this.#sendAlone(piece);
      }
      this.#socket.uncork();
    }
  }

  /** Sends what was written, then shuts down writing only. */
  end(): void {
    this.flush();
    if (this.#hasEndedWriting || this.isClosed) return;
    this.#hasEndedWriting = true;
    this.#socket.end();
  }

  get hasEndedWriting(): boolean {
    return this.#hasEndedWriting;
  }

  /** Closes both directions now; what was not flushed is lost. */
  destroy(): void {
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#passed?.clear();
    this.#socket.destroy();
  }

  /** Closes so that the peer cannot take what it has for a whole message: a TCP reset. */
  reset(): void {
    if (this.isClosed) return;
    // Under TLS the reset goes to the transport; the TLS socket is then closed without its farewell.
    if (!this.#transport.destroyed && !this.#transport.connecting) this.#transport.resetAndDestroy();
    this.destroy();
  }

  /** Stops listening and gives the socket back, unread bytes included, so that a TLS socket can be laid over it. */
  detach(): Socket {
    const socket = this.#socket;
    socket.off("data", this.#onData).off("end", this.#onEnd).off("drain", this.#onDrain).off("finish", this.#onDrain).off("error", this.#onError).off("close", this.#onClose);
    // Whoever wraps it hears errors from the wrapper; the bare socket must still not crash the process.
    socket.on("error", nothing);
    socket.pause();
    if (this.#queue.length > 0) socket.unshift(Buffer.concat(this.#queue));
    this.#queue = [];
    this.#queuedBytes = 0;
    this.onNews = nothing;
    return socket;
  }

  /** What is gathered goes before it. */
  #sendAlone(piece: string | Buffer): void {
    this.#socket.uncork();
    this.#send(piece);
    this.#socket.cork();
  }

  #send(piece: string | Buffer): void {
    if (typeof piece === "string") this.#socket.write(piece, "latin1");
    else if (this.#passed?.delete(piece) === true) this.#socket.write(piece, (error) => { if (!error) giveBack(piece); });
    else this.#socket.write(piece);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= holdBytes && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    this.onNews();
  };

  readonly #onEnd = (): void => {
    this.#hasEnd = true;
    this.onNews();
  };

  readonly #onDrain = (): void => {
    this.onNews();
  };

  readonly #onError = (error: Error): void => {
    this.error ??= error;
  };

  readonly #onClose = (): void => {
    this.#isClosed = true;
    this.onNews();
  };
}

function joined(pieces: readonly (string | Buffer)[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") at += whole.write(piece, at, "latin1");
    else at += piece.copy(whole, at);
  }
  return whole;
}
