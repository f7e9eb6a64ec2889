// Decides for one addon and one event, without waiting: goes in, passes by, waits for a restart, or fails at once (suspended, out of
// budget, overloaded). The only place where breaker, budget and bounds are asked. It calls nobody.
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { matchesFilter } from "../../sandbox-api/schema/filter.ts";
import { filterSubject } from "../flows/filter-subject.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { Addon } from "./addon.ts";
import { hasUndecodedBody } from "./bodies.ts";
import { microsPerStep, mostFilterSteps } from "./filter-cost.ts";
import type { Grants } from "./grants.ts";
import type { Instance } from "./instance.ts";

export type Admission =
  | { readonly kind: "go"; readonly instance: Instance; readonly isTrial: boolean }
  /** Not its event, not its host, or not what its filter asks for. */
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

/** Grants of the version that has to do with this object. */
const grantsFor = (addon: Addon, subject: GateSubject): Grants | undefined => (addon.instanceFor(subject.key)?.version ?? addon.version)?.grants;

/** Whether a filter waits for a body to be decoded. */
export function awaitsDecoding(addon: Addon, event: EventName, subject: GateSubject): boolean {
  return addon.handlers.has(event) && grantsFor(addon, subject)?.filter?.readsBodies === true && hasUndecodedBody(subject);
}

/** Whether a filter of one of them does. */
export function doesAnyAwaitDecoding(addons: readonly Addon[], event: EventName, subject: GateSubject): boolean {
  for (const addon of addons) if (awaitsDecoding(addon, event, subject)) return true;
  return false;
}

/** `given up`: the search took more steps than one event may cost; with an empty budget nothing is searched at all. */
export type FilterVerdict = "yes" | "no" | "given up";

function filterVerdict(addon: Addon, subject: GateSubject): FilterVerdict {
  const grants = grantsFor(addon, subject);
  if (grants === undefined || grants.filter === null || addon.budget.isEmpty(addon.now())) return "yes";
  const budget = { steps: mostFilterSteps };
  const matches = matchesFilter(grants.filter.tree, filterSubject(subject, grants.permissions), budget);
  addon.budget.spend((mostFilterSteps - budget.steps) * microsPerStep, addon.now());
  return budget.steps < 0 ? "given up" : matches ? "yes" : "no";
}

/** Whether the addon takes part in this event at all. Who has seen the object goes on seeing it, wherever it was sent since. */
export const isConcerned = (addon: Addon, event: EventName, subject: GateSubject): boolean => concernOf(addon, event, subject) !== "no";

/** Likewise, for `admit`. */
export const concernOf = (addon: Addon, event: EventName, subject: GateSubject): FilterVerdict =>
  isForTraffic(addon, event, subject) ? filterVerdict(addon, subject) : "no";

function isForTraffic(addon: Addon, event: EventName, subject: GateSubject): boolean {
  return addon.handlers.has(event) && isInScope(addon, subject);
}

function isInScope(addon: Addon, subject: GateSubject): boolean {
  const { host, port } = destinationOf(subject);
  return addon.isForHost(host, port) || (addon.instanceFor(subject.key)?.seenOf(subject.key) ?? null) !== null;
}

/**
 * `isTrial`: this event is already the one call that a suspended addon is tried with. A "go" or "wait" with `isTrial` must end the trial. `concern`: what
 * has been found already, as long as nothing has changed; a filter's search costs the addon its budget.
 */
export function admit(addon: Addon, event: EventName, subject: GateSubject | null, isTrial: boolean, concern: FilterVerdict | null = null): Admission {
  const instance = subject === null ? addon.current : addon.instanceFor(subject.key);
  if (subject === null ? !addon.handlers.has(event) : !isForTraffic(addon, event, subject)) return pass;
  const verdict = subject === null ? "yes" : concern ?? filterVerdict(addon, subject);
  if (verdict === "no") return pass;
  if (instance !== null && !instance.handlers.has(event)) return pass;
  const limits = addon.version?.grants.limits;
  const now = addon.now();
  if (limits !== undefined && addon.waiting >= limits.waitingCalls) return { kind: "fault", fault: overloaded(addon.waiting, limits.waitingCalls) };
  const spent = spentFault(addon, verdict, now);
  if (spent !== null) return { kind: "fault", fault: spent };
  const admission = isTrial ? "trial" : addon.breaker.admit(now);
  if (admission === "no") return { kind: "fault", fault: { code: "suspended", message: "" } };
  return instance === null ? { kind: "wait", isTrial: admission === "trial" } : { kind: "go", instance, isTrial: admission === "trial" };
}

/** `fault`: its failure policy decides. */
export type EditAdmission = "go" | "trial" | "pass" | { readonly kind: "fault"; readonly fault: Fault };

/** Likewise for what the addon's manifest declares, which needs no isolate. A "trial" must end. */
export function admitEdits(addon: Addon, subject: GateSubject): EditAdmission {
  const verdict = isInScope(addon, subject) ? filterVerdict(addon, subject) : "no";
  if (verdict === "no") return "pass";
  const now = addon.now();
  const fault = spentFault(addon, verdict, now);
  if (fault !== null) return { kind: "fault", fault };
  const admission = addon.breaker.admit(now);
  return admission === "no" ? { kind: "fault", fault: { code: "suspended", message: "" } } : admission === "trial" ? "trial" : "go";
}

/** Why its budget lets it do nothing now; null: it does. */
function spentFault(addon: Addon, verdict: "yes" | "given up", now: number): Fault | null {
  const limits = addon.version?.grants.limits;
  if (addon.budget.isEmpty(now)) return { code: "cpu-budget", message: limits === undefined ? "" : `cpuBudgetShare ${limits.cpuBudgetShare}, cpuBudgetBurstMs ${limits.cpuBudgetBurstMs}` };
  return verdict === "given up" ? { code: "cpu-budget", message: "its filter takes too long to search this flow" } : null;
}

const pass: Admission = { kind: "pass" };
const overloaded = (used: number, value: number): Fault => ({ code: "overloaded", message: "", limit: { name: "waitingCalls", value, used: used + 1, unit: "calls" } });
