// One frame: an event for a chain of instances in one cell, and what each of them made of it. Outcomes are taken in order: merged,
// or failed by the failure policy; what later ones built on something that did not stand is thrown away and asked again.
// WALL 5: nothing of an outcome reaches the flow before validate.ts passed it.
import type { HeldEvent } from "../../sandbox-api/schema/events.ts";
import { type Fault, faultTable } from "../../sandbox-api/schema/faults.ts";
import type { PartName } from "../../sandbox-api/schema/view.ts";
import { invariant } from "../invariant.ts";
import type { CellCall, ChainEntry, Outcome } from "../cells/cell.ts";
import { addHistory } from "../flows/history.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { StreamFunction } from "../flows/flow.ts";
import { mergeChanges } from "../flows/merge.ts";
import { validateChanges } from "../flows/validate.ts";
import type { SeenParts, ViewWriter } from "../flows/view.ts";
import { encodeContents, hasContentToEncode, prepareBodies } from "./bodies.ts";
import type { Addon } from "./addon.ts";
import type { Instance } from "./instance.ts";

/** An instance's seat in a frame, and where its addon stands in the order. */
export interface Seat {
  readonly instance: Instance;
  readonly isTrial: boolean;
  readonly index: number;
  /** The event was lost on the way to this addon before. */
  readonly isRerun: boolean;
}

export interface FrameServices {
  readonly writer: ViewWriter;
  /** What bodies are decoded up to, whoever is shown them first. */
  readonly bodyBytes: number;
  readonly now: () => number;
  /** The instance begins to know an object. */
  readonly meet: (instance: Instance, subject: GateSubject) => SeenParts;
  /** A call failed for good: strike, log, failure policy. True: the flow is refused, nobody else is asked. */
  readonly fail: (instance: Instance, event: HeldEvent, subject: GateSubject, fault: Fault, cpuMicros: number) => boolean;
  /** A failure in an outcome that is thrown away: what it was given did not stand, so it is restarted where needed, without blame. */
  readonly brokeInnocently: (instance: Instance, fault: Fault) => void;
  /** What a message's body is streamed through. */
  readonly streamFunction: (instance: Instance, subject: GateSubject, side: "request" | "response") => StreamFunction;
}

/** Who ended the cell in a frame that must be asked again from an earlier seat on, and how. */
export interface Killer { readonly addon: Addon; readonly fault: Fault }

/** How far a frame got. */
export interface FrameResult {
  /** Index of the addon to go on with. */
  readonly next: number;
  readonly isRefused: boolean;
  /** The addon at `next` was asked and is innocent of not answering. */
  readonly isLost: boolean;
  /** Whom the event must not be given again. */
  readonly killer: Killer | null;
  /** Every seat's outcome counted, and the flow goes on. */
  readonly isComplete: boolean;
}

type Verdict = "go-on" | "refused" | "ask-rest-again" | "ask-again" | "lost";

const none: ReadonlySet<PartName> = new Set();
const lost: Outcome = { kind: "lost" };

export class Frame {
  readonly #services: FrameServices;
  readonly #event: HeldEvent;
  readonly #subject: GateSubject;
  readonly #seats: readonly Seat[];
  /** By place: what that instance has seen of the object. */
  readonly #seen: SeenParts[] = [];
  /** Parts that the host changed beyond what the chain knows. */
  #derived: Set<PartName> | null = null;
  #call: CellCall | null = null;

  /** Seats share a cell and a view class; at least one. */
  constructor(services: FrameServices, event: HeldEvent, subject: GateSubject, seats: readonly Seat[]) {
    this.#services = services;
    this.#event = event;
    this.#subject = subject;
    this.#seats = seats;
  }

