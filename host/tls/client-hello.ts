/**
 * Reads a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301) from the first bytes of a connection, before any TLS stack has seen them.
 * Pure: bytes in, answer out; it negotiates nothing and believes nothing. Reserved GREASE values (RFC 8701) are left out.
 */

export interface ClientHello {
  /** server_name, lower case; some clients put an address here though RFC 6066 forbids it. Undefined when there was none. */
  readonly sni: string | undefined;
  /** Offered application protocols, in order of preference; octets as Latin-1. */
  readonly alpnProtocols: readonly string[];
  readonly cipherSuites: readonly number[];
  /** Offered protocol versions, as on the wire: 0x0304 is TLS 1.3, 0x0303 TLS 1.2. */
  readonly versions: readonly number[];
  /** An encrypted_client_hello extension is there; real or GREASE cannot be told, and `sni` may then be the public name only. */
  readonly isEchOffered: boolean;
  /** Bytes that the ClientHello took, record headers included. */
  readonly byteLength: number;
}

export type ClientHelloResult =
  /** So far it looks like one; asking again before there are `atLeastBytes` in all is in vain. */
  | { readonly kind: "need-more"; readonly atLeastBytes: number }
  | { readonly kind: "not-tls" }
  | { readonly kind: "client-hello"; readonly hello: ClientHello }
  /** TLS, but malformed or too large. */
  | { readonly kind: "fault"; readonly reason: string };

/** LIMIT: bytes on the wire. Hellos with post-quantum key shares take 2 KiB, with large session tickets up to 10. */
export const clientHelloLimitBytes = 32 * 1024;

const recordHeaderBytes = 5;
const recordLimitBytes = 1 << 14;
const handshakeHeaderBytes = 4;
const clientHelloType = 1;
const tooLarge = { kind: "fault", reason: `a ClientHello of more than ${clientHelloLimitBytes} bytes` } as const;
const extensionTypes = { serverName: 0, alpn: 16, supportedVersions: 43, encryptedClientHello: 0xfe0d } as const;

/**
 * Looks at all bytes that came so far. Says `not-tls` as soon as one byte rules TLS out (SSL 2 hellos count as not TLS), and `need-more` only below the
 * limit. What follows the ClientHello is not looked at.
 */
export function parseClientHello(bytes: Uint8Array): ClientHelloResult {
  const gathered = gatherHandshake(bytes);
  if (gathered.kind !== "handshake") return gathered;
  try {
    return { kind: "client-hello", hello: readHello(new Reader(gathered.body), gathered.byteLength) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: "fault", reason: error.message };
    throw error;
  }
}

type Gathered =
  | { readonly kind: "handshake"; readonly body: Uint8Array; readonly byteLength: number }
  | Exclude<ClientHelloResult, { readonly kind: "client-hello" }>;

/** Puts the first handshake message together, which may be split over records at any byte (RFC 8446 §5.1). */
function gatherHandshake(bytes: Uint8Array): Gathered {
  const fragments: Uint8Array[] = [];
  let messageBytes: number | undefined;
  let gatheredBytes = 0;
  for (let at = 0; ; ) {
    const contentsAt = at + recordHeaderBytes;
    const refusal = checkRecordHeader(bytes.subarray(at, contentsAt), at === 0);
    if (refusal !== undefined) return refusal;
    if (bytes.length < contentsAt) return needMore(contentsAt);
    const end = contentsAt + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    fragments.push(bytes.subarray(contentsAt, end));
    if (at === 0 && contentsAt < bytes.length && bytes[contentsAt] !== clientHelloType) return { kind: "not-tls" };
    messageBytes ??= messageLength(fragments);
    if (messageBytes !== undefined && messageBytes > clientHelloLimitBytes) return tooLarge;
    const messageEnd = messageBytes === undefined ? end : Math.min(end, contentsAt + messageBytes - gatheredBytes);
    if (bytes.length < messageEnd) return needMore(messageEnd);
    gatheredBytes += end - contentsAt;
    if (messageBytes !== undefined && gatheredBytes >= messageBytes) {
      return { kind: "handshake", body: Buffer.concat(fragments).subarray(handshakeHeaderBytes, messageBytes), byteLength: messageEnd };
    }
    at = end;
  }
}

