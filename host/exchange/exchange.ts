// One request with its response, from head to last byte: takes the request, finds a server, moves both bodies, and ends in exactly
// one of `response` and `error`. One async function is the only writer of the flow. It knows sides and gates, never sockets or addons.
// PERF: what nobody has to be waited for is done without promises.
import type { HttpFlow } from "../flows/flow.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { ExchangeFault } from "../http/fault-status.ts";
import type { RequestHead } from "../http/http-event.ts";
import { h2Codes } from "../http/h2-limits.ts";
import { formatAuthority } from "../http/request-target.ts";
import { invariant } from "../invariant.ts";
import { Answering, closedEarly, mostDroppedBytes } from "./answering.ts";
import { Asking, chain, clientLeft, type Maybe, type Stop } from "./asking.ts";
import { requestStreamsByItself, wantsBody } from "./body-wishes.ts";
import type { ClientScope } from "./context.ts";
import { Download } from "./download.ts";
import { absoluteTarget, needsTunnel, outgoingH2Request, outgoingRequest, withFields, type RequestFacts } from "./outgoing.ts";
import { sendErrorPage } from "./send-page.ts";
import type { ClientSide } from "./sides.ts";
import { Upload } from "./upload.ts";
import type { Target } from "./target.ts";
import type { Upstream } from "./upstreams.ts";
import { WebSocketOpening, type WebSocketTerms } from "./websocket-opening.ts";

/** next: the client's connection can carry another request. close: after what was sent. cut: now. tunnel: bytes of another protocol both ways. */
export type ExchangeEnd =
  | { readonly kind: "next" | "close" | "cut" }
  | Tunnel;

export interface Tunnel {
  readonly kind: "tunnel";
  readonly upstream: Upstream;
  /** A WebSocket whose messages somebody looks at; its flow goes on until `release`, which must be called. */
  readonly webSocket: { readonly flow: HttpFlow; readonly terms: WebSocketTerms; release(): void } | null;
}

/** null: the response was sent to its end. */
type Outcome = Stop | "tunnel" | null;

/** RFC 9110 §9.2.2: sent twice does no more than sent once. */
const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

const noFields = HeaderFields.from([]);
const next: ExchangeEnd = { kind: "next" };
const close: ExchangeEnd = { kind: "close" };
const cut: ExchangeEnd = { kind: "cut" };

/** Runs the exchange. Never rejects but for broken invariants. The flow is released when it resolves, unless it goes on as a WebSocket. */
export function exchange(scope: ClientScope, flow: HttpFlow, head: RequestHead, client: ClientSide): Promise<ExchangeEnd> {
  return new Exchange(scope, flow, head, client).run();
}

/** Answers a request that cannot be served, and tells `error`: like an exchange that failed before it began. */
export function refuse(scope: ClientScope, flow: HttpFlow, head: RequestHead, client: ClientSide, fault: ExchangeFault): Promise<ExchangeEnd> {
  return new Exchange(scope, flow, head, client).refuse(fault);
}

class Exchange {
  readonly #scope: ClientScope;
  readonly #flow: HttpFlow;
  readonly #head: RequestHead;
  readonly #client: ClientSide;
  readonly #asking: Asking;
  readonly #upload: Upload;
  readonly #download: Download;
  readonly #answering: Answering;
  readonly #opening: WebSocketOpening | null;
  /** The flow goes on as a WebSocket. */
  #isHandedOver = false;
  #server: Upstream | null = null;

  constructor(scope: ClientScope, flow: HttpFlow, head: RequestHead, client: ClientSide) {
    const { context } = scope;
    this.#scope = scope;
    scope.upstreams.records.exchangeBegan();
    this.#flow = flow;
    this.#head = head;
    this.#client = client;
    const opening = this.#opening = flow.isWebSocket ? new WebSocketOpening(head) : null;
    const asking = this.#asking = new Asking(scope, flow, client);
    const upload = this.#upload = new Upload(flow, head, client, context);
    const download = this.#download = new Download(flow, head, client, context, opening);
    this.#answering = new Answering({ flow, head, client, asking, upload, download, opening, context });
  }

  async run(): Promise<ExchangeEnd> {
    try {
      const taken = this.#takeRequest();
      let outcome: Outcome = taken instanceof Promise ? await taken : taken;
      outcome ??= this.#flow.response === null ? await this.#forward() : await this.#answering.answer();
      if (outcome === "tunnel") return this.#tunnel();
      return outcome === null ? this.#finish() : await this.#fail(outcome);
    } finally {
      this.#dispose();
    }
  }

  async refuse(fault: ExchangeFault): Promise<ExchangeEnd> {
    try {
      return await this.#fail(fault);
    } finally {
      this.#dispose();
    }
  }

