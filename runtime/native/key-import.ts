// Keys in (Web Crypto §14.3.9): raw, SPKI, PKCS #8 and JWK of every kind of key, as rows of the table. Throws a DataError for what is no
// such key, a SyntaxError for usages that it does not have. It keeps nothing.
import { createPrivateKey, createPublicKey, ECDH, type KeyObject } from "node:crypto";
import { type KeyFormat, type KeyUsage, type KeyWish, mostModulusBits } from "../../sandbox-api/schema/crypto.ts";
import type { KeyRow } from "./key-table.ts";
import { Refusal } from "./refusal.ts";
import { rowOf } from "./settings.ts";

type Jwk = { readonly [name: string]: unknown };
const opensslCurves: { readonly [name: string]: string } = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" };
/** Others have groups of any size, whose arithmetic nothing interrupts. */
const objectTypes: ReadonlySet<string> = new Set(["rsa", "rsa-pss", "ec", "ed25519", "x25519"]);
const dataError = (message: string): Refusal => new Refusal("DataError", message);

const hashDigits = (hash: string): string => (hash === "SHA-1" ? "1" : hash.slice(4));
/** `alg` of a JWK; undefined where there is none. */
export function jwkAlg({ algorithm, hash, length }: Pick<KeyRow, "algorithm" | "hash" | "length">): string | undefined {
  if (algorithm === "HMAC") return `HS${hashDigits(hash)}`;
  if (algorithm.startsWith("AES-")) return `A${length}${algorithm.slice(4)}`;
  if (algorithm === "RSASSA-PKCS1-v1_5") return `RS${hashDigits(hash)}`;
  if (algorithm === "RSA-PSS") return `PS${hashDigits(hash)}`;
  if (algorithm === "RSA-OAEP") return hash === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hashDigits(hash)}`;
  return algorithm === "Ed25519" ? "Ed25519" : undefined;
}

export function checkUsages(usages: readonly KeyUsage[], allowed: readonly KeyUsage[]): void {
  for (const usage of usages) if (!allowed.includes(usage)) throw new Refusal("SyntaxError", `a key of this kind cannot be used to ${usage}`);
}

/** `data`: the key's bytes, or the JSON text of a JWK. */
export function importRow(format: KeyFormat, data: Buffer, wish: KeyWish): KeyRow {
  const { kind } = rowOf(wish.algorithm);
  const row = kind === "kdf" ? derivationRow(format, data, wish) : kind === "hmac" || kind === "aes" ? secretRow(format, data, wish) : pairRow(format, data, wish);
  if (row.type === "secret" && wish.usages.length === 0) throw new Refusal("SyntaxError", "a secret key needs a usage");
  return row;
}

function parseJwk(data: Buffer): Jwk {
  let jwk: unknown;
  try {
    jwk = JSON.parse(data.toString());
  } catch {
    throw dataError("that is no JWK");
  }
  if (typeof jwk !== "object" || jwk === null) throw dataError("that is no JWK");
  return jwk as Jwk;
}

function fromBase64(value: unknown): Buffer {
  if (typeof value !== "string" || !/^[\w-]*$/.test(value)) throw dataError("a member of the JWK is not base64url");
  return Buffer.from(value, "base64url");
}

function checkJwk(jwk: Jwk, kty: string, { extractable, usages }: KeyWish, use: "sig" | "enc"): void {
  if (jwk["kty"] !== kty) throw dataError(`the JWK is not of type ${kty}`);
  if (usages.length > 0 && jwk["use"] !== undefined && jwk["use"] !== use) throw dataError("the JWK is for another use");
  const operations = jwk["key_ops"];
  if (operations !== undefined) {
    if (!Array.isArray(operations) || new Set(operations).size !== operations.length || usages.some((usage) => !operations.includes(usage))) throw dataError("key_ops of the JWK do not allow that");
  }
  if (jwk["ext"] === false && extractable) throw dataError("the JWK cannot be extracted");
}

const secret = (bytes: Buffer, { algorithm, hash = "", extractable, usages }: KeyWish, length: number): KeyRow =>
  ({ type: "secret", algorithm, hash, curve: "", extractable, usages, length, exponent: [], material: { kind: "bytes", bytes } });

function derivationRow(format: KeyFormat, data: Buffer, wish: KeyWish): KeyRow {
  if (format !== "raw") throw new Refusal("NotSupportedError", "such a key can be imported raw only");
  checkUsages(wish.usages, rowOf(wish.algorithm).secretUsages);
  if (wish.extractable) throw new Refusal("SyntaxError", "such a key cannot be extractable");
  return secret(data, wish, data.length * 8);
}

function secretRow(format: KeyFormat, data: Buffer, wish: KeyWish): KeyRow {
  checkUsages(wish.usages, rowOf(wish.algorithm).secretUsages);
  if (format !== "raw" && format !== "jwk") throw new Refusal("NotSupportedError", `such a key is not imported as ${format}`);
  const jwk = format === "jwk" ? parseJwk(data) : null;
  const bytes = jwk === null ? data : fromBase64(jwk["k"]);
  const bits = bytes.length * 8;
  const isMac = wish.algorithm === "HMAC";
  const length = isMac ? (wish.length ?? bits) : bits;
  if (isMac) {
    if (bits === 0) throw dataError("an empty key");
    if (length > bits || length <= bits - 8) throw dataError("the length is not that of the key");
  } else if (bits !== 128 && bits !== 192 && bits !== 256) throw dataError("an AES key has 128, 192 or 256 bits");
  const row = secret(bytes, wish, length);
  if (jwk === null) return row;
  checkJwk(jwk, "oct", wish, isMac ? "sig" : "enc");
  if (jwk["alg"] !== undefined && jwk["alg"] !== jwkAlg(row)) throw dataError("alg of the JWK is another");
  return row;
}

function pairRow(format: KeyFormat, data: Buffer, wish: KeyWish): KeyRow {
  const { kind, secretUsages, publicUsages } = rowOf(wish.algorithm);
  const jwk = format === "jwk" ? parseJwk(data) : null;
  const isPrivate = format === "pkcs8" || jwk?.["d"] !== undefined;
  checkUsages(wish.usages, isPrivate ? secretUsages : publicUsages);
  if (isPrivate && wish.usages.length === 0) throw new Refusal("SyntaxError", "a private key needs a usage");
  const key = bounded(read(() => objectFrom(format, data, jwk, wish)));
  const row = rowOfObject(key, wish);
  if (jwk === null) return row;
  checkJwk(jwk, kind === "rsa" ? "RSA" : kind === "ec" ? "EC" : "OKP", wish, rowOf(wish.algorithm).operations.includes("sign") ? "sig" : "enc");
  const { alg } = jwk;
  if (alg === undefined) return row;
  if (kind === "rsa" && alg !== jwkAlg(row)) throw dataError("alg of the JWK is another");
  if (wish.algorithm === "Ed25519" && alg !== "Ed25519" && alg !== "EdDSA") throw dataError("alg of the JWK is another");
  return row;
}

/** What node:crypto made, as a row; throws a DataError where it is not of the kind that was wished for. */
export function rowOfObject(given: KeyObject, { algorithm, hash = "", curve = "", extractable, usages }: KeyWish): KeyRow {
  const { kind } = rowOf(algorithm);
  const type = given.type === "private" ? "private" : "public";
  const jwk: Jwk | null = given.asymmetricKeyType === "rsa-pss" ? null : { ...given.export({ format: "jwk" }) };
  if (jwk === null || jwk["kty"] !== (kind === "rsa" ? "RSA" : kind === "ec" ? "EC" : "OKP")) throw dataError("the key is of another kind");
  if (kind !== "rsa" && jwk["crv"] !== (kind === "ec" ? curve : algorithm)) throw dataError("the key is of another curve");
  // A point may have come compressed; it leaves as every other.
  const key = kind === "ec" && type === "public" ? fromJwk(jwk) : given;
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  return { type, algorithm, hash, curve, extractable, usages, length: modulusLength, exponent: publicExponent === undefined ? [] : bytesOfNumber(publicExponent), material: { kind: "object", key } };
}

function bytesOfNumber(value: bigint): readonly number[] {
  const hex = value.toString(16);
  return [...Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")];
}

function read<T>(attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw dataError(error instanceof Error ? error.message.slice(0, 200) : "no key");
  }
}

function objectFrom(format: KeyFormat, data: Buffer, jwk: Jwk | null, { algorithm, curve = "" }: KeyWish): KeyObject {
  if (jwk !== null) return fromJwk(jwk);
  if (format === "pkcs8") return createPrivateKey({ key: data, format: "der", type: "pkcs8" });
  if (format === "spki") return createPublicKey({ key: data, format: "der", type: "spki" });
  const { kind } = rowOf(algorithm);
  if (kind === "rsa") throw new Refusal("NotSupportedError", "such a key is not imported raw");
  if (kind === "okp") return fromJwk({ kty: "OKP", crv: algorithm, x: data.toString("base64url") });
  const point: unknown = ECDH.convertKey(data, opensslCurves[curve] ?? "", undefined, undefined, "uncompressed");
  if (!(point instanceof Uint8Array)) throw dataError("no point");
  const half = (point.length - 1) / 2;
  return fromJwk({ kty: "EC", crv: curve, x: Buffer.from(point.subarray(1, 1 + half)).toString("base64url"), y: Buffer.from(point.subarray(1 + half)).toString("base64url") });
}

function fromJwk(jwk: Jwk): KeyObject {
  const input = { key: jwk, format: "jwk" } as const;
  return jwk["d"] === undefined ? createPublicKey(input) : createPrivateKey(input);
}

function bounded(key: KeyObject): KeyObject {
  if (!objectTypes.has(key.asymmetricKeyType ?? "")) throw dataError(`keys for ${key.asymmetricKeyType ?? "nothing"} are not available to addons`);
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > mostModulusBits) throw dataError(`RSA keys of more than ${mostModulusBits} bits are not available to addons`);
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) > 0xffff_ffffn) throw dataError("RSA keys with such an exponent are not available to addons");
  return key;
}

