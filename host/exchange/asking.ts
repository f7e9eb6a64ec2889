// The events of one exchange: each asked at most once, in order, and what addons made of the flow turned into "go on" or a reason to
// stop. Answers at once, without a promise, where nobody listens.
import type { HttpEventName } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow } from "../flows/flow.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import { nowSeconds, type ClientScope } from "./context.ts";
import type { ClientSide, ServerSide } from "./sides.ts";

/** Why an exchange cannot go on. */
export type Stop = ExchangeFault | "killed";
/** A value now, or later when somebody has to be waited for. */
export type Maybe<T> = T | Promise<T>;

export const clientLeft = exchangeFault("client-left", "The client closed the connection before the response was complete.");

/** `then` applied now or later. */
export function chain<T, U>(value: Maybe<T>, next: (value: T) => Maybe<U>): Maybe<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

export class Asking {
  /** Flushed before every wait, like the client. */
  server: ServerSide | null = null;
  isResponseAsked = false;
  readonly #scope: ClientScope;
  readonly #flow: HttpFlow;
  readonly #client: ClientSide;
  #isRequestAsked = false;

  constructor(scope: ClientScope, flow: HttpFlow, client: ClientSide) {
    this.#scope = scope;
    this.#flow = flow;
    this.#client = client;
  }

  /** An event; null when all is well. */
  ask(event: HttpEventName): Maybe<Stop | null> {
    const held = this.#scope.context.gate.held(event, this.#flow);
    if (held === null) return null;
    this.flush();
    return held.then(() => this.#verdict());
  }

  /** `request`, and `websockets_handshake` where it is one; nothing the second time. */
  request(): Maybe<Stop | null> {
    if (this.#isRequestAsked) return null;
    this.#isRequestAsked = true;
    const asked = this.ask("request");
    return !this.#flow.isWebSocket ? asked : chain(asked, (stop) => stop ?? this.#opening());
  }

  /** `response`; nothing the second time. */
  response(): Maybe<Stop | null> {
    if (this.isResponseAsked) return null;
    this.isResponseAsked = true;
    return this.ask("response");
  }

  /** `error`, unless `response` has already ended the flow. Nobody can stop a flow that has failed. */
  async error(stop: Stop): Promise<void> {
    const flow = this.#flow;
    const timestamp = nowSeconds();
    if (stop === "killed") flow.error ??= { msg: "Connection killed", timestamp };
    else flow.error = { msg: stop.message, timestamp };
    flow.version++;
    if (this.isResponseAsked) return;
    const held = this.#scope.context.gate.held("error", flow);
    if (held !== null) await held;
  }

  /** Sends what was written to both sides. */
  flush(): void {
    this.#client.flush();
    this.server?.flush();
  }

  /** Sends what was written and sleeps until there is news, or `ms` have passed. */
  async wait(ms: number, cause: "request-timeout" | "response-timeout"): Promise<Stop | null> {
    const { alarm, waker } = this.#scope;
    this.flush();
    alarm.set(ms);
    await waker.wait();
    if (this.#client.isGone) return clientLeft;
    return alarm.hasPassed ? exchangeFault(cause, `Nothing came for ${Math.round(ms / 1_000)} s.`) : null;
  }

  #opening(): Maybe<Stop | null> {
    return this.#flow.response === null ? this.ask("websockets_handshake") : null;
  }

  #verdict(): Stop | null {
    const { killedBy, refusal } = this.#flow;
    if (killedBy !== null) return "killed";
    if (refusal !== null) return exchangeFault("refused-by-addon", `The addon "${refusal.addon}" failed in ${refusal.event}: ${refusal.fault.message}`);
    return this.#client.isGone ? clientLeft : null;
  }
}
