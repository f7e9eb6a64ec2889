// Patterns of filters: what they match (held against JavaScript's own engine), what is refused and where, and that no pattern
// takes more time than its text is long.
import test from "ava";
import fc from "fast-check";
import { compilePattern, Pattern } from "../../sandbox-api/schema/pattern.ts";
import type { PatternFlags } from "../../sandbox-api/schema/pattern-parse.ts";

const compiled = (source: string, flags: PatternFlags = {}): Pattern => {
  const pattern = compilePattern(source, flags);
  if (pattern instanceof Pattern) return pattern;
  throw new Error(`${source}: ${pattern.message}`);
};
const isIn = (source: string, text: string, flags: PatternFlags = {}): boolean => compiled(source, flags).isIn(text, { steps: Infinity });

const cases: readonly (readonly [source: string, text: string, expected: boolean, flags?: PatternFlags])[] = [
  ["", "", true], ["", "x", true], ["foo", "a FOO b", true], ["foo", "fo", false], ["FOO", "foo", true],
  ["^foo$", "foo", true], ["^foo$", "foo\n", true], ["^foo$", "foo\n\n", false], ["foo\\Z", "foo\n", false], ["\\Afoo", "xfoo", false],
  ["^b$", "a\nb\nc", false], ["^b$", "a\nb\nc", true, { multiline: true }], ["(?m)^b$", "a\nb\nc", true],
  ["a.b", "a\nb", false], ["a.b", "a\nb", true, { dotAll: true }], ["(?is)a.b", "A\nB", true],
  ["\\bcat\\b", "a cat.", true], ["\\bcat\\b", "concat", false], ["\\Bcat", "concat", true],
  ["[a-c]+d", "xxBCD", true], ["[^a-c]d", "ad", false], ["[]]", "]", true], ["[a-]", "-", true], ["[\\d.]x", ".x", true], ["[\\x80-\\xff]", "\xe9", true],
  ["a{2}", "aa", true], ["a{2}$", "a", false], ["^a{2,3}$", "aaaa", false], ["a{,3}", "a{,3}", true], ["a{x", "a{x", true], ["^(?:ab){2,}$", "ababab", true],
  ["(?:)*x", "x", true], ["(a|)+b", "b", true], ["(?P<name>a)b", "ab", true], ["a+?b", "aab", true],
  ["\u00e9t\u00e9", "\xc3\xa9t\xc3\xa9", true], ["\\u20ac", "\xe2\x82\xac", true], ["\u{1f600}", "\xf0\x9f\x98\x80", true], ["\\.js$", "x.js", true], ["\\.js$", "xajs", false],
  ["\\/a\\-b", "/a-b", true], ["\\t\\n\\x41\\0", "\t\na\0", true],
];
for (const [source, text, expected, flags] of cases) test(`/${source}/ in ${JSON.stringify(text)}${flags === undefined ? "" : JSON.stringify(flags)}`, (t) => t.is(isIn(source, text, flags), expected));

const refused: readonly (readonly [source: string, message: RegExp, at: number])[] = [
  ["(a", /"\(" without "\)"/, 0], ["a)", /"\)" without "\("/, 1], ["x[a", /"\[" without "\]"/, 1], ["*a", /nothing to repeat/, 0], ["a**", /follows a quantifier/, 3], ["^*", /anchor cannot be repeated/, 0],
  ["a\\", /backslash stands at the end/, 1], ["\\q", /means nothing/, 0], ["(a)\\1", /back-references/, 3], ["a(?=b)", /linear time/, 1], ["(?<!a)b", /linear time/, 0], ["(?>a)", /linear time/, 0], ["(?R)", /linear time/, 0],
  ["a++", /possessive/, 2], ["[b-a]", /out of order/, 1], ["[\u00e9]", /beyond ASCII/, 1], ["a{3,2}", /out of order/, 1], ["a{5000}", /count to 1000/, 1], ["(((a{100}){100}){100})", /too large/, 0],
  ["(".repeat(60) + ")".repeat(60), /nested 50 deep/, 50], ["a".repeat(1_001), /at most 1000 characters/, 1_000],
];
for (const [source, message, at] of refused) {
  test(`refused: ${source.slice(0, 40)}`, (t) => {
    const problem = compilePattern(source);
    if (problem instanceof Pattern) return t.fail("was compiled");
    t.regex(problem.message, message);
    t.is(problem.at, at);
  });
}

test("bytes and byte strings are the same", (t) => {
  t.true(compiled("caf\u00e9").isIn(Buffer.from("un caf\u00e9"), { steps: Infinity }));
  t.false(compiled("caf\u00e9").isIn(Buffer.from("un caf\u00e9", "latin1"), { steps: Infinity }));
});

const atom = fc.oneof(fc.constantFrom("a", "b", "c", ".", "\\w", "\\d", "\\s", "[ab]", "[^a]", "\\b", "^", "$", "\n"));
const source: fc.Arbitrary<string> = fc.letrec((tie) => ({
  part: fc.oneof(
    { depthSize: "small" }, atom,
    fc.tuple(tie("part"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{0,2}", "*?")).map(([inner, quantifier]) => `(?:${String(inner)})${quantifier}`),
    fc.tuple(tie("part"), tie("part")).map(([one, two]) => `${String(one)}${String(two)}`),
    fc.tuple(tie("part"), tie("part")).map(([one, two]) => `(?:${String(one)}|${String(two)})`),
  ),
})).part.map(String);

test("agrees with JavaScript's own engine", (t) => {
  fc.assert(fc.property(source, fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "_", "1", " ", "\n"), maxLength: 12 }), fc.boolean(), fc.boolean(), (text, subject, multiline, dotAll) => {
    // Python's "$" also stands before a line end that is last; JavaScript has another word for that.
    const theirs = new RegExp(multiline ? text : text.replaceAll("$", "(?=\\n?(?![^]))"), `i${multiline ? "m" : ""}${dotAll ? "s" : ""}`);
    return isIn(text, subject, { multiline, dotAll }) === theirs.test(subject);
  }), { numRuns: 3_000 });
  t.pass();
});

test("any text is a pattern or a problem, never an exception", (t) => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab()[]{}*+?|\\^$.,-:<>=!P12\u00e9"), maxLength: 30 }), (text) => {
    const pattern = compilePattern(text);
    return !(pattern instanceof Pattern) || typeof pattern.isIn("ab(1", { steps: Infinity }) === "boolean";
  }), { numRuns: 3_000 });
  t.pass();
});

const hostile = ["(a+)+$b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}b", "(a*)*(a*)*b", "(?:a?){80}a{80}b", "(x+x+)+y", "([a-zA-Z]+)*1"];
for (const text of hostile) {
  test(`linear: ${text}`, (t) => {
    const budget = { steps: 40_000_000 };
    const began = performance.now();
    t.false(compiled(text).isIn("a".repeat(1_000_000), budget));
    t.true(budget.steps > 0 && performance.now() - began < 10_000, `${performance.now() - began} ms`);
  });
}

test("a pattern with very many states is given up when the budget is spent", (t) => {
  let text = "";
  for (let index = 0, seed = 1; index < 300_000; index++, seed = (seed * 48_271) % 2_147_483_647) text += seed % 3 === 0 ? "a" : "b";
  const budget = { steps: 3_000_000 };
  const began = performance.now();
  t.false(compiled("a(?:a|b){250}c").isIn(text, budget));
  t.true(budget.steps < 0);
  t.true(performance.now() - began < 10_000);
});
