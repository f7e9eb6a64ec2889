// The file in which a cell marks what it runs (wire/mark.ts): made for one cell, without a name, and read when the cell is to be blamed for something.
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
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
  let descriptor: number;
  try {
    descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
  } catch {
    return null; // Nothing may be written here: slower, and as safe.
  }
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
