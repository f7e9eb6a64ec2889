// A worker's part of the limits that hold for the whole of an addon, and how states of one addon in several workers become one. Pure.
// CPU budgets and strikes are not divided: every worker hears of all of them (group.ts). Memory and times are each isolate's own.
import type { AddonState } from "../addons/addon-host.ts";
import { limitTable, type LimitName, type Limits } from "../../sandbox-api/schema/limits.ts";

/** Divided among workers. `least`: what a worker needs at any rate, since its share of the traffic is not always its share of the workers. */
const divided = {
  logLinesPerSecond: 1, fetchesAtOnce: 1, fetchesPerSecond: 1, replaysAtOnce: 1, replaysPerSecond: 1, waitingCalls: 32,
} as const satisfies { readonly [L in LimitName]?: number };

/** Rounded down, but never below what the table allows: then the whole may get a little more than the limit says. */
export function shareOf(limits: Limits, workers: number): Limits {
  const share = (name: keyof typeof divided): number => {
    const least = Math.max(divided[name], limitTable[name].min);
    return Math.min(limits[name], Math.max(least, Math.floor(limits[name] / workers)));
  };
  return {
    ...limits, logLinesPerSecond: share("logLinesPerSecond"), fetchesAtOnce: share("fetchesAtOnce"), fetchesPerSecond: share("fetchesPerSecond"),
    replaysAtOnce: share("replaysAtOnce"), replaysPerSecond: share("replaysPerSecond"), waitingCalls: share("waitingCalls"),
  };
}

/** From the best to the worst; the worst of all workers is the addon's. */
const statuses: readonly AddonState["status"][] = ["running", "restarting", "held", "suspended", "failed"];

/** What the operator sees of an addon that runs in several workers: counts together, else the worst. At least one state. */
export function mergeStates(states: readonly AddonState[]): AddonState | null {
  const [first, ...others] = states;
  return first === undefined ? null : others.reduce(merged, first);
}

function merged(one: AddonState, other: AddonState): AddonState {
  return {
    ...one,
    status: statuses[Math.max(statuses.indexOf(one.status), statuses.indexOf(other.status))] ?? one.status,
    held: one.held ?? other.held, isIsolated: one.isIsolated || other.isIsolated, strikes: Math.max(one.strikes, other.strikes),
    suspendedUntil: later(one.suspendedUntil, other.suspendedUntil), reloads: Math.max(one.reloads, other.reloads),
    calls: one.calls + other.calls, failures: one.failures + other.failures, restarts: one.restarts + other.restarts, cpuMicros: one.cpuMicros + other.cpuMicros,
    logLinesDropped: one.logLinesDropped + other.logLinesDropped, breaches: summed(one.breaches, other.breaches),
  };
}

function later(one: AddonState["suspendedUntil"], other: AddonState["suspendedUntil"]): AddonState["suspendedUntil"] {
  if (one === "operator" || other === "operator") return "operator";
  return one === null || other === null ? one ?? other : Math.max(one, other);
}

function summed(one: AddonState["breaches"], other: AddonState["breaches"]): AddonState["breaches"] {
  const sum: { [L in LimitName]?: number } = { ...one };
  for (const [name, count] of Object.entries(other) as [LimitName, number][]) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
