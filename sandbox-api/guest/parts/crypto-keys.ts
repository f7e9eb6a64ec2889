// Keys made, taken in and given out (Web Crypto §14.3.6 to §14.3.12), as the guest's part of it: arguments become a wish for the cell,
// and what the cell answers becomes a CryptoKey. The cell checks wishes, reads formats and holds what they say.
import { decode, copyBytes, needBytes } from "./bytes.ts";
import { makeKey, type CryptoKey, type KeyAlgorithm, type KeyState } from "./crypto-key.ts";
import { hashOf, memberNumber, native, type Named } from "./crypto-table.ts";
import { domException } from "./errors.ts";
import { text } from "./idl.ts";
import { RealTypeError, bareArray, isObject, jsonParse, ordinaryArray, typedArrayTag } from "./intrinsics.ts";
import { handles, withRoom } from "./key-handles.ts";
import { hashBlockBits, keyFormats, keyUsages, mostSecretBits, type KeyFormat, type KeyNews, type KeyUsage, type KeyWish } from "../../schema/crypto.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export function usagesOf(value: unknown): readonly KeyUsage[] {
  const given = bareArray<string>();
  $kernel.iterate(value, (usage) => {
    const name = text(usage);
    if (!isIn(keyUsages, name)) throw new RealTypeError(`"${name}" is not a usage of keys`);
    given[given.length] = name;
  });
  return keyUsages.filter((usage) => isIn(given, usage));
}

function isIn(list: readonly string[], name: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === name) return true;
  return false;
}

export function formatOf(value: unknown): KeyFormat {
  const name = text(value);
  for (let index = 0; index < keyFormats.length; index++) if (keyFormats[index] === name) return keyFormats[index]!;
  throw new RealTypeError(`"${name}" is not a format of keys`);
}

export function namedCurve({ members }: Named): string {
  const curve = members["namedCurve"];
  if (curve === undefined) throw new RealTypeError("namedCurve is missing");
  if (curve !== "P-256" && curve !== "P-384" && curve !== "P-521") throw domException(`the curve ${text(curve)} is not available`, "NotSupportedError");
  return curve;
}

/** Bits of a secret key of that algorithm (§14.3.11 "get key length"); null where any length will do. */
export function secretLength(named: Named): number | null {
  if (named.row.kind === "kdf") return null;
  if (named.row.kind === "aes") {
    const length = memberNumber(named, "length");
    if (length !== 128 && length !== 192 && length !== 256) throw domException("an AES key has 128, 192 or 256 bits", "OperationError");
    return length;
  }
  const length = named.members["length"] === undefined ? (hashBlockBits[hashOf(named.members["hash"])] ?? 512) : memberNumber(named, "length");
  if (length === 0 || length > mostSecretBits) throw domException("no key has such a length", "OperationError");
  return length;
}

/** A key that is to be imported, derived or unwrapped. */
export function importWish(named: Named, extractable: boolean, usages: readonly KeyUsage[]): KeyWish {
  const { name, row, members } = named;
  const common = { algorithm: name, extractable, usages };
  switch (row.kind) {
    case "hmac": return { ...common, hash: hashOf(members["hash"]), ...(members["length"] !== undefined && { length: memberNumber(named, "length") }) };
    case "rsa": return { ...common, hash: hashOf(members["hash"]) };
    case "ec": return { ...common, curve: namedCurve(named) };
    default: return common;
  }
}

function generateWish(named: Named, extractable: boolean, usages: readonly KeyUsage[]): KeyWish {
  const wish = importWish(named, extractable, usages);
  if (named.row.kind === "aes" || named.row.kind === "hmac") return { ...wish, length: secretLength(named) ?? 0 };
  if (named.row.kind !== "rsa") return wish;
  return { ...wish, length: memberNumber(named, "modulusLength"), exponent: exponentOf(named) };
}

function exponentOf({ members }: Named): number {
  const given = members["publicExponent"];
  if (typedArrayTag(given) !== "Uint8Array") throw new RealTypeError("publicExponent must be a Uint8Array");
  const bytes = needBytes(given, "publicExponent");
  let exponent = 0;
  for (let index = 0; index < bytes.length; index++) exponent = exponent * 256 + bytes[index]!;
  if (exponent > 0xffff_ffff) throw domException("such an exponent is not available", "OperationError");
  return exponent;
}

