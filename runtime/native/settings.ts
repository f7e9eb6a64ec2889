// Reads what the guest says about an operation. WALL 2: the guest's part is trusted code in an untrusted realm, so everything is
// looked at again here.
import { algorithms, type AlgorithmRow, keyUsages, type KeyWish } from "../../sandbox-api/schema/crypto.ts";
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

/** Hashes as the standard and as node:crypto call them. */
export const nodeHashes = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" } as const;
export type HashName = keyof typeof nodeHashes;
export type NodeHash = (typeof nodeHashes)[HashName];
const hashNames = Object.keys(nodeHashes) as readonly HashName[];
export const hashOf = (settings: Settings): NodeHash => nodeHashes[oneOf(settings, "hash", hashNames)];
export const curves = ["P-256", "P-384", "P-521"] as const;

export const rowOf = (algorithm: string): AlgorithmRow => {
  const row = algorithms[algorithm];
  if (row === undefined) throw new Error("there is no such algorithm");
  return row;
};

/** An answer that is no bytes. */
export const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** `settings.wish`, with nothing in it that is not known. */
export function wishOf(settings: Settings): KeyWish {
  const { wish } = settings;
  if (typeof wish !== "object" || wish === null) throw new Error("wish is missing");
  const given = wish as Settings;
  const algorithm = oneOf(given, "algorithm", Object.keys(algorithms));
  const { usages } = given;
  if (!Array.isArray(usages)) throw new Error("usages is missing");
  return {
    algorithm, extractable: given["extractable"] === true, usages: keyUsages.filter((usage) => usages.includes(usage)),
    ...(given["hash"] !== undefined && { hash: oneOf(given, "hash", hashNames) }),
    ...(given["curve"] !== undefined && { curve: oneOf(given, "curve", curves) }),
    ...(given["length"] !== undefined && { length: wholeNumber(given, "length", 0xffff_ffff) }),
    ...(given["exponent"] !== undefined && { exponent: wholeNumber(given, "exponent", 0xffff_ffff) }),
  };
}
