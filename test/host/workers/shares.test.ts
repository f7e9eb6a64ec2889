// Limits of the whole divided among workers, and states of the workers made one, as tables.
import test from "ava";
import type { AddonState } from "../../../host/addons/addon-host.ts";
import { mergeStates, shareOf } from "../../../host/workers/shares.ts";
import { defaultLimits, limitTable, type LimitName } from "../../../sandbox-api/schema/limits.ts";

const names = Object.keys(limitTable) as LimitName[];

test("one worker has all; shares of more add up to no more than the whole, and none is below what the table allows", (t) => {
  t.deepEqual(shareOf(defaultLimits, 1), defaultLimits);
  for (const workers of [2, 3, 7, 8]) {
    const share = shareOf(defaultLimits, workers);
    for (const name of names) {
      t.true(share[name] >= limitTable[name].min && share[name] <= defaultLimits[name], name);
      if (share[name] !== defaultLimits[name]) t.true(share[name] * workers <= defaultLimits[name], `${name} of ${workers}`);
    }
  }
  t.like(shareOf(defaultLimits, 2), { logLinesPerSecond: 100, fetchesAtOnce: 8, waitingCalls: 128, cpuBudgetShare: 0.2, memoryMiB: 32 });
  t.like(shareOf(defaultLimits, 64), { waitingCalls: 32, fetchesAtOnce: 1 }, "with very many, what a worker needs at any rate");
  t.is(shareOf({ ...defaultLimits, waitingCalls: 5, replaysAtOnce: 0 }, 2).waitingCalls, 5);
  t.is(shareOf({ ...defaultLimits, replaysAtOnce: 0 }, 2).replaysAtOnce, 0);
});

const state: AddonState = {
  name: "a", path: "/a.ts", status: "running", held: null, handlers: ["request"], edits: [], cellPid: 5, isIsolated: false, strikes: 0, suspendedUntil: null, calls: 10, failures: 1,
  reloads: 2, restarts: 1, cpuMicros: 100, logLinesDropped: 3, breaches: { cpuMs: 1 },
};

test("counts are added, and the worst is everybody's", (t) => {
  t.is(mergeStates([]), null);
  t.is(mergeStates([state]), state);
  const other: AddonState = { ...state, status: "suspended", suspendedUntil: 500, isIsolated: true, strikes: 4, calls: 5, breaches: { cpuMs: 2, wallMs: 1 }, reloads: 1 };
  t.like(mergeStates([state, other]), { status: "suspended", suspendedUntil: 500, isIsolated: true, strikes: 4, calls: 15, failures: 2, reloads: 2, restarts: 2, cpuMicros: 200, logLinesDropped: 6, breaches: { cpuMs: 3, wallMs: 1 } });
  t.is(mergeStates([other, { ...other, suspendedUntil: "operator" }])?.suspendedUntil, "operator");
});
