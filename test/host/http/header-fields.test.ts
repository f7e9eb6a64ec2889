// The list of fields: what it keeps, what its changes do, that it agrees with a plain array model, and its wall.
import test from "ava";
import fc from "fast-check";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { RequestDecoder } from "../../../host/http/h1-decoder.ts";
import { InvariantError } from "../../../host/invariant.ts";
import type { FieldEntry } from "../../../host/http/header-fields.ts";

const raw = "host:a\r\nX-One:  1 \t\r\nx-two: 2\r\nX-ONE: 3\r\nEmpty:\r\n";

function decoded(block: string): HeaderFields {
  const decoder = new RequestDecoder();
  decoder.push(Buffer.from(`GET / HTTP/1.1\r\n${block}\r\n`, "latin1"));
  const head = decoder.next();
  if (head?.kind !== "request-head") throw new Error(`not decoded: ${JSON.stringify(head)}`);
  return head.headers;
}

test("keeps order, spelling, duplicates and raw lines", (t) => {
  const fields = decoded(raw);
  t.is(fields.length, 5);
  t.is(fields.byteLength, raw.length);
  t.is(fields.toBlock(), raw);
  t.deepEqual([...fields.entries()], [["host", "a"], ["X-One", "1"], ["x-two", "2"], ["X-ONE", "3"], ["Empty", ""]]);
  t.is(fields.line(1), "X-One:  1 \t");
  t.is(fields.get("x-one"), "1");
  t.deepEqual(fields.getAll("x-one"), ["1", "3"]);
  t.true(fields.has("empty"));
  t.false(fields.has("x-three"));
  t.is(fields.get("emptz"), undefined);
  t.is(fields.indexOf("x-one", 2), 3);
});

test("set keeps place and spelling of the first and removes the others", (t) => {
  const fields = decoded(raw);
  fields.set("x-one", "new");
  t.is(fields.toBlock(), "host:a\r\nX-One: new\r\nx-two: 2\r\nEmpty:\r\n");
  fields.set("X-Four", "4");
  t.is(fields.line(4), "X-Four: 4");
});

test("delete, insert, push and replaceAll leave other lines as they were", (t) => {
  const fields = decoded(raw);
  t.is(fields.delete("X-one"), 2);
  t.is(fields.delete("X-one"), 0);
  t.is(fields.delete("x-TWO"), 1);
  fields.insert(1, "I", "i");
  fields.push("P", " p ");
  t.is(fields.toBlock(), "host:a\r\nI: i\r\nEmpty:\r\nP: p\r\n");
  fields.replaceAll([3, ["N", ""], 0, 1, 1]);
  t.is(fields.toBlock(), "P: p\r\nN: \r\nhost:a\r\nI: i\r\nI: i\r\n");
  t.deepEqual([...fields.entries()], [["P", "p"], ["N", ""], ["host", "a"], ["I", "i"], ["I", "i"]]);
  fields.replaceAll([]);
  t.is(fields.length, 0);
  t.is(fields.toBlock(), "");
});

test("a clone is changed on its own", (t) => {
  const fields = decoded(raw);
  const clone = fields.clone();
  clone.set("host", "b");
  clone.push("X", "y");
  t.is(fields.toBlock(), raw);
  t.is(clone.get("host"), "b");
});

test("the wall: no CR, LF, NUL, other control, wide character or bad name goes in", (t) => {
  const values = ["a\r\nb", "a\rb", "a\nb", "a\0b", "\x7f", "\x01", "\u0100", "\u{1f600}", "\u010d\u010a"];
  const names = ["", " ", "a b", "a:", "a\r\n", "a\n", "\0", "\xe9", "a\u0130", "(a)", ":path"];
  for (const value of values) {
    for (const write of writers("X", value)) t.throws(write, { instanceOf: InvariantError }, JSON.stringify(value));
  }
  for (const name of names) {
    for (const write of writers(name, "1")) t.throws(write, { instanceOf: InvariantError }, JSON.stringify(name));
  }
  t.throws(() => HeaderFields.from([]).insert(1, "A", "1"), { instanceOf: InvariantError });
  t.throws(() => HeaderFields.from([]).replaceAll([0]), { instanceOf: InvariantError });
  t.throws(() => HeaderFields.from([["A", "1"]]).name(1), { instanceOf: InvariantError });
});

function writers(name: string, value: string): (() => void)[] {
  const fields = HeaderFields.from([["X", "1"]]);
  return [
    () => fields.push(name, value), () => fields.insert(0, name, value), () => fields.set(name, value),
    () => fields.replaceAll([0, [name, value]]), () => { HeaderFields.from([[name, value]]); },
  ];
}

