/**
 * One TLS handshake, awaited: as server towards a client, as client towards an upstream server. Ends in an open TLS socket or in a fault that says why.
 * Who is spoken to and with which certificate is decided before (`policy.ts`, `leaf-cache.ts`); what is spoken afterwards is the layers' business.
 */
import type { Duplex } from "node:stream";
import { connect, TLSSocket } from "node:tls";
import { explainTlsError, type TlsFault } from "./explain.ts";
import type { KeyLog } from "./key-log.ts";
import type { LeafContext } from "./leaf-cache.ts";
import { clientSideOptions, upstreamOptions, verifiedName, type UpstreamTrust } from "./policy.ts";
import type { SessionTarget, UpstreamSession, UpstreamSessions } from "./upstream-sessions.ts";

export type HandshakeResult =
  | { readonly kind: "open"; readonly socket: TLSSocket }
  /** The connection below is destroyed. `error` is what Node said, if it said anything. */
  | { readonly kind: "fault"; readonly fault: TlsFault; readonly error: unknown }
  /** `signal` or `mostMs` ended it; the connection below is destroyed. */
  | { readonly kind: "aborted" | "expired" };

interface Patience {
  /** Ends the handshake. It has no effect once the socket is open. */
  readonly signal?: AbortSignal;
  /** How long it may take, in milliseconds; absent: for ever. */
  readonly mostMs?: number;
  /** Who writes the keys down; absent or null: nobody. */
  readonly keyLog?: Pick<KeyLog, "watch"> | null;
}

export interface AcceptOptions extends Patience {
  readonly leaf: Pick<LeafContext, "secureContext">;
  /** From `alpnForClient`. */
  readonly alpn: string | undefined;
  /** For the message only: what the client asked for. */
  readonly host: string;
}

export interface ConnectOptions extends Patience {
  readonly target: SessionTarget;
  readonly trust: UpstreamTrust;
  /** Where sessions to resume come from and go to; absent: every handshake is a full one. */
  readonly sessions?: UpstreamSessions;
}

export type UpstreamHandshakeResult =
  /** `certificate`: DER of the server's certificate; null when it has none. */
  | { readonly kind: "open"; readonly socket: TLSSocket; readonly certificate: Buffer | null }
  | Exclude<HandshakeResult, { readonly kind: "open" }>;

/**
 * Shows `leaf` to the client at the other end of `socket`. Bytes that were peeked at must have been put back with `socket.unshift` before. The caller
 * owns the TLS socket from then on, its "error" events included.
 */
export function acceptClient(socket: Duplex, options: AcceptOptions): Promise<HandshakeResult> {
  const secured = new TLSSocket(socket, clientSideOptions(options.leaf, options.alpn));
  options.keyLog?.watch(secured);
  // node:http2 waits for this mark to go, which Node's own TLS server does and a socket without one does not.
  secured.once("secure", () => void Object.assign(secured, { secureConnecting: false }));
  return settle(secured, "secure", options, (error) => explainTlsError(error, { side: "client", host: options.host }));
}

/** Opens TLS over a connected socket to the target, and verifies its certificate as `trust` says; resumes a session where there is one. */
export async function connectUpstream(socket: Duplex, options: ConnectOptions): Promise<UpstreamHandshakeResult> {
  const { target, trust, sessions } = options;
  const resumed = sessions?.take(target) ?? null;
  const secured = connect({ socket, ...upstreamOptions(target, trust), ...(resumed !== null && { session: resumed.session }) });
  options.keyLog?.watch(secured);
  const host = verifiedName(target);
  // Sessions are offered only once the server was verified, those of TLS 1.3 some time later.
  if (sessions?.wants(target) === true) secured.on("session", (session: Buffer) => sessions.keep(target, { session, certificate: certificateOf(secured, resumed) }));
  const result = await settle(secured, "secureConnect", options, (error) => explainTlsError(error, { side: "upstream", host }));
  if (result.kind !== "open") return result;
  const isAgain = resumed !== null && secured.isSessionReused() && secured.getProtocol() !== "TLSv1.3";
  if (isAgain) sessions?.keep(target, resumed);
  return { ...result, certificate: certificateOf(secured, resumed) };
}

/** A resumed handshake shows no certificate. */
function certificateOf(socket: TLSSocket, resumed: UpstreamSession | null): Buffer | null {
  return resumed !== null && socket.isSessionReused() ? resumed.certificate : socket.getPeerX509Certificate()?.raw ?? null;
}

function settle(
  socket: TLSSocket,
  openEvent: "secure" | "secureConnect",
  { signal, mostMs }: Patience,
  explain: (error: unknown) => TlsFault,
): Promise<HandshakeResult> {
  return new Promise((resolve) => {
    const finish = (result: HandshakeResult): void => {
      socket.off(openEvent, opened).off("error", failed).off("end", ended).off("close", ended);
      signal?.removeEventListener("abort", aborted);
      clearTimeout(timer);
      if (result.kind !== "open") {
        // What is still said about a connection that is given up concerns nobody.
        socket.on("error", () => undefined);
        socket.destroy();
      }
      resolve(result);
    };
    const opened = (): void => finish({ kind: "open", socket });
    const failed = (error: unknown): void => finish({ kind: "fault", fault: explain(error), error });
    const ended = (): void => finish({ kind: "fault", fault: explain(undefined), error: undefined });
    const aborted = (): void => finish({ kind: "aborted" });
    // PERF: a timer costs a tenth of AbortSignal.timeout.
    const timer = mostMs === undefined ? undefined : setTimeout(() => finish({ kind: "expired" }), mostMs);
    socket.on(openEvent, opened).on("error", failed).on("end", ended).on("close", ended);
    if (signal?.aborted === true) aborted();
    else signal?.addEventListener("abort", aborted);
  });
}
