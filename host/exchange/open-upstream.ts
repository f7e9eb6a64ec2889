// Opens one connection to a server: asks `serverconnect`, dials it or the upstream proxy on the way to it, and lays TLS over it where
// the target wants it. Fills in the record as it goes. Which connection is needed when, and what is sent on it, is decided elsewhere.
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Address, ServerConnection, Via } from "../flows/connection.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import { invariant } from "../invariant.ts";
import { dial, type DialCause } from "../net/dial.ts";
import { PlainDuplex } from "../net/plain-duplex.ts";
import { connectUpstream } from "../tls/handshake.ts";
import { nowSeconds, type ExchangeContext } from "./context.ts";
import { openTunnel } from "./proxy-tunnel.ts";
import type { ServerLinkFacts } from "./server-link.ts";

export interface SecureTarget {
  readonly host: string;
  /** The client's server_name; null: none. */
  readonly sni: string | null;
  readonly alpnProtocols: readonly string[];
}

export type OpenResult =
  | { readonly kind: "open"; readonly facts: ServerLinkFacts }
  /** `isProtocolRefused`: the server speaks none of the application protocols that it was offered. */
  | { readonly kind: "fault"; readonly fault: ExchangeFault; readonly isProtocolRefused: boolean };

/** What a connection is wanted for. */
export interface Wish {
  /** null: plain TCP. */
  readonly secure: SecureTarget | null;
  /** It is for plain HTTP requests, which an upstream proxy may read and send on. */
  readonly mayForward: boolean;
}

/** `certificate`: DER of what the server showed. */
interface Secured { readonly kind: "secured"; readonly socket: TLSSocket; readonly certificate: Buffer | null }

interface Failure { readonly kind: "failed"; readonly fault: ExchangeFault; readonly isProtocolRefused?: boolean }

/** Bytes to somewhere: the outermost socket and the TCP socket under it, and who reads it already. */
interface Pipe { readonly kind: "pipe"; readonly socket: Socket; readonly transport: Socket; readonly duplex: PlainDuplex | null }

const failure = (fault: ExchangeFault): Failure => ({ kind: "failed", fault });

/** Never rejects; a connection that fails fires no `serverdisconnect`. `signal` gives up. */
export async function openUpstream(context: ExchangeContext, record: ServerConnection, wish: Wish, signal: AbortSignal): Promise<OpenResult> {
  invariant(record.address !== null, "serverconnect without an address");
  record.timestampStart = nowSeconds();
  const held = context.gate.held("serverconnect", record);
  if (held !== null) await held;
  if (record.killed) return failed(record, failure(exchangeFault("server-killed", `An addon refused the connection to ${record.address.host}:${record.address.port}.`)));
  const { via, address } = record;
  const direct = await connectTcp(context, record, via ?? address, signal);
  if (via === null) return direct.kind === "failed" ? failed(record, direct) : finish(context, record, direct, wish.secure, signal);
  const isForwarded = wish.secure === null && wish.mayForward;
  const way = direct.kind === "failed" ? direct : await throughProxy(context, direct, { via, to: isForwarded ? null : address }, signal);
  if (way.kind === "failed") return failed(record, { ...way, fault: { ...way.fault, message: `No way through the upstream proxy ${via.host}:${via.port}: ${way.fault.message}` } });
  if (isForwarded) return opened(record, way, { alpn: null, certificate: null, forward: context.fieldsFor(via) });
  return finish(context, record, way, wish.secure, signal);
}

async function connectTcp({ own, timeouts: { connectMs } }: ExchangeContext, record: ServerConnection, to: Address, signal: AbortSignal): Promise<Pipe | Failure> {
  const dialled = await dial(to, { own, connectMs, signal });
  if (dialled.kind === "failed") return failure(dialFault(dialled.cause, dialled.message));
  noteSocket(record, dialled.socket);
  return { kind: "pipe", socket: dialled.socket, transport: dialled.socket, duplex: null };
}

