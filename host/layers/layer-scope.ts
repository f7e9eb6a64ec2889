// What layers share: the proxy's settings, one client connection with everything that belongs to it, and how deep inside it we are.
import type { ClientScope, ExchangeContext } from "../exchange/context.ts";
import type { Target } from "../exchange/target.ts";
import type { Address, RootLayer } from "../flows/connection.ts";
import type { TimeoutWheel } from "../net/timeouts.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import type { ProxyAuth } from "../access/proxy-auth.ts";
import type { LeafContext } from "../tls/leaf-cache.ts";
import type { OnboardingPage } from "../tls/onboarding-site.ts";
import type { ListenerMode } from "./mode.ts";
import type { PlacePattern } from "./place-pattern.ts";

/** The leaf cache as layers see it. */
export interface LeafSource {
  contextFor(subject: { readonly sni?: string | undefined; readonly host?: string | undefined; readonly upstreamCertificate?: Uint8Array | undefined }): Promise<LeafContext>;
}

export interface LayerContext extends ExchangeContext {
  readonly leaves: LeafSource;
  /** On "host:port": relayed as they are. */
  readonly ignoreHosts: readonly PlacePattern[];
  /** On "host:port": everything else is relayed as it is; null: no such rule. */
  readonly allowHosts: readonly PlacePattern[] | null;
  /** On "host:port": TCP events in place of HTTP. */
  readonly tcpHosts: readonly PlacePattern[];
  /** Who may use the proxy; null: everybody who reaches it. */
  readonly proxyAuth: ProxyAuth | null;
  /** This proxy's name in Via: a request that has it already goes round in circles. */
  readonly loopMark: string;
  /** A reverse proxy shows its server the name that the client used. */
  readonly keepHostHeader: boolean;
  /** Servers are contacted for requests alone, never for the sake of a client's handshake. */
  readonly meetsServersLate: boolean;
  /** Null: there is none. */
  readonly onboarding: Onboarding | null;
  /** What listeners show to clients that speak TLS to the proxy itself; null: a leaf of our own authority. */
  readonly listenerCertificate: Pick<LeafContext, "secureContext"> | null;
}

/** The magic host, through which a client gets the authority's certificate from the proxy itself. */
export interface Onboarding {
  /** In lower case. */
  readonly host: string;
  readonly pages: ReadonlyMap<string, OnboardingPage>;
}

export interface LayerScope extends ClientScope {
  readonly context: LayerContext;
  readonly root: RootLayer;
  /** What the client's listener is for. */
  readonly listener: ListenerMode;
  /** For alarms of what runs beside each other on one connection. */
  readonly wheel: TimeoutWheel;
}

/** One level of a client connection: plain bytes, and where they are meant to go. */
export interface Link {
  readonly duplex: PlainDuplex;
  /** Where a tunnel leads; null where each request names its own server. */
  readonly destination: Address | null;
  /** These bytes go to the destination under TLS: the client's was taken off, or the operator says so. */
  readonly isSecure: boolean;
  /** listener: nothing was taken off. mode: the listener's own TLS was. inside: the listener's mode was spoken, too. */
  readonly stage: "listener" | "mode" | "inside";
  /** Protocol agreed on with the client under TLS; null: none. */
  readonly alpn: string | null;
  /** How many protocols were taken off. */
  readonly depth: number;
}

/** What is left when a layer is done: nothing, or a protocol inside. */
export type Next = { readonly kind: "end" } | { readonly kind: "inside"; readonly link: Link };

export const end: Next = { kind: "end" };

/** Where raw connections for a link's destination go. */
export function targetOf(link: Link, destination: Address): Target {
  return { scheme: link.isSecure ? "https" : "http", host: destination.host, port: destination.port, isTunnel: true };
}
