// Memory of reads: freed exactly when every byte of it was given back.
import test from "ava";
import { giveBack } from "../../host/read-memory.ts";

test("a piece of memory is freed with the last of its bytes, not before", (t) => {
  const memory = new ArrayBuffer(65_536);
  const views = [0, 16_384, 32_768, 49_152].map((at) => Buffer.from(memory, at, 16_384));
  for (const view of views.slice(0, 3)) giveBack(view);
  t.is(memory.byteLength, 65_536);
  t.is(views[3]?.length, 16_384);
  for (const view of views.slice(3)) giveBack(view);
  t.true(memory.detached);
  t.deepEqual(views.map(({ length }) => length), [0, 0, 0, 0]);
});

test("memory of which a byte is still wanted stays", (t) => {
  const memory = new ArrayBuffer(1_000);
  giveBack(Buffer.from(memory, 0, 999));
  t.false(memory.detached);
  giveBack(Buffer.from(new SharedArrayBuffer(8)));
  const whole = Buffer.from(new ArrayBuffer(10));
  giveBack(whole);
  t.is(whole.length, 0);
});
