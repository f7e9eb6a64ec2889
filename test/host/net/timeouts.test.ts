// The wheel of deadlines, on a clock that the test turns.
import test from "ava";
import { Alarm, TimeoutWheel } from "../../../host/net/timeouts.ts";

function stage(): { readonly wheel: TimeoutWheel; readonly pass: (ms: number) => void; readonly fired: string[]; readonly alarm: (name: string) => Alarm } {
  let now = 1_000_000;
  const wheel = new TimeoutWheel(() => now);
  const fired: string[] = [];
  return {
    wheel, fired,
    pass: (ms) => { now += ms; wheel.advance(); },
    alarm: (name) => new Alarm(wheel, () => void fired.push(name)),
  };
}

test("an alarm fires once, at its time and not before", (t) => {
  const { wheel, pass, fired, alarm } = stage();
  const one = alarm("one");
  one.set(1_000);
  pass(750);
  t.deepEqual(fired, []);
  t.false(one.hasPassed);
  pass(500);
  t.deepEqual(fired, ["one"]);
  t.true(one.hasPassed);
  pass(5_000);
  t.deepEqual(fired, ["one"]);
  one.set(250);
  t.false(one.hasPassed);
  pass(500);
  t.deepEqual(fired, ["one", "one"]);
  wheel.stop();
});

test("setting it again moves it, later and earlier; clear and dispose silence it", (t) => {
  const { wheel, pass, fired, alarm } = stage();
  const [late, early, cleared, disposed] = [alarm("late"), alarm("early"), alarm("cleared"), alarm("disposed")];
  for (const one of [late, early, cleared, disposed]) one.set(5_000);
  late.set(10_000);
  early.set(1_000);
  cleared.clear();
  disposed.dispose();
  pass(1_500);
  t.deepEqual(fired, ["early"]);
  pass(5_000);
  t.deepEqual(fired, ["early"]);
  pass(5_000);
  t.deepEqual(fired, ["early", "late"]);
  wheel.stop();
});

test("times beyond one turn of the wheel, and a clock that jumped", (t) => {
  const { wheel, pass, fired, alarm } = stage();
  const hour = alarm("hour");
  hour.set(3_600_000);
  for (let minute = 0; minute < 59; minute++) pass(60_000);
  t.deepEqual(fired, []);
  pass(70_000);
  t.deepEqual(fired, ["hour"]);
  // Nothing is watched: the timer sleeps while time goes on.
  pass(1);
  const next = alarm("next");
  pass(0);
  next.set(1_000);
  pass(500);
  t.deepEqual(fired, ["hour"]);
  pass(1_000);
  t.deepEqual(fired, ["hour", "next"]);
  wheel.stop();
});

test("an alarm may set itself again while it fires", (t) => {
  let now = 0;
  let times = 0;
  const wheel = new TimeoutWheel(() => now);
  const alarm: Alarm = new Alarm(wheel, () => { if (++times < 3) alarm.set(1_000); });
  alarm.set(1_000);
  for (let i = 0; i < 20; i++) { now += 500; wheel.advance(); }
  t.is(times, 3);
  wheel.stop();
});
