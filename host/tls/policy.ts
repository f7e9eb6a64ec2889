/**
 * TLS as the proxy wants it on both sides: versions, application protocols, names, what is verified. Pure: options for node:tls, no sockets.
 * The client side shows a leaf and asks for no certificate; the server side verifies unless the operator switched that off.
 */
import { constants } from "node:crypto";
import { isIP } from "node:net";
import type { ConnectionOptions, SecureContext, TLSSocketOptions } from "node:tls";
import type { LeafContext } from "./leaf-cache.ts";
import { readName } from "./names.ts";

/** TLS 1.0 and 1.1 are dead (RFC 8996), to clients and to servers. */
export const minimumTlsVersion = "TLSv1.2";

/** Of contexts shown to clients. A renegotiation costs them little and us much (TLS 1.2; TLS 1.3 has none). */
export const clientSideSecureOptions = constants.SSL_OP_NO_RENEGOTIATION;

/** Application protocols that the proxy itself speaks, best first. `http2` is off where its layer is. */
export interface AlpnRules {
  readonly http2: boolean;
}

/** What is known about the server when the client has to be answered. */
export type UpstreamAlpn =
  | { readonly kind: "not-connected" }
  | { readonly kind: "connected"; readonly protocol: string | undefined };

/** Where roots and the decision to verify come from; `trust.ts` makes it once. */
export interface UpstreamTrust {
  readonly secureContext: SecureContext;
  /** False under --ssl-insecure: any certificate is taken, and the reason it would have been refused is in `socket.authorizationError`. */
  readonly isVerified: boolean;
  /** The context with a certificate of ours for that server, where there is one (--client-certs). */
  readonly clientContextFor?: (host: string) => SecureContext | null;
}

export interface UpstreamTarget {
  /** Where the connection goes: a name or an address. */
  readonly host: string;
  /** server_name of the client, if it sent one; it is asked for and verified in place of `host`. */
  readonly sni?: string | undefined;
  /** From `alpnForUpstream`. */
  readonly alpnProtocols: readonly string[];
}

/**
 * What to offer a server for a client: what the client offered, in its order, without what the proxy cannot speak. Empty: no ALPN extension.
 * Protocols that are not HTTP stay: such a connection is relayed as bytes.
 */
export function alpnForUpstream(clientOffer: readonly string[], rules: AlpnRules): readonly string[] {
  return clientOffer.filter((protocol) => protocol !== "h2" || rules.http2);
}

/**
 * What to answer a client (RFC 7301 §3.2): the server's choice; before there is a server, the first HTTP protocol of the client's that the proxy speaks.
 * Undefined: answer without ALPN, which clients take for HTTP/1.1 or refuse themselves, rather than abort the handshake.
 */
export function alpnForClient(clientOffer: readonly string[], upstream: UpstreamAlpn, rules: AlpnRules): string | undefined {
  const possible = alpnForUpstream(clientOffer, rules);
  if (upstream.kind === "connected") return possible.find((protocol) => protocol === upstream.protocol);
  return possible.find((protocol) => protocol === "h2" || protocol === "http/1.1" || protocol === "http/1.0");
}

/**
 * Options for `new TLSSocket(socket, …)` towards a client. `alpn` is the one protocol to answer, from `alpnForClient`; it must be among those offered,
 * or the handshake fails with no_application_protocol.
 */
export function clientSideOptions(leaf: Pick<LeafContext, "secureContext">, alpn: string | undefined): TLSSocketOptions {
  return {
    isServer: true,
    secureContext: leaf.secureContext,
    requestCert: false,
    rejectUnauthorized: false,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  };
}

/**
 * Options for `tls.connect({ socket, …})` towards a server. Names go out as server_name, addresses never do (RFC 6066 §3); either is verified against
 * the certificate.
 */
export function upstreamOptions(target: UpstreamTarget, trust: UpstreamTrust): ConnectionOptions {
  const name = verifiedName(target);
  return {
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(target.alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...target.alpnProtocols] }),
    secureContext: trust.clientContextFor?.(name) ?? trust.secureContext,
    rejectUnauthorized: trust.isVerified,
    minVersion: minimumTlsVersion,
  };
}

/** The name or address that the server's certificate must carry. */
export function verifiedName({ host, sni }: Pick<UpstreamTarget, "host" | "sni">): string {
  // A host that is no name (never resolved, then) stays as it is: verification fails on it, which is right.
  return readName(sni ?? "")?.value ?? readName(host)?.value ?? host;
}
