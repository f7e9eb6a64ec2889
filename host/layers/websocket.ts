// A WebSocket whose messages addons look at: one flow, the one that opened it; one event for each message, both directions in turn, so that
// events of a flow never overlap. Pings, pongs and closes are relayed. Who breaks the protocol ends both sides with the right code.
import { nowSeconds } from "../exchange/context.ts";
import type { HttpFlow, WebSocketMessage, WebSocketState } from "../flows/flow.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import { closeCodes, failureReasons, type FailureCode } from "../websocket/close-codes.ts";
import type { Compression } from "../websocket/extensions.ts";
import { webSocketLimits as limits } from "../websocket/limits.ts";
import { WebSocketSide, type WebSocketEvent } from "../websocket/websocket-side.ts";
import type { LayerScope } from "./layer-scope.ts";

/** One side: its bytes, and how its messages are compressed. */
export interface WebSocketEnd { readonly pipe: BytePipe; readonly compression: Compression }

/**
 * Carries the messages of an open WebSocket until it is closed, and tells `websocket_end`. True: both sides were ended, and what was sent
 * last may still be on its way. False: both must be cut.
 */
export async function webSocketLayer(scope: LayerScope, flow: HttpFlow, client: WebSocketEnd, server: WebSocketEnd): Promise<boolean> {
  const state: WebSocketState = flow.webSocket = { message: null, injections: [], closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, version: 0 };
  const { webSocketMessageBytes: messageBytes } = scope.context;
  const end = (isClient: boolean, { pipe, compression }: WebSocketEnd): End => ({ isClient, pipe, side: new WebSocketSide(pipe, { isClient, compression, messageBytes }), hasClosed: false, hasEnded: false });
  const conversation = new Conversation(scope, flow, state, { client: end(true, client), server: end(false, server) });
  try {
    return await conversation.run();
  } finally {
    conversation.finish();
  }
}

interface End {
  readonly isClient: boolean;
  readonly pipe: BytePipe;
  readonly side: WebSocketSide;
  /** Its close frame has come: it sends nothing more. */
  hasClosed: boolean;
  /** Its connection has ended. */
  hasEnded: boolean;
}

/** closed: both sides were told. cut: at once. null: it goes on. */
type Outcome = "closed" | "cut" | null;

class Conversation {
  readonly #scope: LayerScope;
  readonly #flow: HttpFlow;
  readonly #state: WebSocketState;
  readonly #client: End;
  readonly #server: End;
  #messages = 0;
  #hasMore = false;

  constructor(scope: LayerScope, flow: HttpFlow, state: WebSocketState, ends: { readonly client: End; readonly server: End }) {
    this.#scope = scope;
    this.#flow = flow;
    this.#state = state;
    this.#client = ends.client;
    this.#server = ends.server;
    ends.client.pipe.onNews = ends.server.pipe.onNews = scope.waker.wake;
  }

