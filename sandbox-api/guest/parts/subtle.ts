// SubtleCrypto (W3C Web Crypto §14): reads arguments in the standard's order and with its errors, and has the cell do the rest, at once;
// the promises are the standard's. RSA keys are the one thing that takes longer (crypto-keys.ts).
import { copyBytes, needBytes } from "./bytes.ts";
import { exportKey, formatOf, generateKey, importKey, importWish, keyFrom, secretLength, usagesOf } from "./crypto-keys.ts";
import { needKey, type CryptoKey, type KeyState } from "./crypto-key.ts";
import { hashOf, memberBytes, memberNumber, native, normalize, optionalBytes, type Named } from "./crypto-table.ts";
import { domException } from "./errors.ts";
import { describe, needs } from "./idl.ts";
import { RealTypeError } from "./intrinsics.ts";
import type { AlgorithmOperation, KeyType, KeyUsage } from "../../schema/crypto.ts";

type Bytes = Uint8Array<ArrayBuffer>;
const copied = (value: unknown, what: string): Bytes => copyBytes(needBytes(value, what));
const none: Bytes = new Uint8Array(0);

/** Throws where this key is not for this. */
function admit(state: KeyState, named: Named, usage: KeyUsage): void {
  if (state.algorithm.name !== named.name) throw domException("the key is of another algorithm", "InvalidAccessError");
  if (!state.usages.includes(usage)) throw domException(`the key may not be used to ${usage}`, "InvalidAccessError");
}

function needType(state: KeyState, type: KeyType): void {
  if (state.type !== type) throw domException(`a ${type} key is needed here`, "InvalidAccessError");
}

/** What a cipher needs beside key and data. */
interface CipherPlan { readonly settings: object; readonly iv: Bytes; readonly extra: Bytes }

function cipherPlan(named: Named, state: KeyState, encrypt: boolean): CipherPlan {
  const { name } = named;
  if (name === "RSA-OAEP") {
    needType(state, encrypt ? "public" : "private");
    return { settings: {}, iv: none, extra: optionalBytes(named, "label") };
  }
  if (name === "AES-KW") return { settings: {}, iv: none, extra: none };
  if (name === "AES-GCM") {
    const tagLength = named.members["tagLength"] === undefined ? 128 : memberNumber(named, "tagLength");
    if (![32, 64, 96, 104, 112, 120, 128].includes(tagLength)) throw domException("such a tagLength is not available", "OperationError");
    return { settings: { tagBytes: tagLength / 8 }, iv: memberBytes(named, "iv"), extra: optionalBytes(named, "additionalData") };
  }
  const iv = memberBytes(named, name === "AES-CTR" ? "counter" : "iv");
  if (iv.length !== 16) throw domException("it must have 16 bytes", "OperationError");
  if (name !== "AES-CTR") return { settings: {}, iv, extra: none };
  const counterBits = memberNumber(named, "length");
  if (counterBits === 0 || counterBits > 128) throw domException("length must be from 1 to 128", "OperationError");
  return { settings: { counterBits }, iv, extra: none };
}

function cipher(operation: "encrypt" | "decrypt", algorithm: unknown, cryptoKey: unknown, data: unknown): ArrayBuffer {
  const [named, state, bytes] = [normalize(algorithm, operation), needKey(cryptoKey), copied(data, "data")] as const;
  admit(state, named, operation);
  const { settings, iv, extra } = cipherPlan(named, state, operation === "encrypt");
  return native(operation, { ...settings, key: state.handle.id }, iv, extra, bytes).buffer;
}

function signSettings(named: Named, { handle }: KeyState): object {
  const key = handle.id;
  if (named.name === "ECDSA") return { key, hash: hashOf(named.members["hash"]) };
  return named.name === "RSA-PSS" ? { key, saltLength: memberNumber(named, "saltLength") } : { key };
}

interface DerivePlan { readonly settings: object; readonly buffers: readonly Bytes[] }

/** How bits are derived; the cell does it, and looks at all of it again. */
function derivePlan(named: Named, state: KeyState, bits: number | null): DerivePlan {
  const key = state.handle.id;
  if (named.name === "ECDH" || named.name === "X25519") {
    const other = needKey(named.members["public"]);
    needType(state, "private");
    needType(other, "public");
    if (other.algorithm.name !== state.algorithm.name || other.algorithm.namedCurve !== state.algorithm.namedCurve) throw domException("the keys are of different kinds", "InvalidAccessError");
    return { settings: { key, bits, other: other.handle.id }, buffers: [] };
  }
  if (bits === null || bits % 8 !== 0) throw domException("length must be a multiple of 8", "OperationError");
  const settings = { key, bits, hash: hashOf(named.members["hash"]) };
  const salt = memberBytes(named, "salt");
  if (named.name === "HKDF") return { settings, buffers: [salt, memberBytes(named, "info")] };
  const iterations = memberNumber(named, "iterations");
  if (iterations === 0) throw domException("iterations must not be 0", "OperationError");
  return { settings: { ...settings, iterations }, buffers: [salt] };
}

