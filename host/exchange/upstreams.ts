// The server connections of one client connection: at most one idle for each origin, a bounded number in all, never shared with
// another client. Keeps their records, from the first event that shows one to its release.
import { randomUUID } from "node:crypto";
import type { Address, ServerConnection } from "../flows/connection.ts";
import type { ExchangeFault } from "../http/fault-status.ts";
import type { ExchangeContext } from "./context.ts";
import { H1Upstream } from "./h1-upstream.ts";
import { openUpstream } from "./open-upstream.ts";
import { ServerLink } from "./server-link.ts";

/** Where an exchange or a relay wants to go. */
export interface Target extends Address { readonly scheme: "http" | "https" }

export type UpstreamResult =
  | { readonly kind: "open"; readonly upstream: H1Upstream }
  | { readonly kind: "fault"; readonly fault: ExchangeFault };

/** LIMIT: idle connections, and records of connections that were not opened yet, for one client connection. */
const mostKept = 8;

/** What a client said about TLS inside a tunnel, and is repeated to the server at its end. */
export interface TunnelOffer { readonly sni: string | null; readonly alpnProtocols: readonly string[] }

interface Kept {
  readonly target: Target;
  readonly upstream: H1Upstream;
  isIdle: boolean;
  readonly onIdleNews: () => void;
}

const plainHttpOffer: TunnelOffer = { sni: null, alpnProtocols: ["http/1.1"] };

export class Upstreams {
  readonly #context: ExchangeContext;
  /** Connections that speak HTTP, in the order of their last use. PERF: few, so that looking through them beats making keys. */
  readonly #kept: Kept[] = [];
  readonly #planned = new Map<string, ServerConnection>();
  readonly #faults = new Map<string, ExchangeFault>();
  readonly #offers = new Map<string, TunnelOffer>();
  readonly #failed: ServerConnection[] = [];
  readonly #adopted = new WeakSet<ServerConnection>();
  #isClosed = false;

  constructor(context: ExchangeContext) {
    this.#context = context;
  }

  /** A record for a connection that is not opened yet. */
  newRecord(address: Address | null): ServerConnection {
    return {
      kind: "server", key: this.#context.keys.next(), id: randomUUID(), address, via: null, peername: null, sockname: null,
      timestampStart: null, timestampTcpSetup: null, timestampEnd: null, error: null, killed: false, version: 0,
      tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null,
    };
  }

  /** The record of the connection to that target: open and idle, or planned (now, if need be). */
  recordFor(target: Target): ServerConnection {
    const record = this.#idleAt(target)?.upstream.link.record ?? this.#planned.get(placeOf(target));
    if (record !== undefined) return record;
    const fresh = this.newRecord({ host: target.host, port: target.port });
    this.plan(target, fresh);
    return fresh;
  }

