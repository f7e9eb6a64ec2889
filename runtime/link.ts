// The cell's end of the pipe: reads frames from the inherited descriptor and writes frames to it, both blocking. The cell has nothing
// else to wait for: timers are the host's. It knows bytes, not messages; when what is written must be out, outbox.ts knows.
import { readSync, writeSync, writevSync } from "node:fs";
import { type FrameLayout, frameSize, readFrame, writeFrameHead } from "../sandbox-api/wire/frame.ts";

export interface ReceivedFrame {
  readonly type: number;
  readonly status: number;
  readonly id: number;
  readonly instance: number;
  readonly words: readonly number[];
  readonly text: string;
  /** WALL: lent. They lie where the next `receive` writes, so whatever outlives that is a copy. */
  readonly attachments: readonly Buffer[];
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
  /** Adds a frame to those that leave with the next `flush`, or before where they are many. */
  add(frame: SentFrame): void;
  /** Returns when the host's socket has taken all of it. */
  flush(): void;
  /** Waits for bytes, and gives every frame that is whole then. Null when the host has hung up. */
  receive(): readonly ReceivedFrame[] | null;
}

const firstBufferBytes = 256 * 1024;
// The host is trusted; this bounds only what a four-byte length can say.
const largestFrameBytes = 0xffff_ffff;
/** PERF: smaller bodies wait with the answers that they belong to. */
const mostCopiedBytes = 16 * 1024;
const noWords: readonly number[] = Object.freeze([]);
const noBuffers: readonly Buffer[] = Object.freeze([]);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);
/** Whether a thrown `flush` or `receive` means that the host is gone. */
export const isHangUp = (error: unknown): boolean => ["EPIPE", "ECONNRESET", "EOF", "ENOTCONN"].includes(String(codeOf(error)));

/** `descriptor` is a stream socket, blocking or not. */
export function makeCellLink(descriptor: number): CellLink {
  return { ...makeOutput(descriptor), receive: makeInput(descriptor) };
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
  /** Of what was read, so much has been given out. */
  let given = 0;
  /** A frame has begun that needs so much room. */
  let wantedBytes = 0;

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

  /** PERF: bodies lie here until they are wanted, in place of a copy each (docs/profiles/bodies.md). */
  const takeBack = (): void => {
    if (given > 0) bytes.copyWithin(0, given, filled);
    filled -= given;
    given = 0;
    makeRoom(wantedBytes);
  };

  return () => {
    takeBack();
    const count = read();
    if (count === 0) return null;
    filled += count;
    const frames: ReceivedFrame[] = [];
    for (;;) {
      const result = readFrame(view, given, filled - given, largestFrameBytes);
      if (result.kind === "lie") throw new Error(`the host sent nonsense: ${result.message}`);
      if (result.kind === "need-more") {
        wantedBytes = result.bytes;
        return frames;
      }
      frames.push(received(bytes, given, result.frame));
      given += result.frame.totalBytes;
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
      const part = bytes.subarray(at, at + size);
      at += size;
      return part;
    });
  }
  return { type: frame.type, status: frame.status, id: frame.id, instance: frame.instance, words: frame.words, text, attachments };
}

function makeOutput(descriptor: number): Pick<CellLink, "add" | "flush"> {
  let bytes = Buffer.allocUnsafeSlow(firstBufferBytes);
  let view = new DataView(bytes.buffer);
  let filled = 0;

  const write = (from: Uint8Array, start: number, end: number): void => {
    for (let done = start; done < end;) done += whenReady(() => writeSync(descriptor, from, done, end - done));
  };

  /** PERF: a body goes with what is before it: a write of its own would wake the host once more. */
  const writeWith = (body: Uint8Array): void => {
    const taken = filled === 0 ? 0 : whenReady(() => writevSync(descriptor, [bytes.subarray(0, filled), body]));
    write(bytes, Math.min(taken, filled), filled);
    write(body, Math.max(0, taken - filled), body.length);
    filled = 0;
  };

  const resize = (size: number): void => {
    bytes = Buffer.allocUnsafeSlow(size);
    view = new DataView(bytes.buffer);
  };

  const flush = (): void => {
    if (filled === 0) return;
    write(bytes, 0, filled);
    filled = 0;
    if (bytes.length > firstBufferBytes) resize(firstBufferBytes);
  };

  const add = ({ type, status, id, instance, cpuMicros, text, attachments }: SentFrame): void => {
    const attachmentBytes = attachments.length === 0 ? noWords : attachments.map(({ byteLength }) => byteLength);
    const headBytes = frameSize(0, text.length, noWords) + 4 * attachmentBytes.length;
    if (filled + headBytes > bytes.length) {
      flush();
      if (headBytes > bytes.length) resize(headBytes);
    }
    filled += writeFrameHead(view, filled, { type, status, id, instance, cpuMicros, words: noWords, textBytes: text.length, attachmentBytes });
    filled += bytes.write(text, filled, "latin1");
    for (const buffer of attachments) {
      const body = new Uint8Array(buffer);
      if (body.length > mostCopiedBytes || filled + body.length > bytes.length) writeWith(body);
      else {
        bytes.set(body, filled);
        filled += body.length;
      }
    }
  };

  return { add, flush };
}