/** The cipher that wraps; AES-KW has an operation of its own. */
function wrapping(algorithm: unknown, operation: AlgorithmOperation, instead: AlgorithmOperation): Named {
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
    return native("digest", { hash: name }, copied(data, "data")).buffer;
  }
  async encrypt(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    return cipher("encrypt", algorithm, cryptoKey, data);
  }
  async decrypt(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    return cipher("decrypt", algorithm, cryptoKey, data);
  }
  async sign(algorithm: unknown, cryptoKey: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#need(3, arguments.length);
    const [named, state, bytes] = [normalize(algorithm, "sign"), needKey(cryptoKey), copied(data, "data")] as const;
    admit(state, named, "sign");
    if (named.name !== "HMAC") needType(state, "private");
    return native("sign", signSettings(named, state), bytes).buffer;
  }
  async verify(algorithm: unknown, cryptoKey: unknown, signature: unknown, data: unknown): Promise<boolean> {
    this.#need(4, arguments.length);
    const [named, state, given, bytes] = [normalize(algorithm, "verify"), needKey(cryptoKey), copied(signature, "signature"), copied(data, "data")] as const;
    admit(state, named, "verify");
    if (named.name !== "HMAC") needType(state, "public");
    return native("verify", signSettings(named, state), given, bytes)[0] === 1;
  }
  async generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey | object> {
    this.#need(3, arguments.length);
    return generateKey(normalize(algorithm, "generateKey"), !!extractable, usagesOf(keyUsages));
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
    const { settings, buffers } = derivePlan(named, state, length === null ? null : Number(length) >>> 0);
    return native("derive-bits", settings, ...buffers).buffer;
  }
  async deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#need(5, arguments.length);
    const [named, state, target, lengths] = [normalize(algorithm, "deriveBits"), needKey(baseKey), normalize(derivedKeyType, "importKey"), normalize(derivedKeyType, "getKeyLength")] as const;
    admit(state, named, "deriveKey");
    const { settings, buffers } = derivePlan(named, state, secretLength(lengths));
    return keyFrom("derive-key", settings, target, importWish(target, !!extractable, usagesOf(keyUsages)), ...buffers);
  }
  async wrapKey(format: unknown, cryptoKey: unknown, wrappingKey: unknown, algorithm: unknown): Promise<ArrayBuffer> {
    this.#need(4, arguments.length);
    const [named, state, wrapper] = [wrapping(algorithm, "wrapKey", "encrypt"), needKey(cryptoKey), needKey(wrappingKey)] as const;
    admit(wrapper, named, "wrapKey");
    if (!state.extractable) throw domException("the key is not extractable", "InvalidAccessError");
    const { settings, iv, extra } = cipherPlan(named, wrapper, true);
    return native("wrap", { ...settings, with: wrapper.handle.id, key: state.handle.id, format: formatOf(format) }, iv, extra).buffer;
  }
  async unwrapKey(format: unknown, wrappedKey: unknown, unwrappingKey: unknown, algorithm: unknown, keyAlgorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#need(7, arguments.length);
    const [named, wrapper, target] = [wrapping(algorithm, "unwrapKey", "decrypt"), needKey(unwrappingKey), normalize(keyAlgorithm, "importKey")] as const;
    admit(wrapper, named, "unwrapKey");
    const { settings, iv, extra } = cipherPlan(named, wrapper, false);
    const wish = importWish(target, !!extractable, usagesOf(keyUsages));
    return keyFrom("unwrap", { ...settings, with: wrapper.handle.id, format: formatOf(format) }, target, wish, iv, extra, copied(wrappedKey, "wrappedKey"));
  }

  #need(count: number, given: number): void {
    if (this.#isOurs) needs(count, given, "crypto.subtle");
  }
}
describe(SubtleCrypto, "SubtleCrypto");
$kernel.intrinsics.define(SubtleCrypto, "length", 0, false);

export const subtle = new SubtleCrypto(key);
