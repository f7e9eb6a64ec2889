// One log out of several: facts of the whole once, what is a worker's own with its number.
import test from "ava";
import type { LogRecord } from "../../../host/log.ts";
import { LogMerge } from "../../../host/workers/log-merge.ts";

function merge(): { readonly printed: LogRecord[]; readonly say: (worker: number, time: number, msg: string, fields?: LogRecord["fields"]) => void } {
  const printed: LogRecord[] = [];
  const log = new LogMerge((record) => void printed.push(record));
  return { printed, say: (worker, time, msg, fields = {}) => log.take(worker, { time, level: "warn", msg, fields }) };
}

test("what all workers say is said once; who said it first may say it again", (t) => {
  const { printed, say } = merge();
  for (const worker of [1, 2, 3]) say(worker, worker, "addon \"a\" was reloaded", { addon: "a", event: "reload" });
  t.is(printed.length, 1);
  say(1, 10, "addon \"a\" was reloaded", { addon: "a", event: "reload" });
  t.is(printed.length, 2, "as one process alone would");
  say(2, 20_000, "addon \"a\" was reloaded", { addon: "a", event: "reload" });
  t.is(printed.length, 3, "later it is another fact");
  t.true(printed.every(({ fields }) => fields["worker"] === undefined));
});

test("an addon's own words, flows and cells are each worker's", (t) => {
  const { printed, say } = merge();
  for (const worker of [1, 2]) {
    say(worker, 0, "hello", { addon: "a", event: "addon-log" });
    say(worker, 0, "addon \"a\" failed in request (http://x/)", { addon: "a", url: "http://x/", fault: "threw" });
    say(worker, 0, "cell ended", { event: "cell-end", cell: 7 });
  }
  t.deepEqual(printed.map(({ fields }) => fields["worker"]), [1, 1, 1, 2, 2, 2]);
});

test("a refusal that passes is said once, whichever flow it was", (t) => {
  const { printed, say } = merge();
  say(1, 0, "addon \"a\" failed in request (http://x/1): suspended", { addon: "a", url: "http://x/1", fault: "suspended" });
  say(2, 5, "addon \"a\" failed in request (http://x/2): suspended", { addon: "a", url: "http://x/2", fault: "suspended" });
  say(2, 6, "addon \"b\" failed in request (http://x/2): suspended", { addon: "b", url: "http://x/2", fault: "suspended" });
  t.is(printed.length, 2);
});

test("it remembers no more than it needs to", (t) => {
  const { printed, say } = merge();
  for (let i = 0; i < 5_000; i++) say(1, 0, `sentence ${i}`);
  say(2, 0, "sentence 0");
  t.is(printed.length, 5_001, "the oldest is forgotten");
  say(2, 0, "sentence 4999");
  t.is(printed.length, 5_001);
});
