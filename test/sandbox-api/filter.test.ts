// The filter language: every operator, how expressions bind, quoting, what is refused in which column, and agreement with
// mitmproxy's grammar where it says something.
import test from "ava";
import fc from "fast-check";
import { filterTable, filterTexts, matchesFilter, type Filter, type FilterFact, type FilterSubject, type FilterText } from "../../sandbox-api/schema/filter.ts";
import { parseFilter } from "../../sandbox-api/schema/filter-parse.ts";

interface Sketch { readonly facts?: readonly FilterFact[]; readonly status?: number; readonly texts?: { readonly [T in FilterText]?: string | readonly (string | Uint8Array)[] } }
const subject = ({ facts = [], status, texts = {} }: Sketch): FilterSubject => ({
  is: (fact) => facts.includes(fact), statusCode: () => status ?? null,
  texts: (of) => { const given = texts[of]; return given === undefined ? [] : typeof given === "string" ? [given] : given; },
});
const filterOf = (text: string): Filter => { const result = parseFilter(text); if (result.kind === "filter") return result.filter; throw new Error(`${text}: ${result.message} (${result.column})`); };
const matches = (text: string, sketch: Sketch): boolean => matchesFilter(filterOf(text), subject(sketch));

const page: Sketch = {
  facts: ["http", "response"], status: 200,
  texts: {
    "request.headers": "Host: www.example.com\r\nX-Test: One\r\n", "response.headers": "Content-Type: text/html\r\n", "request.type": [], "response.type": "text/html; charset=utf-8",
    "request.body": [Buffer.from("name=value")], "response.body": [Buffer.from("<h1>Hello\nWorld</h1>")], host: ["10.0.0.1", "www.example.com"], url: "https://www.example.com/path/app.js?x=1",
    method: "GET", source: "127.0.0.1:50123", destination: "93.184.216.34:443", marker: ":red:", comment: "look\nhere", metadata: "tries: 3",
  },
};
const operators: readonly (readonly [expression: string, matches: boolean])[] = [
  ["~all", true], ["~http", true], ["~tcp", false], ["~websocket", false], ["~e", false], ["~q", false], ["~s", true], ["~marked", false], ["~replay", false], ["~a", false],
  ["~b hello.world", true], ["~b name=", true], ["~bq hello", false], ["~bq value$", true], ["~bs hello", true], ["~bs name", false],
  ["~c 200", true], ["~c 404", false], ["~d example\\.com$", true], ["~d ^10\\.", true], ["~d other", false], ["~dst :443$", true], ["~src 127", true],
  ["~h ^x-test:", true], ["~hq x-test", true], ["~hs x-test", false], ["~hs text/html", true], ["~m get", true], ["~m ^post$", false],
  ["~t html", true], ["~tq html", false], ["~ts ^text/html", true], ["~u /path/", true], ["app\\.js", true], ["nothing", false], ["~marker red", true], ["~comment ^here$", true], ["~meta tries:.3", true],
];
for (const [expression, expected] of operators) test(`${expression} ${expected ? "matches" : "does not match"}`, (t) => t.is(matches(expression, page), expected));

for (const [expression, sketch] of [
  ["~tcp", { facts: ["tcp"] }], ["~e", { facts: ["error"] }], ["~q", { facts: ["request"] }], ["~marked", { facts: ["marked"] }], ["~websocket", { facts: ["websocket"] }], ["~replay", { facts: ["replay"] }],
  ["~replayq", { facts: ["request-replay"] }], ["~replays", { facts: ["response-replay"] }], ["~a", { texts: { "response.type": "text/css" } }], ["~a", { texts: { "response.type": "image/png" } }], ["~a", { texts: { "response.type": "application/javascript" } }],
] as const) test(`${expression} on ${JSON.stringify(sketch)}`, (t) => { t.true(matches(expression, sketch)); t.false(matches(expression, {})); });

test("every operator of the table is tried above", (t) => {
  const tried = new Set([...operators.map(([expression]) => /^~(\w+)/.exec(expression)?.[1]), "replayq", "replays"]);
  t.deepEqual(Object.keys(filterTable).filter((name) => !tried.has(name)), []);
});

