// The server connections of one client connection: reused for its next exchanges, a bounded number of idle ones, never shared with
// another client. An HTTP/2 connection carries many exchanges at once, and those that want one at the same time wait for the same one.
// Their records are in server-records.ts.
import type { ServerConnection, Via } from "../flows/connection.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import type { ExchangeContext } from "./context.ts";
import { H1Upstream } from "./h1-upstream.ts";
import { H2Connection } from "./h2-connection.ts";
import type { H2Upstream } from "./h2-upstream.ts";
import { openUpstream } from "./open-upstream.ts";
import { ServerLink } from "./server-link.ts";
import { ServerRecords } from "./server-records.ts";
import { KnownTargets } from "./target-facts.ts";
import { http1Offer, http2Offer, type Target, type TunnelOffer } from "./target.ts";

/** A server's side, whatever it speaks. */
export type Upstream = H1Upstream | H2Upstream;

interface FaultResult { readonly kind: "fault"; readonly fault: ExchangeFault }
export type UpstreamResult = { readonly kind: "open"; readonly upstream: Upstream } | FaultResult;
export type LinkResult = { readonly kind: "open"; readonly link: ServerLink } | FaultResult;

/** LIMIT: idle connections of one client connection. */
const mostKept = 8;

interface Kept {
  readonly target: Target;
  readonly link: ServerLink;
  /** What is spoken on it; null before anything is. */
  speaker: H1Upstream | H2Connection | null;
  /** Nobody uses it. */
  isIdle: boolean;
  onIdleNews: () => void;
}

/** How a server is met. `mayTranslate`: where it speaks HTTP/2 alone, it is met again with that. */
interface Approach {
  readonly record: ServerConnection;
  readonly offer: TunnelOffer;
  readonly mayTranslate: boolean;
}

const nothing = (): void => {};
/** Why what is under way ends; nobody asks. PERF: without a reason Node makes an exception with a stack each time. */
const closed = Object.freeze(new Error("the client's connection has ended"));
const clientLeft: FaultResult = { kind: "fault", fault: exchangeFault("client-left", "The client left while the server was being contacted.") };

export class Upstreams {
  readonly records: ServerRecords;
  readonly #context: ExchangeContext;
  readonly #via: Via | null;
  /** Connections that speak HTTP, in the order of their last use. PERF: few, so that looking through them beats making keys. */
  readonly #kept: Kept[] = [];
  readonly #known = new KnownTargets<Promise<LinkResult>>();
  /** Made when something outlives its exchange. */
  #lifetime: AbortController | null = null;
  #defaultOffer = http1Offer;
  #isClosed = false;

  /** `via`: the upstream proxy that connections go through unless an addon says otherwise. */
  constructor(context: ExchangeContext, via: Via | null = null) {
    this.#context = context;
    this.#via = via;
    this.records = new ServerRecords(context, via);
  }

  /** Connections may go through an upstream proxy. */
  get mayMeetProxy(): boolean {
    return this.#via !== null || this.#context.gate.wants("serverconnect", null);
  }

  /** The record of the connection to that target: open and free, or planned (now, if need be). */
  recordFor(target: Target): ServerConnection {
    return this.#freeAt(target)?.link.record ?? this.records.plannedFor(target);
  }

  /** What a server at that target is offered: what the client said in its tunnel. For plain HTTP, "h2" means prior knowledge (RFC 9113 §3.3). */
  offer(target: Target, offer: TunnelOffer): void {
    this.#known.noted(target).offer = offer;
  }

  /** Servers for which there is no offer are offered HTTP/2, because the client speaks it. */
  preferHttp2(): void {
    this.#defaultOffer = http2Offer;
  }

  /** An open connection to the target that may be used (again), or null. `isFresh`: not one that was idle, which may have died. It is the caller's until `give`, or until it is abandoned. */
  take(target: Target, isFresh = false): Upstream | null {
    const kept = this.#freeAt(target);
    if (kept === null || (isFresh && kept.speaker?.protocol === "h1")) return null;
    kept.isIdle = false;
    const { speaker } = kept;
    if (speaker === null && !kept.link.duplex.isClosed && !kept.link.duplex.hasEnd) return this.#speak(kept);
    if (speaker?.protocol === "h2") return speaker.newUpstream();
    if (speaker?.isReusable === true) return speaker;
    kept.link.close();
    return null;
  }