/** The same list as a plain array, written as simply as can be. */
class Model {
  items: { name: string; value: string; line: string }[] = [];

  static item(name: string, value: string): { name: string; value: string; line: string } {
    return { name, value, line: `${name}: ${value}` };
  }

  set(name: string, value: string): void {
    const first = this.items.find((item) => item.name.toLowerCase() === name.toLowerCase());
    if (first === undefined) this.items.push(Model.item(name, value));
    else this.items = this.items.filter((item) => item === first || item.name.toLowerCase() !== name.toLowerCase()).map((item) => (item === first ? Model.item(item.name, value) : item));
  }

  replaceAll(entries: readonly FieldEntry[]): void {
    this.items = entries.flatMap((entry) => {
      const [from, count] = typeof entry === "number" ? [entry, 1] : entry;
      return typeof from === "number" && typeof count === "number" ? this.items.slice(from, from + count).map((item) => ({ ...item })) : [Model.item(String(from), String(count))];
    });
  }
}

const nameArbitrary = fc.constantFrom("a", "A", "b", "Host", "X-Long-Name", "x-long-name", "a1", "B");
const valueArbitrary = fc.constantFrom("", "1", "two words", "\xe9\xff", "x".repeat(40));
const pairArbitrary = fc.tuple(nameArbitrary, valueArbitrary);

type Step = (fields: HeaderFields, model: Model) => void;

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  pairArbitrary.map(([name, value]): Step => (fields, model) => { fields.push(name, value); model.items.push(Model.item(name, value)); }),
  pairArbitrary.map(([name, value]): Step => (fields, model) => { fields.set(name, value); model.set(name, value); }),
  nameArbitrary.map((name): Step => (fields, model) => {
    const kept = model.items.filter((item) => item.name.toLowerCase() !== name.toLowerCase());
    if (fields.delete(name) !== model.items.length - kept.length) throw new Error("delete counts wrong");
    model.items = kept;
  }),
  fc.tuple(fc.nat(20), pairArbitrary).map(([place, [name, value]]): Step => (fields, model) => {
    const i = place % (model.items.length + 1);
    fields.insert(i, name, value);
    model.items.splice(i, 0, Model.item(name, value));
  }),
  fc.array(fc.oneof(fc.nat(20), pairArbitrary), { maxLength: 6 }).map((list): Step => (fields, model) => {
    const entries = list.filter((entry) => typeof entry !== "number" || model.items.length > 0)
      .map((entry) => (typeof entry === "number" ? entry % model.items.length : entry));
    fields.replaceAll(entries);
    model.replaceAll(entries);
  }),
  fc.tuple(fc.nat(20), fc.nat(20), pairArbitrary).map(([place, length, pair]): Step => (fields, model) => {
    const from = place % (model.items.length + 1);
    const count = Math.min(length, model.items.length - from);
    const entries: readonly FieldEntry[] = count === 0 ? [pair] : [[from, count], pair];
    fields.replaceAll(entries);
    model.replaceAll(entries);
  }),
);

test("agrees with a plain array after any changes", (t) => {
  fc.assert(fc.property(fc.array(stepArbitrary, { maxLength: 12 }), (steps) => {
    const fields = decoded(raw);
    const model = new Model();
    model.items = [...fields.entries()].map(([name, value], i) => ({ name, value, line: fields.line(i) }));
    for (const step of steps) {
      step(fields, model);
      const seen = Array.from({ length: fields.length }, (_, i) => ({ name: fields.name(i), value: fields.value(i), line: fields.line(i) }));
      t.deepEqual(seen, model.items);
      t.is(fields.toBlock(), model.items.map((item) => `${item.line}\r\n`).join(""));
      t.is(fields.toPlainBlock(), model.items.map((item) => `${item.name}: ${item.value}\r\n`).join(""));
      for (const name of ["a", "b", "host", "x-long-name", "zz"]) {
        t.deepEqual(fields.getAll(name), model.items.filter((item) => item.name.toLowerCase() === name).map((item) => item.value));
      }
    }
  }), { numRuns: 300 });
});

test("lines for a view are the same however the blanks around values were spelled", (t) => {
  for (const [block, lines] of [
    ["a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"], ["a:1\r\nb: 2\r\n", "a: 1\nb: 2\n"], ["a: 1\r\nb:  2\r\n", "a: 1\nb: 2\n"], ["a: 1 \r\nb:\t2\r\n", "a: 1\nb: 2\n"],
    ["a:\r\nb: \r\nc:  \r\n", "a: \nb: \nc: \n"], ["a: \r\n", "a: \n"],
  ] as const) t.is(decoded(`Host: h\r\n${block}`).toPlainBlock(), `Host: h\n${lines}`.replaceAll("\n", "\r\n"));
});
