// The algorithms of Web Crypto that addons have, each with its operations and what keys of it may be used for, and how the guest and
// the cell speak about keys. The guest normalizes what an addon says; the cell holds the keys and looks at all of it again. Data and
// shapes only.

export type AlgorithmOperation = "digest" | "encrypt" | "decrypt" | "sign" | "verify" | "deriveBits" | "generateKey" | "importKey" | "wrapKey" | "unwrapKey" | "getKeyLength";
export type AlgorithmKind = "digest" | "hmac" | "aes" | "rsa" | "ec" | "okp" | "kdf";
/** `secretUsages`: of secret and private keys. */
export interface AlgorithmRow { readonly kind: AlgorithmKind; readonly operations: readonly AlgorithmOperation[]; readonly secretUsages: readonly KeyUsage[]; readonly publicUsages: readonly KeyUsage[] }

export const keyUsages = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"] as const;
export type KeyUsage = (typeof keyUsages)[number];
export const keyFormats = ["raw", "spki", "pkcs8", "jwk"] as const;
export type KeyFormat = (typeof keyFormats)[number];
export type KeyType = "secret" | "public" | "private";

const row = (kind: AlgorithmKind, operations: readonly AlgorithmOperation[], secretUsages: readonly KeyUsage[], publicUsages: readonly KeyUsage[] = []): AlgorithmRow => ({ kind, operations, secretUsages, publicUsages });
const aes = ["encrypt", "decrypt", "generateKey", "importKey", "getKeyLength"] as const;
const aesUsages = ["encrypt", "decrypt", "wrapKey", "unwrapKey"] as const;
const rsaSigning = row("rsa", ["sign", "verify", "generateKey", "importKey"], ["sign"], ["verify"]);

export const algorithms: { readonly [name: string]: AlgorithmRow } = {
  __proto__: null as never,
  "SHA-1": row("digest", ["digest"], []), "SHA-256": row("digest", ["digest"], []), "SHA-384": row("digest", ["digest"], []), "SHA-512": row("digest", ["digest"], []),
  HMAC: row("hmac", ["sign", "verify", "generateKey", "importKey", "getKeyLength"], ["sign", "verify"]),
  "AES-GCM": row("aes", aes, aesUsages), "AES-CBC": row("aes", aes, aesUsages), "AES-CTR": row("aes", aes, aesUsages),
  "AES-KW": row("aes", ["wrapKey", "unwrapKey", "generateKey", "importKey", "getKeyLength"], ["wrapKey", "unwrapKey"]),
  "RSASSA-PKCS1-v1_5": rsaSigning, "RSA-PSS": rsaSigning,
  "RSA-OAEP": row("rsa", ["encrypt", "decrypt", "generateKey", "importKey"], ["decrypt", "unwrapKey"], ["encrypt", "wrapKey"]),
  ECDSA: row("ec", ["sign", "verify", "generateKey", "importKey"], ["sign"], ["verify"]), ECDH: row("ec", ["deriveBits", "generateKey", "importKey"], ["deriveKey", "deriveBits"]),
  Ed25519: row("okp", ["sign", "verify", "generateKey", "importKey"], ["sign"], ["verify"]), X25519: row("okp", ["deriveBits", "generateKey", "importKey"], ["deriveKey", "deriveBits"]),
  HKDF: row("kdf", ["deriveBits", "importKey", "getKeyLength"], ["deriveKey", "deriveBits"]), PBKDF2: row("kdf", ["deriveBits", "importKey", "getKeyLength"], ["deriveKey", "deriveBits"]),
};

/** A key that is to be: `algorithm` is a name of the table, `hash` one of `SHA-…`, `length` in bits (of a secret, or of an RSA modulus), `exponent` that of RSA. */
export interface KeyWish {
  readonly algorithm: string;
  readonly hash?: string;
  readonly curve?: string;
  readonly length?: number;
  readonly exponent?: number;
  readonly extractable: boolean;
  readonly usages: readonly KeyUsage[];
}

/** What the cell tells the guest of a key that it holds: a name for it within this one instance, and what may be known of any key. */
export interface KeyNews {
  readonly id: number;
  readonly type: KeyType;
  readonly extractable: boolean;
  readonly usages: readonly KeyUsage[];
  /** Bits of a secret, or of an RSA modulus. */
  readonly length: number;
  /** Public exponent of RSA, its bytes from the front; else empty. */
  readonly exponent: readonly number[];
}

/** Names of DOMExceptions that the cell may begin a refusal with, followed by ": "; one without is an OperationError. */
export const refusalNames = ["OperationError", "DataError", "SyntaxError", "InvalidAccessError", "NotSupportedError", "QuotaExceededError"] as const;
export type RefusalName = (typeof refusalNames)[number];

/** LIMIT: bits of an RSA modulus: of any key, and of one that is made here. */
export const mostModulusBits = 4_096;
export const leastMadeModulusBits = 2_048;
/** Exponents of RSA keys that are made here. */
export const rsaExponents = [3, 65_537] as const;

/** LIMIT: bits of a secret key that is made here. */
export const mostSecretBits = 8 * 65_536;

/** Bits of an HMAC key whose length is not said: a block of its hash. */
export const hashBlockBits: { readonly [name: string]: number } = { __proto__: null as never, "SHA-1": 512, "SHA-256": 512, "SHA-384": 1_024, "SHA-512": 1_024 };