  /** Opens a new connection (`serverconnect`, DNS, TCP, TLS), or waits for one that many can share. Never rejects. It is the caller's until `give`, or until it is abandoned. */
  async open(target: Target, signal: AbortSignal): Promise<UpstreamResult> {
    while (this.#maySpeakH2(target)) {
      const result = await unlessAborted(this.#openShared(target), signal);
      if (result === null) return clientLeft;
      if (result.kind === "fault") return result;
      const upstream = this.take(target);
      if (upstream !== null) return { kind: "open", upstream };
    }
    const result = await this.openLink(target, signal);
    if (result.kind === "fault") return result;
    const kept = this.#kept.find(({ link }) => link === result.link);
    return kept === undefined || this.#isClosed ? clientLeft : { kind: "open", upstream: this.#speak(kept) };
  }

  /**
   * A connection that can carry a WebSocket: to a server that takes them over HTTP/2 (RFC 8441) the one that is shared, to others one of
   * HTTP/1.1. `isFresh` as for `take`, the rest as for `open`.
   */
  async openWebSocket(target: Target, signal: AbortSignal, isFresh: boolean): Promise<UpstreamResult> {
    const taken = this.take(target, isFresh);
    const result: UpstreamResult = taken === null ? await this.open(target, signal) : { kind: "open", upstream: taken };
    if (result.kind === "fault" || result.upstream.protocol === "h1") return result;
    const { upstream } = result;
    const deadline = AbortSignal.timeout(this.#context.timeouts.handshakeMs);
    if ((await unlessAborted(upstream.mayTunnel, AbortSignal.any([signal, deadline]))) === true) return result;
    upstream.release();
    const offer = { ...this.#offerFor(target), alpnProtocols: http1Offer.alpnProtocols };
    const opened = await this.#connect(target, signal, { record: this.records.make({ host: target.host, port: target.port }), offer, mayTranslate: false });
    if (opened.kind === "fault") return opened;
    const kept = this.#kept.find(({ link }) => link === opened.link);
    if (kept !== undefined && !this.#isClosed) return { kind: "open", upstream: this.#speakH1(kept) };
    opened.link.close();
    return clientLeft;
  }

  /** Opens a new connection on which nothing is spoken yet. Never rejects. It is the caller's until `keepUnspoken`, or until it is closed. */
  async openLink(target: Target, signal: AbortSignal): Promise<LinkResult> {
    const facts = this.#known.get(target);
    if (facts !== undefined && facts.fault !== null) {
      const { fault } = facts;
      facts.fault = null;
      return { kind: "fault", fault };
    }
    const result = await this.#connectPlanned(target, signal);
    if (result.kind === "fault") return result;
    if (this.#isClosed) result.link.close();
    return result;
  }

  /** The next `open` of that target fails so, without trying: it was tried on the client's behalf and failed. */
  failNext(target: Target, fault: ExchangeFault): void {
    this.#known.noted(target).fault = fault;
  }

  /** Takes a connection back: kept for the next exchange if it is fit, closed otherwise. */
  give(upstream: Upstream): void {
    if (upstream.protocol === "h2") return upstream.release();
    const kept = this.#kept.find(({ speaker }) => speaker === upstream);
    if (this.#isClosed || kept === undefined || !upstream.isReusable) return upstream.link.close();
    kept.isIdle = true;
    upstream.onNews = kept.onIdleNews;
    this.#closeSurplus();
  }

  /** Keeps a connection on which nothing was spoken yet; the server may speak first. */
  keepUnspoken(link: ServerLink): void {
    for (const kept of this.#kept) if (kept.link === link) kept.isIdle = true;
    link.duplex.onNews = nothing;
  }

  /** The unspoken connection of a tunnel, for a protocol other than HTTP. */
  takeUnspoken(target: Target): ServerLink | null {
    const kept = this.#freeAt(target);
    if (kept === null || kept.speaker !== null) return null;
    kept.isIdle = false;
    return kept.link;
  }

  /** Closes every connection and releases every record. */
  close(): void {
    this.#isClosed = true;
    this.#lifetime?.abort(closed);
    for (const { link, speaker } of [...this.#kept]) {
      if (speaker?.protocol === "h2") speaker.close();
      else link.close();
    }
    this.records.close();
  }

  /** A connection to that target which another exchange can have. */
  #freeAt({ scheme, host, port, isTunnel }: Target): Kept | null {
    for (const kept of this.#kept) {
      if (isTunnel === true && kept.link.forward !== null) continue;
      const isFree = kept.speaker?.protocol === "h2" ? kept.speaker.mayOpen : kept.isIdle;
      if (isFree && kept.target.port === port && kept.target.host === host && kept.target.scheme === scheme) return kept;
    }
    return null;
  }

  #offerFor(target: Target): TunnelOffer {
    return this.#known.get(target)?.offer ?? this.#defaultOffer;
  }

  #maySpeakH2(target: Target): boolean {
    if (target.scheme === "http") return this.#known.get(target)?.offer?.alpnProtocols.includes("h2") === true;
    return this.#offerFor(target).alpnProtocols.includes("h2") && this.#known.get(target)?.isH1 !== true;
  }

  /** One opening for everybody who wants that target meanwhile; nobody who leaves ends it. What it opens is free for all. */
  #openShared(target: Target): Promise<LinkResult> {
    const facts = this.#known.noted(target);
    if (facts.opening !== null) return facts.opening;
    const opening = this.openLink(target, (this.#lifetime ??= new AbortController()).signal).then((result) => {
      facts.opening = null;
      if (result.kind === "open") {
        if (!this.#speaksH2(target, result.link)) facts.isH1 = true;
        this.keepUnspoken(result.link);
      }
      return result;
    });
    facts.opening = opening;
    return opening;
  }

  #connectPlanned(target: Target, signal: AbortSignal): Promise<LinkResult> {
    const record = this.recordFor(target);
    this.records.takePlanned(target);
    return this.#connect(target, signal, { record, offer: this.#offerFor(target), mayTranslate: true });
  }

  async #connect(target: Target, signal: AbortSignal, { record, offer, mayTranslate }: Approach): Promise<LinkResult> {
    const result = await openUpstream(this.#context, record, {
      secure: target.scheme === "http" ? null : { host: target.host, ...offer },
      mayForward: target.scheme === "http" && target.isTunnel !== true && !this.#maySpeakH2(target),
    }, signal);
    if (result.kind === "fault") {
      this.records.leaveLater(record);
      // A server that speaks nothing but HTTP/2, and a client that did not offer it: then we translate.
      if (!result.isProtocolRefused || !this.#context.http2 || !mayTranslate || offer.alpnProtocols.includes("h2")) return result;
      this.#known.noted(target).offer = { ...offer, alpnProtocols: ["h2"] };
      return this.#connectPlanned(target, signal);
    }
    const link: ServerLink = new ServerLink(result.facts, (closed) => this.#onClosed(link, closed));
    this.#kept.push({ target: { scheme: target.scheme, host: target.host, port: target.port }, link, speaker: null, isIdle: false, onIdleNews: nothing });
    return { kind: "open", link };
  }

  #speak(kept: Kept): Upstream {
    if (this.#speaksH2(kept.target, kept.link)) {
      const connection = kept.speaker = new H2Connection(kept.link, () => this.#closeSurplus());
      return connection.newUpstream();
    }
    return this.#speakH1(kept);
  }

  #speakH1(kept: Kept): H1Upstream {
    const upstream = kept.speaker = new H1Upstream(kept.link);
    // Whatever comes while nothing was asked ends the connection: an end, an error, or bytes that belong to nobody.
    kept.onIdleNews = () => {
      if (!upstream.isReusable) upstream.link.close();
    };
    return upstream;
  }

  #speaksH2(target: Target, link: ServerLink): boolean {
    return target.scheme === "http" ? this.#maySpeakH2(target) : link.alpn === "h2";
  }

  /** Closes an idle connection where there are too many. */
  #closeSurplus(): void {
    if (this.#kept.length <= mostKept) return;
    const idle = this.#kept.find(({ speaker, isIdle }) => (speaker?.protocol === "h2" ? speaker.isIdle : isIdle));
    if (idle?.speaker?.protocol === "h2") idle.speaker.close();
    else idle?.link.close();
  }

  #onClosed(link: ServerLink, record: ServerConnection): void {
    const at = this.#kept.findIndex((kept) => kept.link === link);
    if (at >= 0) this.#kept.splice(at, 1);
    this.#context.gate.tell("serverdisconnect", record);
    this.records.leave(record);
  }
}

/** The result, or null when the signal came first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const aborted = (): void => resolve(null);
    signal.addEventListener("abort", aborted, { once: true });
    promise.finally(() => signal.removeEventListener("abort", aborted)).then(resolve, reject);
  });
}
