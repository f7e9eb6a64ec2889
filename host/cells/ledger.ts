// What was asked of a cell and not answered yet, in the order in which the cell must answer, and the check of every answer against
// it (WALL 5): a cell works strictly in order, so an answer that is not the next one is a lie. No I/O; the clock is given.
import { faultTable, type Fault } from "../../sandbox-api/schema/faults.ts";
import type { InstanceId } from "../../sandbox-api/schema/ids.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import type { Mark } from "../../sandbox-api/wire/mark.ts";
import { resultStatus } from "../../sandbox-api/wire/messages.ts";
import { parseFault } from "../../sandbox-api/wire/text-checks.ts";
import type { CellCall, ChainEntry, Outcome } from "./cell.ts";

export type AskKind = "load" | "event" | "resume" | "unload" | "stat";

/** One thing asked. `finish` gets one outcome per entry of `chain`, once. */
export interface Ask {
  readonly id: number;
  readonly kind: AskKind;
  readonly chain: readonly ChainEntry[];
  /** What an event was asked with; null for other kinds. */
  readonly call: CellCall | null;
  readonly finish: (outcomes: readonly Outcome[]) => void;
}

/** A `result` or `settled` as it came. */
export interface Answer {
  readonly id: number;
  readonly instance: number;
  readonly status: number;
  readonly cpuMicros: number;
  readonly text: string;
  readonly attachments: readonly Buffer[];
}

/** Who holds the cell's thread. */
export interface Head {
  readonly id: number;
  readonly instance: InstanceId;
  readonly kind: AskKind;
  readonly cpuMs: number;
  /** Milliseconds of the ledger's clock; Infinity while the request has not been written. */
  readonly sinceMs: number;
  /** Different for every entry into an isolate. */
  readonly serial: number;
}

interface OpenAsk extends Ask {
  at: number;
  isOver: boolean;
  outcomes: Outcome[];
  /** Index of the entry that answered `pending` and has not settled; -1: none. */
  pendingAt: number;
}

interface PendingCall { readonly ask: OpenAsk; readonly instance: InstanceId; readonly wallMs: number; readonly sinceMs: number; readonly cpuMicros: number }

/** `closing`: told to unload, may still speak. */
export interface InstanceRecord { readonly limits: Limits; waiting: number; isClosing: boolean }

const lost: Outcome = Object.freeze({ kind: "lost" });
const skipped: Outcome = Object.freeze({ kind: "skipped" });

const spent: OpenAsk = Object.freeze({ id: 0, kind: "stat", chain: [], call: null, finish: () => undefined, at: 0, isOver: true, outcomes: [], pendingAt: -1 });