  /** Gives connections back and ends the flow, whatever happened. */
  #dispose(): void {
    const { upstreams } = this.#scope;
    if (this.#server !== null) {
      if (this.#download.hasEnded && this.#upload.isDelivered) upstreams.give(this.#server);
      else this.#server.abandon();
    }
    if (!this.#isHandedOver) this.#release();
  }

  #release(): void {
    const { upstreams, context } = this.#scope;
    this.#flow.live = false;
    context.gate.release(this.#flow);
    upstreams.records.exchangeEnded();
  }

  /** `requestheaders`, the body or the decision to stream it, `request`. */
  #takeRequest(): Maybe<Stop | null> {
    return chain(this.#asking.ask("requestheaders"), (stop) => stop ?? chain(this.#takeBody(), (fault) => fault ?? this.#afterBody()));
  }

  #takeBody(): Maybe<Stop | null> {
    const { request, response } = this.#flow;
    const { gate, streamLargeBodiesBytes } = this.#scope.context;
    const fault = this.#upload.judge(this.#head);
    if (fault !== null) return fault;
    if (this.#head.endStream) this.#upload.skip();
    else if (request.stream !== false) this.#upload.stream(true);
    else if (!wantsBody(gate, "request", request.host)) this.#upload.stream(false);
    else if (requestStreamsByItself(this.#head, streamLargeBodiesBytes)) this.#upload.stream(true);
    // A client that waits for 100 and is answered already keeps its body.
    else if (response === null || !this.#head.expectContinue) return this.#collectBody();
    return null;
  }

  #afterBody(): Maybe<Stop | null> {
    const isStreamed = !this.#upload.hasEnded && this.#flow.request.body.state !== "truncated";
    return isStreamed && this.#flow.response === null ? null : this.#asking.request();
  }

  async #collectBody(): Promise<Stop | null> {
    for (;;) {
      const step = this.#upload.collect();
      if (step === "ended") return null;
      if (typeof step === "object") return step;
      if (this.#head.expectContinue && !this.#answering.hasSent100) {
        this.#answering.hasSent100 = true;
        this.#client.sendInterim(100, "Continue", noFields);
      }
      const stop = await this.#asking.wait(this.#scope.context.timeouts.stallMs, "request-timeout");
      if (stop !== null) return stop;
    }
  }

  async #forward(): Promise<Outcome> {
    const { upstreams } = this.#scope;
    for (let isRetry = false; ; isRetry = true) {
      const { scheme, host, port } = this.#flow.request;
      const target: Target = upstreams.mayMeetProxy && scheme === "http" && needsTunnel(this.#flow.request, this.#head.upgrade) ? { scheme, host, port, isTunnel: true } : { scheme, host, port };
      // For a WebSocket a server that does not take one over HTTP/2 is met again.
      const server = (this.#opening === null ? upstreams.take(target, isRetry) : null) ?? (await this.#open(target, isRetry));
      if ("cause" in server) return server;
      this.#server = this.#asking.server = server;
      this.#flow.server = server.record;
      server.onNews = this.#scope.waker.wake;
      this.#sendRequest(server);
      const transfer = await this.#transfer(server);
      if (transfer !== "broken") return transfer;
      if (isRetry) return closedEarly(server);
      server.abandon();
      this.#server = this.#asking.server = null;
    }
  }

  /** Opens a connection and gives up when the client leaves meanwhile. */
  async #open(target: Target, isFresh: boolean): Promise<Upstream | Exclude<Stop, string>> {
    const { upstreams, waker, alarm } = this.#scope;
    this.#flow.server = upstreams.recordFor(target);
    const giveUp = new AbortController();
    let isSettled = false;
    const open = this.#opening === null ? upstreams.open(target, giveUp.signal) : upstreams.openWebSocket(target, giveUp.signal, isFresh);
    const opening = open.finally(() => {
      isSettled = true;
      waker.wake();
    });
    alarm.clear();
    while (!isSettled && !this.#client.isGone) {
      this.#client.flush();
      await waker.wait();
    }
    if (!isSettled) giveUp.abort();
    const result = await opening;
    if (result.kind === "fault") return this.#client.isGone ? clientLeft : result.fault;
    if (!this.#client.isGone) return result.upstream;
    // Closed with the exchange, after `error`.
    this.#server = result.upstream;
    return clientLeft;
  }

  #sendRequest(server: Upstream): void {
    const { request } = this.#flow;
    const { method, path: target, scheme, authority, host, port } = request;
    const { version, framing, upgrade } = this.#head;
    const facts: RequestFacts = {
      version, framing, plan: this.#upload.plan, hasTrailers: request.trailers !== null, isChanged: request.version > 0, upgrade, authority, host, port, scheme,
    };
    const isFromH1 = version !== "2";
    const headers = this.#opening?.request(request.headers, server.protocol, this.#scope.context.gate, host) ?? request.headers;
    if (server.protocol === "h2") server.sendHead({ ...outgoingH2Request(headers, facts), method, target, scheme, isFromH1, mayUpgrade: this.#opening !== null });
    else {
      const head = outgoingRequest(headers, facts);
      const { forward } = server;
      const fields = forward === null ? head.headers : withFields(head.headers, forward);
      server.sendHead({ method, target: forward === null ? target : absoluteTarget(request), scheme, authority, isFromH1, headers: fields, framing: head.framing, mayUpgrade: head.headers.has("upgrade") });
    }
    this.#upload.sendKnown(server);
  }

  /** Moves the request's body and the response until the response is over. "broken": worth another try on a fresh connection. */
  async #transfer(server: Upstream): Promise<Outcome | "broken"> {
    const { stallMs, responseMs } = this.#scope.context.timeouts;
    for (;;) {
      if (this.#client.isGone) return clientLeft;
      const moving = this.#upload.hasEnded && this.#upload.isDelivered ? "ended" : this.#moveUp(server);
      const up = moving instanceof Promise ? await moving : moving;
      if (up !== "ended" && up !== "moved" && up !== "waiting") return up;
      const event = this.#download.hasSentHead && this.#client.isBlocked ? null : server.next();
      if (event !== null) {
        const stepping = this.#answering.take(event, server);
        const step = stepping instanceof Promise ? await stepping : stepping;
        if (step === "more") continue;
        return step !== "broken" || this.#mayRepeat(server) ? step : closedEarly(server);
      }
      if (up === "moved") continue;
      const isUnderWay = this.#flow.response !== null || up !== "ended";
      const stop = await this.#asking.wait(isUnderWay ? stallMs : responseMs, "response-timeout");
      if (stop !== null) return stop;
    }
  }

  #mayRepeat(server: Upstream): boolean {
    return this.#upload.isReplayable && (server.isUnprocessed || idempotentMethods.has(this.#flow.request.method));
  }

  #moveUp(server: Upstream): Maybe<"moved" | "waiting" | "ended" | Stop> {
    return chain(this.#upload.move(server), (step) => {
      if (step !== "ended" || this.#upload.isDelivered) return step;
      return chain(this.#asking.request(), (stop) => {
        if (stop !== null) return stop;
        this.#upload.deliverEnd(server);
        return "ended";
      });
    });
  }

  #finish(): ExchangeEnd {
    this.#client.flush();
    return this.#download.persists && this.#upload.hasEnded ? next : close;
  }

