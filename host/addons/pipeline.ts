// The gate's other side: brings events to addons in order and their changes into the flow (house.md, "The way of one flow"). Decides
// by table who is asked, packs neighbours of one cell into one frame, applies failure policies, waits out intercepts. PERF: where
// nobody takes an event, no promise is made and nothing is written.
import type { EventName, HeldEvent, ToldEvent } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { addHistory } from "../flows/history.ts";
import type { HttpFlow } from "../flows/flow.ts";
import type { Gate, GateSubject, SubjectOf } from "../flows/gate.ts";
import { ViewWriter, type EventView } from "../flows/view.ts";
import type { Log } from "../log.ts";
import type { Addon } from "./addon.ts";
import { admitEdits, awaitsDecoding, concernOf, destinationOf, doesAnyAwaitDecoding, type FilterVerdict, isConcerned } from "./admission.ts";
import { decodeAllBodies } from "./bodies.ts";
import { carryOut, editsOf } from "./declared-edits.ts";
import { reportFault, type FaultScene } from "./fault-report.ts";
import { Frame, type FrameResult, type FrameServices } from "./frame.ts";
import type { Instance } from "./instance.ts";
import { Intercepts, isIntercepted } from "./intercepts.ts";
import { KnownObjects } from "./known-objects.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { refuseSubject } from "./refusal.ts";
import { nextSeats, type Seating } from "./seating.ts";
import { Notices } from "./notices.ts";
import { makeStreamFunction } from "./stream-function.ts";
import { type Takers, TakerTable } from "./takers.ts";

export interface PipelineSettings {
  readonly log: Log;
  readonly limits: Limits;
  /** Milliseconds. */
  readonly now: () => number;
}

/** How long an event waits for an addon that is being restarted, before the failure policy decides. */
const restartWaitMs = 5_000;
/** How often one event is asked again at a restarted instance. */
const mostReruns = 2;
/** A refusal that passes by itself is said once in this time for each addon and kind. */
const sayAgainMs = 10_000;

/** An event's first seating, and what came of it, as far as there is one. */
interface Begun { readonly takers: Takers; readonly from: number; readonly edited: number; readonly seating: Seating | null; readonly result: FrameResult | null }

const noReruns: ReadonlyMap<Addon, number> = new Map();
const noKillers: ReadonlyMap<Addon, Fault> = new Map();
const nobody: Takers = { addons: [], members: new Set(), skips: [] };

/** The order of the addon before that index; -1: there is none. */
const orderBefore = (addons: readonly Addon[], index: number): number => addons[index - 1]?.order ?? -1;
/** The index of the first addon after that order. */
function indexAfter(addons: readonly Addon[], order: number): number {
  const index = addons.findIndex((addon) => addon.order > order);
  return index < 0 ? addons.length : index;
}

export class Pipeline implements Gate {
  readonly #settings: PipelineSettings;
  readonly #lifecycle: Lifecycle;
  readonly #writer: ViewWriter;
  readonly #services: FrameServices;
  readonly #takers: TakerTable;
  readonly #known = new KnownObjects();
  readonly #notices: Notices;
  readonly #intercepts: Intercepts;

