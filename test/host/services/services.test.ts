// What isolates may ask for: lines in the log, bounded and defused; timers, bounded and gone with their isolate.
import test from "ava";
import { setTimeout as sleep } from "node:timers/promises";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { GuestLog } from "../../../host/services/log.ts";
import { GuestTimers, mostTimers } from "../../../host/services/timers.ts";

function open(linesPerSecond: number, lineBytes: number): { readonly log: GuestLog; readonly records: LogRecord[] } {
  const records: LogRecord[] = [];
  return { records, log: new GuestLog(makeLog((record) => { records.push(record); }), { addon: "a", linesPerSecond, lineBytes }) };
}

test("lines carry the addon and their level", (t) => {
  const { log, records } = open(10, 100);
  log.line("error", "oh", 0, { causedByLog: true });
  t.like(records[0], { level: "error", msg: "oh", fields: { addon: "a", causedByLog: true } });
});

test("so many a second, the rest counted, one warning a second", (t) => {
  const { log, records } = open(3, 100);
  for (let i = 0; i < 10; i++) log.line("info", `${i}`, 500);
  t.deepEqual(records.map(({ msg }) => msg), ["0", "1", "2", 'addon "a" logs more than 3 lines a second; the rest is dropped']);
  t.is(log.dropped, 7);
  for (let i = 0; i < 5; i++) log.line("info", "x", 1_500);
  t.is(records.length, 8);
  t.is(log.dropped, 9);
});

test("long lines are cut between characters", (t) => {
  const { log, records } = open(10, 10);
  log.line("info", "\u20ac".repeat(10), 0);
  log.line("info", "x".repeat(1_000), 0);
  log.line("info", "exactly 10", 0);
  t.deepEqual(records.map(({ msg }) => msg), ["\u20ac\u20ac\u20ac\u2026", "xxxxxxxxxx\u2026", "exactly 10"]);
});

test("control characters cannot draw on a terminal", (t) => {
  const { log, records } = open(10, 100);
  log.line("info", "\u001b[2Ja\rb\u0000c\u009bd\u202ee\tf\ng", 0);
  t.is(records[0]?.msg, "\ufffd[2Ja\ufffdb\ufffdc\ufffdd\ufffde\tf\ng");
});

test("timers are due once, cleared ones never, none after close", async (t) => {
  const due: number[] = [];
  const timers = new GuestTimers((id) => { due.push(id); });
  t.true(timers.set(1, 5));
  t.true(timers.set(2, 5));
  t.true(timers.set(3, 60_000));
  t.false(timers.set(3, 1), "taken");
  timers.clear(2);
  timers.clear(99);
  await sleep(60);
  t.deepEqual(due, [1]);
  t.is(timers.size, 1);
  timers.close();
  t.is(timers.size, 0);
});

test("timers are bounded, and times that are none are refused", (t) => {
  const timers = new GuestTimers(() => {});
  t.false(timers.set(1, Number.NaN));
  t.false(timers.set(1, -1));
  t.true(timers.set(1, Number.MAX_VALUE));
  for (let id = 2; id <= mostTimers; id++) timers.set(id, 60_000);
  t.false(timers.set(mostTimers + 1, 1));
  timers.close();
});
