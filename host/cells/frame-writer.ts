// Collects the frames of one turn of the loop and writes them to a cell's socket together. Small frames are copied into one
// buffer; large attachments go beside it uncopied. It has no bound of its own: the link bounds the calls outstanding.
import type { Socket } from "node:net";
import { frameSize, writeFrameHead } from "../../sandbox-api/wire/frame.ts";

export interface OutgoingFrame {
  readonly type: number;
  readonly status: number;
  readonly id: number;
  readonly instance: number;
  readonly words: readonly number[];
  /** Latin1. */
  readonly text: string;
  readonly attachments: readonly Buffer[];
}

const bufferBytes = 64 * 1024;
// From this size on an attachment is cheaper to write by itself than to copy.
const copiedAttachmentBytes = 4 * 1024;
const noSizes: readonly number[] = Object.freeze([]);

export class FrameWriter {
  readonly #socket: Socket;
  readonly #onFlush: () => void;
  #bytes = Buffer.allocUnsafeSlow(bufferBytes);
  #view = new DataView(this.#bytes.buffer);
  /** `#bytes` from `#written` to `#filled` is not in `#parts` yet. */
  #written = 0;
  #filled = 0;
  #parts: Buffer[] = [];
  #isScheduled = false;

  /** `onFlush` is called when what was added has been handed to the socket. */
  constructor(socket: Socket, onFlush: () => void) {
    this.#socket = socket;
    this.#onFlush = onFlush;
  }

  /** Adds a frame; it leaves at the end of this turn of the event loop. `mayWait`: with the next one that does, or with `flush`. */
  add({ type, status, id, instance, words, text, attachments }: OutgoingFrame, mayWait = false): void {
    const attachmentBytes = attachments.length === 0 ? noSizes : attachments.map((bytes) => bytes.length);
    this.#makeRoom(frameSize(words.length, text.length, noSizes) + 4 * attachmentBytes.length);
    const textStart = writeFrameHead(this.#view, this.#filled, { type, status, id, instance, cpuMicros: 0, words, textBytes: text.length, attachmentBytes });
    this.#filled += textStart;
    this.#filled += this.#bytes.write(text, this.#filled, "latin1");
    for (const bytes of attachments) this.#addAttachment(bytes);
    if (this.#isScheduled || mayWait) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#isScheduled = false;
    this.#endPart();
    const parts = this.#parts;
    if (parts.length === 0 || this.#socket.destroyed) return;
    this.#parts = [];
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    if (parts.length > 1) this.#socket.uncork();
    // PERF: what the kernel took at once is not looked at again, so the buffer can be used again (bench/cell-hop).
    if (this.#bytes.length !== bufferBytes) this.#replaceBuffer(bufferBytes);
    else if (this.#socket.writableLength === 0) this.#written = this.#filled = 0;
    this.#onFlush();
  }

  #addAttachment(bytes: Buffer): void {
    if (bytes.length < copiedAttachmentBytes) {
      this.#makeRoom(bytes.length);
      this.#filled += bytes.copy(this.#bytes, this.#filled);
      return;
    }
    this.#endPart();
    this.#parts.push(bytes);
  }

  #makeRoom(wanted: number): void {
    if (this.#filled + wanted <= this.#bytes.length) return;
    this.#endPart();
    this.#replaceBuffer(Math.max(bufferBytes, wanted));
  }

  #replaceBuffer(size: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#view = new DataView(this.#bytes.buffer);
    this.#written = this.#filled = 0;
  }

  #endPart(): void {
    if (this.#filled > this.#written) this.#parts.push(this.#bytes.subarray(this.#written, this.#filled));
    this.#written = this.#filled;
  }
}
