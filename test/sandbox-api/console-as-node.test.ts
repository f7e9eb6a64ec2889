// What addons log against what Node's own util.inspect, util.format and console.table make of the same: a table of expressions. Where
// the console of addons differs on purpose, the last test says how. Stacks are set by hand, since places in code differ.
import test from "ava";
import fc from "fast-check";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { format, inspect } from "node:util";
import { bundleGuest, defaultSettings, guestRealm } from "../helpers/guest-realm.ts";

const realm = await guestRealm("export function request() {}", await bundleGuest(), { ...defaultSettings, limits: { ...defaultSettings.limits, logLineBytes: 65_536 } });
/** What one call of the console logged. */
function logged(call: string): string {
  realm.evaluate(call);
  return (JSON.parse(realm.posted.at(-1)?.text ?? "") as { readonly msg: string }).msg;
}
const here = (source: string): unknown => (0, eval)(`(${source})`);

/** An error with a stack that says the same everywhere. */
const made = (kind: string, message: string, more = ""): string => `(() => { const e = new ${kind}(${message}${more}); e.stack = e.name + (e.message === "" ? "" : ": " + e.message) + "\\n    at place (file.ts:1:2)\\n    at other (file.ts:3:4)"; return e; })()`;

const values: readonly string[] = [
  // Primitives and boxes.
  "0", "-0", "1e21", "NaN", "-Infinity", "123456789.5", "true", "null", "undefined", "10n", "-(2n ** 70n)", "Symbol()", "Symbol('a b')", "Symbol.iterator", "Object(1n)", "Object(Symbol('s'))", "Object(true)", "Object('str')", "Object.assign(Object('str'), { a: 1 })", "[Object(-0)]",
  // Strings, quotes, lines.
  "['a\"b', \"a'b\", `a'b\"c`, 'a\\'b\"c`d', 'tab\\there', 'nul\\0', '\\x1b[31m', '\\u2028', '\\ud800', '\\u{1f600}', 'back\\\\slash']", "{ text: 'first\\nsecond\\nthird' }", "['a\\nb']", "'x'.repeat(200).split('')", "{ long: 'line one of some length here\\nline two of some length here\\nline three of some length here' }", "['a'.repeat(100), 'b'.repeat(100)]",
  "{ s: 'lorem ipsum dolor sit amet\\nconsectetur adipiscing elit, sed do eiusmod tempor\\nincididunt' }", "new Map([['k', 'a\\nb'.repeat(20)]])",
  // Objects: keys, accessors, prototypes, classes.
  "{}", "{ a: 1, 2: 'two', 'c-d': 3, ['e f']: 4, $g: 5, _h: 6, '': 7, '\\u00e9': 8 }", "{ [Symbol('s')]: 1, [Symbol()]: 2 }", "{ get a() { return 1; } }", "{ set a(v) {} }", "{ get a() { return 1; }, set a(v) {} }", "{ get a() { throw new Error('no'); } }",
  "Object.create(null)", "Object.assign(Object.create(null), { x: 1 })", "Object.create({ inherited: 1 })", "Object.create(Object.create(null))", "Object.create({}, { hidden: { value: 1 }, shown: { value: 2, enumerable: true } })", "new (class Foo { constructor() { this.x = 1; } })()", "new (class Foo {})()", "new (class extends Map { constructor() { super([[1, 2]]); this.extra = true; } })()", "new (class Bar extends Array {})(3)", "new (class Baz extends Set {})([1])",
  "new (class { constructor() { this.x = 1; } })()", "{ constructor: 'no function' }", "{ [Symbol.toStringTag]: 'Tagged', a: 1 }", "new (class Foo { get [Symbol.toStringTag]() { return 'bar'; } })()", "{ __proto__: { constructor: class Named {} }, a: 1 }", "(function () { return arguments; })(1, 2)", "Object.freeze({ a: [1] })", "new (class Private { #secret = 1; open = 2; static s = 3; })()",
  // Functions.
  "[function () {}, () => {}, function named() {}, async () => {}, async function a() {}, function* g() {}, async function* ag() {}, class {}, class A {}, class B extends Array {}, Math.max]", "Object.assign(function f() {}, { a: 1, b: { c: 2 } })", "class Foo { static x = 1; }", "class extends null {}", "{ method() {}, arrow: () => {}, get: class {} }", "Object.setPrototypeOf(function f() {}, null)",
  // Nesting.
  "{ a: { b: { c: { d: 1 } } } }", "{ a: { b: { c: {} } } }", "{ a: { b: { c: [] } } }", "{ a: { b: { c: [1] } } }", "{ a: { b: { c: new Map([[1, 2]]), d: new Set(), e: new Date(0), f: /x/, g: () => {}, h: Object(1), i: Symbol('x') } } }", "{ a: { b: { c: new (class Deep { x = 1; })() } } }", "[[[[1]]]]", "[[[[]]]]", "[{ a: [{ b: [{ c: 1 }] }] }]", "{ a: 1, b: 'x', c: [1, 2, 3], d: { e: null, f: undefined } }",
  "{ name: 'a fairly long name', description: 'a description that is long', values: [1, 2, 3], nested: { also: 'here' } }", "Array.from({ length: 8 }, (_, i) => ({ id: i, name: 'n' + i }))", "{ a: { x: 1, y: [1, 2, { z: 3 }] }, b: new Map([[1, 2]]), c: 'text'.repeat(10), d: [['a', 'b'], ['c']] }", "{ a: [[], {}], b: [[[]]], c: {} }",
  // Arrays.
  "[]", "[1]", "[undefined, , null, , ,]", "new Array(5)", "Array(101).fill(0)", "Array.from({ length: 101 }, (_, i) => i)", "Array.from({ length: 250 }, (_, i) => 'item ' + i)", "Array.from({ length: 7 }, (_, i) => i)", "Array.from({ length: 27 }, (_, i) => i * i * 1000)", "Array.from({ length: 20 }, (_, i) => 'x'.repeat(i))", "Array.from({ length: 10 }, (_, i) => BigInt(i) ** 5n)", "[1, 'a', 2, 'b', 3, 'c', 4]", "[-1.5, 22, 3.25, 4, 5, 6, 70000]", "Object.assign([1, 2], { extra: 'x', '-1': 2 })", "Object.assign([], { only: 1 })", "[['a', 1], ['b', 2]]",
  "Array.from({ length: 9 }, () => [1, 2])", "Array.from({ length: 30 }, (_, i) => i % 3 ? 'abc' : 'de')", "['apple', 'banana', 'cherry', 'dragonfruit', 'elderberry', 'fig', 'grape', 'honeydew']", "[true, false, null, undefined, 1, 'x', 2n]", "new Array(3).concat([1], new Array(2))", "Object.setPrototypeOf([1], null)", "{ list: Array.from({ length: 120 }, (_, i) => i) }", "[new Array(200).fill('q')]", "Array.from({ length: 10 }, (_, i) => ({}))", "Array.from({ length: 16 }, (_, i) => '\\u00e9'.repeat(i % 4))",
  // Maps, Sets, weak ones.
  "new Map()", "new Map([[{ a: 1 }, new Set([[1]])], ['k', new Map([['x', new Map([['deep', 1]])]])]])", "new Set(['a', { b: 1 }, [2]])", "new Map(Array.from({ length: 101 }, (_, i) => [i, i]))", "new Set(Array.from({ length: 130 }, (_, i) => i))", "Object.assign(new Map([[1, 2]]), { extra: 1 })", "new Map([[NaN, undefined], [null, null]])", "new WeakMap()", "new WeakSet()", "{ m: new Map([['a', { b: { c: { d: 1 } } }]]) }", "[new Map([[1, { a: 1 }]]), new Set()]", "[1, 2][Symbol.iterator]()", "new Set([new Set([new Set([new Set([1])])])])",
  // Binary.
  "new Uint8Array(3)", "new Uint8Array(0)", "new Float64Array([1.5, -0, NaN])", "new BigInt64Array([1n, -2n])", "new Uint8ClampedArray(120)", "Object.assign(new Uint16Array(2), { a: 1 })", "new ArrayBuffer(4)", "new ArrayBuffer(60)", "new DataView(new ArrayBuffer(2))", "new Uint8Array([1, 2, 3, 4]).subarray(1, 3)", "{ bytes: new Uint8Array(20) }", "new (class Bytes extends Uint8Array {})(2)",
  // Dates, regular expressions, promises, globals.
  "new Date(0)", "new Date(NaN)", "Object.assign(new Date(0), { a: 1 })", "/a\\/b/giu", "Object.assign(/x/, { a: 1 })", "new (class D extends Date {})(0)", "new (class R extends RegExp {})('x')", "Math", "JSON", "Reflect", "[Math.PI]", "(function* () {})()",
  // Circles.
  "(() => { const o = { name: 'o' }; o.self = o; return o; })()", "(() => { const a = []; a.push(a, [a]); return a; })()", "(() => { const m = new Map(); m.set('m', m); m.set(m, 1); return m; })()", "(() => { const a = {}, b = { a }; a.b = b; return [a, b]; })()", "(() => { const e = new Error('x'); e.stack = 'Error: x\\n    at a'; e.self = e; return e; })()", "(() => { const f = () => {}; f.f = f; return f; })()",
  // Errors.
  made("Error", "'plain'"), made("TypeError", "'typed'"), made("Error", "''"), made("RangeError", "'with cause'", `, { cause: ${made("Error", "'the cause'")} }`), made("Error", "'a'", ", { cause: 'a string' }"), made("Error", "'a'", ", { cause: undefined }"), made("Error", "'a'", ", { cause: { code: 1 } }"),
  made("Error", "'one'", `, { cause: ${made("Error", "'two'", `, { cause: ${made("Error", "'three'")} }`)} }`), made("AggregateError", `[${made("Error", "'first'")}, ${made("TypeError", "'second'")}], 'all failed'`), `Object.assign(${made("Error", "'coded'")}, { code: 'E_CODE', info: { a: [1] } })`, `[${made("Error", "'in a list'")}]`, `{ error: ${made("Error", "'in an object'")} }`, `{ a: { b: { error: ${made("Error", "'deep'")} } } }`,
  `{ a: { b: { c: { error: ${made("Error", "'deeper'")} } } } }`, made("(class MyError extends Error { constructor(m) { super(m); this.name = 'MyError'; } })", "'mine'"), "(() => { class Quiet extends Error {} const e = new Quiet('q'); e.stack = 'Error: q\\n    at x'; return e; })()", "(() => { const e = new Error('no stack'); e.stack = ''; return e; })()", "(() => { const e = new Error('only head'); e.stack = 'Error: only head'; return e; })()", "(() => { const e = new Error('many\\nlines'); e.stack = 'Error: many\\nlines\\n    at x'; return e; })()",
  "(() => { const e = new Error('changed'); e.stack = 'Error: before\\n    at x'; return e; })()", "(() => { const e = new Error('m'); e.stack = 'Error: m\\n    at x'; e.name = 'Renamed'; return e; })()", "(() => { const e = new Error('x'); e.stack = undefined; return e; })()", "(() => { const e = new Error('msg'); delete e.stack; return e; })()", `new Map([['e', ${made("Error", "'in a map'")}]])`, `(() => { const e = ${made("Error", "'k'")}; e.message = 'enumerable'; Object.defineProperty(e, 'message', { enumerable: true }); return e; })()`,
  "(() => { const e = Object.assign(new TypeError('bad', { cause: 'c' }), { code: 'E' }); e.stack = 'TypeError: bad\\n    at x'; return e; })()", "(() => { const e = new Error('x'); e.stack = 'Error: x\\n    at x'; e.cause = { shown: 1 }; return e; })()", `{ list: [${made("Error", "'outer'", `, { cause: ${made("AggregateError", `[${made("Error", "'inner'")}], 'several'`)} }`)}], after: 1 }`,
  "(() => { class HttpError extends Error { constructor(m, s) { super(m); this.status = s; } } const e = new HttpError('gone', 410); e.stack = 'Error: gone\\n    at x'; return e; })()", "(() => { class E2 extends TypeError { name = 'E2'; } const e = new E2('m'); e.stack = 'TypeError: m\\n    at x'; return e; })()",
  "{ a: { b: { c: Object.assign(() => {}, { p: 1 }), d: Object.assign(new Date(0), { p: 1 }), e: Object.assign(/x/, { p: 1 }) } } }", "Object.create(Error.prototype)", "(() => { const e = Object.create(null); e.message = 'x'; e.stack = 'y'; return e; })()", "{ name: 'Error', message: 'not one', stack: 'text' }", "(() => { const e = new AggregateError([], 'none'); e.stack = 'AggregateError: none\\n    at x'; return e; })()", "(() => { const e = new DOMException('m', 'AbortError'); return [e.name, e.message, e.code]; })()",
];
for (const source of values) {
  test(`as util.inspect: ${source.slice(0, 200)}`, (t) => {
    t.is(logged(`console.log("", ${source})`), ` ${inspect(here(source))}`);
  });
}

