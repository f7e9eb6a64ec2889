// A file to which pieces are added whole or not at all: what a full disk cut off is taken back, so that the file stays as it was after
// the last piece that fitted. One write at a time. It knows no format.
import { open, type FileHandle } from "node:fs/promises";
import { OperatorError } from "../../operator-error.ts";

/** LIMIT: buffers in one call of the system (IOV_MAX). */
const mostBuffers = 1_000;

export class WholeWrites {
  readonly #file: FileHandle;
  #end: number;

  constructor(file: FileHandle, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Adds `pieces`, and `tail` behind them, which the next pieces overwrite. Rejects when that did not work; the file is then as before. */
  async add(pieces: readonly Buffer[], tail: Buffer | null = null): Promise<void> {
    const all = (tail === null ? pieces : [...pieces, tail]).filter(({ length }) => length > 0);
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    try {
      await this.#write(all, this.#end);
    } catch (error) {
      await this.#takeBack(tail);
      throw error;
    }
    this.#end += bytes;
  }

  /** Asks the system to put everything on the disk, and closes. */
  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  async #write(pieces: readonly Buffer[], from: number): Promise<void> {
    let at = from;
    let left = [...pieces];
    while (left.length > 0) {
      const { bytesWritten } = await this.#file.writev(left.slice(0, mostBuffers), at);
      at += bytesWritten;
      left = without(left, bytesWritten);
    }
  }

  /** What the truncation frees is enough for the tail that stood there before. */
  async #takeBack(tail: Buffer | null): Promise<void> {
    try {
      await this.#file.truncate(this.#end);
      if (tail !== null) await this.#write([tail], this.#end);
    } catch {
      // The first error says what is wrong; readers skip what is torn.
    }
  }
}

function without(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  let at = 0;
  for (let piece = pieces[at]; piece !== undefined && skip >= piece.length; piece = pieces[++at]) skip -= piece.length;
  const rest = pieces.slice(at);
  const [first] = rest;
  if (first !== undefined && skip > 0) rest[0] = first.subarray(skip);
  return rest;
}

/** Recorded traffic is for its owner alone. */
const ownerOnly = 0o600;

/** Opens a file to write, with an OperatorError (`ERR_CANNOT_WRITE`) that names it when that is not possible. */
export async function openToWrite(path: string, flags: "w" | "r+"): Promise<FileHandle> {
  try {
    return await open(path, flags, ownerOnly);
  } catch (error) {
    throw cannotWrite(path, error instanceof Error ? error.message : String(error), error);
  }
}

export function cannotWrite(path: string, why: string, cause?: unknown): OperatorError {
  return new OperatorError("ERR_CANNOT_WRITE", `cannot write ${path}: ${why}`, { cause });
}

/** The first bytes of a file, to see what it is; null: there is none. */
export async function firstBytes(path: string): Promise<Buffer | null> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw cannotWrite(path, error instanceof Error ? error.message : String(error), error);
  }
  try {
    if (!(await file.stat()).isFile()) throw cannotWrite(path, "it is not a file");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
