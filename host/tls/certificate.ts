/**
 * X.509 certificates (RFC 5280), written from parts and read for the few parts the proxy copies: names, subject, key identifier.
 * node-forge's own certificate objects cannot hold elliptic-curve keys, so this goes through its ASN.1; node:crypto signs. Nothing is verified here.
 */
import { hash, randomBytes, sign, type KeyObject } from "node:crypto";
import { invariant } from "../invariant.ts";
import * as der from "./der.ts";
import { addressText, readName, type CertificateName } from "./names.ts";

/** A key that signs certificates, and what it needs to be written into them. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly hash: "sha256" | "sha384";
  /** AlgorithmIdentifier of the signature: OID, and whether NULL parameters follow (RFC 4055 wants them, RFC 5758 forbids them). */
  readonly algorithm: { readonly oid: string; readonly hasNullParameters: boolean };
}

/** One extension; `value` is the DER that goes into its OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Buffer;
}

/** The signed parts of a certificate. Names and key are DER. `notBefore` and `notAfter` are cut to whole seconds. */
export interface CertificateParts {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serial: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** What the proxy reads from a certificate. Names that no certificate of ours may carry are already dropped. */
export interface CertificateFacts {
  readonly subject: Buffer;
  readonly commonName: string | undefined;
  readonly names: readonly CertificateName[];
  readonly keyIdentifier: Buffer | undefined;
}

/** LIMIT: names taken over from one certificate. The largest shared certificates of CDNs hold about 100. */
export const namesPerCertificateLimit = 200;
/** LIMIT: octets of a certificate that is read at all; OpenSSL's own limit for a whole chain is 100 KiB. */
export const certificateLimitBytes = 64 * 1024;

const oids = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** Builds and signs a version 3 certificate; returns its DER. Costs about a third of a millisecond. */
export function signCertificate(parts: CertificateParts, key: SigningKey): Buffer {
  const algorithm = (): der.Asn1 =>
    der.sequence(der.objectIdentifier(key.algorithm.oid), ...(key.algorithm.hasNullParameters ? [der.nullValue()] : []));
  const signed = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integerBytes(parts.serial),
    algorithm(),
    der.existingSequence(parts.issuer),
    der.sequence(der.time(parts.notBefore), der.time(parts.notAfter)),
    der.existingSequence(parts.subject),
    der.existingSequence(parts.publicKey),
    der.explicit(3, der.sequence(...parts.extensions.map(encodeExtension))),
  );
  const signedBytes = der.encode(signed);
  const signature = sign(key.hash, signedBytes, key.privateKey);
  return der.encode(der.sequence(der.existingSequence(signedBytes), algorithm(), der.bitString(signature)));
}

/** DER of a distinguished name with these attributes; an empty one when none is given. */
export function distinguishedName(attributes: { readonly organization?: string; readonly commonName?: string }): Buffer {
  const attribute = (oid: string, text: string | undefined): der.Asn1[] =>
    text === undefined ? [] : [der.set(der.sequence(der.objectIdentifier(oid), der.utf8String(text)))];
  return der.encode(
    der.sequence(...attribute(oids.organization, attributes.organization), ...attribute(oids.commonName, attributes.commonName)),
  );
}

/** 128 random bits, positive and minimal as INTEGER wants (RFC 5280 §4.1.2.2). */
export function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** RFC 5280 §4.2.1.2, method 1: SHA-1 over the bits of the public key. `publicKey` is the DER of a SubjectPublicKeyInfo. */
export function keyIdentifierOf(publicKey: KeyObject): Buffer {
  const bits = der.elements(publicKey.export({ type: "spki", format: "der" }))[1];
  invariant(bits !== undefined, "a SubjectPublicKeyInfo has two elements");
  return hash("sha1", der.bitStringContents(bits), "buffer");
}

