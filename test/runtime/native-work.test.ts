// What this process does for an isolate is measured, and ends once an entry has had enough of it.
import test from "ava";
import { NativeWork } from "../../runtime/isolate/native-work.ts";

test("work is counted for its entry, whether it succeeds or not, and refused when the entry has had too much", (t) => {
  let now = 0;
  const work = new NativeWork(() => now, () => now * 1_000);
  const piece = (ms: number): string => work.run(() => { now += ms; return "done"; });
  t.throws(() => { work.open(0); piece(1); piece(1); }, { message: /no CPU time/ });
  work.open(10);
  t.is(work.micros, 0, "each entry has its own");
  t.is(piece(4), "done");
  t.throws(() => work.run(() => { now += 4; throw new Error("no such operation"); }), { message: "no such operation" });
  now += 50;
  t.is(work.micros, 8_000, "time between pieces is not theirs");
  piece(5);
  const error = t.throws(() => piece(1), { message: /no CPU time/ });
  t.is(error?.stack, error?.message, "no stack of ours enters an isolate");
  t.is(work.micros, 13_000);
});

test("what the clock counts while others run is nobody's work", (t) => {
  let now = 0;
  let cpu = 0;
  const work = new NativeWork(() => now, () => cpu);
  const piece = (ms: number, cpuMs: number): void => work.run(() => { now += ms; cpu += cpuMs * 1_000; });
  work.open(10);
  for (let turn = 0; turn < 10; turn++) piece(100, 1);
  piece(100, 2);
  t.throws(() => piece(1, 1), { message: /no CPU time/ });
  work.open(10);
  piece(1, 1);
  t.is(work.micros, 1_000);
});