/** A filter over single letters, written out with parentheses. */
const shape = (filter: Filter): string => {
  switch (filter.kind) {
    case "and": return `(${filter.of.map(shape).join("&")})`;
    case "or": return `(${filter.of.map(shape).join("|")})`;
    case "not": return `!${shape(filter.of)}`;
    case "search": return filter.pattern.source;
    case "code": return `c${filter.code}`;
    case "fact": return filter.fact;
  }
};
const shapes: readonly (readonly [expression: string, shape: string])[] = [
  ["a", "a"], ["a b", "(a&b)"], ["a & b", "(a&b)"], ["a | b", "(a|b)"], ["a | b & c", "(a|(b&c))"], ["a | b c", "((a|b)&c)"], ["!a b", "(!a&b)"], ["!(a b)", "!(a&b)"], ["!a & b | c", "((!a&b)|c)"],
  ["! a", "!a"], ["!!a", "a"], ["!!!a", "!a"], ["(a)", "a"], ["((a | b)) & c", "((a|b)&c)"], ["a|b", "a|b"], ["a| b", "(a|&b)"], ["a &b", "(a&b)"], ["~q & ~s", "(request&response)"], ["(~q)|~s", "(request|response)"],
  ["~d !x", "!x"], ["~u 'a b'", "a b"], ['~u "a\\"b"', 'a"b'], ["~u 'it\\'s'", "it's"], ['"\\d"', "\\d"], ['"\\\\d"', "\\d"], ['~u "~x()"', "~x()"], ["  a\tb\n ", "(a&b)"], ["~c 200", "c200"],
];
for (const [expression, expected] of shapes) test(`binds: ${JSON.stringify(expression)}`, (t) => {
  const result = parseFilter(expression);
  t.is(result.kind === "filter" ? shape(result.filter) : result.message, expected);
});

const refused: readonly (readonly [expression: string, message: RegExp, column: number])[] = [
  ["", /is empty/, 1], ["   ", /is empty/, 4], ["~", /no operator "~"/, 1], ["~foo x", /no operator "~foo"/, 1], ["a ~htp", /did you mean "~http"/, 3], ["a~b", /needs something|space|no operator/, 4],
  ["~u", /"~u" needs something/, 3], ["~c x", /takes a number/, 4], ["~c", /needs something/, 3], ["(a", /"\(" without "\)"/, 1], ["a)", /"\)" without "\("/, 2], ["()", /expected before "\)"/, 2], ["a &", /ends where/, 4], ["& a", /nothing before "&"/, 1], ["a | | b", /nothing before "\|"/, 5],
  ["!", /ends where/, 2], ["~u 'a", /not closed/, 4], ["~u a[b", /"\[" without/, 5], ["~u 'x(?=a)'", /linear time/, 6], ["~b x(y", /"\(" without/, 5], ["a".repeat(1_001), /at most 1000/, 1_001],
  [Array.from({ length: 51 }, () => "a").join(" "), /50 operators/, 101], ["(".repeat(60), /nested 50 deep/, 51], ['~u"x"', /space must follow/, 3],
];
for (const [expression, message, column] of refused) {
  test(`refused: ${JSON.stringify(expression.slice(0, 40))}`, (t) => {
    const result = parseFilter(expression);
    if (result.kind === "filter") return t.fail(shape(result.filter));
    t.regex(result.message, message);
    t.is(result.column, column);
  });
}

test("the texts that a filter searches", (t) => t.deepEqual([...filterTexts(filterOf("!(~b x | ~a) ~d y"))].sort(), ["host", "request.body", "response.body", "response.type"]));

test("a spent budget makes no answer", (t) => {
  const budget = { steps: 100 };
  matchesFilter(filterOf("~b x"), subject({ texts: { "request.body": "y".repeat(1_000) } }), budget);
  t.true(budget.steps < 0);
});

test("any text is a filter or a problem with a column in it", (t) => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."~abqhtu !&|()\"'\\ [x*"), maxLength: 40 }), (text) => {
    const result = parseFilter(text);
    if (result.kind === "filter") return typeof matchesFilter(result.filter, subject(page)) === "boolean";
    return result.column >= 1 && result.column <= text.length + 1;
  }), { numRuns: 5_000 });
  t.pass();
});
