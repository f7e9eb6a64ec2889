// SubtleCrypto (W3C Web Crypto §14). Every operation is done at once by the cell; the promises are the standard's. RSA keys are not
// generated.
import { copyBytes, needBytes } from "./bytes.ts";
import { checkUsages, defaultMacBits, namedCurve, readKey, writeKey, type Format } from "./crypto-formats.ts";
import { makeKey, needKey, type CryptoKey, type KeyAlgorithm, type KeyState, type KeyType } from "./crypto-key.ts";
import { hashOf, memberBytes, memberNumber, native, nodeHash, normalize, optionalBytes, type Named, type Operation } from "./crypto-table.ts";
import { decode } from "./bytes.ts";
import { domException } from "./errors.ts";
import { describe, needs, text } from "./idl.ts";
import { RealTypeError, bareArray, isObject } from "./intrinsics.ts";

type Bytes = Uint8Array<ArrayBuffer>;
const copied = (value: unknown, what: string): Bytes => copyBytes(needBytes(value, what));
const known = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

function usagesOf(value: unknown): readonly string[] {
  const given = bareArray<string>();
  $kernel.iterate(value, (usage) => {
    const name = text(usage);
    if (!known.includes(name)) throw new RealTypeError(`"${name}" is not a usage of keys`);
    given[given.length] = name;
  });
  return known.filter((usage) => Array.prototype.includes.call(given, usage));
}

function formatOf(value: unknown): Format {
  const format = text(value);
  if (format !== "raw" && format !== "spki" && format !== "pkcs8" && format !== "jwk") throw new RealTypeError(`"${format}" is not a format of keys`);
  return format;
}

/** Throws where this key is not for this. */
function admit(state: KeyState, named: Named, usage: string): void {
  if (state.algorithm.name !== named.name) throw domException("the key is of another algorithm", "InvalidAccessError");
  if (!state.usages.includes(usage)) throw domException(`the key may not be used to ${usage}`, "InvalidAccessError");
}

function needType(state: KeyState, type: KeyType): void {
  if (state.type !== type) throw domException(`a ${type} key is needed here`, "InvalidAccessError");
}

function cipher(encrypt: boolean, named: Named, state: KeyState, data: Bytes): Bytes {
  const none = new Uint8Array(0);
  const { name } = named;
  if (name === "RSA-OAEP") {
    needType(state, encrypt ? "public" : "private");
    return native("oaep", { encrypt, hash: nodeHash(state.algorithm.hash?.name ?? "") }, state.material, data, optionalBytes(named, "label"));
  }
  if (name === "AES-KW") return native("cipher", { mode: "kw", encrypt }, state.material, new Uint8Array(8).fill(0xa6), data, none);
  if (name === "AES-GCM") {
    const tagLength = named.members["tagLength"] === undefined ? 128 : memberNumber(named, "tagLength");
    if (![32, 64, 96, 104, 112, 120, 128].includes(tagLength)) throw domException("such a tagLength is not available", "OperationError");
    return native("cipher", { mode: "gcm", encrypt, tagBytes: tagLength / 8 }, state.material, memberBytes(named, "iv"), data, optionalBytes(named, "additionalData"));
  }
  const iv = memberBytes(named, name === "AES-CTR" ? "counter" : "iv");
  if (iv.length !== 16) throw domException("it must have 16 bytes", "OperationError");
  return name === "AES-CTR" ? counterMode(named, state, iv, data, encrypt) : native("cipher", { mode: "cbc", encrypt }, state.material, iv, data, none);
}

