// The records of one client's server connections, from the first event that shows one to its release: planned before they are opened, kept
// while an exchange may still show them. Opens nothing.
import type { Address, ServerConnection, Via } from "../flows/connection.ts";
import { lastingId } from "../net/keys.ts";
import type { ExchangeContext } from "./context.ts";

/** LIMIT: records of connections that were not opened yet, for one client connection. */
const mostPlanned = 8;

/** LIMIT: records that nobody needs any more but an exchange that still runs may show. */
const mostLeftOver = 64;

export class ServerRecords {
  readonly #context: Pick<ExchangeContext, "gate" | "keys">;
  readonly #via: Via | null;
  readonly #planned = new Map<string, ServerConnection>();
  readonly #leftOver: ServerConnection[] = [];
  readonly #adopted = new WeakSet<ServerConnection>();
  #exchanges = 0;

  /** `via`: the upstream proxy that connections go through unless an addon says otherwise. */
  constructor(context: Pick<ExchangeContext, "gate" | "keys">, via: Via | null) {
    this.#context = context;
    this.#via = via;
  }

  /** A record for a connection that is not opened yet. */
  make(address: Address | null): ServerConnection {
    return {
      kind: "server", key: this.#context.keys.next(), id: lastingId(), address, via: this.#via, peername: null, sockname: null,
      timestampStart: null, timestampTcpSetup: null, timestampEnd: null, error: null, killed: false, version: 0,
      tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null,
    };
  }

  /** The record that was planned for that address; planned now, if need be. */
  plannedFor({ host, port }: Address): ServerConnection {
    const address = { host, port };
    const known = this.#planned.get(placeOf(address));
    if (known !== undefined) return known;
    const fresh = this.make(address);
    this.plan(address, fresh);
    return fresh;
  }

  /** The next connection to that address is opened under that record, which is released here from now on. */
  plan(address: Address, record: ServerConnection): void {
    this.#adopted.add(record);
    const place = placeOf(address);
    const former = this.#planned.get(place);
    if (former !== undefined) this.leave(former);
    this.#planned.set(place, record);
    const [oldest] = this.#planned;
    if (this.#planned.size <= mostPlanned || oldest === undefined) return;
    this.#planned.delete(oldest[0]);
    this.leave(oldest[1]);
  }

  /** Its connection is being opened: the next one to that address has another. */
  takePlanned(address: Address): void {
    this.#planned.delete(placeOf(address));
  }

  /** Whether that record is released here, because it was planned. */
  hasAdopted(record: ServerConnection): boolean {
    return this.#adopted.has(record);
  }

  /** Nobody will use that record any more, but exchanges that run may still show it: it is released when none does. */
  leave(record: ServerConnection): void {
    this.#leftOver.push(record);
    if (this.#exchanges === 0) return this.#releaseLeftOver();
    const oldest = this.#leftOver.length > mostLeftOver ? this.#leftOver.shift() : undefined;
    if (oldest !== undefined) this.#context.gate.release(oldest);
  }

  /** Likewise, but not before the next exchange has ended: whoever wanted the connection may still show it. */
  leaveLater(record: ServerConnection): void {
    this.#leftOver.push(record);
  }

  /** An exchange begins, which may show records until `exchangeEnded`. */
  exchangeBegan(): void {
    this.#exchanges++;
  }

  exchangeEnded(): void {
    this.#exchanges--;
    if (this.#exchanges === 0 && this.#leftOver.length > 0) this.#releaseLeftOver();
  }

  /** Releases every record. */
  close(): void {
    this.#releaseLeftOver();
    for (const record of this.#planned.values()) this.#context.gate.release(record);
    this.#planned.clear();
  }

  #releaseLeftOver(): void {
    for (const record of this.#leftOver.splice(0)) this.#context.gate.release(record);
  }
}

const placeOf = ({ host, port }: Address): string => `${host}:${port}`;
