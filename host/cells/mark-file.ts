// The file in which a cell marks what it runs (wire/mark.ts): made for one cell, without a name, and read when the cell is to be blamed for something.
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { type Mark, markBytes, readMark } from "../../sandbox-api/wire/mark.ts";

export interface MarkFile {
  /** For the cell; both processes share the file. */
  readonly descriptor: number;
  /** What the cell wrote last; null: nothing, or the file is closed. */
  read(): Mark | null;
  /** Idempotent. */
  close(): void;
}

/** Null where there can be no such file: the cell answers each call before it begins the next one, which needs no mark. */
export function openMarkFile(): MarkFile | null {
  // A file in use cannot lose its name there.
  if (process.platform === "win32") return null;
  const path = join(tmpdir(), `flowcell-mark-${randomUUID()}`);
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    // So that there is room for what the cell will write.
    writeSync(descriptor, Buffer.alloc(markBytes), 0, markBytes, 0);
  } catch {
    if (descriptor !== null) closeSync(descriptor);
    return null; // Nothing can be written here: slower, and as safe.
  }
  return markFileOf(descriptor);
}

function markFileOf(descriptor: number): MarkFile {
  const bytes = Buffer.alloc(markBytes);
  let isOpen = true;
  return {
    descriptor,
    read: () => (isOpen && readSync(descriptor, bytes, 0, markBytes, 0) === markBytes ? readMark(bytes) : null),
    close: () => {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}
