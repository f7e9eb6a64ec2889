// When answers of a cell leave and what it marks, with a link that only counts and a real file for the mark.
import test from "ava";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { SentFrame } from "../../runtime/link.ts";
import { makeOutbox, type Outbox } from "../../runtime/outbox.ts";
import { markBytes, readMark, type Mark } from "../../sandbox-api/wire/mark.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const frame: SentFrame = { type: 66, status: 0, id: 1, instance: 1, cpuMicros: 0, text: "", attachments: [] };

interface Stage { readonly outbox: Outbox; readonly sent: () => number; readonly mark: () => Mark | null; readonly clock: { now: number }; readonly descriptor: number }

function stage(hasMark = true): Stage {
  const folder = temporaryFolder("mark");
  const descriptor = openSync(join(folder, "mark"), "wx+");
  let added = 0;
  let sent = 0;
  const clock = { now: 0 };
  const link = { add: () => { added++; }, flush: () => { sent = added; }, receive: () => null };
  const bytes = Buffer.alloc(markBytes);
  return {
    outbox: makeOutbox(link, hasMark ? descriptor : null, () => clock.now), sent: () => sent, clock, descriptor,
    mark: () => (readSync(descriptor, bytes, 0, markBytes, 0) === markBytes ? readMark(bytes) : null),
  };
}

test("a call is marked where its answer is not the next that the host will see, until everything is answered", (t) => {
  const { outbox, sent, mark } = stage();
  outbox.enter(1, 7, true);
  t.is(mark(), null, "the host waits for that one anyway");
  outbox.add(frame);
  outbox.enter(2, 7, true);
  t.deepEqual(mark(), { call: 2, instance: 7 });
  t.is(sent(), 0, "the answer before it waits");
  outbox.enter(3, 8, false);
  t.deepEqual(mark(), { call: 3, instance: 8 });
  outbox.flush();
  outbox.enter(2, 9, true);
  t.deepEqual(mark(), { call: 2, instance: 9 }, "the mark before may name a call that is still open");
  outbox.end();
  outbox.enter(4, 7, true);
  t.deepEqual(mark(), { call: 2, instance: 9 });
});

test("what has waited for a millisecond leaves", (t) => {
  const { outbox, sent, clock } = stage();
  outbox.add(frame);
  clock.now = 1;
  outbox.flushLate();
  t.is(sent(), 0);
  clock.now = 1.1;
  outbox.flushLate();
  t.is(sent(), 1);
});

test("without a mark, from the start or since it could not be written, every answer is out before the next call", (t) => {
  const none = stage(false);
  const broken = stage();
  closeSync(broken.descriptor);
  for (const { outbox, sent } of [none, broken]) {
    outbox.add(frame);
    outbox.enter(2, 7, false);
    t.is(sent(), 1);
    t.false(outbox.mayWait);
  }
});
