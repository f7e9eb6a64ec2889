// What every exchange of one proxy shares, and what the exchanges of one client connection share. Plain interfaces: made in layers/,
// used here, changed by nobody.
import type { ClientConnection, Via } from "../flows/connection.ts";
import type { Gate } from "../flows/gate.ts";
import type { HeapRoom } from "../heap-room.ts";
import type { Log } from "../log.ts";
import type { KeySource } from "../net/keys.ts";
import type { OwnAddresses } from "../net/own-addresses.ts";
import type { ProxyTimeouts } from "../net/proxy-timeouts.ts";
import type { Alarm } from "../net/timeouts.ts";
import type { Waker } from "../net/waker.ts";
import type { KeyLog } from "../tls/key-log.ts";
import type { UpstreamTrust } from "../tls/policy.ts";
import type { UpstreamSessions } from "../tls/upstream-sessions.ts";
import type { ForwardFields } from "./server-link.ts";
import type { Upstreams } from "./upstreams.ts";

export interface ExchangeContext {
  readonly gate: Gate;
  readonly log: Log;
  readonly trust: UpstreamTrust;
  /** Writes the keys of TLS sessions down; null: nobody does. */
  readonly keyLog: Pick<KeyLog, "watch"> | null;
  /** TLS sessions with servers, which all clients' connections resume. */
  readonly sessions: UpstreamSessions;
  readonly keys: KeySource;
  readonly own: OwnAddresses;
  readonly timeouts: ProxyTimeouts;
  /** Largest body that is collected for addons, in bytes; larger ones pass by. */
  readonly bodyBytes: number;
  /** Largest message of a WebSocket that addons look at, decompressed, in bytes; a larger one ends it. */
  readonly webSocketMessageBytes: number;
  /** Largest body that passes at all, in bytes; null: any. */
  readonly bodySizeLimitBytes: number | null;
  /** Bodies larger than so many bytes pass on while they come, whatever addons take; null: only those that cannot be shown. */
  readonly streamLargeBodiesBytes: number | null;
  /** Bodies that pass by unseen are kept up to so many bytes for whoever saves flows; null: nobody does. */
  readonly keepPassedBytes: number | null;
  /** What an upstream proxy gets with each request to it: credentials, if it is one that the operator has given some for, and Via. */
  readonly fieldsFor: (via: Via) => ForwardFields;
  /** Is told of bodies that were collected. */
  readonly heapRoom: HeapRoom;
  /** Clients and servers may speak HTTP/2. */
  readonly http2: boolean;
  /** The proxy is closing: no connection is kept for another request. */
  readonly isDraining: () => boolean;
}

/** One client connection, as its exchanges see it. */
export interface ClientScope {
  readonly context: ExchangeContext;
  readonly client: ClientConnection;
  /** Woken by news of the client's and the servers' sockets and of `alarm`. One waiter. */
  readonly waker: Waker;
  readonly alarm: Alarm;
  readonly upstreams: Upstreams;
}

/** Seconds since the epoch, as events count time. */
export const nowSeconds = (): number => Date.now() / 1_000;
