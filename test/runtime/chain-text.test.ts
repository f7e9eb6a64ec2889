// The text that each instance of a chain gets: added fields in the head, everything else as patches in order, and nothing that an addon
// writes can make a line or a part of its own.
import test from "ava";
import { ChainText } from "../../runtime/chain-text.ts";

const envelope = (...parts: readonly string[]): string => JSON.stringify({ event: "request", key: 1, parts });
const head = (...fields: readonly string[]): string => `{"path":"/"}\n${fields.length}\n${fields.map((field) => `${field}\r\n`).join("")}`;
const original = `${envelope("flow", "request")}\0{}\0${head("a: 1", "b: 2")}`;
const added = (count: number, ...pairs: readonly unknown[]): string => JSON.stringify([["request.headers", [[0, count], ...pairs]]]);

function after(...lists: readonly string[]): string {
  const chain = new ChainText(original);
  for (const list of lists) chain.add(list);
  return chain.text;
}

test("without changes the text is the one that came", (t) => {
  t.is(new ChainText(original).text, original);
});

test("fields at the end of a head stand in the head, addon after addon", (t) => {
  t.is(after(added(2, ["c", "3"])), `${envelope("flow", "request")}\0{}\0${head("a: 1", "b: 2", "c: 3")}`);
  t.is(after(added(2, ["c", "3"]), added(3, ["d", "4"], ["e", "\u00e9"])), `${envelope("flow", "request")}\0{}\0${head("a: 1", "b: 2", "c: 3", "d: 4", "e: \u00e9")}`);
});

test("other changes follow as patches, in order, and so does whatever comes after them", (t) => {
  const moved = JSON.stringify([["request.headers", [1, 0]]]);
  t.is(after(added(2, ["c", "3"]), moved, added(2, ["d", "4"])), `${envelope("flow", "request", "patch")}\0{}\0${head("a: 1", "b: 2", "c: 3")}\0[${moved},${added(2, ["d", "4"])}]`);
});

test("a head that is not in the text is changed by patches", (t) => {
  const list = JSON.stringify([["response.headers", [[0, 2], ["c", "3"]]]]);
  const patched = `${envelope("flow", "request", "patch")}\0{}\0${head("a: 1", "b: 2")}`;
  t.is(after(list), `${patched}\0[${list}]`);
  const next = (count: number): string => JSON.stringify([["response.headers", [[0, count], ["d", "4"]]]]);
  t.is(after(list, next(3)), `${patched}\0[[["response.headers",[[0,2],["c","3"],["d","4"]]]]]`, "neighbours become one");
  t.is(after(list, next(2)), `${patched}\0[${list},${next(2)}]`, "but not if they do not follow each other");
});

const strange: readonly (readonly [name: string, list: string])[] = [
  ["a value with a line break", added(2, ["c", "3\r\nd: 4"])], ["a name with a line break", added(2, ["c: 3\r\nd", "4"])], ["a value with a separator", added(2, ["c", "3\0[]"])],
  ["a count that is wrong", added(3, ["c", "3"])], ["a count of nothing", added(0, ["c", "3"])], ["a count that is none", JSON.stringify([["request.headers", [[0, "2\n"], ["c", "3"]]]])],
  ["a run that begins late", JSON.stringify([["request.headers", [[1, 1], ["c", "3"]]]])], ["a second run", JSON.stringify([["request.headers", [[0, 2], [0, 2]]]])],
  ["several changes", JSON.stringify([["request.headers", [[0, 2], ["c", "3"]]], ["request.method", "PUT"]])], ["a value beyond bytes", added(2, ["c", "\u20ac"])],
  ["no list", `{"length":1}`], ["something long", added(2, ["c", "3".repeat(20_000)])],
];
for (const [name, list] of strange) {
  test(`${name} leaves the head alone`, (t) => {
    t.is(after(list), `${envelope("flow", "request", "patch")}\0{}\0${head("a: 1", "b: 2")}\0[${list}]`);
  });
}

test("what is no JSON is passed on for the host to refuse", (t) => {
  t.is(after("[[").split("\0").at(-1), "[[[]");
});
