// Decides for one addon and one event, without waiting: goes in, passes by, waits for a restart, or fails at once (suspended, out of
// budget, overloaded). The only place where breaker, budget and bounds are asked. It calls nobody.
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { Addon } from "./addon.ts";
import type { Instance } from "./instance.ts";

export type Admission =
  | { readonly kind: "go"; readonly instance: Instance; readonly isTrial: boolean }
  /** Not its event, or not its host. */
  | { readonly kind: "pass" }
  /** No isolate now: start it (or wait for the start that is under way) and ask again with `isTrial`. */
  | { readonly kind: "wait"; readonly isTrial: boolean }
  | { readonly kind: "fault"; readonly fault: Fault };

export interface Destination { readonly host: string | null; readonly port: number | null }

/** Where the traffic of an object goes, as far as known. */
export function destinationOf(subject: GateSubject): Destination {
  switch (subject.kind) {
    case "http": return subject.request;
    case "server": return subject.address ?? { host: null, port: null };
    case "tcp": case "layer": case "root": return subject.server.address ?? { host: null, port: null };
  }
}

/** Whether the addon takes part in this event at all. Who has seen the object goes on seeing it, wherever it was sent since. */
export function isConcerned(addon: Addon, event: EventName, subject: GateSubject): boolean {
  if (!addon.handlers.has(event)) return false;
  const { host, port } = destinationOf(subject);
  return addon.isForHost(host, port) || (addon.instanceFor(subject.key)?.seenOf(subject.key) ?? null) !== null;
}

/** `isTrial`: this event is already the one call that a suspended addon is tried with. A "go" or "wait" with `isTrial` must end the trial. */
export function admit(addon: Addon, event: EventName, subject: GateSubject | null, isTrial: boolean): Admission {
  const instance = subject === null ? addon.current : addon.instanceFor(subject.key);
  if (subject === null ? !addon.handlers.has(event) : !isConcerned(addon, event, subject)) return { kind: "pass" };
  if (instance !== null && !instance.handlers.has(event)) return { kind: "pass" };
  const limits = addon.version?.grants.limits;
  const now = addon.now();
  if (limits !== undefined && addon.waiting >= limits.waitingCalls) return { kind: "fault", fault: overloaded(addon.waiting, limits.waitingCalls) };
  if (addon.budget.isEmpty(now)) return { kind: "fault", fault: { code: "cpu-budget", message: "" } };
  const verdict = isTrial ? "trial" : addon.breaker.admit(now);
  if (verdict === "no") return { kind: "fault", fault: { code: "suspended", message: "" } };
  return instance === null ? { kind: "wait", isTrial: verdict === "trial" } : { kind: "go", instance, isTrial: verdict === "trial" };
}

const overloaded = (used: number, value: number): Fault => ({ code: "overloaded", message: "", limit: { name: "waitingCalls", value, used: used + 1, unit: "calls" } });