export const extensions = {
  /** A certificate authority that signs end-entity certificates only (path length 0). */
  basicConstraintsCa: (): Extension =>
    extension(oids.basicConstraints, true, der.sequence(der.boolean(true), der.integer(0))),
  basicConstraintsEndEntity: (): Extension => extension(oids.basicConstraints, true, der.sequence()),
  /** keyCertSign and cRLSign. */
  keyUsageCa: (): Extension => extension(oids.keyUsage, true, der.bitString(Uint8Array.of(0x06), 1)),
  /** digitalSignature: all that an ECDSA key does in TLS 1.2 and 1.3. */
  keyUsageServer: (): Extension => extension(oids.keyUsage, true, der.bitString(Uint8Array.of(0x80), 7)),
  extendedKeyUsageServer: (): Extension =>
    extension(oids.extendedKeyUsage, false, der.sequence(der.objectIdentifier(oids.serverAuth))),
  subjectKeyIdentifier: (identifier: Uint8Array): Extension =>
    extension(oids.subjectKeyIdentifier, false, der.octetString(identifier)),
  authorityKeyIdentifier: (identifier: Uint8Array): Extension =>
    extension(oids.authorityKeyIdentifier, false, der.sequence(der.implicit(0, identifier))),
  /** Critical when the subject is empty (RFC 5280 §4.2.1.6). */
  subjectAltName: (names: readonly CertificateName[], isCritical: boolean): Extension =>
    extension(oids.subjectAltName, isCritical, der.sequence(...names.map(generalName))),
} as const;

/**
 * Reads the facts of a certificate from a stranger. Undefined when it is too large or no certificate; a name with a NUL, with octets that are not
 * IA5, or otherwise no host name is dropped, and so is all beyond the limit.
 */
export function readCertificate(bytes: Uint8Array): CertificateFacts | undefined {
  if (bytes.length > certificateLimitBytes) return undefined;
  try {
    return factsOf(bytes);
  } catch {
    // node-forge throws plain Errors at DER that it cannot read; whose fault that was does not matter, there is nothing to copy.
    return undefined;
  }
}

function factsOf(bytes: Uint8Array): CertificateFacts | undefined {
  const [signed] = der.elements(bytes);
  if (signed === undefined) return undefined;
  const fields = der.elements(signed);
  // The version is the only optional field before the subject: [0], context class, constructed.
  const subject = fields[fields[0]?.[0] === 0xa0 ? 5 : 4];
  if (subject === undefined) return undefined;
  const found = extensionsOf(fields.find((field) => field[0] === 0xa3));
  return {
    subject: Buffer.from(subject),
    commonName: commonNameOf(der.decode(subject)),
    names: alternativeNames(found.get(oids.subjectAltName)),
    keyIdentifier: der.contentsOf(decodeIfAny(found.get(oids.subjectKeyIdentifier))),
  };
}

function extensionsOf(field: Uint8Array | undefined): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of der.children(der.children(decodeIfAny(field))[0])) {
    const oid = der.objectIdentifierOf(der.children(entry)[0]);
    const value = der.contentsOf(der.children(entry).at(-1));
    if (oid !== undefined && value !== undefined) found.set(oid, value);
  }
  return found;
}

function commonNameOf(subject: der.Asn1): string | undefined {
  for (const relative of der.children(subject)) {
    for (const attribute of der.children(relative)) {
      const [type, value] = der.children(attribute);
      if (der.objectIdentifierOf(type) === oids.commonName) return der.contentsOf(value)?.toString("utf8");
    }
  }
  return undefined;
}

function alternativeNames(value: Buffer | undefined): readonly CertificateName[] {
  const names: CertificateName[] = [];
  for (const entry of der.children(decodeIfAny(value))) {
    if (names.length >= namesPerCertificateLimit) break;
    const name = readGeneralName(entry);
    if (name !== undefined) names.push(name);
  }
  return names;
}

function readGeneralName(entry: der.Asn1): CertificateName | undefined {
  const contents = der.contentsOf(entry);
  if (contents === undefined) return undefined;
  if (der.isContext(entry, 7)) {
    const text = addressText(contents);
    return text === undefined ? undefined : readName(text);
  }
  if (!der.isContext(entry, 2) || contents.some((octet) => octet <= 0x20 || octet >= 0x7f)) return undefined;
  const name = readName(contents.toString("latin1"));
  return name?.kind === "dns" ? name : undefined;
}

function generalName(name: CertificateName): der.Asn1 {
  return name.kind === "ip" ? der.implicit(7, name.bytes) : der.implicit(2, Buffer.from(name.value, "latin1"));
}

function extension(oid: string, isCritical: boolean, value: der.Asn1): Extension {
  return { oid, isCritical, value: der.encode(value) };
}

function encodeExtension({ oid, isCritical, value }: Extension): der.Asn1 {
  return der.sequence(der.objectIdentifier(oid), ...(isCritical ? [der.boolean(true)] : []), der.octetString(value));
}

function decodeIfAny(value: Uint8Array | undefined): der.Asn1 | undefined {
  return value === undefined ? undefined : der.decode(value);
}
