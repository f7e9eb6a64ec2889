// Opens one connection to a server: asks `serverconnect`, dials, and lays TLS over it where the target wants it. Fills in the
// record as it goes. Which connection is needed when, and what is sent on it, is decided elsewhere.
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ServerConnection } from "../flows/connection.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import { invariant } from "../invariant.ts";
import { dial, type DialCause } from "../net/dial.ts";
import { PlainDuplex } from "../net/plain-duplex.ts";
import { connectUpstream } from "../tls/handshake.ts";
import { nowSeconds, type ExchangeContext } from "./context.ts";
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

/** `secure`: null for plain TCP. Never rejects; a connection that fails fires no `serverdisconnect`. `signal` gives up. */
export async function openUpstream(context: ExchangeContext, record: ServerConnection, secure: SecureTarget | null, signal: AbortSignal): Promise<OpenResult> {
  invariant(record.address !== null, "serverconnect without an address");
  record.timestampStart = nowSeconds();
  const held = context.gate.held("serverconnect", record);
  if (held !== null) await held;
  if (record.killed) return failed(record, exchangeFault("server-killed", `An addon refused the connection to ${record.address.host}:${record.address.port}.`));
  const dialled = await dial(record.address, { own: context.own, connectMs: context.timeouts.connectMs, signal });
  if (dialled.kind === "failed") return failed(record, dialFault(dialled.cause, dialled.message));
  const { socket } = dialled;
  noteSocket(record, socket);
  if (secure === null) return { kind: "open", facts: { record, duplex: new PlainDuplex(socket), alpn: null, certificate: null } };
  return secureUpstream(context, record, socket, secure, signal);
}

async function secureUpstream(context: ExchangeContext, record: ServerConnection, socket: Socket, secure: SecureTarget, signal: AbortSignal): Promise<OpenResult> {
  const { handshakeMs } = context.timeouts;
  const target = { host: secure.host, alpnProtocols: secure.alpnProtocols, ...(secure.sni !== null && { sni: secure.sni }) };
  const deadline = AbortSignal.timeout(handshakeMs);
  const result = await connectUpstream(socket, { target, trust: context.trust, signal: AbortSignal.any([signal, deadline]) });
  if (result.kind === "fault") return failed(record, exchangeFault("tls-failed", result.fault.message), result.fault.code === "no-application-protocol");
  if (result.kind === "aborted") {
    const fault = deadline.aborted
      ? exchangeFault("connect-timeout", `The TLS handshake with ${secure.host} took longer than ${handshakeMs} ms.`)
      : exchangeFault("client-left", "The client left while the server was being contacted.");
    return failed(record, fault);
  }
  noteTls(record, result.socket, secure);
  const certificate = result.socket.getPeerX509Certificate()?.raw ?? null;
  return { kind: "open", facts: { record, duplex: new PlainDuplex(result.socket, socket), alpn: record.alpn, certificate } };
}

const faultCauses = {
  "dns-failed": "dns-failed", "connect-refused": "connect-refused", "connect-failed": "connect-failed",
  "connect-timeout": "connect-timeout", "own-address": "own-address", aborted: "client-left",
} as const satisfies Record<DialCause, ExchangeFault["cause"]>;

function dialFault(cause: DialCause, message: string): ExchangeFault {
  return exchangeFault(faultCauses[cause], message);
}

function failed(record: ServerConnection, fault: ExchangeFault, isProtocolRefused = false): OpenResult {
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