  /** Sends it and settles the outcomes. Never rejects but for bugs of ours. PERF: waits for the cell, and for compression where there is some; nothing else. */
  run(): Promise<FrameResult> {
    const preparing = prepareBodies(this.#event, this.#subject, this.#services.bodyBytes);
    const answering = preparing === null ? this.#send() : preparing.then(() => this.#send());
    return answering.then((outcomes) => this.#take(outcomes));
  }

  #take(outcomes: readonly Outcome[]): FrameResult | Promise<FrameResult> {
    const now = this.#services.now();
    this.#seats.forEach(({ instance }, place) => {
      instance.addon.waiting--;
      spend(instance, outcomes[place], now);
    });
    let result: FrameResult | Promise<FrameResult> | null = null;
    try {
      result = this.#settleFrom(0, outcomes);
    } finally {
      if (!(result instanceof Promise)) this.#endCalls();
    }
    return result instanceof Promise ? result.finally(() => this.#endCalls()) : result;
  }

  /** Whose outcome did not count has written nothing. */
  #endCalls(): void {
    for (const { instance } of this.#seats) this.#endCall(instance, false);
  }

  #settleFrom(from: number, outcomes: readonly Outcome[]): FrameResult | Promise<FrameResult> {
    const seats = this.#seats;
    for (let place = from; place < seats.length; place++) {
      const seat = seats[place];
      if (seat === undefined) break;
      const verdict = this.#settle(seat, place, outcomes[place] ?? lost);
      if (typeof verdict !== "string") return verdict.then((late) => this.#resultOf(late, place, outcomes) ?? this.#settleFrom(place + 1, outcomes));
      const result = this.#resultOf(verdict, place, outcomes);
      if (result !== null) return result;
    }
    return { next: (seats.at(-1)?.index ?? 0) + 1, isRefused: false, isLost: false, killer: null, isComplete: true };
  }

