// Cryptography by node:crypto, synchronously: random bytes, digests, and what is done with the keys of an instance: MACs, ciphers,
// signatures, derivation, wrapping. Keys are named by their numbers in the table, which is asked whether they may be used so.
import { constants, createHash, createHmac, diffieHellman, hkdfSync, pbkdf2Sync, randomBytes, sign, timingSafeEqual, verify, type KeyObject, type SignKeyObjectInput } from "node:crypto";
import { keyFormats } from "../../sandbox-api/schema/crypto.ts";
import { transform, type CipherInput } from "./ciphers.ts";
import { exportRow } from "./key-export.ts";
import { importRow } from "./key-import.ts";
import { bytesOf, type KeyRow, objectOf } from "./key-table.ts";
import type { Operation, Settings, Surroundings } from "./native.ts";
import { bufferAt, hashOf, type HashName, json, nodeHashes, type NodeHash, oneOf, wholeNumber, wishOf } from "./settings.ts";

/** LIMIT: bytes of one call for random ones (Web Crypto's own quota), iterations of PBKDF2, the same times blocks, bytes that are derived. */
const mostRandomBytes = 65_536;
const mostIterations = 100_000;
const mostRounds = 200_000;
const mostDerivedBytes = 65_536;
const blockBytes: { readonly [H in NodeHash]: number } = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const none = Buffer.alloc(0);

const ciphers = ["AES-GCM", "AES-CBC", "AES-CTR", "RSA-OAEP"] as const;
const wrappers = [...ciphers, "AES-KW"] as const;
const signers = ["HMAC", "ECDSA", "RSASSA-PKCS1-v1_5", "RSA-PSS", "Ed25519"] as const;
const derivers = ["HKDF", "PBKDF2", "ECDH", "X25519"] as const;

const cipherInput = (data: Uint8Array, buffers: readonly Uint8Array[]): CipherInput => ({ iv: bufferAt(buffers, 0), data, extra: bufferAt(buffers, 1) });
const rowHash = ({ hash }: KeyRow): NodeHash => nodeHashes[hash as HashName];

function signing(settings: Settings, row: KeyRow, key: KeyObject): { readonly hash: string | null; readonly input: SignKeyObjectInput } {
  switch (row.algorithm) {
    case "Ed25519": return { hash: null, input: { key } };
    case "ECDSA": return { hash: hashOf(settings), input: { key, dsaEncoding: "ieee-p1363" } };
    case "RSA-PSS": return { hash: rowHash(row), input: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: wholeNumber(settings, "saltLength", 1_024) } };
    default: return { hash: rowHash(row), input: { key, padding: constants.RSA_PKCS1_PADDING } };
  }
}

const mac = (row: KeyRow, data: Uint8Array): Buffer => createHmac(rowHash(row), bytesOf(row)).update(data).digest();

function isSigned(settings: Settings, row: KeyRow, signature: Uint8Array, data: Uint8Array): boolean {
  if (row.algorithm === "HMAC") {
    const expected = mac(row, data);
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const { hash, input } = signing(settings, row, objectOf(row, "public"));
  return verify(hash, data, input, signature);
}

function derived(settings: Settings, row: KeyRow, buffers: readonly Uint8Array[], { keys }: Surroundings): Buffer {
  const bits = settings["bits"] === null ? null : wholeNumber(settings, "bits", 8 * mostDerivedBytes);
  if (row.algorithm === "ECDH" || row.algorithm === "X25519") return agreed(row, keys.get(settings["other"]), bits);
  if (bits === null || bits % 8 !== 0) throw new Error("length must be a multiple of 8");
  if (bits === 0) return none;
  const bytes = bits / 8;
  const hash = hashOf(settings);
  if (row.algorithm === "HKDF") return Buffer.from(hkdfSync(hash, bytesOf(row), bufferAt(buffers, 0), bufferAt(buffers, 1), bytes));
  const iterations = wholeNumber(settings, "iterations", mostIterations);
  if (iterations * Math.ceil(bytes / blockBytes[hash]) > mostRounds) throw new Error(`more than ${mostRounds} rounds of PBKDF2`);
  return pbkdf2Sync(bytesOf(row), bufferAt(buffers, 0), iterations, bytes, hash);
}

function agreed(row: KeyRow, other: KeyRow, bits: number | null): Buffer {
  const secret = diffieHellman({ privateKey: objectOf(row, "private"), publicKey: objectOf(other, "public") });
  if (bits === null) return secret;
  if (bits > secret.length * 8) throw new Error("there are fewer bits than that");
  const bytes = Buffer.from(secret.subarray(0, Math.ceil(bits / 8)));
  const last = bytes.length - 1;
  if (bits % 8 !== 0) bytes[last] = (bytes[last] ?? 0) & (0xff << (8 - (bits % 8)));
  return bytes;
}

export const cryptoOperations: { readonly [name: string]: Operation } = {
  random: (settings) => randomBytes(wholeNumber(settings, "bytes", mostRandomBytes)),
  digest: (settings, buffers) => createHash(hashOf(settings)).update(bufferAt(buffers, 0)).digest(),
  /** Buffers: IV or counter, additional data or label, data. */
  encrypt: (settings, buffers, { keys }) => transform(keys.use(settings["key"], "encrypt", ...ciphers), true, settings, cipherInput(bufferAt(buffers, 2), buffers)),
  decrypt: (settings, buffers, { keys }) => transform(keys.use(settings["key"], "decrypt", ...ciphers), false, settings, cipherInput(bufferAt(buffers, 2), buffers)),
  sign: (settings, buffers, { keys }) => {
    const row = keys.use(settings["key"], "sign", ...signers);
    if (row.algorithm === "HMAC") return mac(row, bufferAt(buffers, 0));
    const { hash, input } = signing(settings, row, objectOf(row, "private"));
    return sign(hash, bufferAt(buffers, 0), input);
  },
  verify: (settings, buffers, { keys }) => Uint8Array.of(isSigned(settings, keys.use(settings["key"], "verify", ...signers), bufferAt(buffers, 0), bufferAt(buffers, 1)) ? 1 : 0),
  /** Buffers: salt and info, where there are any. */
  "derive-bits": (settings, buffers, around) => derived(settings, around.keys.use(settings["key"], "deriveBits", ...derivers), buffers, around),
  /** Likewise, but what is derived stays here: news of the key that it becomes. */
  "derive-key": (settings, buffers, around) => {
    const wish = wishOf(settings);
    return json(around.keys.add([importRow("raw", derived(settings, around.keys.use(settings["key"], "deriveKey", ...derivers), buffers, around), wish)]));
  },
  wrap: (settings, buffers, { keys }) => {
    const wrapper = keys.use(settings["with"], "wrapKey", ...wrappers);
    return transform(wrapper, true, settings, cipherInput(exportRow(oneOf(settings, "format", keyFormats), keys.get(settings["key"])), buffers));
  },
  /** What was wrapped stays here. Buffers: IV or counter, additional data or label, wrapped key. */
  unwrap: (settings, buffers, { keys }) => {
    const plain = transform(keys.use(settings["with"], "unwrapKey", ...wrappers), false, settings, cipherInput(bufferAt(buffers, 2), buffers));
    return json(keys.add([importRow(oneOf(settings, "format", keyFormats), plain, wishOf(settings))]));
  },
};
