// Keeps what was built from our own sources until one of them changes, so that a start from the sources need not bundle what the last
// one did. For a checkout only: published, everything is built already. It trusts sizes and times of files, as make does, and knows
// nothing of bundlers.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { isStamp, isUnchanged, stampsOf, type Stamp } from "../file-stamp.ts";

export interface Built {
  readonly text: Buffer;
  /** Absolute paths of all files that went into it. */
  readonly inputs: readonly string[];
}

/**
 * The text as it was made before, if it was made for the same `key` and no input has changed since; else made now and kept for the
 * next time in `folder`, which is made if need be. Rejects as `make` does; a cache that cannot be read or written is none.
 */
export async function builtOnce(folder: string, name: string, key: string, make: () => Promise<Built>): Promise<Buffer> {
  const file = path.join(folder, `${name}.built`);
  const kept = await readKept(file, key);
  if (kept !== null) return kept;
  const beganMs = Date.now();
  const { text, inputs } = await make();
  const stamps = stampsOf(inputs, beganMs);
  if (stamps !== null) await keep(file, Buffer.concat([Buffer.from(`${JSON.stringify({ key, stamps })}\n`), text]));
  return text;
}

async function readKept(file: string, key: string): Promise<Buffer | null> {
  const content = await readFile(file).catch(() => null);
  const end = content?.indexOf("\n") ?? -1;
  if (content === null || end < 0) return null;
  const stamps = readStamps(content.toString("utf8", 0, end), key);
  return stamps?.every(isUnchanged) === true ? content.subarray(end + 1) : null;
}

function readStamps(text: string, key: string): readonly Stamp[] | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("key" in value) || value.key !== key || !("stamps" in value) || !Array.isArray(value.stamps)) return null;
    const stamps: readonly unknown[] = value.stamps;
    return stamps.length > 0 && stamps.every(isStamp) ? stamps : null;
  } catch {
    return null; // Not JSON: somebody else's file, or half of one.
  }
}

/** In one step, so that hosts that start at once never read half a file. A folder that cannot be written to costs the next start time, nothing else. */
async function keep(file: string, content: Buffer): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await mkdir(path.dirname(file), { recursive: true }).then(() => writeFile(draft, content)).then(() => rename(draft, file)).catch(() => undefined);
}