  /** Null: the next seat is looked at. */
  #resultOf(verdict: Verdict, place: number, outcomes: readonly Outcome[]): FrameResult | null {
    if (verdict === "go-on") return null;
    const index = this.#seats[place]?.index ?? 0;
    if (verdict === "refused") return { next: index + 1, isRefused: true, isLost: false, killer: null, isComplete: false };
    const rest = verdict === "ask-rest-again" ? place + 1 : place;
    const killer = this.#discard(rest, outcomes);
    const next = this.#seats[rest]?.index ?? index + 1;
    return { next, isRefused: false, isLost: verdict === "lost", killer, isComplete: false };
  }

  #send(): Promise<readonly Outcome[]> {
    const { writer, meet } = this.#services;
    const [first] = this.#seats;
    invariant(first !== undefined, "a frame without seats");
    const { grants } = first.instance.version;
    const chain: ChainEntry[] = [];
    for (const { instance } of this.#seats) {
      this.#seen.push(instance.seenOf(this.#subject.key) ?? meet(instance, this.#subject));
      chain.push(instance.chainEntry);
      instance.addon.waiting++;
      instance.addon.counters.calls++;
    }
    const { text, attachments } = writer.write(this.#event, this.#subject, grants.permissions, this.#seen, grants.limits.bodyBytes);
    this.#call = { text, attachments, chain };
    return first.instance.residence.cell.call(this.#call);
  }

  #settle({ instance, isRerun }: Seat, place: number, outcome: Outcome): Verdict | Promise<Verdict> {
    switch (outcome.kind) {
      case "unchanged": {
        const refusal = this.#endCall(instance, true);
        if (refusal !== null) return this.#fail(instance, place, refusal, outcome.cpuMicros);
        instance.addon.breaker.succeed();
        this.#note(instance, place);
        return "go-on";
      }
      case "changed": return this.#merge(instance, place, outcome);
      case "failed":
        this.#seen[place]?.clear();
        if (outcome.fault.code === "starved" && !isRerun) {
          this.#services.brokeInnocently(instance, outcome.fault);
          instance.addon.breaker.abandonTrial();
          return "lost";
        }
        return this.#services.fail(instance, this.#event, this.#subject, outcome.fault, outcome.cpuMicros) ? "refused" : "ask-rest-again";
      case "skipped":
        instance.addon.breaker.abandonTrial();
        return "ask-again";
      case "lost":
        instance.addon.breaker.abandonTrial();
        return "lost";
    }
  }

  #merge(instance: Instance, place: number, outcome: Extract<Outcome, { readonly kind: "changed" }>): Verdict | Promise<Verdict> {
    const { permissions, limits } = instance.version.grants;
    const { text, attachments, cpuMicros } = outcome;
    const verdict = validateChanges({ event: this.#event, subject: this.#subject, permissions, text, attachments, mutationBytes: limits.mutationBytes });
    // What it wrote to its storage and its changes stand or fall together; after this nothing can fail.
    if (verdict.kind === "fault") return this.#fail(instance, place, verdict.fault, cpuMicros);
    const refusal = this.#endCall(instance, true);
    if (refusal !== null) return this.#fail(instance, place, refusal, cpuMicros);
    instance.addon.breaker.succeed();
    const result = mergeChanges(this.#subject, verdict.changes, {
      addon: instance.addon.name, attachments, now: this.#services.now() / 1_000, streamFunction: (side) => this.#services.streamFunction(instance, this.#subject, side),
    });
    if ("history" in this.#subject) addHistory(this.#subject.history, { addon: instance.addon.name, event: this.#event, changes: result.changes, cpuMicros, failed: null });
    this.#derive(result.derived);
    if (hasContentToEncode(this.#subject)) return this.#encode(this.#subject).then((hasLostCoding) => this.#noted(instance, place, result.hasDiverged || hasLostCoding));
    return this.#noted(instance, place, result.hasDiverged);
  }

  #noted(instance: Instance, place: number, hasDiverged: boolean): Verdict {
    this.#note(instance, place);
    return hasDiverged ? "ask-rest-again" : "go-on";
  }

  #derive(parts: ReadonlySet<PartName>): void {
    if (parts.size > 0) this.#derived = new Set([...(this.#derived ?? none), ...parts]);
  }

  #fail(instance: Instance, place: number, fault: Fault, cpuMicros: number): Verdict {
    this.#seen[place]?.clear();
    return this.#services.fail(instance, this.#event, this.#subject, fault, cpuMicros) ? "refused" : "ask-rest-again";
  }

  /** The fault is there when what the call wrote could not be kept. */
  #endCall(instance: Instance, hasSucceeded: boolean): Fault | null {
    const refusal = this.#call === null ? null : instance.endCall(this.#call, hasSucceeded);
    return refusal === null ? null : { code: "storage", message: refusal };
  }

  async #encode(flow: Parameters<typeof encodeContents>[0]): Promise<boolean> {
    const withoutCoding = await encodeContents(flow);
    // The bytes on the wire are the host's work; the addon is shown them when it asks again.
    this.#derive(new Set<PartName>([...withoutCoding, "request.body", "response.body"]));
    return withoutCoding.size > 0;
  }

  #note(instance: Instance, place: number): void {
    const seen = this.#seen[place];
    if (seen !== undefined) this.#services.writer.note(this.#event, this.#subject, instance.version.grants.permissions, seen, this.#derived ?? none);
  }

  /** What these answered stands on something that did not happen. Their guests are shown everything anew. Gives who of them ended the cell. */
  #discard(from: number, outcomes: readonly Outcome[]): Killer | null {
    let killer: Killer | null = null;
    for (const [place, { instance }] of this.#seats.entries()) {
      const outcome = outcomes[place];
      if (place < from || outcome === undefined || outcome.kind === "skipped" || outcome.kind === "lost") continue;
      this.#seen[place]?.clear();
      instance.addon.breaker.abandonTrial();
      if (outcome.kind !== "failed") continue;
      this.#services.brokeInnocently(instance, outcome.fault);
      if (faultTable[outcome.fault.code].endsCell) killer = { addon: instance.addon, fault: outcome.fault };
    }
    return killer;
  }
}

function spend({ addon }: Instance, outcome: Outcome | undefined, now: number): void {
  if (outcome === undefined || !("cpuMicros" in outcome)) return;
  addon.budget.spend(outcome.cpuMicros, now);
  addon.counters.cpuMicros += outcome.cpuMicros;
}