  constructor(lifecycle: Lifecycle, settings: PipelineSettings) {
    this.#settings = settings;
    this.#lifecycle = lifecycle;
    this.#writer = new ViewWriter(settings.limits.bodyBytes);
    this.#takers = new TakerTable(() => lifecycle.addons);
    this.#notices = new Notices({
      writer: this.#writer, known: this.#known, waitingCalls: settings.limits.waitingCalls, sayOnce: (addon, event, subject, fault) => this.#sayOnce(addon, event, subject, fault),
      fail: (instance, event, subject, fault) => this.#failQuietly(instance, { addon: instance.addon.name, event, subject, version: instance.version }, fault), awaitRestart: (addon) => this.#awaitRestart(addon),
    });
    this.#intercepts = new Intercepts(settings.log, settings.limits.interceptMs);
    this.#services = {
      writer: this.#writer, bodyBytes: settings.limits.bodyBytes, now: settings.now,
      meet: (instance, subject) => this.#known.meet(instance, subject),
      fail: (instance, event, subject, fault, cpuMicros) => this.#fail(instance, event, subject, fault, cpuMicros),
      brokeInnocently: (instance, fault) => lifecycle.brokeInnocently(instance, fault),
      streamFunction: (instance, subject, side) =>
        makeStreamFunction(instance, subject, side, (fault) => this.#failQuietly(instance, { addon: instance.addon.name, event: "stream", subject, version: instance.version }, fault)),
    };
  }

  /** Handlers of some addon came or went, or its grants changed. */
  refresh(): void {
    this.#takers.refresh();
  }

  wants(event: EventName, host: string | null): boolean {
    const takers = this.#takers.of(event);
    // Edits that a manifest declares need nothing that is asked for here: no body, no message.
    if (takers === undefined || host === null) return takers?.hasHandler === true;
    return takers.hasHandler && takers.for(host).addons.some((addon) => addon.handlers.has(event) && addon.isForHost(host, null));
  }

  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null {
    const takers = this.#takersOf(event, subject);
    const { addons } = takers;
    for (let index = 0; index < addons.length; index++) {
      const addon = addons[index];
      if (addon === undefined) break;
      const concern = awaitsDecoding(addon, event, subject) ? null : concernOf(addon, event, subject);
      if (concern !== "no") return this.#run(event, subject, takers, index, concern);
      if (this.#edit(addon, event, subject) === "refused") return Promise.resolve();
    }
    return null;
  }

  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void {
    for (const addon of this.#takersOf(event, subject).addons) {
      if (isConcerned(addon, event, subject)) this.#notices.add(addon, event, subject, null);
    }
  }

  /** Who may take part as things are now: those for its host, and who has seen it, wherever it was sent since. */
  #takersOf(event: EventName, subject: GateSubject): Takers {
    const takers = this.#takers.of(event);
    if (takers === undefined) return nobody;
    const own = takers.for(destinationOf(subject).host);
    if (own === takers.all) return own;
    for (const { addon } of this.#known.instancesOf(subject.key)) if (!own.members.has(addon) && takers.all.members.has(addon)) return takers.all;
    return own;
  }

  release(subject: GateSubject): void {
    this.#known.release(subject);
  }

  /** A notice that is about no traffic (`tick`, `log`), for every addon that takes it and `isFor`. */
  notify(event: "tick" | "log", view: EventView, isFor: (addon: Addon) => boolean): void {
    for (const addon of this.#takers.of(event)?.all.addons ?? []) if (isFor(addon)) this.#notices.add(addon, event, null, view);
  }

  /** Ends an intercept. False when that flow is not intercepted. */
  resumeFlow(key: number): boolean {
    return this.#intercepts.resume(key);
  }

  /** Nothing is held back any longer. */
  close(): void {
    this.#intercepts.close();
  }

  /** An addon resumes a flow outside a call on it: only one that it knows and may intercept. */
  resumeFrom(instance: Instance, key: number): void {
    if (instance.seenOf(key) !== null && instance.version.grants.permissions.has("act:intercept")) this.resumeFlow(key);
  }

  /** WALL 5: the flow of that key, if this instance was shown it and it has not ended. The guest chose the key. */
  flowOf(instance: Instance, key: number): HttpFlow | null {
    const subject = instance.seenOf(key) === null ? undefined : this.#known.subjectOf(key);
    return subject?.kind === "http" ? subject : null;
  }

  /** PERF: one frame for everybody is the rule, and then this is the only promise beside the cell's (bench/host-event). */
  #run(event: HeldEvent, subject: GateSubject, takers: Takers, from: number, concern: FilterVerdict | null): Promise<void> {
    const { addons } = takers;
    const edited = orderBefore(addons, from);
    if (doesAnyAwaitDecoding(addons, event, subject)) return this.#walk(event, subject, { takers, from, edited, seating: null, result: null });
    const seating = nextSeats(event, subject, { takers, reruns: noReruns, killers: noKillers, from, isTrial: false, concern, edited });
    if (seating.seats.length === 0) return this.#walk(event, subject, { takers, from, edited, seating, result: null });
    return new Frame(this.#services, event, subject, seating.seats).run().then((result) => {
      const isOver = seating.next >= addons.length && result.isComplete && !isIntercepted(subject) && this.#takersOf(event, subject) === takers;
      return isOver ? undefined : this.#walk(event, subject, { takers, from, edited, seating, result });
    });
  }

  /** Asks those that are to be asked, in order, whatever it takes. */
  async #walk(event: HeldEvent, subject: GateSubject, begun: Begun): Promise<void> {
    let { takers, from: index, edited, seating, result: known } = begun;
    let trial: Addon | null = null;
    let reruns = noReruns;
    let killers = noKillers;
    for (;;) {
      // Sent elsewhere, it is the affair of others, too: those that stand after who has been asked.
      const now = seating === null ? this.#takersOf(event, subject) : takers;
      if (now !== takers) index = indexAfter(now.addons, orderBefore(takers.addons, index));
      takers = now;
      const { addons } = takers;
      const isTrial: boolean = trial !== null && addons[index] === trial;
      if (!isTrial) trial?.breaker.abandonTrial();
      trial = null;
      if (index >= addons.length) break;
      if (seating === null && doesAnyAwaitDecoding(addons, event, subject)) await decodeAllBodies(subject, this.#settings.limits.bodyBytes);
      const { seats, next, halt }: Seating = seating ?? nextSeats(event, subject, { takers, reruns, killers, from: index, isTrial, concern: null, edited });
      seating = null;
      if (seats.length > 0) {
        const result: FrameResult = known ?? await new Frame(this.#services, event, subject, seats).run();
        known = null;
        index = result.next;
        if (result.isRefused) return;
        if (result.killer !== null) killers = new Map(killers).set(result.killer.addon, result.killer.fault);
        // The news of a cell's end follows the answers of its last calls.
        if (result.isLost) await new Promise(setImmediate);
        const addon = addons[index];
        if (result.isLost && addon !== undefined) reruns = new Map(reruns).set(addon, (reruns.get(addon) ?? 0) + 1);
        if (result.isLost && addon !== undefined && (reruns.get(addon) ?? 0) > mostReruns) {
          if (this.#refuse(addons[index], event, subject, { code: "restarted", message: "" })) return;
          index++;
        }
        // Addons between the last seat and `next` were not concerned; those at the halt come up again.
        else if (index > (seats.at(-1)?.index ?? 0)) index = Math.max(index, next);
        continue;
      }
      index = next;
      const addon = addons[index];
      if (halt === null || addon === undefined) continue;
      if (halt.kind === "edit") {
        edited = addon.order;
        const step = this.#edit(addon, event, subject);
        if (step === "refused") return;
        if (step === "failed") index++;
        continue;
      }
      if (halt.kind === "wait") {
        if (await this.#awaitRestart(addon)) { trial = halt.isTrial ? addon : null; continue; }
        if (halt.isTrial) addon.breaker.abandonTrial();
        if (this.#refuse(addon, event, subject, { code: "restarted", message: "" })) return;
      } else if (this.#refuse(addon, event, subject, halt.fault)) return;
      index++;
    }
    if (isIntercepted(subject)) await this.#intercepts.hold(subject);
  }

  /** Carries out what the addon's manifest declares for this event. `failed`: it takes no part in it; `refused`: and its policy refuses the flow. */
  #edit(addon: Addon, event: HeldEvent, subject: GateSubject): "done" | "failed" | "refused" {
    const edits = editsOf(addon, event, subject);
    const admission = edits === undefined ? "pass" : admitEdits(addon, subject);
    if (edits === undefined || admission === "pass") return "done";
    const fault = typeof admission === "string" ? carryOut(addon, event, subject, edits) : admission.fault;
    // Edits cannot show that handlers are well again.
    if (admission === "trial" && fault === null && addon.handlers.size === 0) addon.breaker.succeed();
    else if (admission === "trial") addon.breaker.abandonTrial();
    if (fault !== null) return this.#refuse(addon, event, subject, fault) ? "refused" : "failed";
    if (addon.current === null) void this.#lifecycle.restart(addon);
    return "done";
  }

  /** Whether the addon has an instance again, in time. */
  async #awaitRestart(addon: Addon): Promise<boolean> {
    if (addon.version === null) return false;
    const started = this.#lifecycle.restart(addon);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([started, new Promise<void>((resolve) => { timer = setTimeout(resolve, restartWaitMs); })]);
    clearTimeout(timer);
    return addon.current !== null;
  }

  #fail(instance: Instance, event: HeldEvent, subject: GateSubject, fault: Fault, cpuMicros: number): boolean {
    const { addon, version } = instance;
    this.#failQuietly(instance, { addon: addon.name, event, subject, version }, fault);
    if ("history" in subject) addHistory(subject.history, { addon: addon.name, event, changes: [], cpuMicros, failed: fault.code });
    return version.grants.failure === "closed" && refuseSubject(subject, { addon: addon.name, event, fault });
  }

  /** Strike and log, without a word about the flow. */
  #failQuietly(instance: Instance, scene: FaultScene, fault: Fault): void {
    const { msg, fields } = reportFault(fault, scene);
    this.#settings.log.warn(msg, scene.event === "log" ? { ...fields, causedByLog: true } : fields);
    if (fault.code !== "illegal-change" || !hasLeft(scene)) return this.#lifecycle.failed(instance, fault);
    // Another addon may have streamed the message: being too late is no strike, or it could have this one suspended.
    instance.addon.counters.failures++;
    instance.addon.breaker.abandonTrial();
  }

  /** The addon was not even asked. True: its policy refuses the flow. */
  #refuse(addon: Addon | undefined, event: HeldEvent, subject: GateSubject, fault: Fault): boolean {
    if (addon === undefined) return false;
    this.#sayOnce(addon, event, subject, fault);
    if ("history" in subject) addHistory(subject.history, { addon: addon.name, event, changes: [], cpuMicros: 0, failed: fault.code });
    return addon.version?.grants.failure === "closed" && refuseSubject(subject, { addon: addon.name, event, fault });
  }

  #sayOnce(addon: Addon, event: HeldEvent | ToldEvent, subject: GateSubject | null, fault: Fault): void {
    addon.countBreach(fault);
    const now = this.#settings.now();
    if (now < (addon.saidAt.get(fault.code) ?? Number.NEGATIVE_INFINITY) + sayAgainMs) return;
    addon.saidAt.set(fault.code, now);
    const { msg, fields } = reportFault(fault, { addon: addon.name, event, subject, version: addon.version });
    this.#settings.log.warn(msg, event === "log" ? { ...fields, causedByLog: true } : fields);
  }
}

/** The message that the event is about had been sent on when its handler ran. */
function hasLeft({ event, subject }: FaultScene): boolean {
  if (subject?.kind !== "http") return false;
  return (event === "response" ? subject.response : event === "request" ? subject.request : null)?.body.state === "streamed";
}