/** OpenSSL counts in all 128 bits: where only `length` of them count, the data is done in two runs around the overflow. */
function counterMode(named: Named, { material }: KeyState, counter: Bytes, data: Bytes, encrypt: boolean): Bytes {
  const length = memberNumber(named, "length");
  if (length === 0 || length > 128) throw domException("length must be from 1 to 128", "OperationError");
  const bits = BigInt(`0x${Array.from(counter, (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
  const modulus = 1n << BigInt(length);
  const blocks = BigInt(Math.ceil(data.length / 16));
  if (blocks > modulus) throw domException("the counter would repeat", "OperationError");
  const run = (start: Bytes, piece: Bytes): Bytes => native("cipher", { mode: "ctr", encrypt }, material, start, piece, new Uint8Array(0));
  const left = modulus - (bits % modulus);
  if (left >= blocks) return run(counter, data);
  const cut = Number(left) * 16;
  const again = bits - (bits % modulus);
  const restart = Uint8Array.from({ length: 16 }, (_, index) => Number((again >> BigInt(8 * (15 - index))) & 0xffn));
  return Uint8Array.from([...run(counter, data.slice(0, cut)), ...run(restart, data.slice(cut))]);
}

const signKinds: { readonly [name: string]: string } = { __proto__: null as never, ECDSA: "ecdsa", "RSASSA-PKCS1-v1_5": "rsa", "RSA-PSS": "pss", Ed25519: "ed25519" };
function signSettings(named: Named, state: KeyState): object {
  const hash = named.name === "ECDSA" ? hashOf(named.members["hash"]) : (state.algorithm.hash?.name ?? "");
  return { kind: signKinds[named.name], ...(named.name !== "Ed25519" && { hash: nodeHash(hash) }), ...(named.name === "RSA-PSS" && { saltLength: memberNumber(named, "saltLength") }) };
}

function isSame(one: Bytes, other: Bytes): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length && index < other.length; index++) difference |= one[index]! ^ other[index]!;
  return difference === 0;
}

const mac = (state: KeyState, data: Bytes): Bytes => native("hmac", { hash: nodeHash(state.algorithm.hash?.name ?? "") }, state.material, data);

function derive(named: Named, state: KeyState, length: number | null): Bytes {
  if (named.name === "ECDH" || named.name === "X25519") return agree(named, state, length);
  if (length === null || length % 8 !== 0) throw domException("length must be a multiple of 8", "OperationError");
  const settings = { hash: nodeHash(hashOf(named.members["hash"])), bytes: length / 8 };
  const salt = memberBytes(named, "salt");
  if (named.name === "HKDF") {
    const info = memberBytes(named, "info");
    return length === 0 ? new Uint8Array(0) : native("hkdf", settings, state.material, salt, info);
  }
  const iterations = memberNumber(named, "iterations");
  if (iterations === 0) throw domException("iterations must not be 0", "OperationError");
  return length === 0 ? new Uint8Array(0) : native("pbkdf2", { ...settings, iterations }, state.material, salt);
}

function agree(named: Named, state: KeyState, length: number | null): Bytes {
  const other = needKey(named.members["public"]);
  needType(state, "private");
  needType(other, "public");
  if (other.algorithm.name !== state.algorithm.name || other.algorithm.namedCurve !== state.algorithm.namedCurve) throw domException("the keys are of different kinds", "InvalidAccessError");
  const secret = native("agree", {}, state.material, other.material);
  if (length === null) return secret;
  if (length > secret.length * 8) throw domException("there are fewer bits than that", "OperationError");
  const bytes = secret.slice(0, Math.ceil(length / 8));
  if (length % 8 !== 0) bytes[bytes.length - 1]! &= 0xff << (8 - (length % 8));
  return bytes;
}

function secretLength(named: Named): number | null {
  if (named.row.kind === "kdf") return null;
  if (named.row.kind === "aes") {
    const length = memberNumber(named, "length");
    if (length !== 128 && length !== 192 && length !== 256) throw domException("an AES key has 128, 192 or 256 bits", "OperationError");
    return length;
  }
  const length = named.members["length"] === undefined ? defaultMacBits(hashOf(named.members["hash"])) : memberNumber(named, "length");
  if (length === 0 || length > 8 * 65_536) throw domException("no key has such a length", "OperationError");
  return length;
}

function generate(named: Named, extractable: boolean, usages: readonly string[]): CryptoKey | object {
  const { row, name } = named;
  if (row.kind === "aes" || row.kind === "hmac") {
    const hash = row.kind === "hmac" ? { hash: { name: hashOf(named.members["hash"]) } } : {};
    checkUsages(usages, row.secretUsages);
    const length = secretLength(named) ?? 0;
    if (usages.length === 0) throw domException("a secret key needs a usage", "SyntaxError");
    return makeKey({ type: "secret", extractable, algorithm: { name, ...hash, length }, usages, material: native("random", { bytes: Math.ceil(length / 8) }) });
  }
  checkUsages(usages, [...row.secretUsages, ...row.publicUsages]);
  const curve = row.kind === "ec" ? namedCurve(named) : null;
  const secretUsages = usages.filter((usage) => row.secretUsages.includes(usage));
  if (secretUsages.length === 0) throw domException("a private key needs a usage", "SyntaxError");
  const pair = native("generate", curve === null ? { kind: name.toLowerCase() } : { kind: "ec", curve });
  const cut = 4 + ((pair[0]! << 24) | (pair[1]! << 16) | (pair[2]! << 8) | pair[3]!);
  const algorithm: KeyAlgorithm = curve === null ? { name } : { name, namedCurve: curve };
  return {
    publicKey: makeKey({ type: "public", extractable: true, algorithm, usages: usages.filter((usage) => row.publicUsages.includes(usage)), material: pair.slice(cut) }),
    privateKey: makeKey({ type: "private", extractable, algorithm, usages: secretUsages, material: pair.slice(4, cut) }),
  };
}

function importKey(format: Format, data: unknown, named: Named, extractable: boolean, usages: readonly string[]): CryptoKey {
  const state = readKey({ format, data, named, extractable, usages });
  if (state.type === "secret" && usages.length === 0) throw domException("a secret key needs a usage", "SyntaxError");
  return makeKey(state);
}

function exportKey(format: Format, state: KeyState): ArrayBuffer | object {
  if (state.algorithm.name === "HKDF" || state.algorithm.name === "PBKDF2") throw domException("such a key cannot be exported", "NotSupportedError");
  if (!state.extractable) throw domException("the key is not extractable", "InvalidAccessError");
  return writeKey(format, state);
}

/** The cipher that wraps; AES-KW has an operation of its own. */
function wrapping(algorithm: unknown, operation: Operation, instead: Operation): Named {
  try {
    return normalize(algorithm, operation);
  } catch {
    // Any cipher can wrap, too.
    return normalize(algorithm, instead);
  }
}

const key = {};
export class SubtleCrypto {
  readonly #isOurs: boolean;
  constructor(given?: unknown) {
    if (given !== key) throw new RealTypeError("use crypto.subtle");
    this.#isOurs = true;
  }
  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(2, arguments.length);
    const { name } = normalize(algorithm, "digest");
    return native("digest", { hash: nodeHash(name) }, copied(data, "data")).buffer;
  }
  async encrypt(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    return this.#cipher("encrypt", algorithm, cryptoKey, data);
  }
  async decrypt(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    return this.#cipher("decrypt", algorithm, cryptoKey, data);
  }
  async sign(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    const [named, state, bytes] = [normalize(algorithm, "sign"), needKey(cryptoKey), copied(data, "data")] as const;
    admit(state, named, "sign");
    if (named.name === "HMAC") return mac(state, bytes).buffer;
    needType(state, "private");
    return native("sign", signSettings(named, state), state.material, bytes).buffer;
  }
  async verify(algorithm: unknown, cryptoKey: unknown, signature: unknown, data: unknown): Promise<boolean> {
    this.#need(4, arguments.length);
    const [named, state, given, bytes] = [normalize(algorithm, "verify"), needKey(cryptoKey), copied(signature, "signature"), copied(data, "data")] as const;
    admit(state, named, "verify");
    if (named.name === "HMAC") return isSame(mac(state, bytes), given);
    needType(state, "public");
    return native("verify", signSettings(named, state), state.material, given, bytes)[0] === 1;
  }
  async generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey | object> {
    this.#need(3, arguments.length);
    return generate(normalize(algorithm, "generateKey"), !!extractable, usagesOf(keyUsages));
  }
  async importKey(format: unknown, keyData: unknown, algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#need(5, arguments.length);
    return importKey(formatOf(format), keyData, normalize(algorithm, "importKey"), !!extractable, usagesOf(keyUsages));
  }
  async exportKey(format: unknown, cryptoKey: unknown): Promise<ArrayBuffer | object> {
    this.#need(2, arguments.length);
    return exportKey(formatOf(format), needKey(cryptoKey));
  }
  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    this.#need(2, arguments.length);
    const [named, state] = [normalize(algorithm, "deriveBits"), needKey(baseKey)] as const;
    admit(state, named, "deriveBits");
    return derive(named, state, length === null ? null : Number(length) >>> 0).buffer;
  }
  async deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#need(5, arguments.length);
    const [named, state, target, lengths] = [normalize(algorithm, "deriveBits"), needKey(baseKey), normalize(derivedKeyType, "importKey"), normalize(derivedKeyType, "getKeyLength")] as const;
    admit(state, named, "deriveKey");
    return importKey("raw", derive(named, state, secretLength(lengths)), target, !!extractable, usagesOf(keyUsages));
  }
  async wrapKey(format: unknown, cryptoKey: unknown, wrappingKey: unknown, algorithm: unknown): Promise<ArrayBuffer> {
    this.#need(4, arguments.length);
    const [named, state, wrapper] = [wrapping(algorithm, "wrapKey", "encrypt"), needKey(cryptoKey), needKey(wrappingKey)] as const;
    admit(wrapper, named, "wrapKey");
    const plain = exportKey(formatOf(format), state);
    const bytes = plain instanceof ArrayBuffer ? new Uint8Array(plain) : $kernel.encodeUtf8(JSON.stringify(plain), false);
    return cipher(true, named, wrapper, bytes as Bytes).buffer;
  }
  async unwrapKey(format: unknown, wrappedKey: unknown, unwrappingKey: unknown, algorithm: unknown, keyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#need(7, arguments.length);
    const [named, wrapper, target] = [wrapping(algorithm, "unwrapKey", "decrypt"), needKey(unwrappingKey), normalize(keyAlgorithm, "importKey")] as const;
    admit(wrapper, named, "unwrapKey");
    const bytes = cipher(false, named, wrapper, copied(wrappedKey, "wrappedKey"));
    return importKey(formatOf(format), format === "jwk" ? parseJwk(bytes) : bytes, target, !!extractable, usagesOf(keyUsages));
  }

  #cipher(operation: "encrypt" | "decrypt", algorithm: unknown, cryptoKey: unknown, data: unknown): ArrayBuffer {
    const [named, state, bytes] = [normalize(algorithm, operation), needKey(cryptoKey), copied(data, "data")] as const;
    admit(state, named, operation);
    return cipher(operation === "encrypt", named, state, bytes).buffer;
  }
  #need(count: number, given: number): void {
    if (this.#isOurs) needs(count, given, "crypto.subtle");
  }
}
describe(SubtleCrypto, "SubtleCrypto");
$kernel.intrinsics.define(SubtleCrypto, "length", 0, false);

function parseJwk(bytes: Bytes): unknown {
  try {
    const jwk: unknown = JSON.parse(decode(bytes));
    if (isObject(jwk)) return jwk;
  } catch {
    // Said below.
  }
  throw domException("what was wrapped is no JWK", "DataError");
}

export const subtle = new SubtleCrypto(key);
