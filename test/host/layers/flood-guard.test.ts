// The bucket behind the counts of what HTTP/2 clients can send for nothing, with a clock of the test's.
import test from "ava";
import { TokenBucket } from "../../../host/layers/flood-guard.ts";

test("a burst passes, then as much as time brings, never more than a burst", (t) => {
  let now = 0;
  const bucket = new TokenBucket(3, 2, () => now);
  const taken = (times: number): number => Array.from({ length: times }, () => bucket.take()).filter(Boolean).length;
  t.is(taken(5), 3);
  now += 400;
  t.is(taken(2), 0);
  now += 100;
  t.is(taken(2), 1);
  now += 3_600_000;
  t.is(taken(9), 3);
});
