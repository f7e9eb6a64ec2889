/**
 * PKCS#12 files (RFC 7292) that Windows, macOS, Java and OpenSSL import: one certificate, with its private key or without, under the empty password.
 * Nothing is encrypted (an empty password would hide nothing): a file with a key must be kept as the key itself is. Output is the same for the same input.
 */
import { createHmac, hash, type KeyObject } from "node:crypto";
import * as der from "./der.ts";

const oids = {
  data: "1.2.840.113549.1.7.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  certBag: "1.2.840.113549.1.12.10.1.3",
  sha1: "1.3.14.3.2.26",
} as const;

const macIterations = 2048;

/** What goes into the file. `friendlyName` is what key stores show. */
export interface Pkcs12Contents {
  readonly certificate: Uint8Array;
  readonly friendlyName: string;
  readonly privateKey?: KeyObject;
}

/** DER of the PFX. The MAC is HMAC-SHA-1, the only one that every importing system still reads; under an empty password it is a checksum. */
export function encodePkcs12(contents: Pkcs12Contents): Buffer {
  const keyId = hash("sha1", contents.certificate, "buffer");
  const attributes = (): der.Asn1 =>
    der.set(
      der.sequence(der.objectIdentifier(oids.friendlyName), der.set(der.bmpString(contents.friendlyName))),
      ...(contents.privateKey === undefined ? [] : [der.sequence(der.objectIdentifier(oids.localKeyId), der.set(der.octetString(keyId)))]),
    );
  const certificateBag = bag(oids.certBag, certBag(contents.certificate), attributes());
  const keyBags = contents.privateKey === undefined ? [] : [bag(oids.keyBag, keyBag(contents.privateKey), attributes())];
  const safes = [certificateBag, ...keyBags].map((safeBag) => data(der.encode(der.sequence(safeBag))));
  const authenticatedSafe = der.encode(der.sequence(...safes));
  return der.encode(der.sequence(der.integer(3), data(authenticatedSafe), macData(authenticatedSafe)));
}

function data(contents: Uint8Array): der.Asn1 {
  return der.sequence(der.objectIdentifier(oids.data), der.explicit(0, der.octetString(contents)));
}

function bag(oid: string, value: der.Asn1, attributes: der.Asn1): der.Asn1 {
  return der.sequence(der.objectIdentifier(oid), der.explicit(0, value), attributes);
}

function certBag(certificate: Uint8Array): der.Asn1 {
  return der.sequence(der.objectIdentifier(oids.x509Certificate), der.explicit(0, der.octetString(certificate)));
}

function keyBag(privateKey: KeyObject): der.Asn1 {
  return der.existingSequence(privateKey.export({ type: "pkcs8", format: "der" }));
}

function macData(authenticatedSafe: Buffer): der.Asn1 {
  // A salt from the contents keeps the file the same each time it is written; there is no secret here that it could protect.
  const salt = hash("sha256", authenticatedSafe, "buffer").subarray(0, 8);
  const digest = createHmac("sha1", macKey(salt)).update(authenticatedSafe).digest();
  const algorithm = der.sequence(der.objectIdentifier(oids.sha1), der.nullValue());
  return der.sequence(der.sequence(algorithm, der.octetString(digest)), der.octetString(salt), der.integer(macIterations));
}

/** RFC 7292 appendix B.2 with SHA-1 (u = 20, v = 64), ID 3, the empty password, and as many octets as SHA-1 gives. */
function macKey(salt: Buffer): Buffer {
  const blockBytes = 64;
  // B.1: a password is UTF-16 with a NUL at the end, so the empty one is two zero octets; salt and password are repeated to fill a block.
  const saltBlock = Buffer.alloc(blockBytes, salt);
  const passwordBlock = Buffer.alloc(blockBytes, 0);
  let key: Buffer = Buffer.concat([Buffer.alloc(blockBytes, 3), saltBlock, passwordBlock]);
  for (let round = 0; round < macIterations; round += 1) key = hash("sha1", key, "buffer");
  return key;
}
