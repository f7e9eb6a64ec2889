// How long a cell that has not greeted is waited for: what it does counts, not the clock alone.
import test from "ava";
import { bootLookMs, mayBootOn } from "../../../host/cells/boot-patience.ts";

const look = (elapsedMs: number, cpuMs: number | null, lastCpuMs: number | null): boolean => mayBootOn({ elapsedMs, cpuMs, lastCpuMs });

test("a cell that gets a little of the processor is given time", (t) => {
  t.true(look(bootLookMs, 40, null));
  t.true(look(3 * bootLookMs, 90, 60));
});

test("a cell that does nothing is ended at the next look, as is one that does too much", (t) => {
  t.false(look(bootLookMs, 0, null));
  t.false(look(2 * bootLookMs, 120, 120));
  t.false(look(2 * bootLookMs, 10_500, 4_000));
});

test("nothing is waited for beyond a minute, whether its CPU time is known or not", (t) => {
  t.true(look(bootLookMs, null, null));
  t.false(look(60_000, null, null));
  t.false(look(60_000, 900, 100));
});
