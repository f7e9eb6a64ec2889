// What the proxy knows of one client connection and one server connection, as plain records. They are facts for events, errors
// and logs; the sockets themselves are with net/ and layers/. One writer: the layer that owns the connection.
import type { ObjectKey } from "../../sandbox-api/schema/ids.ts";

export interface Address { readonly host: string; readonly port: number }
export interface Via extends Address { readonly scheme: "http" | "https" }

interface TlsFacts {
  tls: boolean;
  sni: string | null;
  alpn: string | null;
  tlsVersion: string | null;
  cipher: string | null;
  timestampTlsSetup: number | null;
}

/** One accepted connection; lives until `clientdisconnect` was told. Times are seconds since the epoch. */
export interface ClientConnection extends TlsFacts {
  readonly kind: "client";
  readonly key: ObjectKey;
  readonly id: string;
  readonly address: Address;
  readonly sockname: Address;
  /** The listener's mode as the operator wrote it ("regular", "reverse:…"). */
  readonly mode: string;
  readonly timestampStart: number;
  timestampEnd: number | null;
  /** Grows with each change, so that views know what an addon has seen. */
  version: number;
}

/** One (intended) connection to a server; a new record for each connect attempt. */
export interface ServerConnection extends TlsFacts {
  readonly kind: "server";
  readonly key: ObjectKey;
  readonly id: string;
  /** Where to connect; null while unknown. Never null in `serverconnect`. */
  address: Address | null;
  via: Via | null;
  peername: Address | null;
  sockname: Address | null;
  timestampStart: number | null;
  timestampTcpSetup: number | null;
  timestampEnd: number | null;
  error: string | null;
  /** An addon refused the connection (`serverConn.kill()`). */
  killed: boolean;
  version: number;
}

/** Object of `clientconnect` and `clientdisconnect`. `server.address` may be preset by an addon. */
export interface RootLayer {
  readonly kind: "root";
  readonly key: ObjectKey;
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  /** An addon closed the client (`rootLayer.kill()`). */
  killed: boolean;
}
