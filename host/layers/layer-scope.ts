// What layers share: the proxy's settings, one client connection with everything that belongs to it, and how deep inside it we are.
import type { ClientScope, ExchangeContext } from "../exchange/context.ts";
import type { Address, RootLayer } from "../flows/connection.ts";
import type { TimeoutWheel } from "../net/timeouts.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import type { LeafContext } from "../tls/leaf-cache.ts";

/** The leaf cache as layers see it. */
export interface LeafSource {
  contextFor(subject: { readonly sni?: string | undefined; readonly host?: string | undefined; readonly upstreamCertificate?: Uint8Array | undefined }): Promise<LeafContext>;
}

export interface LayerContext extends ExchangeContext {
  readonly leaves: LeafSource;
  /** On "host:port": relayed as they are. */
  readonly ignoreHosts: readonly RegExp[];
  /** On "host:port": everything else is relayed as it is; null: no such rule. */
  readonly allowHosts: readonly RegExp[] | null;
  /** On "host:port": TCP events in place of HTTP. */
  readonly tcpHosts: readonly RegExp[];
}

export interface LayerScope extends ClientScope {
  readonly context: LayerContext;
  readonly root: RootLayer;
  /** For alarms of what runs beside each other on one connection. */
  readonly wheel: TimeoutWheel;
}

/** One level of a client connection: plain bytes, and where they are meant to go. */
export interface Link {
  readonly duplex: PlainDuplex;
  /** Where a tunnel leads; null where each request names its own server. */
  readonly destination: Address | null;
  /** The client speaks TLS to the destination, and we took it off. */
  readonly isSecure: boolean;
  /** Protocol agreed on with the client under TLS; null: none. */
  readonly alpn: string | null;
  /** How many protocols were taken off. */
  readonly depth: number;
}

/** What is left when a layer is done: nothing, or a protocol inside. */
export type Next = { readonly kind: "end" } | { readonly kind: "inside"; readonly link: Link };

export const end: Next = { kind: "end" };

/** Where connections for a link's destination go. */
export function targetOf(link: Link, destination: Address): { readonly scheme: "http" | "https"; readonly host: string; readonly port: number } {
  return { scheme: link.isSecure ? "https" : "http", host: destination.host, port: destination.port };
}
