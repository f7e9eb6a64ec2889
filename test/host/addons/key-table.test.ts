// The table of objects by key against a Map: keys that count up and wrap, that collide, that stay while others come and go.
import test from "ava";
import { KeyTable } from "../../../host/addons/key-table.ts";

interface Item { readonly of: number }

/** Small numbers that look random; the same for the same seed. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) yield (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8;
}

function agree(t: { readonly is: (a: unknown, b: unknown, message?: string) => unknown }, table: KeyTable<Item>, model: ReadonlyMap<number, Item>, keys: Iterable<number>): void {
  t.is(table.size, model.size);
  for (const key of keys) t.is(table.get(key), model.get(key), String(key));
}

test("it holds what a Map holds, whatever comes and goes", (t) => {
  for (const spread of [1, 3, 64, 1_024, 2 ** 25]) {
    const [table, model, random] = [new KeyTable<Item>(), new Map<number, Item>(), numbers(spread)];
    const keys = Array.from({ length: 300 }, (_, at) => (0xffff_ff00 + at * spread) % 0xffff_fffe);
    for (let step = 0; step < 6_000; step++) {
      const key = keys[random.next().value % keys.length] ?? 0;
      // By turns it fills and empties.
      if (random.next().value % 10 < (Math.floor(step / 1_000) % 2 === 0 ? 7 : 3)) {
        const item = { of: key };
        table.set(key, item);
        model.set(key, item);
      } else t.is(table.delete(key), model.delete(key));
      if (step % 100 === 0) agree(t, table, model, keys);
    }
    agree(t, table, model, keys);
    for (const key of keys) t.is(table.delete(key), model.delete(key));
    t.is(table.size, 0);
  }
});

test("keys that count up, with some that stay", (t) => {
  const [table, model] = [new KeyTable<Item>(), new Map<number, Item>()];
  for (let key = 1; key < 50_000; key++) {
    const item = { of: key };
    table.set(key, item);
    model.set(key, item);
    const gone = key - 64;
    if (gone > 0 && gone % 997 !== 0) t.is(table.delete(gone), model.delete(gone));
  }
  agree(t, table, model, model.keys());
  table.clear();
  t.deepEqual([table.size, table.get(49_999), table.delete(49_999)], [0, undefined, false]);
});

test("what is no key of anything is not found", (t) => {
  const table = new KeyTable<Item>();
  t.deepEqual([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53].map((key) => table.get(key)), Array.from({ length: 6 }, () => undefined));
});