export class Ledger {
  readonly instances = new Map<InstanceId, InstanceRecord>();
  readonly #now: () => number;
  readonly #queue: OpenAsk[] = [];
  #first = 0;
  readonly #pending = new Map<number, PendingCall>();
  #serial = 0;
  #sinceMs = Number.POSITIVE_INFINITY;
  #hostCalls = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isIdle(): boolean { return this.#first === this.#queue.length && this.#pending.size === 0; }
  /** Whether the cell has something to work on. */
  get isBusy(): boolean { return this.#first < this.#queue.length; }

  head(): Head | null {
    const ask = this.#queue[this.#first];
    const entry = ask?.chain[ask.at];
    return ask === undefined || entry === undefined ? null : { id: ask.id, instance: entry.instance, kind: ask.kind, cpuMs: entry.cpuMs, sinceMs: this.#sinceMs, serial: this.#serial };
  }

  /** Who holds the thread by what the cell marked: that call, where it is outstanding, else the one whose answer is next. */
  running(mark: Mark | null): Head | null {
    const head = this.head();
    if (mark === null || head === null || !this.isBusy) return head;
    for (let index = this.#first; index < this.#queue.length; index++) {
      const ask = this.#queue[index];
      if (ask === undefined || ask.id !== mark.call) continue;
      const entry = ask.chain.find(({ instance }, at) => at >= ask.at && instance === mark.instance);
      return entry === undefined ? head : { ...head, id: ask.id, instance: entry.instance, kind: ask.kind, cpuMs: entry.cpuMs };
    }
    return head;
  }

  /** Adds what is about to be written to the cell. */
  expect({ id, kind, chain, call, finish }: Ask): void {
    if (!this.isBusy) this.#next(Number.POSITIVE_INFINITY);
    for (const { instance } of chain) this.#count(instance, 1);
    this.#queue.push({ id, kind, chain, call, finish, at: 0, isOver: false, outcomes: [], pendingAt: -1 });
  }

  /** Everything expected so far has been written. */
  written(): void {
    if (this.#sinceMs === Number.POSITIVE_INFINITY) this.#sinceMs = this.#now();
  }

  /** Takes a `result`. Gives what is wrong with it when no honest cell would have sent it. */
  result(answer: Answer): string | null {
    const ask = this.#queue[this.#first];
    const entry = ask?.chain[ask.at];
    if (ask === undefined || entry === undefined || ask.id !== answer.id || entry.instance !== answer.instance || ask.kind === "stat") return "answered a call that is not the next one";
    if ((answer.status === resultStatus.skipped) !== ask.isOver) return ask.isOver ? "ran an instance after its chain had ended" : "skipped an instance";
    if (answer.status === resultStatus.pending) {
      if (ask.kind !== "event" || !isBare(answer)) return "answered `pending` to what cannot wait";
      this.#wait(ask, entry, answer);
    } else {
      const outcome = readOutcome(answer, ask.kind);
      if (typeof outcome === "string") return outcome;
      ask.isOver ||= outcome.kind === "failed" || outcome.kind === "lost" || answer.attachments.length > 0;
      ask.outcomes[ask.at] = outcome;
      this.#known(entry.instance, outcome);
    }
    ask.at++;
    this.#advance(ask);
    return null;
  }

  /** Takes a `settled`, likewise. */
  settled(answer: Answer): string | null {
    const head = this.head();
    if (head === null || head.instance !== answer.instance) return "settled a call of an instance that is not running";
    const call = this.#pending.get(answer.id);
    if (call === undefined || call.instance !== answer.instance) return this.instances.get(head.instance)?.isClosing === true ? null : "settled a call that is not waiting";
    if (answer.status === resultStatus.pending || answer.status === resultStatus.skipped) return "settled a call without a result";
    const outcome = readOutcome(answer, "event");
    if (typeof outcome === "string") return outcome;
    this.#settle(answer.id, call, "cpuMicros" in outcome ? { ...outcome, cpuMicros: outcome.cpuMicros + call.cpuMicros } : outcome);
    return null;
  }

  /** Checks that `instance` may speak now, and counts; gives what is wrong otherwise. */
  hostCall(instance: number): string | null {
    const head = this.head();
    if (head === null || head.instance !== instance || head.kind === "unload" || head.kind === "stat") return "made a host call for an instance that is not running";
    const most = this.instances.get(head.instance)?.limits.hostCalls ?? 0;
    return ++this.#hostCalls > most ? "made more host calls than one entry may" : null;
  }

  /** The call of that id, if `instance` works on it now or has answered `pending`. WALL 5: the id is the guest's word. */
  callOf(instance: number, id: number): CellCall | null {
    const ask = this.#queue[this.#first];
    if (ask !== undefined && ask.id === id && ask.chain[ask.at]?.instance === instance) return ask.call;
    const pending = this.#pending.get(id);
    return pending?.instance === instance ? pending.ask.call : null;
  }

  /** Takes the answer to a `stat`. */
  stat(id: number): string | null {
    const ask = this.#queue[this.#first];
    if (ask === undefined || ask.kind !== "stat" || ask.id !== id) return "answered a question that is not the next one";
    ask.at++;
    this.#advance(ask);
    return null;
  }

  /** Fails pending calls older than their `wallMs`; gives their instances, which must be unloaded now. */
  expire(): readonly InstanceId[] {
    const now = this.#now();
    const late: InstanceId[] = [];
    for (const [id, call] of this.#pending) {
      const used = Math.round(now - call.sinceMs);
      if (used <= call.wallMs) continue;
      const fault: Fault = { code: "wall-limit", message: `did not settle within ${call.wallMs} ms`, limit: { name: "wallMs", value: call.wallMs, used, unit: "ms" } };
      this.#settle(id, call, { kind: "failed", cpuMicros: call.cpuMicros, fault });
      late.push(call.instance);
    }
    return late;
  }

  /** The instance will not be heard of again, or not for long: its pending calls are `lost`. */
  forgetPending(instance: InstanceId): void {
    for (const [id, call] of this.#pending) if (call.instance === instance) this.#settle(id, call, lost);
  }

  /** The cell is gone: answers everything, the call that ran with `fault`, also where instances before it in its chain are `lost`. */
  abandon(ran: Pick<Head, "id" | "instance"> | null, fault: Fault | null): void {
    const asks = this.#queue.splice(0).slice(this.#first);
    this.#first = 0;
    this.instances.clear();
    asks.forEach((ask) => {
      for (let at = ask.at; at < ask.chain.length; at++) {
        const isGuilty = fault !== null && ask.id === ran?.id && ask.chain[at]?.instance === ran.instance;
        ask.outcomes[at] = isGuilty ? { kind: "failed", cpuMicros: 0, fault } : lost;
      }
      ask.at = ask.chain.length;
      if (ask.pendingAt < 0) ask.finish(ask.outcomes);
    });
    for (const [id, call] of this.#pending) this.#settle(id, call, lost);
  }

  #next(sinceMs: number): void {
    this.#serial++;
    this.#sinceMs = sinceMs;
    this.#hostCalls = 0;
  }

  #advance(ask: OpenAsk): void {
    this.#next(this.#now());
    if (ask.at < ask.chain.length) return;
    // PERF: what is answered is let go at once. A queue that never runs empty kept flows of a thousand events alive, which every scavenge copied.
    this.#queue[this.#first] = spent;
    this.#first++;
    if (this.#first > 1_024 || this.#first === this.#queue.length) this.#compact();
    if (ask.pendingAt < 0) ask.finish(ask.outcomes);
  }

  #compact(): void {
    this.#queue.splice(0, this.#first);
    this.#first = 0;
  }

  #wait(ask: OpenAsk, entry: ChainEntry, { id, cpuMicros }: Answer): void {
    ask.isOver = true;
    const record = this.instances.get(entry.instance);
    if (record === undefined || record.isClosing) {
      ask.outcomes[ask.at] = lost;
      this.#count(entry.instance, -1);
      return;
    }
    ask.pendingAt = ask.at;
    this.#pending.set(id, { ask, instance: entry.instance, wallMs: entry.wallMs, sinceMs: this.#sinceMs, cpuMicros });
  }

  #settle(id: number, call: PendingCall, outcome: Outcome): void {
    const { ask } = call;
    this.#pending.delete(id);
    ask.outcomes[ask.pendingAt] = outcome;
    ask.pendingAt = -1;
    this.#known(call.instance, outcome);
    if (ask.at === ask.chain.length) ask.finish(ask.outcomes);
  }

  /** Bookkeeping for an outcome that is final. */
  #known(instance: InstanceId, outcome: Outcome): void {
    this.#count(instance, -1);
    if (outcome.kind !== "failed" || !faultTable[outcome.fault.code].reloads || !this.instances.has(instance)) return;
    // A call that waited too long fails here first; its isolate goes with the `unload` that follows.
    if (outcome.fault.code === "wall-limit") return;
    this.instances.delete(instance);
    this.forgetPending(instance);
  }

  #count(instance: InstanceId, step: 1 | -1): void {
    const record = this.instances.get(instance);
    if (record !== undefined) record.waiting += step;
  }
}

const isBare = ({ text, attachments }: Answer): boolean => text === "" && attachments.length === 0;

/** An answer that is no `pending` as an outcome, or what is wrong with it. */
function readOutcome(answer: Answer, kind: AskKind): Outcome | string {
  const { status, cpuMicros, text, attachments } = answer;
  switch (status) {
    case resultStatus.unchanged:
      if (!isBare(answer)) return "sent changes that it called none";
      return kind === "load" ? "loaded without saying what" : { kind: "unchanged", cpuMicros };
    case resultStatus.changed:
      return kind === "event" || kind === "load" ? { kind: "changed", cpuMicros, text, attachments } : "sent changes that nobody asked for";
    case resultStatus.skipped:
      return isBare(answer) ? skipped : "sent changes of an instance that it skipped";
    case resultStatus.failed: {
      const fault = attachments.length > 0 || kind === "unload" ? null : parseFault(text);
      if (fault === null) return "failed without a reason";
      return fault.code === "restarted" ? lost : { kind: "failed", cpuMicros, fault };
    }
    default: return "sent a result of an unknown kind";
  }
}
