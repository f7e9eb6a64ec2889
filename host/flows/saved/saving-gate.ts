// A gate around another that hands every flow on when it has ended: for files. It adds no event, changes nothing and never lets traffic
// wait; it makes the layers speak of TCP and WebSocket messages that no addon wants.
import type { EventName, HeldEvent, ToldEvent } from "../../../sandbox-api/schema/events.ts";
import type { Flow } from "../flow.ts";
import type { Gate, GateSubject, SubjectOf } from "../gate.ts";
import { savedOfFlow } from "./from-flow.ts";
import { KeptMessages } from "./kept-messages.ts";
import type { SavedFlow } from "./saved-flow.ts";

const messageEvents: ReadonlySet<EventName> = new Set(["tcp_start", "tcp_message", "tcp_error", "tcp_end", "websocket_start", "websocket_message", "websocket_end"]);

/** `save` is called once for each flow, after its last event. `keepBytes`: bound for the messages of one flow together. */
export function savingGate(inner: Gate, keepBytes: number, save: (flow: SavedFlow) => void): Gate {
  return new SavingGate(inner, keepBytes, save);
}

class SavingGate implements Gate {
  readonly #inner: Gate;
  readonly #keepBytes: number;
  readonly #save: (flow: SavedFlow) => void;
  readonly #messages = new Map<Flow, KeptMessages>();

  constructor(inner: Gate, keepBytes: number, save: (flow: SavedFlow) => void) {
    this.#inner = inner;
    this.#keepBytes = keepBytes;
    this.#save = save;
  }

  wants(event: EventName, host: string | null): boolean {
    return messageEvents.has(event) || this.#inner.wants(event, host);
  }

  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null {
    const held = this.#inner.held(event, subject);
    if (event !== "tcp_message" && event !== "websocket_message") return held;
    if (held === null) this.#note(subject);
    else return held.then(() => this.#note(subject));
    return null;
  }

  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void {
    this.#inner.tell(event, subject);
  }

  release(subject: GateSubject): void {
    this.#inner.release(subject);
    // What is inside a CONNECT is flows of its own.
    if (subject.kind === "tcp" || (subject.kind === "http" && subject.request.method !== "CONNECT")) {
      this.#save(savedOfFlow(subject, this.#messages.get(subject) ?? null));
      this.#messages.delete(subject);
    }
  }

  #note(subject: GateSubject): void {
    if (subject.kind === "tcp" && subject.message !== null && subject.killedBy === null) this.#keep(subject, { ...subject.message, type: "binary", injected: false, dropped: false });
    if (subject.kind === "http" && subject.webSocket?.message != null) {
      const { fromClient, content, timestamp, type, injected, dropped } = subject.webSocket.message;
      this.#keep(subject, { fromClient, content, timestamp, type, injected, dropped: dropped || subject.killedBy !== null });
    }
  }

  #keep(flow: Flow, message: Parameters<KeptMessages["add"]>[0]): void {
    let kept = this.#messages.get(flow);
    if (kept === undefined) this.#messages.set(flow, (kept = new KeptMessages(this.#keepBytes)));
    kept.add(message);
  }
}
