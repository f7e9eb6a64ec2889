/**
 * One TLS handshake, awaited: as server towards a client, as client towards an upstream server. Ends in an open TLS socket or in a fault that says why.
 * Who is spoken to and with which certificate is decided before (`policy.ts`, `leaf-cache.ts`); what is spoken afterwards is the layers' business.
 */
import type { Duplex } from "node:stream";
import { connect, TLSSocket } from "node:tls";
import { explainTlsError, type TlsFault } from "./explain.ts";
import type { LeafContext } from "./leaf-cache.ts";
import { clientSideOptions, upstreamOptions, verifiedName, type UpstreamTarget, type UpstreamTrust } from "./policy.ts";

export type HandshakeResult =
  | { readonly kind: "open"; readonly socket: TLSSocket }
  /** The connection below is destroyed. `error` is what Node said, if it said anything. */
  | { readonly kind: "fault"; readonly fault: TlsFault; readonly error: unknown }
  /** `signal` ended it; the connection below is destroyed. */
  | { readonly kind: "aborted" };

export interface AcceptOptions {
  readonly leaf: Pick<LeafContext, "secureContext">;
  /** From `alpnForClient`. */
  readonly alpn: string | undefined;
  /** For the message only: what the client asked for. */
  readonly host: string;
  /** Ends the handshake; deadlines come this way. It has no effect once the socket is open. */
  readonly signal: AbortSignal;
}

/**
 * Shows `leaf` to the client at the other end of `socket`. Bytes that were peeked at must have been put back with `socket.unshift` before. The caller
 * owns the TLS socket from then on, its "error" events included.
 */
export function acceptClient(socket: Duplex, options: AcceptOptions): Promise<HandshakeResult> {
  const secured = new TLSSocket(socket, clientSideOptions(options.leaf, options.alpn));
  // node:http2 waits for this mark to go, which Node's own TLS server does and a socket without one does not.
  secured.once("secure", () => void Object.assign(secured, { secureConnecting: false }));
  return settle(secured, "secure", options.signal, (error) => explainTlsError(error, { side: "client", host: options.host }));
}

/** Opens TLS over a connected socket to the target, and verifies its certificate as `trust` says. */
export function connectUpstream(
  socket: Duplex,
  options: { readonly target: UpstreamTarget; readonly trust: UpstreamTrust; readonly signal: AbortSignal },
): Promise<HandshakeResult> {
  const secured = connect({ socket, ...upstreamOptions(options.target, options.trust) });
  const host = verifiedName(options.target);
  return settle(secured, "secureConnect", options.signal, (error) => explainTlsError(error, { side: "upstream", host }));
}

function settle(
  socket: TLSSocket,
  openEvent: "secure" | "secureConnect",
  signal: AbortSignal,
  explain: (error: unknown) => TlsFault,
): Promise<HandshakeResult> {
  return new Promise((resolve) => {
    const finish = (result: HandshakeResult): void => {
      socket.off(openEvent, opened).off("error", failed).off("end", ended).off("close", ended);
      signal.removeEventListener("abort", aborted);
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
    socket.on(openEvent, opened).on("error", failed).on("end", ended).on("close", ended);
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted);
  });
}
