// Reads a flow file from its first record to its last, or to where it was torn: what cannot be read is told, with its place and size,
// and never stops the reading of what can. It holds one record at a time and changes nothing.
import type { FileHandle } from "node:fs/promises";
import { fileHeaderBytes, isSoundPayload, readRecordHeader, recordHeaderBytes } from "./frame.ts";
import { readRecord } from "./record.ts";
import type { SavedFlow } from "./saved-flow.ts";

/** A part of a file that was skipped. */
export interface ReadProblem {
  /** Of the file, in bytes; for HAR files, of its entries. */
  readonly at: number;
  /** How much was skipped; null: one entry of a HAR file. */
  readonly bytes: number | null;
  /** One sentence. */
  readonly message: string;
}

export type OnProblem = (problem: ReadProblem) => void;

const windowBytes = 262_144;

/** Bytes of a file by their place, read ahead in windows. */
class Window {
  readonly #file: FileHandle;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** A copy of that many bytes; fewer where the file ends. */
  async take(at: number, count: number): Promise<Buffer> {
    if (at < this.#at || at + count > this.#at + this.#bytes.length) {
      this.#bytes = await readAll(this.#file, at, Math.max(count, windowBytes));
      this.#at = at;
    }
    const found = this.#bytes.subarray(at - this.#at, at - this.#at + count);
    return count > windowBytes ? found : Buffer.from(found);
  }
}

/** Up to `count` bytes from `at`: all that are there. */
async function readAll(file: FileHandle, at: number, count: number): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(count, size - at)));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** The flows of a file whose header was seen to be one. What comes to it while it is read is not looked at. */
export async function* readFlowFile(file: FileHandle, onProblem: OnProblem): AsyncGenerator<SavedFlow, void, undefined> {
  const { size } = await file.stat();
  const window = new Window(file);
  let at = fileHeaderBytes;
  while (at < size) {
    const record = readRecordHeader(await window.take(at, recordHeaderBytes));
    const rest = size - at;
    if (record === null && rest >= recordHeaderBytes) return onProblem({ at, bytes: rest, message: `what stands at byte ${at} is no record; the last ${rest} bytes of the file are skipped` });
    if (record === null || rest < recordHeaderBytes + record.bytes) return onProblem({ at, bytes: rest, message: `the last record was not written to its end; the last ${rest} bytes of the file are skipped` });
    const payload = await window.take(at + recordHeaderBytes, record.bytes);
    const bytes = recordHeaderBytes + record.bytes;
    const flow = isSoundPayload(payload, record) ? readRecord(payload, record.headBytes) : "its checksum is wrong";
    if (typeof flow !== "string") yield flow;
    else onProblem({ at, bytes, message: `the record at byte ${at} is skipped, ${bytes} bytes: ${flow}` });
    at += bytes;
  }
}

/** Where the last whole record ends: what comes after it was torn. */
export async function endOfRecords(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const window = new Window(file);
  let at = fileHeaderBytes;
  for (;;) {
    const record = readRecordHeader(await window.take(at, recordHeaderBytes));
    if (record === null || at + recordHeaderBytes + record.bytes > size) return Math.min(at, size);
    at += recordHeaderBytes + record.bytes;
  }
}