test("any JSON is laid out as util.inspect does it", (t) => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
    const source = JSON.stringify([value]);
    t.is(logged(`console.log(JSON.parse(${JSON.stringify(source)}))`), inspect(JSON.parse(source)));
  }), { numRuns: 300 });
});

const leaf = fc.oneof(fc.string({ maxLength: 30 }), fc.integer(), fc.constantFrom(null, undefined, true, -0, 12n), fc.string({ unit: fc.constantFrom("a", " ", "\n", "'", "\u00e9", "\u65e5"), maxLength: 90 }));
const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  leaf,
  tree: fc.oneof({ maxDepth: 4 }, tie("leaf"), fc.array(tie("tree"), { maxLength: 12 }), fc.dictionary(fc.string({ maxLength: 12 }), tie("tree"), { maxKeys: 6 }), fc.array(tie("tree"), { maxLength: 5 }).map((list) => new Set(list)), fc.array(fc.tuple(tie("tree"), tie("tree")), { maxLength: 5 }).map((list) => new Map(list))),
}));
/** The value as an expression. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join()}]`;
  if (value instanceof Set) return `new Set([${[...value].map(written).join()}])`;
  if (value instanceof Map) return `new Map([${[...value].map(([key, each]) => `[${written(key)},${written(each)}]`).join()}])`;
  if (typeof value === "object" && value !== null) return `{${Object.entries(value).map(([key, each]) => `[${JSON.stringify(key)}]:${written(each)}`).join()}}`;
  return typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : String(value);
}
test("arrays, objects, Maps, Sets and texts in each other are laid out as util.inspect does it", (t) => {
  fc.assert(fc.property(tree, (value) => {
    const source = written([value]);
    t.is(logged(`console.log(${source})`), inspect(here(source)));
  }), { numRuns: 400 });
});

test("what only an engine can look into is shown without it", (t) => {
  const cases: readonly (readonly [source: string, mine: string])[] = [
    ["Promise.resolve(1)", "Promise {}"], ["new Proxy(function f() {}, {})", "[Function: f]"], ["new Proxy({ a: 1 }, {})", "{ a: 1 }"], ["new Map([['a', 1]]).keys()", "Object [Map Iterator] {}"], ["new Set(['a']).values()", "Object [Set Iterator] {}"],
  ];
  for (const [source, mine] of cases) t.is(logged(`console.log("", ${source})`), ` ${mine}`);
});

const formats: readonly string[] = [
  "'%s', -0", "'%s', 10n", "'%s', { a: { b: {} } }", "'%s', [1, 'a', [2]]", "'%s', new (class Foo { toString() { return 'mine'; } })()", "'%s', new (class Foo { x = 1; })()", "'%s', new Date(0)", "'%s', () => 1", "'%s', function f() {}", "'%s', class A {}", "'%s', null", "'%s', Object.create(null)", "'%s', Symbol('x')", `'%s', ${made("Error", "'e'")}`, "'%s', new Map([[1, 2]])", "'%s', 'a\\nb'", "'%s', new String('boxed')",
  "'%d', '42'", "'%d', 42n", "'%d', {}", "'%d', Symbol('x')", "'%d', '1e3x'", "'%d', -0", "'%d', null", "'%d', ''", "'%i', 42.9", "'%i', '0x1f'", "'%i', '12px'", "'%i', 9n", "'%i', {}", "'%f', '1.5e2'", "'%f', 'x'", "'%f', 3n", "'%f', Symbol('x')",
  "'%j', { a: [1, { b: 2 }] }", "'%j', undefined", "'%j', (() => { const o = {}; o.o = o; return o; })()", "'%j', 'text'", "'%j', () => 1", "'%o', { f() {}, a: [1, 2] }", "'%o', [1, [2, [3]]]", "'%o', 'x'", "'%o', 5", "'%O', { a: { b: { c: { d: 1 } } } }", "'%O', [new Map([[{ a: 1 }, 'x']])]",
  "'%c%s', 'color: red', 'red'", "'%%'", "'%%', 1", "'%% %d', 1", "'100% of %s', 'x'", "'%s'", "'%s %s', 1", "'%', 1", "'a%', 1", "'%x %s', 1, 2", "'%s', 1, 2, { a: 1 }", "'a', 'b', 1, null", "1, '%s', 2", "'%s%s%s', 'a', 'b', 'c'", "{ a: 1 }, '%s', 'x'", "'%5d', 3", "'%s %', 'x'", "'', ''", "'text', ['a'], new Set([1])", "'%d%%', 50", "'%%s', 'x'", "'%s', undefined, undefined",
];
for (const source of formats) {
  test(`as util.format: ${source.slice(0, 200)}`, (t) => {
    const [first, ...rest] = here(`[${source}]`) as unknown[];
    t.is(logged(`console.log(${source})`), format(first, ...rest));
  });
}

test("any text with any arguments is formatted as util.format does it", (t) => {
  const text = fc.string({ unit: fc.constantFrom("%", "s", "d", "i", "f", "j", "O", "c", "x", " "), maxLength: 14 });
  const argument = fc.oneof(fc.string({ maxLength: 8 }), fc.double(), fc.bigInt({ min: -99n, max: 10n ** 20n }), fc.boolean(), fc.constantFrom(null, undefined), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(fc.property(text, fc.array(argument, { maxLength: 4 }), (first, rest) => {
    const source = [first, ...rest].map(written).join();
    const [head, ...others] = here(`[${source}]`) as unknown[];
    const mine = logged(`console.log(${source})`);
    try {
      t.is(mine, format(head, ...others), source);
    } catch {
      // Node throws for %j of a bigint; a console should not.
      t.regex(source, /%j.*\dn/);
    }
  }), { numRuns: 400 });
});

const tables: readonly string[] = [
  "[]", "{}", "[1, 'two', { three: 3 }]", "[[1, 2], [3, 4, 5]]", "[{ a: 1, b: 'x' }, { a: 2, c: true }]", "{ first: { a: 1 }, second: { a: 2, b: 3 } }", "new Map([['k', 1], [{ a: 1 }, [2]]])", "new Set([1, { a: 1 }])", "[{ a: { deep: { er: 1 } }, b: [1, 2, 3], c: null, d: undefined }]", "[{ a: 1, b: 2 }, { a: 3, b: 4 }], ['b']", "[{ a: 1, b: 2 }], ['b', 'none']", "['a', 'b']", "[[]]", "[{}]", "[undefined, null]", "{ a: 1, b: 'two' }", "[{ '\\u00e9': '\\u65e5\\u672c' }]", "[Symbol('x'), 10n]",
  "new Map()", "[new Date(0), /x/]", "[{ f() {}, g: class A {} }]", "[new Map([[1, 2]])]", "new Uint8Array([1, 2])", "5", "'text'", "null", "[{ a: 'multi\\nline' }]", "[{ x: new Map([[1, { a: 1 }]]) }]", "[{ a: { b: 1 } }, { a: { b: 1, c: 2, d: 3 } }]", "[['a'], 'b', { c: 1 }]", "[[[1, [2]]]]",
];
for (const source of tables) {
  test(`as console.table: ${source}`, (t) => {
    let text = "";
    const sink = new Writable({ write(chunk: Buffer, _, done) { text += chunk.toString(); done(); } });
    const [data, columns] = here(`[${source}]`) as [unknown, string[] | undefined];
    new Console({ stdout: sink, colorMode: false }).table(data, columns);
    t.is(logged(`console.table(${source})`), text.replace(/\n$/, ""));
  });
}
