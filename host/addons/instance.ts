// One load of one addon in one isolate, as the host sees it: what it handles, what it has seen, its timers, and what it asks for
// between calls. It runs no events (frame.ts) and decides nothing about failures (lifecycle.ts).
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { InstanceId } from "../../sandbox-api/schema/ids.ts";
import type { HostCallText, ResumeText } from "../../sandbox-api/wire/messages.ts";
import { asciiJson } from "../../sandbox-api/schema/view.ts";
import type { CellCall, ChainEntry } from "../cells/cell.ts";
import { SeenParts } from "../flows/view.ts";
import { GuestTimers } from "../services/timers.ts";
import type { Addon, AddonVersion } from "./addon.ts";
import type { Residence, Resident } from "./homes.ts";
import { KeyTable } from "./key-table.ts";
import type { OptionSnapshot } from "./options.ts";
import { isServiceCall, ServiceDesk } from "./service-desk.ts";

export interface InstanceEvents {
  /** The isolate broke between calls. */
  readonly fault: (instance: Instance, fault: Fault) => void;
  readonly resumeFlow: (instance: Instance, key: number) => void;
  /** Sends a request again: a promise of its end, or why it cannot be. */
  readonly replay: (instance: Instance, key: number, signal: AbortSignal) => Promise<void> | string;
}

/** A flood is said once in this time. */
const sayAgainMs = 10_000;

/** `serving`: new flows go to it. `retired`: flows that it has seen still do. `dead`: nothing does. */
export type InstanceState = "loading" | "serving" | "retired" | "dead";

export class Instance implements Resident {
  readonly id: InstanceId;
  readonly addon: Addon;
  readonly version: AddonVersion;
  readonly residence: Residence<Instance>;
  /** This instance's place in a chain. */
  readonly chainEntry: ChainEntry;
  handlers: ReadonlySet<EventName> = new Set();
  state: InstanceState = "loading";
  /** What `configure` told it last. */
  options: OptionSnapshot = {};
  /** `log` handlers that have not answered: what the addon logs meanwhile is not told to `log` handlers (events.md §2). */
  logEventsRunning = 0;
  readonly #events: InstanceEvents;
  readonly #seen = new KeyTable<SeenParts>();
  readonly #timers: GuestTimers;
  readonly #desk: ServiceDesk;
  #released: number[] = [];
  /** Answers that the isolate has not been entered with yet. */
  #untakenAnswers = 0;
  #whenEmpty: (() => void) | null = null;

  constructor(id: InstanceId, addon: Addon, version: AddonVersion, residence: Residence<Instance>, events: InstanceEvents) {
    this.id = id;
    this.addon = addon;
    this.version = version;
    this.residence = residence;
    this.chainEntry = { instance: id, cpuMs: version.grants.limits.cpuMs, wallMs: version.grants.limits.wallMs };
    this.#events = events;
    this.#timers = new GuestTimers((hostCall) => this.#resume(hostCall, null));
    const { services, budget, now } = addon;
    this.#desk = new ServiceDesk({
      services, budget, now, grants: () => this.version.grants, replay: (key, signal) => events.replay(this, key, signal),
      answer: (hostCall, text, attachments) => this.#answer(hostCall, text, attachments),
    });
  }

  get isAlive(): boolean {
    return this.state === "serving" || this.state === "retired";
  }

  /** What it has seen of an object; null: nothing yet. */
  seenOf(key: number): SeenParts | null {
    return this.#seen.get(key) ?? null;
  }

  /** Remembers that it knows an object from now on. */
  meet(key: number): SeenParts {
    const seen = new SeenParts();
    this.#seen.set(key, seen);
    return seen;
  }

  /** An object ended: the guest forgets it with its next entry. Many are told in one frame. */
  release(key: number): void {
    if (!this.#seen.delete(key)) return;
    if (this.isAlive) {
      if (this.#released.length === 0) setImmediate(() => this.#flushReleased());
      this.#released.push(key);
    }
    if (this.#seen.size === 0) this.#whenEmpty?.();
  }

  /** Resolves when no flow that it has seen is left, or after `mostMs`. */
  drained(mostMs: number): Promise<void> {
    if (this.#seen.size === 0 || this.state === "dead") return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      timer.unref();
      this.#whenEmpty = () => { clearTimeout(timer); resolve(); };
    });
  }

  /** Another instance serves new flows from now on. */
  retire(): void {
    this.state = "retired";
    this.#desk.retire();
  }

  /** The isolate is gone, or about to be. */
  die(): void {
    this.state = "dead";
    this.#timers.close();
    this.#desk.close();
    this.#seen.clear();
    this.#released = [];
    this.#whenEmpty?.();
    this.residence.leave(this.id);
  }

  /** A call of it has ended: what it wrote is kept or undone. Gives why it could not be kept. */
  endCall(call: CellCall, hasSucceeded: boolean): string | null {
    return this.#desk.end(call, hasSucceeded);
  }

  onHostCall(id: number, call: HostCallText, attachments: readonly Buffer[], during: CellCall | null): void {
    if ((isServiceCall(call) || call.call === "timer.set") && this.#isFlooded()) return;
    if (isServiceCall(call)) return this.#desk.take(id, call, attachments, during);
    switch (call.call) {
      case "log": {
        const extra = this.logEventsRunning > 0 ? { causedByLog: true } : {};
        return this.addon.guestLog.line(call.level, call.msg, this.addon.now(), extra);
      }
      case "timer.set":
        if (!this.#timers.set(id, call.ms)) this.#resume(id, "too many timers");
        return;
      case "timer.clear": return this.#timers.clear(call.id);
      case "flow.resume": return this.#events.resumeFlow(this, call.key);
    }
  }

  onFault(fault: Fault): void {
    this.#events.fault(this, fault);
  }

  onCpuUsed(micros: number): void {
    this.addon.budget.spend(micros, this.addon.now());
    this.addon.counters.cpuMicros += micros;
  }

  #resume(call: number, error: string | null): void {
    const text: ResumeText = { call, error, value: null };
    void this.#answer(call, asciiJson(text), []);
  }

  async #answer(hostCall: number, text: string, attachments: readonly Buffer[]): Promise<void> {
    if (this.state === "dead") return;
    this.#untakenAnswers++;
    await this.residence.cell.resume(this.id, hostCall, text, attachments, this.version.grants.limits.cpuMs);
    this.#untakenAnswers--;
  }

  /**
   * LIMIT: each answer may ask for as many things as an event, so that questions could grow without end. Beyond twice that number
   * they are not carried out and never answered; what waits for them runs into its own limit.
   */
  #isFlooded(): boolean {
    const { hostCalls } = this.version.grants.limits;
    if (this.#untakenAnswers < 2 * hostCalls) return false;
    const { addon } = this;
    const now = addon.now();
    if (now >= (addon.saidAt.get("flood") ?? Number.NEGATIVE_INFINITY) + sayAgainMs) {
      addon.saidAt.set("flood", now);
      addon.guestLog.line("warn", `asks the host for more than it takes answers; beyond ${2 * hostCalls} that wait, its questions are dropped (limit hostCalls)`, now);
    }
    return true;
  }

  #flushReleased(): void {
    const keys = this.#released;
    this.#released = [];
    if (keys.length > 0 && this.state !== "dead") this.residence.cell.release(this.id, keys);
  }
}
