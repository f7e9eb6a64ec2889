// A gate for tests: records which events came in which order, runs callbacks that may change the subject as addons would, and
// notes every breach of the gate's contract (overlaps, events after the end, objects not released). It merges and validates nothing.
import { eventTable, type EventName, type HeldEvent, type ToldEvent } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow, HttpResponse, TcpFlow } from "../../host/flows/flow.ts";
import type { Gate, GateSubject, SubjectOf } from "../../host/flows/gate.ts";
import { MessageBody } from "../../host/flows/message-body.ts";
import { HeaderFields } from "../../host/http/header-fields.ts";

export type Callbacks = { readonly [E in EventName]?: (subject: SubjectOf<E>) => void | Promise<void> };

export interface RecordingGate extends Gate {
  /** Names in order; `next_layer` with its proposal: "next_layer(tls)". */
  readonly events: readonly string[];
  /** Breaches of the contract so far. */
  readonly problems: readonly string[];
  /** Objects that had an event or were made for one, and are not released. */
  readonly unreleased: number;
  /** Resolves when the event has come that many times in all; rejects after `timeoutMs`. */
  seen(event: string, times?: number, timeoutMs?: number): Promise<void>;
  /** Forgets the events so far. */
  clear(): void;
}

export interface RecordingOptions {
  readonly on?: Callbacks;
  /** Which events are taken; default: all. */
  readonly wants?: (event: string, host: string | null) => boolean;
}

class Recorder implements RecordingGate {
  readonly events: string[] = [];
  readonly problems: string[] = [];
  readonly #on: Callbacks;
  readonly #wants: (event: string, host: string | null) => boolean;
  readonly #busy = new Set<GateSubject>();
  readonly #seen = new Set<GateSubject>();
  readonly #released = new WeakSet<GateSubject>();
  readonly #ended = new WeakMap<GateSubject, string>();
  readonly #watchers = new Set<() => void>();

  constructor({ on = {}, wants = () => true }: RecordingOptions) {
    this.#on = on;
    this.#wants = wants;
  }

  get unreleased(): number {
    return this.#seen.size;
  }

  wants(event: string, host: string | null): boolean {
    return this.#wants(event, host);
  }

  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null {
    if (!this.#wants(event, null)) return null;
    this.#record(event, subject);
    if (this.#busy.has(subject)) this.problems.push(`${event} while another event of the same object is held`);
    this.#busy.add(subject);
    return this.#run(event, subject);
  }

  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void {
    if (!this.#wants(event, null)) return;
    this.#record(event, subject);
    void this.#call(event, subject);
  }

  release(subject: GateSubject): void {
    if (this.#released.has(subject)) this.problems.push(`a ${subject.kind} was released twice`);
    this.#released.add(subject);
    this.#seen.delete(subject);
  }

  async seen(event: string, times = 1, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.events.filter((name) => name === event).length < times) {
      if (Date.now() > deadline) throw new Error(`${event} did not come ${times} times; there were: ${this.events.join(", ")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 200);
        const watchers = this.#watchers;
        function done(): void {
          clearTimeout(timer);
          watchers.delete(done);
          resolve();
        }
        watchers.add(done);
      });
    }
  }

  clear(): void {
    this.events.length = 0;
  }

  async #run<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> {
    await this.#call(event, subject);
    this.#busy.delete(subject);
  }

  async #call<E extends EventName>(event: E, subject: SubjectOf<E>): Promise<void> {
    const callback: ((subject: SubjectOf<E>) => void | Promise<void>) | undefined = this.#on[event];
    // A turn of the loop at least, as a real gate needs.
    await new Promise((resolve) => setImmediate(resolve));
    if (callback !== undefined) await callback(subject);
  }

  #record(event: EventName, subject: GateSubject): void {
    this.events.push(subject.kind === "layer" ? `${event}(${subject.name})` : event);
    this.#seen.add(subject);
    if (this.#released.has(subject)) this.problems.push(`${event} after its ${subject.kind} was released`);
    const ended = this.#ended.get(subject);
    if (ended !== undefined && eventTable[event].subject === "http") this.problems.push(`${event} after ${ended}`);
    if (event === "response" || event === "error") this.#ended.set(subject, event);
    if (event === "serverconnect" && subject.kind === "server" && subject.address === null) this.problems.push("serverconnect without an address");
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export function recordingGate(options: RecordingOptions = {}): RecordingGate {
  return new Recorder(options);
}

/** What `flow.kill()` does to a flow. */
export function kill(flow: HttpFlow | TcpFlow): void {
  flow.killedBy ??= "test-addon";
  flow.live = false;
  flow.error ??= { msg: "Connection killed", timestamp: Date.now() / 1_000 };
}

/** What `Response.make` gives. */
export function made(statusCode: number, body = "", fields: readonly (readonly [string, string])[] = []): HttpResponse {
  const message = new MessageBody();
  message.complete(Buffer.from(body));
  return {
    statusCode, reason: "Made", httpVersion: "HTTP/1.1", made: true, headers: HeaderFields.from(fields), trailers: null, body: message,
    stream: false, timestampStart: 0, timestampEnd: 0, version: 0, trailersVersion: 0,
  };
}