  /** The next connection to that address is opened under that record, which is released here from now on. */
  plan(address: Address, record: ServerConnection): void {
    this.#adopted.add(record);
    const place = placeOf(address);
    this.#release(this.#planned.get(place));
    this.#planned.set(place, record);
    if (this.#planned.size > mostKept) this.#forgetOldestPlan();
  }

  /** Whether that record is released here, because it was planned. */
  hasAdopted(record: ServerConnection): boolean {
    return this.#adopted.has(record);
  }

  /** TLS to that target repeats what the client said in its tunnel. */
  offer(target: Target, offer: TunnelOffer): void {
    this.#offers.set(keyOf(target), offer);
  }

  /** An idle connection to the target that may be used again, or null. It is the caller's until `give`, or until its link is closed. */
  take(target: Target): H1Upstream | null {
    const kept = this.#idleAt(target);
    if (kept === null) return null;
    kept.isIdle = false;
    if (kept.upstream.isReusable) return kept.upstream;
    kept.upstream.link.close();
    return null;
  }

  /** Opens a new connection (`serverconnect`, DNS, TCP, TLS). Never rejects. It is the caller's until `give`, or until its link is closed. */
  async open(target: Target, signal: AbortSignal): Promise<UpstreamResult> {
    const key = keyOf(target);
    const known = this.#faults.get(key);
    if (known !== undefined) {
      this.#faults.delete(key);
      return { kind: "fault", fault: known };
    }
    const record = this.recordFor(target);
    this.#planned.delete(placeOf(target));
    const secure = target.scheme === "http" ? null : { host: target.host, ...(this.#offers.get(key) ?? plainHttpOffer) };
    const result = await openUpstream(this.#context, record, secure, signal);
    if (result.kind === "fault") {
      this.#failed.push(record);
      return result;
    }
    const link = new ServerLink(result.facts, (closed) => this.#onClosed(link, closed));
    const upstream = new H1Upstream(link);
    this.#kept.push(this.#keep(target, upstream));
    if (this.#isClosed) link.close();
    return { kind: "open", upstream };
  }

  /** The next `open` of that target fails so, without trying: it was tried on the client's behalf and failed. */
  failNext(target: Target, fault: ExchangeFault): void {
    this.#faults.set(keyOf(target), fault);
  }

  /** Takes a connection back: kept for the next exchange if it is fit, closed otherwise. */
  give(upstream: H1Upstream): void {
    const kept = this.#kept.find((one) => one.upstream === upstream);
    if (this.#isClosed || kept === undefined || !upstream.isReusable) return upstream.link.close();
    kept.isIdle = true;
    upstream.link.duplex.onNews = kept.onIdleNews;
    if (this.#kept.length > mostKept) this.#kept.find((one) => one.isIdle)?.upstream.link.close();
  }

  /** Keeps a connection on which nothing was spoken yet; the server may speak first. */
  keepUnspoken(upstream: H1Upstream): void {
    for (const kept of this.#kept) if (kept.upstream === upstream) kept.isIdle = true;
    upstream.link.duplex.onNews = () => undefined;
  }

  /** The unspoken connection of a tunnel, for a protocol other than HTTP. */
  takeUnspoken(target: Target): H1Upstream | null {
    const kept = this.#idleAt(target);
    if (kept === null) return null;
    kept.isIdle = false;
    return kept.upstream;
  }

  /** Records of failed attempts are released when the flow that saw them has ended. */
  releaseFailed(): void {
    for (const record of this.#failed.splice(0)) this.#context.gate.release(record);
  }

  /** Closes every connection and releases every record. */
  close(): void {
    this.#isClosed = true;
    for (const { upstream } of [...this.#kept]) upstream.link.close();
    this.releaseFailed();
    for (const record of this.#planned.values()) this.#context.gate.release(record);
    this.#planned.clear();
  }

  #idleAt({ scheme, host, port }: Target): Kept | null {
    for (const kept of this.#kept) {
      if (kept.isIdle && kept.target.port === port && kept.target.host === host && kept.target.scheme === scheme) return kept;
    }
    return null;
  }

  #keep({ scheme, host, port }: Target, upstream: H1Upstream): Kept {
    const onIdleNews = (): void => {
      // Whatever comes while nothing was asked ends the connection: an end, an error, or bytes that belong to nobody.
      if (!upstream.isReusable) upstream.link.close();
    };
    return { target: { scheme, host, port }, upstream, isIdle: false, onIdleNews };
  }

  #forgetOldestPlan(): void {
    const [oldest] = this.#planned;
    if (oldest === undefined) return;
    this.#planned.delete(oldest[0]);
    this.#context.gate.release(oldest[1]);
  }

  #onClosed(link: ServerLink, record: ServerConnection): void {
    const at = this.#kept.findIndex(({ upstream }) => upstream.link === link);
    if (at >= 0) this.#kept.splice(at, 1);
    this.#context.gate.tell("serverdisconnect", record);
    this.#context.gate.release(record);
  }

  #release(record: ServerConnection | undefined): void {
    if (record !== undefined) this.#context.gate.release(record);
  }
}

const placeOf = ({ host, port }: Address): string => `${host}:${port}`;
const keyOf = ({ scheme, host, port }: Target): string => `${scheme}://${host}:${port}`;