/** The CryptoKey of what the cell tells of. */
function keyOf({ id, type, extractable, usages, length, exponent }: KeyNews, { algorithm: name, hash, curve }: KeyWish, kind: Named["row"]["kind"]): CryptoKey {
  const named = hash === undefined ? { name } : { name, hash: { name: hash } };
  const algorithm: KeyAlgorithm = kind === "rsa" ? { name, modulusLength: length, publicExponent: exponentBytes(exponent), hash: { name: hash ?? "" } }
    : kind === "ec" ? { name, namedCurve: curve ?? "" } : kind === "hmac" || kind === "aes" ? { ...named, length } : { name };
  return makeKey({ handle: handles.make(id), type, extractable, algorithm, usages });
}

function exponentBytes(exponent: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(exponent.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = exponent[index]!;
  return bytes;
}

const newsOf = (answer: Bytes): readonly KeyNews[] => jsonParse(decode(answer)) as readonly KeyNews[];

/** A key that an operation of the cell makes: `importKey`, `unwrap` and `derive-key` do. */
export function keyFrom(operation: string, settings: object, named: Named, wish: KeyWish, ...buffers: readonly Bytes[]): CryptoKey {
  const news = withRoom(() => newsOf(native(operation, { ...settings, wish }, ...buffers)));
  return keyOf(news[0]!, wish, named.row.kind);
}

export function importKey(format: KeyFormat, data: unknown, named: Named, extractable: boolean, usages: readonly KeyUsage[]): CryptoKey {
  const bytes = format === "jwk" ? jwkText(data) : copyBytes(needBytes(data, "the key"));
  return keyFrom("import", { format }, named, importWish(named, extractable, usages), bytes);
}

const jwkMembers = ["kty", "use", "alg", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "k"] as const;
/** The dictionary JsonWebKey (§15) as JSON. */
function jwkText(data: unknown): Bytes {
  if (!isObject(data)) throw new RealTypeError("a JWK must be an object");
  const given = data as { readonly [name: string]: unknown };
  const jwk: { [name: string]: unknown } = { __proto__: null };
  for (let index = 0; index < jwkMembers.length; index++) {
    const value = given[jwkMembers[index]!];
    if (value !== undefined) jwk[jwkMembers[index]!] = text(value);
  }
  if (given["ext"] !== undefined) jwk["ext"] = !!given["ext"];
  if (given["key_ops"] !== undefined) {
    const operations = bareArray<string>();
    $kernel.iterate(given["key_ops"], (each) => { operations[operations.length] = text(each); });
    jwk["key_ops"] = ordinaryArray(operations);
  }
  return $kernel.encodeUtf8($kernel.stringify(jwk), false) as Bytes;
}

/** The cell looks whether it may; so that a refusal is the standard's, this does too. */
export function exportKey(format: KeyFormat, { handle, extractable, algorithm }: KeyState): ArrayBuffer | object {
  if (algorithm.name === "HKDF" || algorithm.name === "PBKDF2") throw domException("such a key cannot be exported", "NotSupportedError");
  if (!extractable) throw domException("the key is not extractable", "InvalidAccessError");
  const bytes = native("export", { key: handle.id, format });
  return format === "jwk" ? (jsonParse(decode(bytes)) as object) : bytes.buffer;
}

export async function generateKey(named: Named, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey | object> {
  const wish = generateWish(named, extractable, usages);
  const { kind } = named.row;
  if (kind === "rsa") return pairOf(await rsaPair(wish), wish, kind);
  const news = withRoom(() => newsOf(native("generate", { wish })));
  return news.length === 1 ? keyOf(news[0]!, wish, kind) : pairOf(news, wish, kind);
}

function pairOf(news: readonly KeyNews[], wish: KeyWish, kind: Named["row"]["kind"]): object {
  return { publicKey: keyOf(news[1]!, wish, kind), privateKey: keyOf(news[0]!, wish, kind) };
}

const firstPauseMs = 5;
const longestPauseMs = 50;
/** The cell has other threads make it; it is asked now and then, since only the host has a clock (decision 0003). */
async function rsaPair(wish: KeyWish): Promise<readonly KeyNews[]> {
  const ticket: unknown = jsonParse(decode(native("rsa-begin", { wish })));
  try {
    for (let ms = firstPauseMs; ; ms = ms * 2 < longestPauseMs ? ms * 2 : longestPauseMs) {
      await $kernel.hostCalls.ask(`{"call":"timer.set","ms":${ms}}`, null, () => undefined, (message) => domException(message, "OperationError"));
      const answer = withRoom(() => native("rsa-take", { ticket }));
      if (answer.length > 0) return newsOf(answer);
    }
  } catch (thrown) {
    native("rsa-drop", { ticket });
    throw thrown;
  }
}
