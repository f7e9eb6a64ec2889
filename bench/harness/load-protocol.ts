// What the load generator is told and what it reports, between the bench and the generator's own process. Types only.

/** A client of a proxy, many times over. */
export interface LoadSettings {
  /** null: straight to the origin. */
  readonly proxyPort: number | null;
  /** https: inside a CONNECT tunnel. */
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** A new connection (and handshake) for each request. */
  readonly isFresh?: boolean;
  /** Name for the handshake in place of `host`; `#` becomes a number that is new for each connection. */
  readonly serverName?: string;
  /** Certificate authority of the proxy. */
  readonly caFile?: string;
  /** Least time between the beginnings of two requests of one client, in milliseconds; absent: the next follows at once. */
  readonly pauseMs?: number;
  /** Body length that every response must have. */
  readonly expectedBytes: number;
  /** Name of a field, in lower case, that every response must have: the proof that an addon was at work. */
  readonly expectedField?: string;
}

/** Stops at the deadline or after that many requests, whichever is first; requests under way are finished and counted. */
export interface RunLimits { readonly ms?: number; readonly requests?: number }

export type LoadCommand =
  | { readonly kind: "open"; readonly settings: LoadSettings }
  | { readonly kind: "run"; readonly limits: RunLimits };

export interface LoadReport {
  readonly requests: number;
  readonly failures: number;
  readonly firstFailure: string | null;
  readonly seconds: number;
  readonly bodyBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly mostMs: number;
}

export type LoadAnswer =
  | { readonly kind: "opened" }
  | { readonly kind: "report"; readonly report: LoadReport }
  | { readonly kind: "failed"; readonly message: string };
