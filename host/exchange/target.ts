// Where an exchange or a relay wants to go, and what a server there is offered in TLS. Values only.
import type { Address } from "../flows/connection.ts";

/** Where an exchange or a relay wants to go. */
export interface Target extends Address {
  readonly scheme: "http" | "https";
  /** An upstream proxy is asked for a tunnel there; absent: for plain HTTP it reads the requests itself. */
  readonly isTunnel?: boolean;
}

/** What a client said about TLS inside a tunnel, and is repeated to the server at its end. */
export interface TunnelOffer { readonly sni: string | null; readonly alpnProtocols: readonly string[] }

export const http1Offer: TunnelOffer = { sni: null, alpnProtocols: ["http/1.1"] };
export const http2Offer: TunnelOffer = { sni: null, alpnProtocols: ["h2", "http/1.1"] };

/** Targets with the same key share offers and openings. */
export const keyOf = ({ scheme, host, port }: Target): string => `${scheme}://${host}:${port}`;
