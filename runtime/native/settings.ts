// Reads what the guest says about an operation. WALL 2: the guest's part is trusted code in an untrusted realm, so everything is
// looked at again here.
import type { Settings } from "./native.ts";

export function oneOf<T extends string>(settings: Settings, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === settings[name]);
  if (found === undefined) throw new Error(`${name} is none of ${values.join(", ")}`);
  return found;
}

export function wholeNumber(settings: Settings, name: string, most: number): number {
  const value = settings[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > most) throw new Error(`${name} must be a whole number up to ${most}`);
  return value;
}

export function bufferAt(buffers: readonly Uint8Array[], index: number): Uint8Array {
  const buffer = buffers[index];
  if (buffer === undefined) throw new Error("a buffer is missing");
  return buffer;
}

export const hashes = ["sha1", "sha256", "sha384", "sha512"] as const;
export const curves = ["P-256", "P-384", "P-521"] as const;
