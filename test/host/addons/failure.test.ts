// Breaker, budget and placement as tables of time: what suspends, for how long, and what brings back.
import test from "ava";
import { Breaker, CpuBudget, firstSuspensionMs, longestSuspensionMs } from "../../../host/addons/failure.ts";
import { isWornOut, placeAddon, Places } from "../../../host/cells/placement.ts";

test("five strikes in ten seconds suspend; four, or five in more, do not", (t) => {
  const quick = new Breaker();
  for (let i = 0; i < 4; i++) t.false(quick.strike(1, i * 1_000));
  t.is(quick.admit(4_000), "yes");
  t.true(quick.strike(1, 4_000));
  t.is(quick.suspendedUntil(4_000), 5_000);
  const slow = new Breaker();
  for (let i = 0; i < 20; i++) t.false(slow.strike(1, i * 2_600));
  t.is(slow.strikes(19 * 2_600), 4);
});

test("weights count, weight nothing does not", (t) => {
  const breaker = new Breaker();
  for (let i = 0; i < 20; i++) t.false(breaker.strike(0, 0));
  t.false(breaker.strike(3, 0));
  t.true(breaker.strike(3, 0));
});

test("suspensions double to five minutes, each ended by one trial", (t) => {
  const breaker = new Breaker();
  breaker.strike(5, 0);
  const lengths: number[] = [];
  let now = 0;
  for (let i = 0; i < 11; i++) {
    const until = breaker.suspendedUntil(now);
    if (typeof until !== "number") return t.fail();
    lengths.push(until - now);
    t.is(breaker.admit(until - 1), "no");
    now = until;
    t.is(breaker.admit(now), "trial");
    t.is(breaker.admit(now), "no", "one trial at a time");
    t.true(breaker.strike(0, now), "any failure ends the trial");
  }
  t.deepEqual(lengths, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000));
  t.is(longestSuspensionMs, 300_000);
});

test("a good trial closes the breaker; a long good time is forgiven", (t) => {
  const breaker = new Breaker();
  breaker.strike(5, 0);
  t.is(breaker.admit(1_000), "trial");
  breaker.succeed();
  t.true(breaker.isClosed);
  t.is(breaker.strikes(1_000), 0);
  breaker.strike(5, 2_000);
  t.is(breaker.suspendedUntil(2_000), 4_000);
  t.is(breaker.admit(4_000), "trial");
  breaker.abandonTrial();
  t.is(breaker.admit(4_000), "trial", "an abandoned trial may be had again");
  breaker.succeed();
  breaker.strike(5, 1_000_000);
  t.is(breaker.suspendedUntil(1_000_000), 1_000_000 + firstSuspensionMs);
});

test("a second death within ten minutes is the operator's business", (t) => {
  const breaker = new Breaker();
  t.false(breaker.die(0));
  t.false(breaker.die(600_001), "the first one has been forgotten");
  t.true(breaker.die(700_000));
  t.is(breaker.suspendedUntil(1e12), "operator");
  t.is(breaker.admit(1e12), "no");
  breaker.reset();
  t.is(breaker.admit(1e12), "yes");
  t.false(breaker.die(1e12));
});

test("the CPU bucket: a burst, then its share", (t) => {
  const budget = new CpuBudget(0.2, 2_000, 0);
  budget.spend(1_999_000, 0);
  t.false(budget.isEmpty(0));
  budget.spend(2_000, 0);
  t.true(budget.isEmpty(0));
  t.true(budget.isEmpty(5));
  t.false(budget.isEmpty(6));
  budget.spend(0, 1_000_000);
  budget.spend(2_000_000, 1_000_000);
  t.true(budget.isEmpty(1_000_000), "never more than the burst is saved");
});

test("placement", (t) => {
  const addon = { name: "a", group: "g", place: { scope: 0, block: 0 }, isIsolated: false };
  t.is(placeAddon(addon, "shared"), "group:g/0");
  t.is(placeAddon({ ...addon, place: { scope: 0, block: 1 } }, "shared"), "group:g/1");
  t.is(placeAddon({ ...addon, isIsolated: true }, "shared"), "addon:a");
  t.is(placeAddon({ ...addon, needsRoom: true }, "shared"), "addon:a");
  t.is(placeAddon(addon, "per-addon"), "addon:a");
  t.is(new Places("shared").of("a", "b.example").scope, 0);
  const place = new Places("per-hosts").of("a", "b.example");
  t.is(placeAddon({ ...addon, place }, "per-hosts"), "group:g/0/hosts-1");
  t.is(placeAddon(addon, "per-hosts"), "group:g/0");
  t.is(placeAddon({ ...addon, place, isIsolated: true }, "per-hosts"), "addon:a");
});

test("worn-out cells", (t) => {
  const limits = { cellLoads: 1_000, cellRestMiB: 300 };
  t.false(isWornOut({ loads: 999, residents: 3, restMiB: 100 }, limits));
  t.true(isWornOut({ loads: 1_000, residents: 3, restMiB: null }, limits));
  t.true(isWornOut({ loads: 50, residents: 3, restMiB: 301 }, limits));
  t.false(isWornOut({ loads: 1_000, residents: 900, restMiB: 900 }, limits), "a new one would be no better");
});