/** Judges as much of a record's header as is there; undefined when nothing speaks against it. */
function checkRecordHeader(header: Uint8Array, isFirst: boolean): ClientHelloResult & { readonly kind: "not-tls" | "fault" } | undefined {
  const [type, major, minor, high, low] = header;
  const isHandshake = (type === undefined || type === 22) && (major === undefined || major === 3) && (minor === undefined || minor <= 4);
  const length = high === undefined || low === undefined ? 1 : (high << 8) | low;
  if (isHandshake && length > 0 && length <= recordLimitBytes) return undefined;
  return isFirst ? { kind: "not-tls" } : fault(isHandshake ? "a record is empty or too long" : "another record stands inside the ClientHello");
}

/** Length of the message with its header, as soon as the header is there. */
function messageLength(fragments: readonly Uint8Array[]): number | undefined {
  const header = Buffer.concat(fragments.map((fragment) => fragment.subarray(0, handshakeHeaderBytes)));
  return header.length < handshakeHeaderBytes ? undefined : handshakeHeaderBytes + header.readUIntBE(1, 3);
}

function needMore(atLeastBytes: number): Gathered {
  return atLeastBytes > clientHelloLimitBytes ? tooLarge : { kind: "need-more", atLeastBytes };
}

function fault(reason: string): { readonly kind: "fault"; readonly reason: string } {
  return { kind: "fault", reason };
}

function readHello(body: Reader, byteLength: number): ClientHello {
  const legacyVersion = body.uint(2);
  body.take(32);
  body.vector(1);
  const cipherSuites = body.vector(2).uint16s();
  if (body.vector(1).length === 0) throw new Malformed("no compression methods");
  const extensions = body.length === 0 ? new Map<number, Reader>() : readExtensions(body.vector(2));
  if (body.length > 0) throw new Malformed("bytes after the extensions");
  const versions = extensions.get(extensionTypes.supportedVersions)?.vector(1).uint16s();
  return {
    sni: readServerName(extensions.get(extensionTypes.serverName)),
    alpnProtocols: readProtocols(extensions.get(extensionTypes.alpn)),
    cipherSuites: cipherSuites.filter((suite) => !isGrease(suite)),
    versions: (versions ?? [legacyVersion]).filter((version) => !isGrease(version)),
    isEchOffered: extensions.has(extensionTypes.encryptedClientHello),
    byteLength,
  };
}

function readExtensions(list: Reader): ReadonlyMap<number, Reader> {
  const found = new Map<number, Reader>();
  while (list.length > 0) {
    const type = list.uint(2);
    if (found.has(type)) throw new Malformed(`extension ${type} twice`);
    found.set(type, list.vector(2));
  }
  return found;
}

function readServerName(extension: Reader | undefined): string | undefined {
  if (extension === undefined) return undefined;
  const list = extension.vector(2);
  let name: string | undefined;
  while (list.length > 0) {
    const type = list.uint(1);
    const value = Buffer.from(list.vector(2).rest()).toString("latin1");
    // host_name is the only type there is; RFC 6066 allows one name of each.
    if (type !== 0 || name !== undefined) throw new Malformed("more than one server name");
    if (!/^[\x21-\x7e]{1,255}$/.test(value)) throw new Malformed("a server name that no host has");
    name = value.toLowerCase();
  }
  if (name === undefined) throw new Malformed("an empty list of server names");
  return name;
}

function readProtocols(extension: Reader | undefined): readonly string[] {
  if (extension === undefined) return [];
  const list = extension.vector(2);
  const protocols: string[] = [];
  while (list.length > 0) {
    const value = list.vector(1).rest();
    if (value.length === 0) throw new Malformed("an empty protocol name");
    if (value.length !== 2 || !isGrease(((value[0] ?? 0) << 8) | (value[1] ?? 0))) protocols.push(Buffer.from(value).toString("latin1"));
  }
  return protocols;
}

/** RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** A ClientHello that breaks its own lengths or RFC 8446; stays inside this file. */
class Malformed extends Error {}

/** Reads big-endian numbers and length-prefixed vectors; throws Malformed rather than read past the end. */
class Reader {
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes left. */
  get length(): number {
    return this.#bytes.length;
  }

  take(count: number): Uint8Array {
    if (count > this.#bytes.length) throw new Malformed("a length runs past the end");
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length);
  }

  uint(octets: number): number {
    return this.take(octets).reduce((sum, octet) => sum * 256 + octet, 0);
  }

  /** What follows a length of so many octets, as a reader of its own. */
  vector(lengthOctets: number): Reader {
    return new Reader(this.take(this.uint(lengthOctets)));
  }

  uint16s(): number[] {
    const values: number[] = [];
    while (this.#bytes.length > 0) values.push(this.uint(2));
    return values;
  }
}
