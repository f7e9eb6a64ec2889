// Differences of lines as a table, and the bound beyond which nothing is compared.
import test from "ava";
import { diffLines } from "../../../host/trial/line-diff.ts";

const marks = { same: " ", gone: "-", new: "+", gap: "…" } as const;
const cases: readonly (readonly [before: string, after: string, expected: readonly string[]])[] = [
  ["a b c", "a b c", []], ["", "", []],
  ["a b c", "a x c", [" a", "-b", "+x", " c"]],
  ["a b c d e f g h", "a b c d e f g H", ["…5 lines", " f", " g", "-h", "+H"].map((line) => line.replace("…5", "…5"))],
  ["a", "a b", [" a", "+b"]], ["a b", "b", ["-a", " b"]],
  ["a b c d e f g h i", "A b c d e f g h I", ["-a", "+A", " b", " c", "…3 lines", " g", " h", "-i", "+I"]],
  ["a b a b", "b a b a", ["-a", " b", " a", " b", "+a"]],
];
for (const [before, after, expected] of cases) {
  test(`${before} → ${after}`, (t) => t.deepEqual(diffLines(before.split(" "), after.split(" ")).map(({ kind, text }) => `${marks[kind]}${text}`), expected));
}

test("what is too long to compare is replaced as a whole", (t) => {
  const lines = (mark: string): readonly string[] => Array.from({ length: 3_000 }, (_, index) => `${mark}${index % 7}`);
  const diff = diffLines(["first", ...lines("a")], ["first", ...lines("b")], 1);
  t.is(diff.filter(({ kind }) => kind === "gone").length, 3_000);
  t.is(diff.filter(({ kind }) => kind === "new").length, 3_000);
});