  async run(): Promise<boolean> {
    const outcome = (await this.#start()) ?? (await this.#carry());
    if (outcome === "closed") for (const { pipe } of [this.#client, this.#server]) pipe.end();
    return outcome === "closed";
  }

  /** The last event, whatever happened. */
  finish(): void {
    const flow = this.#flow;
    this.#client.side.dispose();
    this.#server.side.dispose();
    // Cut by an addon or a deadline.
    this.#note(closeCodes.abnormal, "", false);
    this.#state.message = null;
    this.#state.timestampEnd = nowSeconds();
    this.#state.version++;
    flow.live = false;
    flow.version++;
    this.#scope.context.gate.tell("websocket_end", flow);
  }

  async #start(): Promise<Outcome> {
    const held = this.#scope.context.gate.held("websocket_start", this.#flow);
    if (held === null) return null;
    this.#flush();
    await held;
    return this.#verdict() ?? (await this.#sendInjections());
  }

  async #carry(): Promise<"closed" | "cut"> {
    const { alarm, waker, context } = this.#scope;
    for (;;) {
      alarm.set(this.#patienceMs);
      this.#hasMore = false;
      const outcome = (await this.#move(this.#client, this.#server)) ?? (await this.#move(this.#server, this.#client)) ?? this.#ended();
      this.#flush();
      if (outcome !== null) return outcome;
      if (context.isDraining()) return this.#sayGoodbye(1001, "the proxy is shutting down", false);
      if (!this.#hasMore) await waker.wait();
      if (alarm.hasPassed) return "cut";
    }
  }

  /** How long nothing may happen: as long as a tunnel may rest, but not while somebody is waited for. */
  get #patienceMs(): number {
    const { tunnelMs, stallMs } = this.#scope.context.timeouts;
    return [this.#client, this.#server].some(({ side, hasClosed, hasEnded }) => side.isBlocked || hasClosed || hasEnded) ? stallMs : tunnelMs;
  }

  /** Takes what one side has sent, as long as the other takes it. */
  async #move(from: End, to: End): Promise<Outcome> {
    for (let left: number = limits.turnEvents.value; !to.side.isBlocked; left--) {
      if (left === 0) {
        this.#hasMore = true;
        return null;
      }
      const event = from.side.next();
      if (event === null) return null;
      const handled = this.#handle(event, from, to);
      const outcome = handled instanceof Promise ? await handled : handled;
      if (outcome !== null) return outcome;
    }
    return null;
  }

  #handle(event: WebSocketEvent, from: End, to: End): Promise<Outcome> | Outcome {
    switch (event.kind) {
      case "message": {
        const { isText, data: content, isCompressed } = event;
        return this.#pass({ index: 0, fromClient: from.isClient, type: isText ? "text" : "binary", content, timestamp: nowSeconds(), injected: false, dropped: false, version: 0 }, to, isCompressed);
      }
      case "ping": case "pong": to.side.sendControl(event.kind, event.data); return null;
      case "close":
        from.hasClosed = true;
        this.#note(event.code, event.reason.toString(), from.isClient);
        to.side.sendClose(event.code, event.reason);
        return null;
      case "fault": return this.#fail(event.code, `The ${from.isClient ? "client" : "server"} broke the WebSocket protocol: ${event.message}.`, from.isClient);
      case "end":
        from.hasEnded = true;
        this.#note(closeCodes.abnormal, "", from.isClient);
        if (from.pipe.hasEnd) to.pipe.end();
        return null;
    }
  }

  /** Asks about a message and sends what has become of it. PERF: no promise where nobody listens and nothing is compressed. */
  #pass(message: WebSocketMessage, to: End, compresses: boolean): Promise<Outcome> | Outcome {
    message.index = this.#messages++;
    this.#state.message = message;
    const held = this.#scope.context.gate.held("websocket_message", this.#flow);
    if (held !== null) return this.#passLater(held, message, to, compresses);
    this.#state.message = null;
    const sending = to.side.sendMessage(message.type === "text", message.content, compresses);
    return sending === null ? null : sending.then(() => null);
  }

  async #passLater(held: Promise<void>, message: WebSocketMessage, to: End, compresses: boolean): Promise<Outcome> {
    this.#flush();
    await held;
    this.#state.message = null;
    const verdict = this.#verdict();
    if (verdict !== null) return verdict;
    if (!message.dropped) await to.side.sendMessage(message.type === "text", message.content, compresses);
    return message.injected ? null : await this.#sendInjections();
  }

  /** Sends what addons have put in, each as a message of its own, as fast as it is taken. */
  async #sendInjections(): Promise<Outcome> {
    const { injections } = this.#state;
    for (let message = injections.shift(); message !== undefined; message = injections.shift()) {
      const to = message.fromClient ? this.#server : this.#client;
      if (to.side.isBlocked && !(await this.#hasRoom(to))) return "cut";
      const outcome = await this.#pass(message, to, false);
      if (outcome !== null) return outcome;
    }
    return null;
  }

  async #hasRoom(to: End): Promise<boolean> {
    const { alarm, waker, context } = this.#scope;
    alarm.set(context.timeouts.stallMs);
    while (to.side.isBlocked && !to.pipe.isClosed && !alarm.hasPassed) {
      this.#flush();
      await waker.wait();
    }
    return !to.side.isBlocked;
  }

  /** Whether there is nobody left to wait for. */
  #ended(): Outcome {
    const [client, server] = [this.#client, this.#server];
    const isOver = ({ hasClosed, hasEnded }: End): boolean => hasClosed || hasEnded;
    if (isOver(client) && isOver(server)) return "closed";
    for (const { pipe, hasEnded, hasClosed } of [client, server]) {
      // It takes nothing more; without a farewell the other side must not take it for one.
      if (pipe.isClosed && hasEnded) return hasClosed || (pipe.hasEnd && pipe.error === null) ? "closed" : "cut";
    }
    return null;
  }

  /** What addons have decided about the flow. */
  #verdict(): Outcome {
    const { killedBy, refusal } = this.#flow;
    if (killedBy !== null) return "cut";
    return refusal === null ? null : this.#fail(closeCodes.internalError, `The addon "${refusal.addon}" failed in ${refusal.event}: ${refusal.fault.message}`, false);
  }

  #fail(code: FailureCode, message: string, byClient: boolean): Outcome {
    const { context, client } = this.#scope;
    this.#flow.error ??= { msg: message, timestamp: nowSeconds() };
    this.#flow.version++;
    context.log.info(message, { event: "websocket", code, client: `${client.address.host}:${client.address.port}` });
    return this.#sayGoodbye(code, failureReasons[code], byClient);
  }

  #sayGoodbye(code: number, reason: string, byClient: boolean): "closed" {
    this.#note(code, reason, byClient);
    for (const { side } of [this.#client, this.#server]) side.sendClose(code, Buffer.from(reason));
    this.#flush();
    return "closed";
  }

  /** The first that closes it says why. */
  #note(code: number, reason: string, byClient: boolean): void {
    const state = this.#state;
    if (state.closeCode !== null) return;
    state.closeCode = code;
    state.closeReason = reason;
    state.closedByClient = byClient;
    state.version++;
  }

  #flush(): void {
    this.#client.pipe.flush();
    this.#server.pipe.flush();
  }
}
