// The messages of SOCKS5 (RFC 1928) and of its user and password (RFC 1929), read from bytes and written. Pure; who may pass and
// where connections go is decided by layers/socks.ts. Every message is bounded by its own length bytes: 513 at most.
import { isHost } from "../../sandbox-api/schema/http.ts";
import type { Address } from "../flows/connection.ts";

export const socksVersion = 5;
export const socksMethods = { none: 0x00, password: 0x02, noneFits: 0xff } as const;

/** Reply codes of RFC 1928 §6 that are sent here. */
export const socksReplies = { succeeded: 0x00, failed: 0x01, notAllowed: 0x02, commandNotSupported: 0x07, addressNotSupported: 0x08 } as const;
export type SocksReply = (typeof socksReplies)[keyof typeof socksReplies];

/** `length`: bytes that it took. fault: it never becomes such a message; the reason is half a sentence. */
export type SocksRead<T> =
  | { readonly kind: "message"; readonly message: T; readonly length: number }
  | { readonly kind: "more" }
  | { readonly kind: "fault"; readonly reason: string };

const more = { kind: "more" } as const;
const fault = (reason: string): SocksRead<never> => ({ kind: "fault", reason });

/** The methods that a client offers. */
export function readGreeting(bytes: Buffer): SocksRead<ReadonlySet<number>> {
  const [version, count] = bytes;
  if (version === undefined) return more;
  if (version !== socksVersion) return fault(`its first byte says SOCKS version ${version}, not 5`);
  if (count === undefined) return more;
  if (count === 0) return fault("it offers no method of authentication");
  if (bytes.length < 2 + count) return more;
  return { kind: "message", message: new Set(bytes.subarray(2, 2 + count)), length: 2 + count };
}

export interface SocksCredentials { readonly user: string; readonly password: string }

/** RFC 1929 §2. User and password are read as UTF-8. */
export function readCredentials(bytes: Buffer): SocksRead<SocksCredentials> {
  const [version, userLength] = bytes;
  if (version === undefined) return more;
  if (version !== 1) return fault(`the version of its user and password message is ${version}, not 1`);
  if (userLength === undefined) return more;
  const passwordLength = bytes[2 + userLength];
  if (passwordLength === undefined) return more;
  const end = 3 + userLength + passwordLength;
  if (bytes.length < end) return more;
  return { kind: "message", message: { user: bytes.toString("utf8", 2, 2 + userLength), password: bytes.toString("utf8", 3 + userLength, end) }, length: end };
}

/** A CONNECT with its place, or the reply that anything else gets and why. */
export type SocksRequest =
  | { readonly kind: "connect"; readonly address: Address }
  | { readonly kind: "refused"; readonly reply: SocksReply; readonly reason: string };

const refused = (reply: SocksReply, reason: string): SocksRead<SocksRequest> => ({ kind: "message", message: { kind: "refused", reply, reason }, length: 4 });

/** RFC 1928 §4. The reserved byte is not looked at. */
export function readRequest(bytes: Buffer): SocksRead<SocksRequest> {
  const [version, command, , type] = bytes;
  if (version === undefined) return more;
  if (version !== socksVersion) return fault(`its request says SOCKS version ${version}, not 5`);
  if (command === undefined || type === undefined) return more;
  if (command !== 1) return refused(socksReplies.commandNotSupported, `it asks for ${commandNames[command] ?? `command ${command}`}, and only CONNECT is supported`);
  const host = readHost(bytes, type);
  if (host === null) return more;
  if (typeof host === "number") return refused(socksReplies.addressNotSupported, `it gives an address of type ${host}, which does not exist`);
  if (bytes.length < host.end + 2) return more;
  const port = bytes.readUInt16BE(host.end);
  if (port === 0 || !isHost(host.text)) return refused(socksReplies.failed, "the place it wants to reach is no valid host and port");
  return { kind: "message", message: { kind: "connect", address: { host: host.text, port } }, length: host.end + 2 };
}

const commandNames: Readonly<Record<number, string>> = { 2: "BIND", 3: "UDP ASSOCIATE" };

/** null: more bytes are needed. A number: there is no such type. */
function readHost(bytes: Buffer, type: number): { readonly text: string; readonly end: number } | number | null {
  if (type === 1) return bytes.length < 8 ? null : { text: bytes.subarray(4, 8).join("."), end: 8 };
  if (type === 4) return bytes.length < 20 ? null : { text: ipv6Text(bytes.subarray(4, 20)), end: 20 };
  if (type !== 3) return type;
  const length = bytes[4];
  if (length === undefined || bytes.length < 5 + length) return null;
  // One char a byte: what is not ASCII is no host, and is refused as such.
  return { text: bytes.toString("latin1", 5, 5 + length), end: 5 + length };
}

/** As RFC 5952 wants it; an IPv4 address in IPv6's clothes is one. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  if (groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff") return bytes.subarray(12).join(".");
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** The method that was chosen, or that none fits. */
export const writeMethod = (method: number): Buffer => Buffer.from([socksVersion, method]);

/** Whether user and password were right (RFC 1929 §2). */
export const writeVerdict = (isRight: boolean): Buffer => Buffer.from([1, isRight ? 0 : 1]);

/** A reply with an address that says nothing: servers are contacted later, when it is known what for. */
export const writeReply = (reply: SocksReply): Buffer => Buffer.from([socksVersion, reply, 0, 1, 0, 0, 0, 0, 0, 0]);

/** What a SOCKS4 client understands as a refusal. */
export const socks4Refusal: Buffer = Buffer.from([0, 0x5b, 0, 0, 0, 0, 0, 0]);