/** TLS to the proxy where it wants it, and a tunnel to `to` (null: the proxy itself is to read what is sent). */
async function throughProxy(context: ExchangeContext, pipe: Pipe, { via, to }: { readonly via: Via; readonly to: Address | null }, signal: AbortSignal): Promise<Pipe | Failure> {
  let { socket } = pipe;
  if (via.scheme === "https") {
    const secured = await secure(context, socket, via, { host: via.host, sni: null, alpnProtocols: ["http/1.1"] }, signal);
    if (secured.kind === "failed") return failure(secured.fault);
    socket = secured.socket;
  }
  if (to === null) return { ...pipe, socket };
  const duplex = new PlainDuplex(socket, pipe.transport);
  const fault = await openTunnel(duplex, { to, fields: context.fieldsFor(via), waitMs: context.timeouts.headMs, signal });
  if (fault !== null) {
    duplex.destroy();
    return failure(fault);
  }
  return { ...pipe, socket, duplex };
}

async function finish(context: ExchangeContext, record: ServerConnection, pipe: Pipe, target: SecureTarget | null, signal: AbortSignal): Promise<OpenResult> {
  if (target === null) return opened(record, pipe, { alpn: null, certificate: null, forward: null });
  invariant(record.address !== null, "a connection without an address");
  if (pipe.duplex?.hasEnd === true) {
    pipe.duplex.destroy();
    return failed(record, failure(exchangeFault("upstream-proxy", "The upstream proxy closed the tunnel before a byte of the server came.")));
  }
  const secured = await secure(context, pipe.duplex?.detach() ?? pipe.socket, record.address, target, signal);
  if (secured.kind === "failed") return failed(record, secured);
  noteTls(record, secured.socket, target);
  return opened(record, { ...pipe, socket: secured.socket, duplex: null }, { alpn: record.alpn, certificate: secured.certificate, forward: null });
}

function opened(record: ServerConnection, { socket, transport, duplex }: Pipe, facts: Omit<ServerLinkFacts, "record" | "duplex">): OpenResult {
  return { kind: "open", facts: { ...facts, record, duplex: duplex ?? new PlainDuplex(socket, transport) } };
}

/** TLS with that target at the other end of `socket`, which leads to `to`. */
async function secure(context: ExchangeContext, socket: Socket, to: Address, { host, sni, alpnProtocols }: SecureTarget, signal: AbortSignal): Promise<Secured | Failure> {
  const { trust, sessions, keyLog, timeouts: { handshakeMs: mostMs } } = context;
  const target = { host, place: `${to.host}:${to.port}`, alpnProtocols, ...(sni !== null && { sni }) };
  const result = await connectUpstream(socket, { target, trust, sessions, signal, mostMs, keyLog });
  switch (result.kind) {
    case "open": return { kind: "secured", socket: result.socket, certificate: result.certificate };
    case "fault": return { kind: "failed", fault: exchangeFault("tls-failed", result.fault.message), isProtocolRefused: result.fault.code === "no-application-protocol" };
    case "expired": return failure(exchangeFault("connect-timeout", `The TLS handshake with ${host} took longer than ${mostMs} ms.`));
    case "aborted": return failure(exchangeFault("client-left", "The client left while the server was being contacted."));
  }
}

const faultCauses = {
  "dns-failed": "dns-failed", "connect-refused": "connect-refused", "connect-failed": "connect-failed",
  "connect-timeout": "connect-timeout", "own-address": "own-address", aborted: "client-left",
} as const satisfies Record<DialCause, ExchangeFault["cause"]>;

function dialFault(cause: DialCause, message: string): ExchangeFault {
  return exchangeFault(faultCauses[cause], message);
}

function failed(record: ServerConnection, { fault, isProtocolRefused = false }: Failure): OpenResult {
  record.error = fault.message;
  record.timestampEnd = nowSeconds();
  record.version++;
  return { kind: "fault", fault, isProtocolRefused };
}

function noteSocket(record: ServerConnection, socket: Socket): void {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  record.timestampTcpSetup = nowSeconds();
  record.peername = remoteAddress === undefined || remotePort === undefined ? null : { host: remoteAddress, port: remotePort };
  record.sockname = localAddress === undefined || localPort === undefined ? null : { host: localAddress, port: localPort };
  record.version++;
}

function noteTls(record: ServerConnection, socket: TLSSocket, secure: SecureTarget): void {
  record.tls = true;
  record.sni = secure.sni ?? secure.host;
  record.alpn = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : null;
  record.tlsVersion = socket.getProtocol();
  record.cipher = socket.getCipher().name;
  record.timestampTlsSetup = nowSeconds();
  record.version++;
}
