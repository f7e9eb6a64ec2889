/**
 * DER in the few shapes that certificates and PKCS#12 need: a typed, Buffer-speaking skin over node-forge's ASN.1 (X.690).
 * It knows tags and lengths, not certificates; it signs nothing and checks no meaning.
 * node-forge speaks "binary strings"; no other file here should have to.
 */
// PERF: the ASN.1 part alone; the whole of node-forge takes ten times as long to load.
import asn1 from "node-forge/lib/asn1.js";
import type { asn1 as types } from "node-forge";

/** One ASN.1 value, as node-forge holds it. */
export type Asn1 = types.Asn1;

const { Class, Type } = asn1;

/** A primitive of the universal class whose contents octets are `contents`. */
function primitive(type: types.Type, contents: Uint8Array | string): Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, typeof contents === "string" ? contents : toBinary(contents));
}

export function sequence(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, values);
}

export function set(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, values);
}

export function objectIdentifier(dotted: string): Asn1 {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

/** INTEGER from a small number. */
export function integer(value: number): Asn1 {
  return primitive(Type.INTEGER, asn1.integerToDer(value).getBytes());
}

/** INTEGER from big-endian octets that are already minimal and positive. */
export function integerBytes(value: Uint8Array): Asn1 {
  return primitive(Type.INTEGER, value);
}

export function boolean(value: boolean): Asn1 {
  return primitive(Type.BOOLEAN, value ? "\u00ff" : "\u0000");
}

export function nullValue(): Asn1 {
  return primitive(Type.NULL, "");
}

export function octetString(contents: Uint8Array): Asn1 {
  return primitive(Type.OCTETSTRING, contents);
}

/** BIT STRING; `unusedBits` of the last octet do not count. */
export function bitString(contents: Uint8Array, unusedBits = 0): Asn1 {
  return primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + toBinary(contents));
}

export function utf8String(text: string): Asn1 {
  return primitive(Type.UTF8, Buffer.from(text, "utf8"));
}

/** BMPString; node-forge turns each UTF-16 unit into two octets itself. */
export function bmpString(text: string): Asn1 {
  return primitive(Type.BMPSTRING, text);
}

/** Time by the rule of RFC 5280 §4.1.2.5: UTCTime up to 2049, GeneralizedTime from 2050 on; whole seconds. */
export function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** `[tag] EXPLICIT`: the values stand inside a constructed context tag. */
export function explicit(tag: number, ...values: Asn1[]): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, values);
}

/** `[tag] IMPLICIT` over a primitive: only its contents octets. (Tag 2 with a leading zero octet would lose it: node-forge takes it for an INTEGER.) */
export function implicit(tag: number, contents: Uint8Array): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, toBinary(contents));
}

/**
 * A SEQUENCE that exists as DER already, taken over octet for octet: an issuer's name or a public key must not change by being decoded and encoded again.
 * Throws when `der` does not begin with one.
 */
export function existingSequence(der: Uint8Array): Asn1 {
  // Written as a primitive with the constructed bit in its tag: node-forge then copies the contents as they are.
  return primitive(Type.SEQUENCE | 0x20, sequenceContents(der));
}

/** The elements of a SEQUENCE as their own DER, octet for octet. Throws on truncated or indefinite lengths. */
export function elements(der: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let rest = sequenceContents(der); rest.length > 0; ) {
    const { end } = measure(rest);
    found.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  return found;
}

/** The octets of a BIT STRING given as DER, without its count of unused bits. */
export function bitStringContents(der: Uint8Array): Uint8Array {
  const { contentsAt, end } = measure(der);
  return der.subarray(contentsAt + 1, end);
}

function sequenceContents(der: Uint8Array): Uint8Array {
  if (der[0] !== 0x30) throw new Error("not a DER SEQUENCE");
  const { contentsAt, end } = measure(der);
  return der.subarray(contentsAt, end);
}

/** Where the contents of the first value in `der` begin and end. */
function measure(der: Uint8Array): { readonly contentsAt: number; readonly end: number } {
  const first = der[1] ?? 0x80;
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  const contentsAt = 2 + lengthOctets;
  const length = first < 0x80 ? first : der.subarray(2, contentsAt).reduce((sum, octet) => sum * 256 + octet, 0);
  if (first === 0x80 || lengthOctets > 4 || contentsAt + length > der.length) throw new Error("DER length out of range");
  return { contentsAt, end: contentsAt + length };
}

export function encode(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "latin1");
}

/** Reads exactly one DER value. Throws an Error on anything else; nesting is bounded by node-forge. */
export function decode(der: Uint8Array): Asn1 {
  return asn1.fromDer(toBinary(der), true);
}

/** The values inside a constructed value; none for a primitive one. */
export function children(value: Asn1 | undefined): readonly Asn1[] {
  return value !== undefined && Array.isArray(value.value) ? value.value : [];
}

/** The contents octets of a primitive value; undefined for a constructed one. */
export function contentsOf(value: Asn1 | undefined): Buffer | undefined {
  return value !== undefined && typeof value.value === "string" ? Buffer.from(value.value, "latin1") : undefined;
}

/** The dotted form of an OBJECT IDENTIFIER; undefined for any other value. */
export function objectIdentifierOf(value: Asn1 | undefined): string | undefined {
  if (value === undefined || !hasTag(value, Class.UNIVERSAL, Type.OID) || typeof value.value !== "string" || value.value === "") return undefined;
  return asn1.derToOid(value.value);
}

export function isSequence(value: Asn1 | undefined): value is Asn1 {
  return value !== undefined && hasTag(value, Class.UNIVERSAL, Type.SEQUENCE);
}

export function isContext(value: Asn1 | undefined, tag: number): value is Asn1 {
  return value !== undefined && value.tagClass === Class.CONTEXT_SPECIFIC && Number(value.type) === tag;
}

function hasTag(value: Asn1, tagClass: types.Class, type: types.Type): boolean {
  return value.tagClass === tagClass && value.type === type;
}

function toBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
