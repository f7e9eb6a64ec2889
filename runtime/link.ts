// The cell's end of the pipe: reads frames from the inherited descriptor and writes frames to it, both blocking, so that a reply
// is out before the next call starts (sandbox.md §1 rule 3). The cell has nothing else to wait for: timers are the host's. It knows
// bytes, not messages.
import { readSync, writeSync } from "node:fs";
import { type FrameLayout, frameSize, readFrame, writeFrameHead } from "../sandbox-api/wire/frame.ts";

export interface ReceivedFrame {
  readonly type: number;
  readonly status: number;
  readonly id: number;
  readonly instance: number;
  readonly words: readonly number[];
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
}

export interface SentFrame {
  readonly type: number;
  readonly status: number;
  readonly id: number;
  readonly instance: number;
  readonly cpuMicros: number;
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
}

export interface CellLink {
  /** Returns when the host's socket has taken all of it. */
  send(frame: SentFrame): void;
  /** Waits for bytes, and hands on every frame that is whole then. False when the host has hung up. */
  receive(handle: (frame: ReceivedFrame) => void): boolean;
}

const firstBufferBytes = 256 * 1024;
// The host is trusted; this bounds only what a four-byte length can say.
const largestFrameBytes = 0xffff_ffff;
const noWords: readonly number[] = Object.freeze([]);
const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);
/** Whether a thrown `send` or `receive` means that the host is gone. */
export const isHangUp = (error: unknown): boolean => ["EPIPE", "ECONNRESET", "EOF", "ENOTCONN"].includes(String(codeOf(error)));

/** `descriptor` is a stream socket, blocking or not. */
export function makeCellLink(descriptor: number): CellLink {
  const input = makeInput(descriptor);
  const output = makeOutput(descriptor);
  return { send: output, receive: input };
}

/** Runs `attempt` until the descriptor is ready for it. A blocking one always is; elsewhere it is asked again every millisecond. */
function whenReady<T>(attempt: () => T): T {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function makeInput(descriptor: number): CellLink["receive"] {
  let bytes = Buffer.allocUnsafeSlow(firstBufferBytes);
  let view = new DataView(bytes.buffer);
  let filled = 0;

  const makeRoom = (wanted: number): void => {
    const isIdle = filled === 0 && bytes.length > firstBufferBytes;
    if (wanted <= bytes.length && !isIdle) return;
    const next = Buffer.allocUnsafeSlow(Math.max(wanted, firstBufferBytes));
    bytes.copy(next, 0, 0, filled);
    bytes = next;
    view = new DataView(bytes.buffer);
  };

  const read = (): number => {
    try {
      return whenReady(() => readSync(descriptor, bytes, filled, bytes.length - filled, null));
    } catch (error) {
      if (isHangUp(error)) return 0;
      throw error;
    }
  };

  return (handle) => {
    const count = read();
    if (count === 0) return false;
    filled += count;
    let start = 0;
    for (;;) {
      const result = readFrame(view, start, filled - start, largestFrameBytes);
      if (result.kind === "lie") throw new Error(`the host sent nonsense: ${result.message}`);
      if (result.kind === "need-more") {
        bytes.copyWithin(0, start, filled);
        filled -= start;
        makeRoom(result.bytes);
        return true;
      }
      handle(received(bytes, start, result.frame));
      start += result.frame.totalBytes;
    }
  };
}

function received(bytes: Buffer, start: number, frame: FrameLayout): ReceivedFrame {
  let at = start + frame.textStart;
  const text = bytes.toString("latin1", at, at + frame.textBytes);
  at += frame.textBytes;
  let attachments = noBuffers;
  if (frame.attachmentBytes.length > 0) {
    attachments = frame.attachmentBytes.map((size) => {
      // PERF: not zeroed first, every byte of it is written.
      const copy = Buffer.allocUnsafeSlow(size);
      bytes.copy(copy, 0, at, at + size);
      at += size;
      return copy.buffer;
    });
  }
  return { type: frame.type, status: frame.status, id: frame.id, instance: frame.instance, words: frame.words, text, attachments };
}

function makeOutput(descriptor: number): CellLink["send"] {
  let bytes = Buffer.allocUnsafeSlow(firstBufferBytes);
  let view = new DataView(bytes.buffer);

  const write = (from: Uint8Array, length: number): void => {
    for (let done = 0; done < length;) done += whenReady(() => writeSync(descriptor, from, done, length - done));
  };

  return ({ type, status, id, instance, cpuMicros, text, attachments }) => {
    const attachmentBytes = attachments.length === 0 ? noWords : attachments.map(({ byteLength }) => byteLength);
    const headBytes = frameSize(0, text.length, noWords) + 4 * attachmentBytes.length;
    if (headBytes > bytes.length) {
      bytes = Buffer.allocUnsafeSlow(headBytes);
      view = new DataView(bytes.buffer);
    }
    const textStart = writeFrameHead(view, 0, { type, status, id, instance, cpuMicros, words: noWords, textBytes: text.length, attachmentBytes });
    bytes.write(text, textStart, "latin1");
    write(bytes, headBytes);
    for (const buffer of attachments) write(new Uint8Array(buffer), buffer.byteLength);
    if (bytes.length > firstBufferBytes) {
      bytes = Buffer.allocUnsafeSlow(firstBufferBytes);
      view = new DataView(bytes.buffer);
    }
  };
}
