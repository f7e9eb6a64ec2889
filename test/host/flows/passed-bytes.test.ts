// Bytes that passed: whole within the bound, nothing but their number beyond it, and no object for each of them.
import test from "ava";
import fc from "fast-check";
import { PassedBytes } from "../../../host/flows/passed-bytes.ts";

test("any chunks come back in one piece within the bound, and none beyond it", (t) => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 20 }), fc.nat(20_000), (chunks, limit) => {
    const passed = new PassedBytes(limit);
    for (const chunk of chunks) passed.add(Buffer.from(chunk));
    const whole = Buffer.concat(chunks);
    t.is(passed.size, whole.length);
    t.deepEqual(passed.bytes, whole.length > limit ? null : whole);
  }), { numRuns: 200 });
});

test("single bytes cost bytes", (t) => {
  const passed = new PassedBytes(2_000_000);
  const before = process.memoryUsage();
  for (let at = 0; at < 2_000_000; at++) passed.add(Buffer.from([at & 0xff]).subarray());
  const after = process.memoryUsage();
  t.is(passed.bytes?.length, 2_000_000);
  t.is(passed.bytes?.[1_999_999], 1_999_999 & 0xff);
  t.true(after.arrayBuffers - before.arrayBuffers < 64_000_000, `${after.arrayBuffers - before.arrayBuffers}`);
});
