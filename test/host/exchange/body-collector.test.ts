// The collector by tables: whole and in chunks, over the limit, and what a body in tiny pieces costs.
import test from "ava";
import { BodyCollector } from "../../../host/exchange/body-collector.ts";

const sizes: readonly (readonly number[])[] = [[], [1], [5_000], [1, 1, 1], [1, 5_000, 1, 2_047, 2_048, 3], Array.from({ length: 30_000 }, () => 1), Array.from({ length: 20 }, () => 2_047)];

test("what was added comes out, in order, once", (t) => {
  for (const lengths of sizes) {
    const body = Buffer.from(lengths.flatMap((length, index) => Array.from({ length }, () => index % 251)));
    for (const take of ["whole", "chunks"] as const) {
      const collector = new BodyCollector(body.length);
      let at = 0;
      for (const length of lengths) t.true(collector.add(body.subarray(at, (at += length))));
      const out = take === "whole" ? collector.takeWhole() : Buffer.concat([...collector.takeChunks()]);
      t.true(out.equals(body), `${lengths.length} chunks of ${body.length} bytes, ${take}`);
      t.is(collector.takeWhole().length, 0);
    }
  }
});

test("beyond the limit it says so and keeps the chunk", (t) => {
  const collector = new BodyCollector(10);
  t.true(collector.add(Buffer.alloc(10)));
  t.false(collector.add(Buffer.alloc(1)));
  t.is(collector.takeWhole().length, 11);
});

test("a body in single bytes is held in few pieces, and pins none of the buffers that it came in", (t) => {
  const collector = new BodyCollector(1_000_000);
  const read = Buffer.alloc(65_536, 7);
  for (let i = 0; i < 1_000_000; i++) collector.add(read.subarray(i % 60_000, (i % 60_000) + 1));
  const chunks = collector.takeChunks();
  t.true(chunks.length < 100, String(chunks.length));
  t.true(chunks.every((chunk) => chunk.buffer !== read.buffer));
});
