// Keys of asymmetric algorithms: made, and turned between SPKI or PKCS #8 and JWK. RSA keys are not made here: that takes longer than
// an addon may hold the thread.
import { createPrivateKey, createPublicKey, ECDH, generateKeyPairSync, type KeyObject } from "node:crypto";
import { bounded, privateKey, publicKey } from "./crypto.ts";
import type { Operation, Settings } from "./native.ts";
import { bufferAt, curves, oneOf } from "./settings.ts";

const kinds = ["ec", "ed25519", "x25519"] as const;
const opensslCurves = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" } as const;
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function exported(key: KeyObject): Uint8Array {
  return key.type === "private" ? key.export({ format: "der", type: "pkcs8" }) : key.export({ format: "der", type: "spki" });
}

function fromJwk(settings: Settings): KeyObject {
  const { jwk } = settings;
  if (typeof jwk !== "object" || jwk === null) throw new Error("jwk is missing");
  const input = { key: jwk as { readonly [name: string]: unknown }, format: "jwk" } as const;
  return bounded("d" in jwk ? createPrivateKey(input) : createPublicKey(input));
}

export const keyOperations: { readonly [name: string]: Operation } = {
  /** Two DER pieces: four bytes of length, the private one, the public one. */
  generate: (settings) => {
    const kind = oneOf(settings, "kind", kinds);
    const pair = kind === "ec" ? generateKeyPairSync("ec", { namedCurve: oneOf(settings, "curve", curves) }) : kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519");
    const [secret, open] = [exported(pair.privateKey), exported(pair.publicKey)];
    const length = Buffer.alloc(4);
    length.writeUInt32BE(secret.length);
    return Buffer.concat([length, secret, open]);
  },
  /** DER of a JWK, which is in the settings. */
  "jwk-to-der": (settings) => exported(fromJwk(settings)),
  /** JSON with the JWK and the details of a DER key; `private` says which. */
  "der-to-jwk": (settings, buffers) => {
    const key = settings["private"] === true ? privateKey(bufferAt(buffers, 0)) : publicKey(bufferAt(buffers, 0));
    const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
    return json({ jwk: key.asymmetricKeyType === "rsa-pss" ? null : key.export({ format: "jwk" }), type: key.asymmetricKeyType, modulusLength, publicExponent: publicExponent?.toString(16), curve: namedCurve });
  },
  /** An elliptic point, compressed or not, as an uncompressed one. */
  point: (settings, buffers) => {
    const point: unknown = ECDH.convertKey(bufferAt(buffers, 0), opensslCurves[oneOf(settings, "curve", curves)], undefined, undefined, "uncompressed");
    if (!(point instanceof Uint8Array)) throw new Error("no point");
    return point;
  },
};
