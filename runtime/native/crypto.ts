// Cryptography by node:crypto, synchronously: random bytes, digests, MACs, ciphers, key derivation, signatures, agreement.
import { constants, createCipheriv, createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, pbkdf2Sync, privateDecrypt, publicEncrypt, randomBytes, sign, verify, type KeyObject, type SignKeyObjectInput } from "node:crypto";
import type { Operation, Settings } from "./native.ts";
import { bufferAt, hashes, oneOf, wholeNumber } from "./settings.ts";

/** LIMIT: bytes of one call for random ones (Web Crypto's own quota), iterations of PBKDF2, the same times blocks, bits of an RSA modulus. */
const mostRandomBytes = 65_536;
const mostIterations = 100_000;
const mostRounds = 200_000;
const mostModulusBits = 4_096;
const mostDerivedBytes = 65_536;
const ciphers = ["gcm", "cbc", "ctr", "kw"] as const;
const signatures = ["ecdsa", "rsa", "pss", "ed25519"] as const;
const blockBytes = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

export const privateKey = (der: Uint8Array): KeyObject => bounded(createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" }));
export const publicKey = (der: Uint8Array): KeyObject => bounded(createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }));

/** Others have groups of any size, whose arithmetic nothing interrupts. */
const keyTypes: ReadonlySet<string> = new Set(["rsa", "rsa-pss", "ec", "ed25519", "x25519"]);

export function bounded(key: KeyObject): KeyObject {
  if (!keyTypes.has(key.asymmetricKeyType ?? "")) throw new Error(`keys for ${key.asymmetricKeyType ?? "nothing"} are not available to addons`);
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > mostModulusBits) throw new Error(`RSA keys of more than ${mostModulusBits} bits are not available to addons`);
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) > 0xffff_ffffn) throw new Error("RSA keys with such an exponent are not available to addons");
  return key;
}

function cipher(settings: Settings, buffers: readonly Uint8Array[]): Uint8Array {
  const mode = oneOf(settings, "mode", ciphers);
  const [key, iv, data, extra] = [bufferAt(buffers, 0), bufferAt(buffers, 1), bufferAt(buffers, 2), bufferAt(buffers, 3)];
  const bits = key.length * 8;
  if (mode === "gcm") return gcm(settings, `aes-${bits}-gcm`, key, iv, data, extra);
  const name = mode === "kw" ? `aes${bits}-wrap` : `aes-${bits}-${mode}`;
  const engine = settings["encrypt"] === true ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv);
  return Buffer.concat([engine.update(data), engine.final()]);
}

function gcm(settings: Settings, name: `aes-${number}-gcm`, key: Uint8Array, iv: Uint8Array, data: Uint8Array, extra: Uint8Array): Uint8Array {
  const authTagLength = wholeNumber(settings, "tagBytes", 16);
  if (settings["encrypt"] === true) {
    const engine = createCipheriv(name as "aes-256-gcm", key, iv, { authTagLength }).setAAD(extra);
    return Buffer.concat([engine.update(data), engine.final(), engine.getAuthTag()]);
  }
  if (data.length < authTagLength) throw new Error("the data is shorter than its tag");
  const end = data.length - authTagLength;
  const engine = createDecipheriv(name as "aes-256-gcm", key, iv, { authTagLength }).setAAD(extra).setAuthTag(data.subarray(end));
  return Buffer.concat([engine.update(data.subarray(0, end)), engine.final()]);
}

function signing(settings: Settings, key: KeyObject): { readonly hash: string | null; readonly input: SignKeyObjectInput } {
  const kind = oneOf(settings, "kind", signatures);
  if (kind === "ed25519") return { hash: null, input: { key } };
  const hash = oneOf(settings, "hash", hashes);
  if (kind === "ecdsa") return { hash, input: { key, dsaEncoding: "ieee-p1363" } };
  if (kind === "rsa") return { hash, input: { key, padding: constants.RSA_PKCS1_PADDING } };
  return { hash, input: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: wholeNumber(settings, "saltLength", 1_024) } };
}

export const cryptoOperations: { readonly [name: string]: Operation } = {
  random: (settings) => randomBytes(wholeNumber(settings, "bytes", mostRandomBytes)),
  digest: (settings, buffers) => createHash(oneOf(settings, "hash", hashes)).update(bufferAt(buffers, 0)).digest(),
  hmac: (settings, buffers) => createHmac(oneOf(settings, "hash", hashes), bufferAt(buffers, 0)).update(bufferAt(buffers, 1)).digest(),
  cipher,
  hkdf: (settings, buffers) => {
    const hash = oneOf(settings, "hash", hashes);
    return new Uint8Array(hkdfSync(hash, bufferAt(buffers, 0), bufferAt(buffers, 1), bufferAt(buffers, 2), wholeNumber(settings, "bytes", mostDerivedBytes)));
  },
  pbkdf2: (settings, buffers) => {
    const hash = oneOf(settings, "hash", hashes);
    const bytes = wholeNumber(settings, "bytes", mostDerivedBytes);
    const iterations = wholeNumber(settings, "iterations", mostIterations);
    if (iterations * Math.ceil(bytes / blockBytes[hash]) > mostRounds) throw new Error(`more than ${mostRounds} rounds of PBKDF2`);
    return pbkdf2Sync(bufferAt(buffers, 0), bufferAt(buffers, 1), iterations, bytes, hash);
  },
  sign: (settings, buffers) => {
    const { hash, input } = signing(settings, privateKey(bufferAt(buffers, 0)));
    return sign(hash, bufferAt(buffers, 1), input);
  },
  verify: (settings, buffers) => {
    const { hash, input } = signing(settings, publicKey(bufferAt(buffers, 0)));
    return Uint8Array.of(verify(hash, bufferAt(buffers, 2), input, bufferAt(buffers, 1)) ? 1 : 0);
  },
  agree: (_, buffers) => diffieHellman({ privateKey: privateKey(bufferAt(buffers, 0)), publicKey: publicKey(bufferAt(buffers, 1)) }),
  oaep: (settings, buffers) => {
    const oaepHash = oneOf(settings, "hash", hashes);
    const label = bufferAt(buffers, 2);
    const common = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, ...(label.length > 0 && { oaepLabel: Buffer.from(label) }) };
    return settings["encrypt"] === true ? publicEncrypt({ key: publicKey(bufferAt(buffers, 0)), ...common }, bufferAt(buffers, 1)) : privateDecrypt({ key: privateKey(bufferAt(buffers, 0)), ...common }, bufferAt(buffers, 1));
  },
};
