// One open connection to a server with its record, whatever is spoken on it. Closing it tells `serverdisconnect`, once. Opening is
// in open-upstream.ts.
import type { ServerConnection } from "../flows/connection.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import { nowSeconds } from "./context.ts";

/** LIMIT: time without a byte after which a connection that was closed gently is closed for good, in milliseconds. */
const gentleMs = 5_000;

/** Fields that an upstream proxy gets with each request: credentials, Via. */
export type ForwardFields = readonly (readonly [string, string])[];

export interface ServerLinkFacts {
  readonly record: ServerConnection;
  readonly duplex: PlainDuplex;
  /** Protocol agreed on under TLS; null: none. */
  readonly alpn: string | null;
  /** DER of the server's certificate; null without TLS. */
  readonly certificate: Buffer | null;
  /** Requests are read and sent on by an upstream proxy: they name the server, and have these fields. null: the server is at the other end. */
  readonly forward: ForwardFields | null;
}

export class ServerLink implements ServerLinkFacts {
  readonly record: ServerConnection;
  readonly duplex: PlainDuplex;
  readonly alpn: string | null;
  readonly certificate: Buffer | null;
  readonly forward: ForwardFields | null;
  readonly #onClosed: (record: ServerConnection) => void;
  #isClosed = false;

  /** `onClosed` tells `serverdisconnect` and releases the record. */
  constructor(facts: ServerLinkFacts, onClosed: (record: ServerConnection) => void) {
    this.record = facts.record;
    this.duplex = facts.duplex;
    this.alpn = facts.alpn;
    this.certificate = facts.certificate;
    this.forward = facts.forward;
    this.#onClosed = onClosed;
  }

  /** Closes the connection and tells. Idempotent. `gently`: what was sent may still arrive, for some seconds. */
  close(gently = false): void {
    if (this.#isClosed) return;
    this.duplex.onNews = () => undefined;
    if (gently) {
      this.duplex.end();
      this.duplex.socket.setTimeout(gentleMs, () => this.duplex.destroy());
    } else this.duplex.destroy();
    this.noteClosed();
  }

  /** Tells, where whoever took the socket over has closed it. Idempotent. */
  noteClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.record.timestampEnd = nowSeconds();
    this.record.version++;
    this.#onClosed(this.record);
  }
}
