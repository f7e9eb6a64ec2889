// Runs the events of saved flows over a gate, as if their traffic passed now, without a network: one flow after the other, each in the
// order of its events. What addons make of a flow is in the flow that comes back. Nobody is connected to; a flow whose request an
// addon answered keeps that answer in place of the recorded one.
import type { HttpFlow, HttpRequest, HttpResponse, TcpFlow, WebSocketState } from "../flow.ts";
import type { Gate } from "../gate.ts";
import { MessageBody } from "../message-body.ts";
import { PassedBytes } from "../passed-bytes.ts";
import type { SavedFlow, SavedHttpFlow, SavedTcpFlow, SavedWebSocket } from "./saved-flow.ts";
import { httpFlowOf, tcpFlowOf, type NextKey } from "./to-flow.ts";

/** Plays one flow to its end; the flow as addons left it, released. Never rejects but for broken invariants. */
export function playFlow(saved: SavedFlow, gate: Gate, nextKey: NextKey): Promise<HttpFlow | TcpFlow> {
  return saved.kind === "http" ? new HttpPlayer(saved, gate, nextKey).play() : playTcp(saved, gate, nextKey);
}

type HttpEventPlayed = "requestheaders" | "request" | "websockets_handshake" | "responseheaders" | "response" | "error" | "websocket_start" | "websocket_message";

const empty = Buffer.alloc(0);

class HttpPlayer {
  readonly #saved: SavedHttpFlow;
  readonly #gate: Gate;
  readonly #flow: HttpFlow;
  /** As it was recorded. */
  readonly #response: HttpResponse | null;
  #isResponseAsked = false;

  constructor(saved: SavedHttpFlow, gate: Gate, nextKey: NextKey) {
    this.#saved = saved;
    this.#gate = gate;
    const recorded = httpFlowOf(saved, nextKey);
    this.#response = recorded.response;
    this.#flow = { ...recorded, response: null, error: null, live: true };
  }

  async play(): Promise<HttpFlow> {
    const flow = this.#flow;
    if (!(await this.#request()) || !(await this.#respond())) await this.#fail();
    else if (this.#saved.websocket !== null && flow.response?.made === false) await this.#messages(this.#saved.websocket);
    flow.live = false;
    this.#gate.release(flow);
    return flow;
  }

  /** False: it goes no further. */
  async #request(): Promise<boolean> {
    if (!(await this.#withBody(this.#flow.request, "requestheaders", "request"))) return false;
    return !this.#flow.isWebSocket || this.#flow.response !== null || this.#ask("websockets_handshake");
  }

  async #respond(): Promise<boolean> {
    const flow = this.#flow;
    if (flow.response === null) {
      if (this.#response === null) return false;
      flow.response = this.#response;
    }
    // It broke off after its head.
    if (this.#saved.error !== null && !flow.response.made && !flow.isWebSocket) return (await this.#ask("responseheaders")) && false;
    if (flow.response.made) return (await this.#ask("responseheaders")) && this.#ask("response");
    return this.#withBody(flow.response, "responseheaders", "response");
  }

  /** The body comes between the two events: shown, streamed, or what an addon put in its place. */
  async #withBody(message: HttpRequest | HttpResponse, before: "requestheaders" | "responseheaders", after: "request" | "response"): Promise<boolean> {
    const { body } = message;
    const recorded = { state: body.state, raw: body.raw };
    body.state = "unread";
    body.raw = null;
    if (!(await this.#ask(before))) return false;
    if (after === "response" && this.#flow.response !== message) return this.#ask(after);
    if (body.state === "unread") await this.#arrive(message, recorded);
    return this.#ask(after);
  }

  async #arrive({ body, stream }: HttpRequest | HttpResponse, { state, raw }: Pick<MessageBody, "state" | "raw">): Promise<void> {
    if (raw === null) return state === "unread" ? undefined : body.passBy(state === "streamed" ? "streamed" : "truncated");
    if (stream === false) return body.complete(raw);
    body.passBy("streamed");
    const passed = body.passed = new PassedBytes(Number.POSITIVE_INFINITY);
    if (typeof stream !== "function") return passed.add(raw);
    for (const chunk of raw.length === 0 ? [empty] : [raw, empty]) for (const piece of await stream(chunk)) passed.add(piece);
  }

  /** What addons put in has nowhere to go and is dropped. */
  async #messages({ messages, closeCode, closeReason, closedByClient, timestampEnd }: SavedWebSocket): Promise<void> {
    const state: WebSocketState = { message: null, injections: [], closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, version: 0 };
    this.#flow.webSocket = state;
    let goesOn = await this.#ask("websocket_start");
    for (const [index, { dropped: _, ...message }] of messages.entries()) {
      if (!goesOn) break;
      state.message = { ...message, index, dropped: false, version: 0 };
      goesOn = await this.#ask("websocket_message");
      state.injections.length = 0;
    }
    Object.assign(state, { message: null, closeCode, closeReason, closedByClient, timestampEnd, version: state.version + 1 } satisfies Partial<WebSocketState>);
    this.#gate.tell("websocket_end", this.#flow);
  }

  /** An event; false: the flow was killed or refused. */
  async #ask(event: HttpEventPlayed): Promise<boolean> {
    const flow = this.#flow;
    if (event === "response") this.#isResponseAsked = true;
    const held = this.#gate.held(event, flow);
    if (held !== null) await held;
    return flow.killedBy === null && flow.refusal === null;
  }

  /** `error`, unless `response` has already ended the flow. */
  async #fail(): Promise<void> {
    const flow = this.#flow;
    const timestamp = flow.request.timestampEnd ?? flow.timestampCreated;
    if (flow.killedBy !== null) flow.error ??= { msg: "Connection killed", timestamp };
    else if (flow.refusal !== null) flow.error = { msg: `The addon "${flow.refusal.addon}" failed in ${flow.refusal.event}: ${flow.refusal.fault.message}`, timestamp };
    else flow.error = this.#saved.error ?? { msg: "No response was recorded.", timestamp };
    flow.version++;
    if (!this.#isResponseAsked) await this.#ask("error");
  }
}

async function playTcp(saved: SavedTcpFlow, gate: Gate, nextKey: NextKey): Promise<TcpFlow> {
  const flow: TcpFlow = { ...tcpFlowOf(saved, nextKey), message: null, error: null, live: true };
  const ask = async (event: "tcp_start" | "tcp_message"): Promise<boolean> => {
    const held = gate.held(event, flow);
    if (held !== null) await held;
    return flow.killedBy === null && flow.refusal === null;
  };
  let goesOn = await ask("tcp_start");
  for (const { fromClient, content, timestamp } of saved.messages) {
    if (!goesOn) break;
    flow.message = { fromClient, content, timestamp };
    goesOn = await ask("tcp_message");
  }
  flow.live = false;
  flow.version++;
  if (saved.error !== null && goesOn) flow.error = saved.error;
  if (flow.error !== null && flow.killedBy === null) gate.tell("tcp_error", flow);
  gate.tell("tcp_end", flow);
  gate.release(flow);
  return flow;
}
