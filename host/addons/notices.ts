// Notices: events that no traffic waits for. Each addon is told of its own in order, one after the other; what it answers is for its breaker and
// its budget only.
import type { ToldEvent } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { GateSubject } from "../flows/gate.ts";
import { plainView, type EventView, type ViewWriter } from "../flows/view.ts";
import type { Addon } from "./addon.ts";
import { admit } from "./admission.ts";
import { callOne } from "./call-one.ts";
import type { Instance } from "./instance.ts";
import type { KnownObjects } from "./known-objects.ts";

export interface NoticeServices {
  readonly writer: ViewWriter;
  readonly known: KnownObjects;
  /** LIMIT waitingCalls. */
  readonly waitingCalls: number;
  /** Whether the addon has an instance again, in time. */
  readonly awaitRestart: (addon: Addon) => Promise<boolean>;
  /** The addon was not even asked. */
  readonly sayOnce: (addon: Addon, event: ToldEvent, subject: GateSubject | null, fault: Fault) => void;
  readonly fail: (instance: Instance, event: ToldEvent, subject: GateSubject | null, fault: Fault) => void;
}

export class Notices {
  readonly #services: NoticeServices;

  constructor(services: NoticeServices) {
    this.#services = services;
  }

  /** `view`: of events that are about no object. */
  add(addon: Addon, event: ToldEvent, subject: GateSubject | null, view: EventView | null): void {
    const { waitingCalls, known, sayOnce } = this.#services;
    if (addon.told.length >= waitingCalls) {
      const limit = { name: "waitingCalls", value: waitingCalls, used: addon.told.length + 1, unit: "calls" };
      return sayOnce(addon, event, subject, { code: "overloaded", message: "", limit });
    }
    if (subject !== null && addon.told.length > 0) known.await(addon, subject);
    addon.told.add(() => this.#deliver(addon, event, subject, view));
  }

  async #deliver(addon: Addon, event: ToldEvent, subject: GateSubject | null, view: EventView | null): Promise<void> {
    let admission = admit(addon, event, subject, false);
    // It may end while the addon starts.
    if (admission.kind === "wait" && subject !== null) this.#services.known.await(addon, subject);
    if (admission.kind === "wait" && (await this.#services.awaitRestart(addon))) admission = admit(addon, event, subject, admission.isTrial);
    if (admission.kind === "wait" && admission.isTrial) addon.breaker.abandonTrial();
    if (admission.kind !== "go") return;
    const { instance } = admission;
    const outcome = await this.#call(instance, event, view ?? this.#writeTold(instance, event, subject));
    if (outcome.kind === "failed") this.#services.fail(instance, event, subject, outcome.fault);
    else if (outcome.kind === "unchanged" || outcome.kind === "changed") addon.breaker.succeed();
    else addon.breaker.abandonTrial();
  }

  async #call(instance: Instance, event: ToldEvent, view: EventView): ReturnType<typeof callOne> {
    const { addon } = instance;
    const isLog = event === "log";
    addon.waiting++;
    if (isLog) instance.logEventsRunning++;
    const outcome = await callOne(instance, view, false);
    if (isLog) instance.logEventsRunning--;
    addon.waiting--;
    return outcome;
  }

  #writeTold(instance: Instance, event: ToldEvent, subject: GateSubject | null): EventView {
    if (subject === null) return plainView(event, 0, []);
    const { permissions, limits } = instance.version.grants;
    const { writer, known } = this.#services;
    const seen = instance.seenOf(subject.key) ?? known.meet(instance, subject);
    const view = writer.write(event, subject, permissions, [seen], limits.bodyBytes);
    writer.note(event, subject, permissions, seen, new Set());
    return view;
  }
}
