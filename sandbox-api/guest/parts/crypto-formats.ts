// Keys in and out (Web Crypto §14.3.9 and §14.3.10): raw, SPKI, PKCS #8 and JWK of every kind of key.
import { copyBytes, decode, needBytes } from "./bytes.ts";
import { algorithms, hashOf, memberNumber, native, type Named } from "./crypto-table.ts";
import type { KeyAlgorithm, KeyState, KeyType } from "./crypto-key.ts";
import { domException } from "./errors.ts";
import { isObject, RealTypeError } from "./intrinsics.ts";

export type Format = "raw" | "spki" | "pkcs8" | "jwk";
type Jwk = { readonly [name: string]: unknown };
const dataError = (message: string): Error => domException(message, "DataError");
const syntaxError = (message: string): Error => domException(message, "SyntaxError");

const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (let index = 0; index < bytes.length; index++) binary += String.fromCharCode(bytes[index]!);
  return $kernel.base64.encode(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
function fromBase64(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value !== "string" || !/^[\w-]*$/.test(value)) throw dataError("a member of the JWK is not base64url");
  const binary = $kernel.base64.decode(value.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

const hashBits: { readonly [name: string]: number } = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
const hashDigits = (hash: string): string => (hash === "SHA-1" ? "1" : hash.slice(4));

/** `alg` of a JWK; undefined where there is none. */
function jwkAlg({ name, hash, length }: KeyAlgorithm): string | undefined {
  if (name === "HMAC") return `HS${hashDigits(hash?.name ?? "")}`;
  if (name.startsWith("AES-")) return `A${length}${name.slice(4)}`;
  if (name === "RSASSA-PKCS1-v1_5") return `RS${hashDigits(hash?.name ?? "")}`;
  if (name === "RSA-PSS") return `PS${hashDigits(hash?.name ?? "")}`;
  if (name === "RSA-OAEP") return hash?.name === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hashDigits(hash?.name ?? "")}`;
  return name === "Ed25519" ? "Ed25519" : undefined;
}

export function checkUsages(usages: readonly string[], allowed: readonly string[]): void {
  for (const usage of usages) if (!allowed.includes(usage)) throw syntaxError(`a key of this kind cannot be used to ${usage}`);
}

function checkJwk(jwk: Jwk, kty: string, extractable: boolean, usages: readonly string[], use: "sig" | "enc" | null): void {
  if (jwk["kty"] !== kty) throw dataError(`the JWK is not of type ${kty}`);
  if (usages.length > 0 && jwk["use"] !== undefined && jwk["use"] !== use) throw dataError("the JWK is for another use");
  const operations = jwk["key_ops"];
  if (operations !== undefined) {
    if (!Array.isArray(operations) || new Set(operations).size !== operations.length || usages.some((usage) => !operations.includes(usage))) throw dataError("key_ops of the JWK do not allow that");
  }
  if (jwk["ext"] === false && extractable) throw dataError("the JWK cannot be extracted");
}

interface Import { readonly format: Format; readonly data: unknown; readonly named: Named; readonly extractable: boolean; readonly usages: readonly string[] }

export function readKey(job: Import): KeyState {
  switch (job.named.row.kind) {
    case "kdf": return readDerivation(job);
    case "hmac": case "aes": return readSecret(job);
    default: return readAsymmetric(job);
  }
}

function jwkOf(data: unknown): Jwk {
  if (!isObject(data)) throw new RealTypeError("a JWK must be an object");
  return data as Jwk;
}

function readDerivation({ format, data, named, extractable, usages }: Import): KeyState {
  if (format !== "raw") throw domException("such a key can be imported raw only", "NotSupportedError");
  checkUsages(usages, named.row.secretUsages);
  if (extractable) throw syntaxError("such a key cannot be extractable");
  return { type: "secret", extractable, algorithm: { name: named.name }, usages, material: copyBytes(needBytes(data, "the key")) };
}

function readSecret({ format, data, named, extractable, usages }: Import): KeyState {
  const { name, row } = named;
  checkUsages(usages, row.secretUsages);
  if (format !== "raw" && format !== "jwk") throw domException(`such a key is not imported as ${format}`, "NotSupportedError");
  const isMac = row.kind === "hmac";
  const hash = isMac ? hashOf(named.members["hash"]) : "";
  const material = format === "raw" ? copyBytes(needBytes(data, "the key")) : fromBase64(jwkOf(data)["k"] ?? 0);
  const bits = material.length * 8;
  let length = bits;
  if (isMac) {
    if (bits === 0) throw dataError("an empty key");
    if (named.members["length"] !== undefined) length = memberNumber(named, "length");
    if (length > bits || length <= bits - 8) throw dataError("the length is not that of the key");
  } else if (bits !== 128 && bits !== 192 && bits !== 256) throw dataError("an AES key has 128, 192 or 256 bits");
  const algorithm: KeyAlgorithm = isMac ? { name, hash: { name: hash }, length } : { name, length };
  if (format === "jwk") {
    checkJwk(jwkOf(data), "oct", extractable, usages, isMac ? "sig" : "enc");
    const { alg } = jwkOf(data);
    if (alg !== undefined && alg !== jwkAlg(algorithm)) throw dataError("alg of the JWK is another");
  }
  return { type: "secret", extractable, algorithm, usages, material };
}

interface Described { readonly jwk: Jwk | null; readonly type: string; readonly modulusLength?: number; readonly publicExponent?: string }

function readAsymmetric(job: Import): KeyState {
  const { format, data, named, extractable, usages } = job;
  const { row, name } = named;
  const curve = row.kind === "ec" ? namedCurve(named) : name;
  const hash = row.kind === "rsa" ? hashOf(named.members["hash"]) : "";
  const isPrivate = format === "pkcs8" || (format === "jwk" && jwkOf(data)["d"] !== undefined);
  checkUsages(usages, isPrivate ? row.secretUsages : row.publicUsages);
  if (isPrivate && usages.length === 0) throw syntaxError("a private key needs a usage");
  const material = attempt(() => derOf(job, curve));
  const described = attempt(() => JSON.parse(decode(native("der-to-jwk", { private: isPrivate }, material))) as Described);
  const { jwk } = described;
  if (jwk === null || jwk["kty"] !== (row.kind === "rsa" ? "RSA" : row.kind === "ec" ? "EC" : "OKP")) throw dataError("the key is of another kind");
  if (row.kind !== "rsa" && jwk["crv"] !== curve) throw dataError("the key is of another curve");
  const algorithm: KeyAlgorithm = row.kind === "rsa" ? { name, modulusLength: described.modulusLength ?? 0, publicExponent: exponentOf(described.publicExponent ?? "0"), hash: { name: hash } } : row.kind === "ec" ? { name, namedCurve: curve } : { name };
  if (format === "jwk") checkAsymmetricJwk(job, jwkOf(data), algorithm);
  // A point may have come compressed; it leaves as every other.
  const whole = row.kind === "ec" && format === "spki" ? native("jwk-to-der", { jwk }) : material;
  return { type: isPrivate ? "private" : "public", extractable, algorithm, usages, material: whole };
}

function checkAsymmetricJwk({ named: { row, name }, extractable, usages }: Import, jwk: Jwk, algorithm: KeyAlgorithm): void {
  const isSigning = row.operations.includes("sign");
  checkJwk(jwk, row.kind === "rsa" ? "RSA" : row.kind === "ec" ? "EC" : "OKP", extractable, usages, isSigning ? "sig" : "enc");
  const { alg } = jwk;
  if (alg === undefined) return;
  const expected = jwkAlg(algorithm);
  if (row.kind === "rsa" && alg !== expected) throw dataError("alg of the JWK is another");
  if (name === "Ed25519" && alg !== "Ed25519" && alg !== "EdDSA") throw dataError("alg of the JWK is another");
}

function exponentOf(hex: string): Uint8Array<ArrayBuffer> {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Uint8Array.from({ length: even.length / 2 }, (_, index) => Number.parseInt(even.slice(index * 2, index * 2 + 2), 16));
}

function attempt<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "OperationError") throw dataError(thrown.message);
    throw thrown;
  }
}

export function namedCurve({ members }: Named): string {
  const curve = members["namedCurve"];
  if (curve === undefined) throw new RealTypeError("namedCurve is missing");
  if (curve !== "P-256" && curve !== "P-384" && curve !== "P-521") throw domException(`the curve ${String(curve)} is not available`, "NotSupportedError");
  return curve;
}

function derOf({ format, data, named: { row } }: Import, curve: string): Uint8Array<ArrayBuffer> {
  if (format === "spki" || format === "pkcs8") return copyBytes(needBytes(data, "the key"));
  if (format === "jwk") {
    const jwk = { ...jwkOf(data) };
    return native("jwk-to-der", { jwk });
  }
  const bytes = copyBytes(needBytes(data, "the key"));
  if (row.kind === "rsa") throw domException("such a key is not imported raw", "NotSupportedError");
  if (row.kind === "okp") return native("jwk-to-der", { jwk: { kty: "OKP", crv: curve, x: toBase64(bytes) } });
  const point = native("point", { curve }, bytes);
  const half = (point.length - 1) / 2;
  return native("jwk-to-der", { jwk: { kty: "EC", crv: curve, x: toBase64(point.subarray(1, 1 + half)), y: toBase64(point.subarray(1 + half)) } });
}

/** What `exportKey` gives; the caller has looked whether it may. */
export function writeKey(format: Format, { type, algorithm, usages, extractable, material }: KeyState): ArrayBuffer | object {
  const { kind } = algorithms[algorithm.name]!;
  const wrong = (): Error => domException(`such a key is not exported as ${format}`, kind === "kdf" ? "NotSupportedError" : type === "secret" ? "NotSupportedError" : "InvalidAccessError");
  if (format === "jwk") return { ...jwkMembers(type, material), ...algMember(algorithm), key_ops: [...usages], ext: extractable };
  if (type === "secret") {
    if (format !== "raw") throw wrong();
    return copyBytes(material).buffer;
  }
  if (format === "spki" || format === "pkcs8") {
    if ((format === "spki") !== (type === "public")) throw wrong();
    return copyBytes(material).buffer;
  }
  if (type !== "public" || kind === "rsa") throw wrong();
  const jwk = jwkMembers(type, material);
  const x = fromBase64(jwk["x"]);
  return kind === "okp" ? x.buffer : Uint8Array.from([4, ...x, ...fromBase64(jwk["y"])]).buffer;
}

function jwkMembers(type: KeyType, material: Uint8Array<ArrayBuffer>): Jwk {
  if (type === "secret") return { kty: "oct", k: toBase64(material) };
  return (JSON.parse(decode(native("der-to-jwk", { private: type === "private" }, material))) as Described).jwk ?? {};
}
function algMember(algorithm: KeyAlgorithm): Jwk {
  const alg = jwkAlg(algorithm);
  return alg === undefined ? {} : { alg };
}
export const defaultMacBits = (hash: string): number => hashBits[hash] ?? 512;
