// One request with its response, from head to last byte: asks the events in order, moves the bodies, and ends in exactly one of
// `response` and `error`. One async function is the only writer of the flow. It knows sides and gates, never sockets or addons.
import type { HttpEventName } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow } from "../flows/flow.ts";
import { causeTable, exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import { endToEnd } from "../http/hop-by-hop.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent, RequestHead, ResponseHead } from "../http/http-event.ts";
import { formatAuthority } from "../http/request-target.ts";
import { wantsBody } from "./body-wishes.ts";
import { nowSeconds, type ClientScope } from "./context.ts";
import { Download } from "./download.ts";
import type { H1Upstream } from "./h1-upstream.ts";
import { isWebSocketOpening } from "./new-flow.ts";
import { outgoingRequest } from "./outgoing.ts";
import { sendErrorPage } from "./send-page.ts";
import type { ClientSide } from "./sides.ts";
import { Upload } from "./upload.ts";
import type { Target } from "./upstreams.ts";

/** next: the client's connection can carry another request. close: after what was sent. cut: now. tunnel: bytes of another protocol both ways. */
export type ExchangeEnd =
  | { readonly kind: "next" | "close" | "cut" }
  | { readonly kind: "tunnel"; readonly upstream: H1Upstream };

type Stop = ExchangeFault | "killed";
/** null: the response was sent to its end. */
type Outcome = Stop | "tunnel" | null;
/** again: the kept connection had died, and nothing is lost by a second try. */
type Transfer = Outcome | "again";
/** What an event of the server means for the loop. */
type Step = Transfer | "more";

/** RFC 9110 §9.2.2: sent twice does no more than sent once. */
const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** LIMIT: rest of a body that is read and dropped to keep a connection, in bytes. */
const mostDroppedBytes = 65_536;

const noFields = HeaderFields.from([]);
const clientLeft = exchangeFault("client-left", "The client closed the connection before the response was complete.");

/** Runs the exchange. Never rejects but for broken invariants. The flow is released when it resolves. */
export async function exchange(scope: ClientScope, flow: HttpFlow, head: RequestHead, client: ClientSide): Promise<ExchangeEnd> {
  const run = new Exchange(scope, flow, head, client);
  try {
    return await run.run();
  } finally {
    run.dispose();
  }
}

class Exchange {
  readonly #scope: ClientScope;
  readonly #flow: HttpFlow;
  readonly #head: RequestHead;
  readonly #client: ClientSide;
  readonly #upload: Upload;
  readonly #download: Download;
  #server: H1Upstream | null = null;
  #target: Target | null = null;
  #isRequestAsked = false;
  #isResponseAsked = false;
  #hasSent100 = false;

  constructor(scope: ClientScope, flow: HttpFlow, head: RequestHead, client: ClientSide) {
    this.#scope = scope;
    this.#flow = flow;
    this.#head = head;
    this.#client = client;
    this.#upload = new Upload(flow, head, client, scope.context);
    this.#download = new Download(flow, head, client, scope.context);
  }

  async run(): Promise<ExchangeEnd> {
    const stop = (await this.#takeRequest()) ?? (this.#flow.response === null ? await this.#forward() : await this.#answer());
    if (stop === "tunnel") return this.#tunnel();
    return stop === null ? this.#finish() : this.#fail(stop);
  }

  /** Gives connections back and ends the flow, whatever happened. */
  dispose(): void {
    if (this.#server !== null && this.#target !== null) {
      if (this.#download.hasEnded && this.#upload.isDelivered) this.#scope.upstreams.give(this.#target, this.#server);
      else this.#server.link.close();
    }
    this.#flow.live = false;
    this.#scope.context.gate.release(this.#flow);
    this.#scope.upstreams.releaseFailed();
  }

  /** `requestheaders`, the body or the decision to stream it, `request`. */
  async #takeRequest(): Promise<Stop | null> {
    const asked = this.#ask("requestheaders");
    const stop = asked === null ? null : await asked;
    if (stop !== null) return stop;
    const { request, response } = this.#flow;
    if (this.#head.endStream) this.#upload.skip();
    else if (request.stream !== false) this.#upload.stream(true);
    else if (!wantsBody(this.#scope.context.gate, "request", request.host)) this.#upload.stream(false);
    else if (response === null || !this.#head.expectContinue) {
      const fault = await this.#collectRequest();
      if (fault !== null) return fault;
    }
    const isStreamed = !this.#upload.hasEnded && request.body.state !== "truncated";
    return isStreamed && this.#flow.response === null ? null : this.#askRequest();
  }

  async #collectRequest(): Promise<Stop | null> {
    for (;;) {
      const step = this.#upload.collect();
      if (step === "ended") return null;
      if (typeof step === "object") return step;
      if (this.#head.expectContinue && !this.#hasSent100) {
        this.#hasSent100 = true;
        this.#client.sendInterim(100, "Continue", noFields);
      }
      const stop = await this.#wait(this.#scope.context.timeouts.stallMs, "request-timeout");
      if (stop !== null) return stop;
    }
  }

  async #askRequest(): Promise<Stop | null> {
    if (this.#isRequestAsked) return null;
    this.#isRequestAsked = true;
    const asked = this.#ask("request");
    const stop = asked === null ? null : await asked;
    if (stop !== null || this.#flow.response !== null || this.#head.upgrade.length === 0 || !isWebSocketOpening(this.#head)) return stop;
    this.#flow.isWebSocket = true;
    const opening = this.#ask("websockets_handshake");
    return opening === null ? null : opening;
  }

  /** An addon's response, without a server. */
  async #answer(): Promise<Stop | null> {
    const asked = this.#ask("responseheaders");
    return (asked === null ? null : await asked) ?? this.#sendMade();
  }

  /** `response` for a response that an addon made, then sends it. */
  async #sendMade(): Promise<Stop | null> {
    this.#upload.drop(mostDroppedBytes);
    const stop = await this.#askResponse();
    if (stop !== null) return stop;
    this.#download.sendHead(this.#mayPersist);
    this.#download.sendEnd();
    return null;
  }

  async #forward(): Promise<Outcome> {
    for (let isRetry = false; ; isRetry = true) {
      const stop = await this.#connect(isRetry);
      if (stop !== null) return stop;
      const transfer = await this.#transfer();
      if (transfer !== "again") return transfer;
      this.#server?.link.close();
      this.#server = null;
    }
  }

  /** Takes a kept connection or opens one, and sends the head with what is known of the body. */
  async #connect(isRetry: boolean): Promise<Stop | null> {
    const { scheme, host, port } = this.#flow.request;
    const { upstreams } = this.#scope;
    const target: Target = { scheme, host, port };
    this.#target = target;
    this.#server = isRetry ? null : upstreams.take(target);
    if (this.#server === null) {
      this.#flow.server = upstreams.recordFor(target);
      const stop = await this.#open(target);
      if (stop !== null) return stop;
    }
    const server = this.#server;
    if (server === null) return clientLeft;
    this.#flow.server = server.link.record;
    server.link.duplex.onNews = this.#scope.waker.wake;
    this.#sendRequest(server);
    return null;
  }

  async #open(target: Target): Promise<Stop | null> {
    const giveUp = new AbortController();
    let isOpen = false;
    const opening = this.#scope.upstreams.open(target, giveUp.signal).finally(() => {
      isOpen = true;
      this.#scope.waker.wake();
    });
    this.#scope.alarm.clear();
    while (!isOpen && !this.#client.isGone) {
      this.#client.flush();
      await this.#scope.waker.wait();
    }
    if (!isOpen) giveUp.abort();
    const result = await opening;
    if (result.kind === "fault") return this.#client.isGone ? clientLeft : result.fault;
    this.#server = result.upstream;
    return this.#client.isGone ? clientLeft : null;
  }

  #sendRequest(server: H1Upstream): void {
    const { request } = this.#flow;
    const { headers, framing } = outgoingRequest(request.headers, {
      framing: this.#head.framing, plan: this.#upload.plan, hasTrailers: request.trailers !== null, isChanged: request.version > 0,
      upgrade: this.#head.upgrade, host: formatAuthority(request.host, request.port, request.scheme),
    });
    server.sendHead({ method: request.method, target: request.path, headers, framing, mayUpgrade: headers.has("upgrade") });
    this.#upload.sendKnown(server);
  }

  /** Moves the request's body and the response until the response is over. */
  async #transfer(): Promise<Transfer> {
    const server = this.#server;
    if (server === null) return clientLeft;
    for (;;) {
      if (this.#client.isGone) return clientLeft;
      const moving = this.#upload.hasEnded && this.#upload.isDelivered ? "ended" : this.#moveUp(server);
      const up = moving instanceof Promise ? await moving : moving;
      if (up !== "ended" && up !== "moved" && up !== "waiting") return up;
      const event = this.#download.hasSentHead && this.#client.isBlocked ? null : server.next();
      if (event === null) {
        if (up === "moved") continue;
        const { stallMs, responseMs } = this.#scope.context.timeouts;
        const isStarted = this.#flow.response !== null || up !== "ended";
        const stop = await this.#wait(isStarted ? stallMs : responseMs, "response-timeout");
        if (stop !== null) return stop;
        continue;
      }
      const step = this.#onServerEvent(event, server);
      const done = step instanceof Promise ? await step : step;
      if (done !== "more") return done;
    }
  }

  async #moveUp(server: H1Upstream): Promise<"moved" | "waiting" | "ended" | Stop> {
    const step = this.#upload.move(server);
    const moved = step instanceof Promise ? await step : step;
    if (moved !== "ended") return moved;
    if (this.#upload.isDelivered) return moved;
    const stop = await this.#askRequest();
    if (stop !== null) return stop;
    this.#upload.deliverEnd(server);
    return "ended";
  }

  #onServerEvent(event: HttpEvent, server: H1Upstream): Step | Promise<Step> {
    switch (event.kind) {
      case "response-head": return event.interim ? this.#onInterim(event) : this.#onHead(event, server);
      case "data": return this.#onData(event.data);
      case "trailers":
        if (this.#flow.response !== null) this.#flow.response.trailers = event.headers;
        return "more";
      case "end": return this.#onEnd();
      case "fault": return this.#mayRetry(server) ? "again" : syntaxFault(event.fault, "server");
      case "request-head": return exchangeFault("invalid-response", "The server sent a request.");
    }
  }

  #onInterim(head: ResponseHead): Step {
    const isOurs = head.status === 100 && this.#hasSent100;
    if (!isOurs && this.#head.version !== "1.0") this.#client.sendInterim(head.status, head.reason, endToEnd(head.headers));
    return "more";
  }

  async #onHead(head: ResponseHead, server: H1Upstream): Promise<Step> {
    // A server that answers before the request is complete: `request` is due first, with what is known.
    const early = await this.#askRequest();
    if (early !== null) return early;
    this.#download.begin(head);
    const asked = this.#ask("responseheaders");
    const stop = asked === null ? null : await asked;
    if (stop !== null) return stop;
    if (this.#download.isReplaced) return this.#replace(server);
    this.#download.chooseWay(head, wantsBody(this.#scope.context.gate, "response", this.#flow.request.host));
    if (head.status === 101) return this.#onSwitch();
    if (this.#download.isCollecting || head.endStream) return "more";
    return this.#letBodyPass();
  }

  /** The body is not collected: the head goes out now. Too large for addons: `response` is asked before, while the head can still change. */
  async #letBodyPass(): Promise<Step> {
    if (this.#flow.response?.body.state !== "streamed") {
      const stop = await this.#askResponse();
      if (stop !== null) return stop;
    }
    this.#download.sendHead(this.#mayPersist);
    return "more";
  }

  #onData(data: Buffer): Step | Promise<Step> {
    const fault = this.#download.count(data);
    if (fault !== null) return fault;
    if (this.#download.isCollecting) return this.#download.collect(data) ? this.#letBodyPass() : "more";
    const stream = this.#flow.response?.stream;
    if (typeof stream === "function") return this.#pass(stream(data));
    this.#download.sendData(data);
    return "more";
  }

  async #pass(pieces: Promise<readonly Buffer[]>): Promise<"more"> {
    for (const piece of await pieces) if (piece.length > 0) this.#download.sendData(piece);
    return "more";
  }

  async #onEnd(): Promise<Step> {
    this.#download.end();
    const stream = this.#flow.response?.stream;
    if (this.#download.hasSentHead && typeof stream === "function") await this.#pass(stream(Buffer.alloc(0)));
    const stop = await this.#askResponse();
    if (stop !== null) return stop;
    if (!this.#download.hasSentHead) this.#download.sendHead(this.#mayPersist);
    this.#download.sendEnd();
    return null;
  }

  async #onSwitch(): Promise<Step> {
    const stop = await this.#askResponse();
    if (stop !== null) return stop;
    this.#download.sendHead(false);
    this.#client.flush();
    return "tunnel";
  }

  /** The server's body is dropped as far as it is here, else its connection ends. */
  async #replace(server: H1Upstream): Promise<Step> {
    let left = mostDroppedBytes;
    for (let event = server.next(); event !== null && left > 0; event = server.next()) {
      if (event.kind === "data") left -= event.data.length;
      else if (event.kind === "end") this.#download.hasEnded = true;
    }
    return this.#sendMade();
  }

  #mayRetry(server: H1Upstream): boolean {
    return server.isStale && this.#flow.response === null && this.#upload.isReplayable && idempotentMethods.has(this.#flow.request.method);
  }

  async #askResponse(): Promise<Stop | null> {
    if (this.#isResponseAsked) return null;
    this.#isResponseAsked = true;
    const asked = this.#ask("response");
    return asked === null ? null : asked;
  }

  /** The event at the gate, then what addons made of the flow; null when nobody listens. */
  #ask(event: HttpEventName): Promise<Stop | null> | null {
    const held = this.#scope.context.gate.held(event, this.#flow);
    if (held === null) return null;
    this.#client.flush();
    this.#server?.flush();
    return held.then(() => this.#verdict());
  }

  #verdict(): Stop | null {
    const { killedBy, refusal } = this.#flow;
    if (killedBy !== null) return "killed";
    if (refusal !== null) return exchangeFault("refused-by-addon", `The addon "${refusal.addon}" failed in ${refusal.event}: ${refusal.fault.message}`);
    return this.#client.isGone ? clientLeft : null;
  }

  /** Sends what was written and sleeps until there is news. */
  async #wait(ms: number, cause: "request-timeout" | "response-timeout"): Promise<Stop | null> {
    const { alarm, waker } = this.#scope;
    this.#client.flush();
    this.#server?.flush();
    alarm.set(ms);
    await waker.wait();
    if (this.#client.isGone) return clientLeft;
    return alarm.hasPassed ? exchangeFault(cause, `Nothing came for ${Math.round(ms / 1_000)} s.`) : null;
  }

  get #mayPersist(): boolean {
    return this.#head.keepAlive && this.#upload.hasEnded && !this.#scope.context.isDraining();
  }

  #finish(): ExchangeEnd {
    this.#client.flush();
    return { kind: this.#download.persists && this.#upload.hasEnded ? "next" : "close" };
  }

  #tunnel(): ExchangeEnd {
    const upstream = this.#server;
    if (upstream === null) return { kind: "cut" };
    this.#server = null;
    return { kind: "tunnel", upstream };
  }

  /** `error`, exactly once and never after `response`; then the proxy's page, an addon's response in its place, or nothing. */
  async #fail(stop: Stop): Promise<ExchangeEnd> {
    const flow = this.#flow;
    if (stop === "killed") flow.error ??= { msg: "Connection killed", timestamp: nowSeconds() };
    else flow.error = { msg: stop.message, timestamp: nowSeconds() };
    flow.version++;
    const before = flow.response;
    if (!this.#isResponseAsked) {
      const held = this.#scope.context.gate.held("error", flow);
      if (held !== null) await held;
    }
    if (flow.killedBy !== null || this.#download.hasSentHead || this.#client.isGone || stop === "killed") {
      // Without a byte of a response a plain close cannot be mistaken for one; otherwise the client must see that it was cut.
      if (this.#download.hasSentHead) this.#client.reset();
      return { kind: "cut" };
    }
    const mayPersist = stop.cause !== "invalid-request" && causeTable[stop.cause].status !== 413 && this.#upload.drop(mostDroppedBytes) && this.#mayPersist;
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
