// Encryption and decryption by a key of the table: AES in four modes and RSA-OAEP. The key's row says which; what the guest says are
// parameters. It asks nobody whether the key may be used so.
import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt } from "node:crypto";
import { bytesOf, type KeyRow, objectOf } from "./key-table.ts";
import type { Settings } from "./native.ts";
import { nodeHashes, type HashName, wholeNumber } from "./settings.ts";

/** AES-KW (RFC 3394 §2.2.3.1). */
const wrapIv = Buffer.alloc(8, 0xa6);
const blockBytes = 16;

/** `iv`: or counter; `extra`: additional data, or a label. Empty where there is none. */
export interface CipherInput { readonly iv: Uint8Array; readonly data: Uint8Array; readonly extra: Uint8Array }

export function transform(row: KeyRow, encrypt: boolean, settings: Settings, { iv, data, extra }: CipherInput): Buffer {
  switch (row.algorithm) {
    case "RSA-OAEP": return oaep(row, encrypt, data, extra);
    case "AES-KW": return run(`aes${row.length}-wrap`, bytesOf(row), encrypt, wrapIv, data);
    case "AES-GCM": return gcm(row, encrypt, wholeNumber(settings, "tagBytes", 16), { iv, data, extra });
    case "AES-CBC": return run(`aes-${row.length}-cbc`, bytesOf(row), encrypt, iv, data);
    case "AES-CTR": return counterMode(row, encrypt, wholeNumber(settings, "counterBits", 128), iv, data);
    default: throw new Error("the key is for something else");
  }
}

function run(cipher: string, key: Uint8Array, encrypt: boolean, iv: Uint8Array, data: Uint8Array): Buffer {
  const engine = encrypt ? createCipheriv(cipher, key, iv) : createDecipheriv(cipher, key, iv);
  return Buffer.concat([engine.update(data), engine.final()]);
}

function gcm(row: KeyRow, encrypt: boolean, authTagLength: number, { iv, data, extra }: CipherInput): Buffer {
  const name = `aes-${row.length}-gcm` as "aes-256-gcm";
  if (encrypt) {
    const engine = createCipheriv(name, bytesOf(row), iv, { authTagLength }).setAAD(extra);
    return Buffer.concat([engine.update(data), engine.final(), engine.getAuthTag()]);
  }
  if (data.length < authTagLength) throw new Error("the data is shorter than its tag");
  const end = data.length - authTagLength;
  const engine = createDecipheriv(name, bytesOf(row), iv, { authTagLength }).setAAD(extra).setAuthTag(data.subarray(end));
  return Buffer.concat([engine.update(data.subarray(0, end)), engine.final()]);
}

/** OpenSSL counts in all 128 bits: where only `counterBits` of them count, the data is done in two runs around the overflow. */
function counterMode(row: KeyRow, encrypt: boolean, counterBits: number, counter: Uint8Array, data: Uint8Array): Buffer {
  if (counterBits === 0 || counter.length !== blockBytes) throw new Error("a counter has 16 bytes, of which from 1 to 128 bits count");
  const piece = (start: Uint8Array, part: Uint8Array): Buffer => run(`aes-${row.length}-ctr`, bytesOf(row), encrypt, start, part);
  const start = BigInt(`0x${Buffer.from(counter).toString("hex")}`);
  const modulus = 1n << BigInt(counterBits);
  const blocks = BigInt(Math.ceil(data.length / blockBytes));
  if (blocks > modulus) throw new Error("the counter would repeat");
  const left = modulus - (start % modulus);
  if (left >= blocks) return piece(counter, data);
  const cut = Number(left) * blockBytes;
  const restart = Buffer.from((start - (start % modulus)).toString(16).padStart(2 * blockBytes, "0"), "hex");
  return Buffer.concat([piece(counter, data.subarray(0, cut)), piece(restart, data.subarray(cut))]);
}

function oaep(row: KeyRow, encrypt: boolean, data: Uint8Array, label: Uint8Array): Buffer {
  const common = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nodeHashes[row.hash as HashName], ...(label.length > 0 && { oaepLabel: Buffer.from(label) }) };
  return encrypt ? publicEncrypt({ key: objectOf(row, "public"), ...common }, data) : privateDecrypt({ key: objectOf(row, "private"), ...common }, data);
}
