// Whether a file is still the one that something was made of: by its size and time of change, as make would look at it. Looks, and
// changes nothing.
import { statSync } from "node:fs";

export type Stamp = readonly [file: string, size: number, changedMs: number];

/** The file as it stands; null when there is none that can be looked at. */
export function stampOf(file: string): Stamp | null {
  try {
    const facts = statSync(file, { throwIfNoEntry: false });
    return facts === undefined ? null : [file, facts.size, facts.mtimeMs];
  } catch {
    return null; // Not ours to look at.
  }
}

/** Whether a value from a file is a stamp. */
export const isStamp = (value: unknown): value is Stamp => Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "number" && typeof value[2] === "number";

/** Whether the file has not changed since. */
export function isUnchanged([file, size, changedMs]: Stamp): boolean {
  const now = stampOf(file);
  return now !== null && now[1] === size && now[2] === changedMs;
}

/** Stamps of files that something was made of from `beganMs` on; null where one is gone, or may be newer than what was made of it. */
export function stampsOf(files: readonly string[], beganMs: number): readonly Stamp[] | null {
  const stamps: Stamp[] = [];
  for (const file of files) {
    const stamp = stampOf(file);
    if (stamp === null || stamp[2] >= beganMs) return null;
    stamps.push(stamp);
  }
  return stamps;
}
