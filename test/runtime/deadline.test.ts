// Deadlines of entries: never earlier than the limit and the least grace, never later than the most, and close together.
import test from "ava";
import fc from "fast-check";
import { graceMs, leastGrace, makeDeadlines, suspectGraceMs } from "../../runtime/isolate/deadline.ts";

test("an entry gets its limit and a grace between the two bounds, whatever ran before it", (t) => {
  fc.assert(fc.property(fc.constantFrom(graceMs, suspectGraceMs), fc.array(fc.tuple(fc.double({ min: 0, max: 1e7, noNaN: true }), fc.double({ min: 0, max: 5_000, noNaN: true })), { maxLength: 20 }), (mostMs, entries) => {
    const { timeout } = makeDeadlines();
    return entries.every(([nowMs, limitMs]) => {
      const given = timeout(limitMs, mostMs, nowMs);
      return Number.isInteger(given) && given >= Math.ceil(limitMs) + leastGrace(mostMs) - 1 && given <= Math.ceil(limitMs) + mostMs;
    });
  }));
  t.pass();
});

test("deadlines of entries that begin at different times stand within one millisecond, the first before the others", (t) => {
  const { timeout } = makeDeadlines();
  const due = Array.from({ length: 380 }, (_, index) => { const now = 1_000.95 + index * 0.05; return now + timeout(50, graceMs, now); });
  const [first = 0, ...others] = due;
  t.true(others.every((at) => at > first));
  t.true(Math.max(...others) - Math.min(...others) <= 1);
});

test("limits of different addons share the grid", (t) => {
  const { timeout } = makeDeadlines();
  timeout(50, graceMs, 1_000);
  t.deepEqual([10, 20, 50].map((limitMs) => (1_001 + timeout(limitMs, graceMs, 1_001)) % 20 >= 19 || (1_001 + timeout(limitMs, graceMs, 1_001)) % 20 === 0), [true, true, true]);
});
