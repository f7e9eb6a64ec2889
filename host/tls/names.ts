/**
 * Host names and addresses as certificates spell them (RFC 5280 §4.2.1.6, RFC 6125): what may stand in a subjectAltName, and what is dropped.
 * Pure. Names come from clients and from strangers' certificates, so everything that is not plainly a name is refused, silently and cheaply.
 */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";

/** A name that may stand in a certificate. `value` is lower case; for an address `bytes` are its 4 or 16 octets. */
export type CertificateName =
  | { readonly kind: "dns"; readonly value: string }
  | { readonly kind: "ip"; readonly value: string; readonly bytes: Buffer };

const nameLimitBytes = 253;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const printableAscii = /^[\x21-\x7e]+$/;

/**
 * Reads a host as a person, a client or a certificate may write it: a DNS name (also `*.name`, also Unicode, also with a dot at the end), an IPv4 or
 * an IPv6 address (also in brackets or with a zone). Undefined for anything else; an address in inet_aton's odd spellings (`127.1`) is not a name.
 */
export function readName(text: string): CertificateName | undefined {
  if (text.length === 0 || text.length > nameLimitBytes + 2) return undefined;
  const address = text.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  if (isIP(address) !== 0) return { kind: "ip", value: address.toLowerCase(), bytes: addressBytes(address) };
  const bare = text.endsWith(".") ? text.slice(0, -1) : text;
  const isWildcard = bare.startsWith("*.");
  const ascii = toAscii(isWildcard ? bare.slice(2) : bare);
  if (ascii === undefined) return undefined;
  const value = isWildcard ? `*.${ascii}` : ascii;
  return value.length <= nameLimitBytes ? { kind: "dns", value } : undefined;
}

/** The text of an iPAddress of 4 or 16 octets; undefined for any other length. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

function toAscii(name: string): string | undefined {
  const ascii = printableAscii.test(name) ? name.toLowerCase() : domainToASCII(name);
  const labels = ascii.split(".");
  // A last label of digits only would be read as an IPv4 address by browsers (WHATWG URL §3.5).
  if (!labels.every((part) => label.test(part)) || /^\d+$/.test(labels.at(-1) ?? "")) return undefined;
  return ascii;
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  // The URL parser writes any IPv6 spelling, a dotted tail included, as hex groups.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const middle = Array.from({ length: 8 - front.length - back.length }, () => 0);
  const bytes = Buffer.alloc(16);
  [...front, ...middle, ...back].forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  return bytes;
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
