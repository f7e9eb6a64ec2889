// One side of a WebSocket whose messages are looked at: frames in, whole and decompressed messages out, and the other way round. Framing
// is ws's; here it is pulled: nothing is parsed before it is asked for, nothing is inflated while something waits. Knows no other side,
// and no addons. A peer that breaks the rules is an event with a close code, never an exception.
import { Receiver, Sender } from "ws";
import type { BytePipe } from "../net/byte-pipe.ts";
import { failureCode, type FailureCode } from "./close-codes.ts";
import { SideDeflate } from "./deflate.ts";
import type { Compression } from "./extensions.ts";
import { webSocketLimits as limits } from "./limits.ts";

export type WebSocketEvent =
  | { readonly kind: "message"; readonly isText: boolean; readonly data: Buffer; readonly isCompressed: boolean }
  | { readonly kind: "ping" | "pong"; readonly data: Buffer }
  /** `code` 1005: the frame had none. Nothing but "end" follows. */
  | { readonly kind: "close"; readonly code: number; readonly reason: Buffer }
  /** The peer broke the rules. Nothing follows. */
  | { readonly kind: "fault"; readonly code: FailureCode; readonly message: string }
  /** The connection ended, or broke. The last event. */
  | { readonly kind: "end" };

export interface WebSocketSideOptions {
  /** The peer is the client: it masks, we do not. */
  readonly isClient: boolean;
  readonly compression: Compression;
  /** LIMIT: of one message, decompressed. */
  readonly messageBytes: number;
}

const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const end: WebSocketEvent = { kind: "end" };
const empty = Buffer.alloc(0);

export class WebSocketSide {
  readonly #pipe: BytePipe;
  readonly #receiver: Receiver;
  readonly #deflate: SideDeflate | null;
  readonly #masks: boolean;
  #events: WebSocketEvent[] = [];
  /** Place of the next event. PERF: taking from the front of a list of thousands costs as much as the list is long. */
  #at = 0;
  /** Bytes that were taken from the pipe and not parsed. */
  #unparsed: Buffer = empty;
  /** The receiver waits for zlib, or for room. */
  #isBusy = false;
  /** Nothing more is parsed: it failed, or it has ended. */
  #isOver = false;
  #hasSentClose = false;

  /** Takes over what comes from `pipe`; `onNews` of the pipe is its owner's, and is called for news of zlib as well. */
  constructor(pipe: BytePipe, { isClient, compression, messageBytes }: WebSocketSideOptions) {
    this.#pipe = pipe;
    this.#masks = !isClient;
    this.#deflate = compression === null ? null : new SideDeflate(compression, isClient, messageBytes, {
      hasRoom: () => this.#at === this.#events.length,
      // What fills the room may have come out of zlib, of which nobody else tells.
      onWaiting: () => pipe.onNews(),
    });
    const receiver = this.#receiver = new Receiver({
      isServer: isClient, extensions: this.#deflate === null ? {} : { "permessage-deflate": this.#deflate }, maxPayload: messageBytes,
      maxFragments: limits.fragments.value, maxBufferedChunks: limits.pieces.value,
    });
    receiver.on("message", this.#onMessage).on("conclude", (code, reason) => this.#events.push({ kind: "close", code, reason }));
    receiver.on("ping", (data) => this.#events.push({ kind: "ping", data })).on("pong", (data) => this.#events.push({ kind: "pong", data }));
  }

  /** What has come next, or null when there is nothing now. */
  next(): WebSocketEvent | null {
    for (;;) {
      const event = this.#events[this.#at];
      if (event !== undefined) {
        this.#at++;
        return event;
      }
      this.#events = [];
      this.#at = 0;
      this.#deflate?.goOn();
      if (this.#isBusy || (this.#isOver && this.#events.length === 0)) return null;
      if (this.#events.length === 0 && !this.#parseMore()) return null;
    }
  }

  get isBlocked(): boolean {
    return this.#pipe.isBlocked;
  }

  /** A close frame was sent: nothing may follow it. */
  get hasSentClose(): boolean {
    return this.#hasSentClose;
  }

  /** Writes a whole message. The promise, when there is one, resolves when it was compressed and written; nothing may be written meanwhile. */
  sendMessage(isText: boolean, data: Buffer, compresses: boolean): Promise<void> | null {
    if (this.#hasSentClose) return null;
    const opcode = isText ? opcodes.text : opcodes.binary;
    const deflate = this.#deflate;
    if (deflate === null || !compresses) {
      this.#write(opcode, data, false);
      return null;
    }
    return new Promise((resolve) => {
      deflate.compress(data, true, (error, compressed) => {
        // Only what was given up cannot be compressed.
        if (error === null) this.#write(opcode, compressed, true);
        resolve();
      });
    });
  }

  sendControl(kind: "ping" | "pong", data: Buffer): void {
    if (!this.#hasSentClose) this.#write(opcodes[kind], data, false);
  }

  /** Idempotent. Codes that must not be sent (1005, 1006) become a frame without one. LIMIT: the reason is cut to 123 bytes, as it came from a frame it fits. */
  sendClose(code: number, reason: Buffer): void {
    if (this.#hasSentClose) return;
    let body = empty;
    if (code !== 1005 && code !== 1006) {
      body = Buffer.allocUnsafe(2 + Math.min(reason.length, 123));
      body.writeUInt16BE(code, 0);
      reason.copy(body, 2);
    }
    this.#write(opcodes.close, body, false);
    this.#hasSentClose = true;
  }

  /** Nothing is received any more; memory of zlib is given back. */
  dispose(): void {
    this.#isOver = true;
    this.#events = [];
    this.#at = 0;
    this.#unparsed = empty;
    this.#deflate?.dispose();
  }

  readonly #onMessage = (data: Buffer, isBinary: boolean): void => {
    const isCompressed = this.#deflate?.isInUse === true;
    if (this.#deflate !== null) this.#deflate.isInUse = false;
    this.#events.push({ kind: "message", isText: !isBinary, data, isCompressed });
  };

  /** Parses a slice of what is there; false when nothing is. */
  #parseMore(): boolean {
    if (this.#unparsed.length === 0) {
      const chunk = this.#pipe.take();
      if (chunk === null) return this.#pipe.isEnded && this.#finish();
      this.#unparsed = chunk;
    }
    const slice = this.#unparsed.subarray(0, limits.sliceBytes.value);
    this.#unparsed = this.#unparsed.subarray(slice.length);
    this.#isBusy = true;
    let isSync = true;
    // PERF: the receiver is a stream, but is given bytes directly: a write of a stream ends a turn of the loop later at best.
    this.#receiver._write(slice, "binary", (error) => {
      this.#isBusy = false;
      if (error !== null && error !== undefined) this.#fail(error);
      if (!isSync) this.#pipe.onNews();
    });
    isSync = false;
    return true;
  }

  #finish(): boolean {
    this.#isOver = true;
    this.#events.push(end);
    return true;
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unparsed = empty;
    this.#events.push({ kind: "fault", code: failureCode(error), message: error.message });
  }

  #write(opcode: number, data: Buffer, rsv1: boolean): void {
    for (const piece of Sender.frame(data, { fin: true, opcode, mask: this.#masks, readOnly: true, rsv1 })) this.#pipe.write(piece);
  }
}
