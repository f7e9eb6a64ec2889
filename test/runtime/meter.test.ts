// The thread clock: what an entry is charged when the clock on the wall and the CPU disagree.
import test from "ava";
import { makeThreadClock } from "../../runtime/isolate/meter.ts";

test("a long entry is charged what the thread ran, and never more than it took", (t) => {
  let thread = 0;
  const clock = makeThreadClock(() => thread);
  thread += 2_000;
  t.is(clock.charge(90_000), 2_000, "it was off the processor most of the time");
  thread += 60_000;
  t.is(clock.charge(50_000), 50_000, "the rest was not spent in it");
});

test("short entries are charged by the clock on the wall, and do not add up to a wrong judgement", (t) => {
  let thread = 0;
  let reads = -1;
  const clock = makeThreadClock(() => { reads++; return thread; });
  for (let entry = 0; entry < 9; entry++) { thread += 100; t.is(clock.charge(100), 100); }
  t.is(reads, 0);
  thread += 300;
  t.is(clock.charge(80_000), 1_200, "at most the millisecond that went unread is charged twice");
  t.is(reads, 1);
});
