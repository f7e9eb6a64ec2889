// The judgement of the regression guard as a table; what it counts is counted by `npm run bench:guard`, not by tests.
import test from "ava";
import { judgeCounts, tableOf, type Table } from "../../bench/guard/bands.ts";

const table: Table = { "instructions: a": { value: 1_000, most: 1.25 }, "system calls: b": { value: 10, most: 1.3 } };

for (const [name, value, verdict] of [
  ["instructions: a", 1_000, "well"], ["instructions: a", 1_249, "well"], ["instructions: a", 1_251, "too much"], ["instructions: a", 2_000, "too much"],
  ["instructions: a", 501, "well"], ["instructions: a", 499, "far less"], ["system calls: b", 12.9, "well"], ["system calls: b", 14, "too much"], ["instructions: c", 1, "not in the table"],
] as const) {
  test(`${name} = ${value} is ${verdict}`, (t) => {
    t.is(judgeCounts([{ name, value }], table)[0]?.verdict, verdict);
  });
}

test("a table made anew keeps its bands, and what was just counted is well", (t) => {
  const counts = [{ name: "instructions: a", value: 3_000 }, { name: "system calls: new", value: 4.04 }];
  const made = tableOf(counts, { ...table, "instructions: a": { value: 1, most: 2 } });
  t.is(made["instructions: a"]?.most, 2);
  t.true(judgeCounts(counts, made).every(({ verdict }) => verdict === "well"));
});
