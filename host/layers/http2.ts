// HTTP/2 from a client: one session for the connection, one exchange for each stream, beside each other. It takes heads, finds out
// where each request goes, ends what the client asks too often, and says goodbye. What an exchange does is its own business.
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { exchange } from "../exchange/exchange.ts";
import { H2ClientSide } from "../exchange/h2-client-side.ts";
import { endWell } from "../exchange/h2-session.ts";
import { newHttpFlow, type RequestPlace } from "../exchange/new-flow.ts";
import { sendErrorPage } from "../exchange/send-page.ts";
import { isWebSocketOpening } from "../exchange/websocket-opening.ts";
import { exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import { h2Codes, h2LimitTable as limits } from "../http/h2-limits.ts";
import { requestFromH2, type H2Request, type RawFields } from "../http/h2-map.ts";
import type { RequestHead } from "../http/http-event.ts";
import { defaultPort, parseAuthority } from "../http/request-target.ts";
import { Alarm } from "../net/timeouts.ts";
import { Waker } from "../net/waker.ts";
import { floodGuard } from "./flood-guard.ts";
import { admit, isAddressed } from "./admission.ts";
import { isOnboarding, onboardingScope } from "./onboarding.ts";
import { end, type LayerScope, type Link, type Next } from "./layer-scope.ts";
import { logRefusal, refuseRequest } from "./refusal.ts";
import { isRenamed, nameAsServer } from "./reverse.ts";
import { tunnelLayer } from "./tunnel.ts";

const flagEndStream = 0x1;

/** The first stream id that cannot be: a GOAWAY that names it announces the end and refuses nothing yet (RFC 9113 §6.8). */
const beyondAllStreams = 2 ** 31 - 1;

/** Serves requests until the connection ends. */
export async function http2Layer(scope: LayerScope, link: Link): Promise<Next> {
  if (!link.duplex.isClosed) await new Http2Connection(scope, link).serve();
  return end;
}

/** ending: no request may come any more, and the client should close. */
type Phase = "busy" | "idle" | "ending";

class Http2Connection {
  readonly #scope: LayerScope;
  readonly #link: Link;
  readonly #session: ServerHttp2Session;
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;
  #isDraining = false;
  /** Broken invariants of exchanges: they end the connection. */
  #bug: unknown = null;

  constructor(scope: LayerScope, link: Link) {
    this.#scope = scope;
    this.#link = link;
    const { waker, upstreams } = scope;
    upstreams.preferHttp2();
    // Prior knowledge of the client is about the server at the tunnel's end; the proxy shares it.
    if (link.destination !== null && !link.isSecure && link.alpn === null) upstreams.offer({ scheme: "http", ...link.destination }, { sni: null, alpnProtocols: ["h2"] });
    const socket = link.duplex.detach();
    const session = this.#session = endWell(performServerHandshake(socket, sessionOptions));
    session.setLocalWindowSize(limits.connectionWindowBytes.value);
    session.on("error", (error) => this.#onError(error)).on("close", () => this.#onClose());
    session.on("stream", (stream, _headers, flags, raw) => this.#onStream(stream, raw, flags));
    floodGuard(session, (what) => this.#calm(what));
    socket.once("end", () => this.#onPeerEnd());
    socket.once("close", waker.wake);
  }

  /** Resolves when the connection is closed and every exchange has ended. */
  async serve(): Promise<void> {
    const { waker, alarm, context } = this.#scope;
    const { idleMs, lingerMs } = context.timeouts;
    let before: Phase = "busy";
    while (!this.#isClosed) {
      if (context.isDraining()) this.#drain();
      const phase = this.#phase;
      if (phase !== before && phase !== "busy") alarm.set(phase === "idle" ? idleMs : lingerMs);
      else if (phase === "idle" && alarm.hasPassed) this.#session.close();
      else if (phase === "ending" && alarm.hasPassed) this.#link.duplex.destroy();
      before = phase;
      if (phase === this.#phase) await waker.wait();
    }
    await Promise.all(this.#running);
    this.#link.duplex.destroy();
    if (this.#bug !== null) throw this.#bug;
  }

  get #phase(): Phase {
    if (this.#running.size > 0) return "busy";
    return this.#isDraining || this.#session.closed || this.#session.destroyed ? "ending" : "idle";
  }

  #onStream(stream: ServerHttp2Stream, raw: RawFields, flags: number): void {
    const { wheel } = this.#scope;
    const waker = new Waker();
    const alarm = new Alarm(wheel, waker.wake);
    const side = new H2ClientSide(stream, waker.wake);
    const serving = this.#serveStream({ ...this.#scope, waker, alarm }, side, raw, (flags & flagEndStream) !== 0).catch((bug: unknown) => {
      this.#bug ??= bug;
      this.#destroy("a bug in Flowcell", h2Codes.internalError);
    }).finally(() => {
      alarm.dispose();
      this.#running.delete(serving);
      if (this.#running.size === 0) this.#scope.waker.wake();
    });
    this.#running.add(serving);
  }

  async #serveStream(scope: LayerScope, side: H2ClientSide, raw: RawFields, endStream: boolean): Promise<void> {
    const request = requestFromH2(raw, endStream);
    if (request.kind === "fault") return this.#refuseRequest(scope, side, syntaxFault(request.fault, "client"), null);
    const { head } = request;
    side.begin(head);
    const refused = isAddressed(this.#scope, this.#link) ? admit(scope.context, head) : null;
    const fault = refused instanceof Promise ? await refused : refused;
    if (fault !== null) return this.#refuse(side, fault, head);
    const place = this.#placeOf(request);
    if ("cause" in place) return this.#refuseRequest(scope, side, place, head);
    if (head.upgrade.length > 0 && !isWebSocketOpening(head)) return this.#refuseRequest(scope, side, notAWebSocket(head), head);
    const own = isOnboarding(scope.context, place.host) ? onboardingScope(scope) : scope;
    const ended = await exchange(own, newHttpFlow(own, head, place, own.upstreams.recordFor(place)), head, side);
    if (ended.kind === "cut" || (ended.kind === "tunnel" && !(await tunnelLayer(own, side.tunnel(), ended)))) side.reset(h2Codes.cancel);
    else side.stopRequest();
  }

  /** Where a request goes: where its tunnel leads, or where its pseudo-header fields say. */
  #placeOf({ head, scheme, authority }: H2Request): RequestPlace | ExchangeFault {
    if (head.method === "CONNECT") return exchangeFault("not-supported", "CONNECT over HTTP/2 is not supported.");
    const { destination, isSecure } = this.#link;
    if (destination !== null) {
      const place = { scheme: isSecure ? "https" as const : "http" as const, host: destination.host, port: destination.port };
      return { ...place, path: head.target, authority: isRenamed(this.#scope, this.#link) ? nameAsServer(head.headers, place) : authority };
    }
    if (scheme === null) return exchangeFault("bad-target", "The scheme of the request is neither http nor https.");
    const named = parseAuthority(authority === "" ? head.headers.get("host") ?? "" : authority, defaultPort(scheme));
    if (named === null) return exchangeFault("bad-target", "The request names no valid server.");
    return { scheme, host: named.host, port: named.port, path: head.target, authority };
  }

  async #refuseRequest(scope: LayerScope, side: H2ClientSide, fault: ExchangeFault, head: RequestHead | null): Promise<void> {
    const { destination, isSecure } = this.#link;
    const ended = await refuseRequest(scope, side, { fault, head, destination, isSecure, version: "2" });
    if (ended.kind === "cut") side.reset(h2Codes.cancel);
    else side.stopRequest();
  }

  /** To a client that may not use the proxy. */
  #refuse(side: H2ClientSide, fault: ExchangeFault, head: RequestHead): void {
    logRefusal(this.#scope, fault);
    if (side.isGone) return;
    sendErrorPage(side, fault, { head, url: head?.target ?? "", mayPersist: false });
    side.flush();
    side.stopRequest();
  }

  /** The client asks too much of something that costs it nothing. */
  #calm(what: string): void {
    const { context, client } = this.#scope;
    context.log.warn(`A client sent too many ${what}; its connection is closed`, { event: "flood", client: `${client.address.host}:${client.address.port}` });
    this.#destroy(`too many ${what}`, h2Codes.enhanceYourCalm);
  }

  /** WALL: never while nghttp2 is reading, where we may be called from: node:http2 has ended processes over that. */
  #destroy(why: string, code: number): void {
    setImmediate(() => this.#session.destroy(new Error(why), code));
  }

  /** Announces the end, lets what is on its way arrive, then accepts nothing more; the session ends with its last stream. */
  #drain(): void {
    const session = this.#session;
    if (this.#isDraining || session.destroyed || session.closed) return;
    this.#isDraining = true;
    if (this.#running.size === 0) return session.close();
    session.goaway(h2Codes.noError, beyondAllStreams);
    session.ping(() => {
      session.close();
      this.#scope.waker.wake();
    });
  }

  /** No HTTP/2 client shuts down one direction only: it is gone. */
  #onPeerEnd(): void {
    setImmediate(() => this.#session.destroy());
  }

  #onError(error: Error): void {
    const { context, client } = this.#scope;
    context.log.info(`The HTTP/2 connection of a client broke (${error.message}).`, { event: "client-connection", client: `${client.address.host}:${client.address.port}` });
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#scope.waker.wake();
  }
}

/** RFC 8441 §5, RFC 9220 §3: 501 for a protocol that is not known. */
function notAWebSocket({ upgrade }: RequestHead): ExchangeFault {
  if (upgrade[0]?.toLowerCase() !== "websocket") return exchangeFault("not-supported", "CONNECT over HTTP/2 is supported for WebSockets only.");
  return exchangeFault("invalid-request", "The request is no valid opening of a WebSocket (RFC 8441 §5).");
}

const sessionOptions = {
  maxSendHeaderBlockLength: limits.sentHeadBytes.value, maxHeaderListPairs: limits.fields.value, maxSessionMemory: limits.sessionMegabytes.value,
  maxSessionInvalidFrames: limits.invalidFrames.value, maxSessionRejectedStreams: limits.rejectedStreams.value, strictSingleValueFields: false,
  settings: { enableConnectProtocol: true, maxConcurrentStreams: limits.streams.value, initialWindowSize: limits.streamWindowBytes.value, maxHeaderListSize: limits.headBytes.value },
};
