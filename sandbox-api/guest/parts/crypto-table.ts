// The algorithms of Web Crypto that addons have, each with its operations, what keys of it may be used for, and where its parameters
// come from; and the normalization of an algorithm that an addon names (§18.4). Names are matched in any case.
import { needBytes } from "./bytes.ts";
import { text, unsigned } from "./idl.ts";
import { RealTypeError, RealUint8Array, apply, bareArray, bufferByteLength, bufferOf, byteLengthOf, isObject, toLowerCase } from "./intrinsics.ts";
import { copyBytes } from "./bytes.ts";
import { domException } from "./errors.ts";

export type Operation = "digest" | "encrypt" | "decrypt" | "sign" | "verify" | "deriveBits" | "generateKey" | "importKey" | "wrapKey" | "unwrapKey" | "getKeyLength";
export type Kind = "digest" | "hmac" | "aes" | "rsa" | "ec" | "okp" | "kdf";
export interface AlgorithmRow { readonly kind: Kind; readonly operations: readonly Operation[]; readonly secretUsages: readonly string[]; readonly publicUsages: readonly string[] }

const row = (kind: Kind, operations: readonly Operation[], secretUsages: readonly string[], publicUsages: readonly string[] = []): AlgorithmRow => ({ kind, operations, secretUsages, publicUsages });
const aes = ["encrypt", "decrypt", "generateKey", "importKey", "getKeyLength"] as const;
const aesUsages = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

export const algorithms: { readonly [name: string]: AlgorithmRow } = {
  __proto__: null as never,
  "SHA-1": row("digest", ["digest"], []), "SHA-256": row("digest", ["digest"], []), "SHA-384": row("digest", ["digest"], []), "SHA-512": row("digest", ["digest"], []),
  HMAC: row("hmac", ["sign", "verify", "generateKey", "importKey", "getKeyLength"], ["sign", "verify"]),
  "AES-GCM": row("aes", aes, aesUsages), "AES-CBC": row("aes", aes, aesUsages), "AES-CTR": row("aes", aes, aesUsages),
  "AES-KW": row("aes", ["wrapKey", "unwrapKey", "generateKey", "importKey", "getKeyLength"], ["wrapKey", "unwrapKey"]),
  "RSASSA-PKCS1-v1_5": row("rsa", ["sign", "verify", "importKey"], ["sign"], ["verify"]), "RSA-PSS": row("rsa", ["sign", "verify", "importKey"], ["sign"], ["verify"]),
  "RSA-OAEP": row("rsa", ["encrypt", "decrypt", "importKey"], ["decrypt", "unwrapKey"], ["encrypt", "wrapKey"]),
  ECDSA: row("ec", ["sign", "verify", "generateKey", "importKey"], ["sign"], ["verify"]), ECDH: row("ec", ["deriveBits", "generateKey", "importKey"], ["deriveKey", "deriveBits"]),
  Ed25519: row("okp", ["sign", "verify", "generateKey", "importKey"], ["sign"], ["verify"]), X25519: row("okp", ["deriveBits", "generateKey", "importKey"], ["deriveKey", "deriveBits"]),
  HKDF: row("kdf", ["deriveBits", "importKey", "getKeyLength"], ["deriveKey", "deriveBits"]), PBKDF2: row("kdf", ["deriveBits", "importKey", "getKeyLength"], ["deriveKey", "deriveBits"]),
};

/** An algorithm as an addon named it: its name as the standard spells it, and its members. */
export interface Named { readonly name: string; readonly row: AlgorithmRow; readonly members: { readonly [name: string]: unknown } }

/** Throws a NotSupportedError for what there is not. */
export function normalize(given: unknown, operation: Operation): Named {
  const members: { readonly [name: string]: unknown } = isObject(given) ? (given as { readonly [name: string]: unknown }) : { name: given };
  const wanted = members["name"];
  if (wanted === undefined) throw new RealTypeError("an algorithm needs a name");
  const lower = toLowerCase(text(wanted));
  for (const name in algorithms) {
    const found = algorithms[name]!;
    if (toLowerCase(name) === lower && found.operations.includes(operation)) return { name, row: found, members };
  }
  throw domException(`${text(wanted)} cannot ${operation} here`, "NotSupportedError");
}

export const hashOf = (value: unknown): string => normalize(value, "digest").name;
/** As node:crypto calls it. */
export const nodeHash = (name: string): string => toLowerCase(name[3] === "-" ? `sha${name.slice(4)}` : name);

export function memberBytes({ members }: Named, name: string): Uint8Array<ArrayBuffer> {
  return copyBytes(needBytes(members[name], name));
}
export function optionalBytes(named: Named, name: string): Uint8Array<ArrayBuffer> {
  return named.members[name] === undefined ? new Uint8Array(0) : memberBytes(named, name);
}
export function memberNumber({ members }: Named, name: string): number {
  if (members[name] === undefined) throw new RealTypeError(`${name} is missing`);
  return unsigned(members[name], 32, "enforce");
}

const { stringify } = $kernel;
const wholeBuffer = (bytes: Uint8Array<ArrayBuffer>): ArrayBuffer => bufferOf(byteLengthOf(bytes) === bufferByteLength(bufferOf(bytes)) ? bytes : copyBytes(bytes)) as ArrayBuffer;

/** An operation of the cell; what it refuses becomes an OperationError. */
export function native(operation: string, settings: object, ...buffers: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const given = bareArray<unknown>();
  given[0] = operation;
  given[1] = stringify(settings);
  for (let index = 0; index < buffers.length; index++) given[index + 2] = wholeBuffer(buffers[index]!);
  try {
    return new RealUint8Array(apply($kernel.native, undefined, given as Parameters<typeof $kernel.native>));
  } catch (thrown) {
    throw domException($kernel.flatten(thrown).message, "OperationError");
  }
}