  #tunnel(): ExchangeEnd {
    const upstream = this.#server;
    invariant(upstream !== null, "a tunnel leads to a server");
    this.#server = null;
    const terms = this.#opening?.terms ?? null;
    this.#isHandedOver = terms !== null;
    return { kind: "tunnel", upstream, webSocket: terms === null ? null : { flow: this.#flow, terms, release: () => this.#release() } };
  }

  /** `error`, then the proxy's page, an addon's response in its place, or nothing. */
  async #fail(stop: Stop): Promise<ExchangeEnd> {
    const flow = this.#flow;
    const before = flow.response;
    await this.#asking.error(stop);
    if (flow.killedBy !== null || this.#download.hasSentHead || this.#client.isGone || stop === "killed") {
      // Without a byte of a response a plain close cannot be mistaken for one; otherwise the client must see that it was cut.
      const code = flow.killedBy !== null || stop === "killed" ? h2Codes.cancel : stop.resetCode ?? null;
      if (this.#download.hasSentHead || this.#client.hasStreams) this.#client.reset(code);
      return cut;
    }
    this.#scope.context.log.info(stop.message, { event: "flow-failed", cause: stop.cause, status: stop.status, url: urlOf(flow) });
    if (this.#client.hasStreams && stop.resetCode !== undefined && flow.response === before) {
      this.#client.reset(stop.resetCode);
      return cut;
    }
    const mayPersist = stop.cause !== "invalid-request" && stop.status !== 413 && this.#upload.drop(mostDroppedBytes) && this.#answering.mayPersist;
    if (flow.response !== before && flow.response !== null) {
      this.#download.sendHead(mayPersist);
      this.#download.sendEnd();
    } else this.#download.persists = sendErrorPage(this.#client, stop, { head: this.#head, url: urlOf(flow), mayPersist });
    return this.#finish();
  }
}

function urlOf({ request }: HttpFlow): string {
  return `${request.scheme}://${formatAuthority(request.host, request.port, request.scheme)}${request.path}`;
}
