// A manifest's `edits` as a hostile addon may write them: what is refused in which words, what is read, what it needs, how it is told.
import test from "ava";
import fc from "fast-check";
import { resolveGrants } from "../../host/addons/grants.ts";
import { editsFault } from "../../host/addons/declared-edits.ts";
import { checkManifest, type Manifest } from "../../sandbox-api/schema/manifest.ts";
import { editWords, mostEditOperations, mostEditRules, needsOf } from "../../sandbox-api/schema/edits.ts";
import { hostOwnedFields, isFieldName, isFieldValue } from "../../sandbox-api/schema/http.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { everythingOnTheFlow, type PermissionName } from "../../sandbox-api/schema/permissions.ts";

const writes = { write: ["request", "response"] };
const manifestOf = (edits: unknown, permissions: unknown = writes): Manifest => {
  const result = checkManifest({ permissions, edits });
  if (result.kind === "problems") throw new Error(result.problems.join("; "));
  return result.manifest;
};
const onRequest = (rest: object): readonly object[] => [{ event: "requestheaders", ...rest }];

test("rules are read in order, and removals come first", (t) => {
  const { edits } = manifestOf([{ event: "responseheaders", append: { "X-L": ["1", "2"], "X-M": "3" }, set: { "X-S": "  é\t" }, remove: ["Via"] }, { event: "requestheaders", filter: "~all", set: { a: "" } }]);
  t.deepEqual(edits.map(({ event, filter }) => [event, filter]), [["responseheaders", null], ["requestheaders", "~all"]]);
  t.deepEqual(edits[0]?.operations, [
    { kind: "remove", name: "Via", lower: "via", value: "" }, { kind: "set", name: "X-S", lower: "x-s", value: "\xc3\xa9" },
    { kind: "append", name: "X-L", lower: "x-l", value: "1" }, { kind: "append", name: "X-L", lower: "x-l", value: "2" }, { kind: "append", name: "X-M", lower: "x-m", value: "3" },
  ]);
  t.deepEqual(edits.map(editWords), ['every response: remove Via, set X-S to "é", add X-L: "1", add X-L: "2", add X-M: "3"', 'requests of flows that match ~all: set a to ""']);
  t.deepEqual(manifestOf(undefined).edits, []);
});

const problems: readonly (readonly [edits: unknown, problem: RegExp, permissions?: object])[] = [
  [{}, /^manifest\.edits must be a list of at most 100 rules$/], ["x", /must be a list/], [Array.from({ length: mostEditRules + 1 }, () => onRequest({ remove: ["a"] })[0]), /at most 100 rules/],
  [[null], /^manifest\.edits\[0\] must be an object/], [[[]], /must be an object/], [[{}], /event must be "requestheaders" or "responseheaders"$/],
  [[{ event: "request", remove: ["a"] }], /event must be .*: edits take place before the body/], [[{ event: "toString", remove: ["a"] }], /event must be/], [[{ event: "__proto__", remove: ["a"] }], /event must be/],
  [onRequest({}), /changes nothing/], [onRequest({ set: {} }), /changes nothing/], [onRequest({ sett: { a: "1" }, remove: ["b"] }), /has no key "sett"; did you mean "set"\?/],
  [JSON.parse('[{"event":"requestheaders","__proto__":{"set":{"a":"1"}},"remove":["b"]}]'), /has no key "__proto__"/],
  [onRequest({ set: ["a"] }), /\.set must be an object/], [onRequest({ remove: "a" }), /\.remove must be a list/], [onRequest({ remove: [1] }), /holds a number/], [onRequest({ remove: { 0: "a" } }), /\.remove must be a list/],
  ...["", "a b", "a:", "a\r\nb", "a\0", "é", "x".repeat(257)].flatMap((name) => [[onRequest({ set: { [name]: "1" } }), /which is not a header name/], [onRequest({ remove: [name] }), /which is not a header name/]] as const),
  ...["a\r\nX-B: 1", "a\nb", "a\rb", "a\0b", "\x7f", "\x01", "x".repeat(65_537)].map((value) => [onRequest({ append: { "X-A": value } }), /a value that no field can have/] as const),
  ...[1, null, true, {}, ["a"], undefined].map((value) => [onRequest({ set: { "X-A": value } }), /gives "X-A" a value that is no text/] as const),
  [onRequest({ append: { "X-A": [["b"]] } }), /no text/], [onRequest({ set: { "X-A": "\ud800" } }), /no text/], [onRequest({ set: { "X-A": "\udc80" } }), /no text/],
  ...["Content-Length", "TRANSFER-ENCODING", "connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"].flatMap((name) => [[onRequest({ set: { [name]: "1" } }), /the proxy sets it/], [onRequest({ append: { [name]: "1" } }), /the proxy sets it/], [onRequest({ remove: [name] }), /the proxy sets it/]] as const),
  [onRequest({ set: { Host: "a b" } }), /not a host with an optional port/], [onRequest({ set: { hOST: "evil/path" } }), /not a host/], [onRequest({ append: { host: "a" } }), /which a request has once/],
  [onRequest({ append: { a: Array.from({ length: mostEditOperations + 1 }, () => "1") } }), /no text/],
  [[0, 1].map(() => onRequest({ append: { a: Array.from({ length: 300 }, () => "1") } })[0]), /has 600 operations; 500 are the most/],
  [onRequest({ filter: "~b secret", remove: ["a"] }), /cannot look at bodies/], [onRequest({ filter: "!(~bs x | ~u y)", remove: ["a"] }), /cannot look at bodies/], [onRequest({ filter: "~meta x", remove: ["a"] }), /only the addon itself knows/],
  [onRequest({ filter: "(((", remove: ["a"] }), /is not a filter/], [onRequest({ filter: 1, remove: ["a"] }), /must be a string/], [onRequest({ filter: "x".repeat(1_001), remove: ["a"] }), /must be a string of at most 1000/],
  [onRequest({ remove: ["a"] }), /needs permissions\.write "request"/, {}], [[{ event: "responseheaders", remove: ["a"] }], /needs permissions\.write "response"/, { write: ["request"] }],
  [onRequest({ remove: ["Cookie"] }), /needs permissions\.headers "cookie"/], [onRequest({ set: { AUTHORIZATION: "x" } }), /needs permissions\.headers "authorization"/],
  [onRequest({ filter: "~u x", remove: ["a"] }), /needs permissions\.read "request"/], [onRequest({ filter: "!~c 200", remove: ["a"] }), /needs permissions\.read "response"/], [onRequest({ filter: "~src 127", remove: ["a"] }), /needs permissions\.read "connection"/],
  [onRequest({ filter: "~a", remove: ["a"] }), /needs permissions\.read "response"/], [onRequest({ filter: "~h x", remove: ["a"] }), /needs permissions\.read "response"/, { ...writes, read: ["request"] }],
];
for (const [at, [edits, problem, permissions]] of problems.entries()) {
  test(`refused ${at}: ${JSON.stringify(edits)?.slice(0, 100)}`, (t) => {
    const result = checkManifest({ permissions: permissions ?? writes, edits });
    if (result.kind !== "problems") return t.fail();
    t.true(result.problems.some((each) => problem.test(each)), result.problems.join());
  });
}

test("a filter of the whole manifest cannot look at bodies where there are edits", (t) => {
  t.like(checkManifest({ permissions: writes, filter: "~b x", edits: onRequest({ remove: ["a"] }) }), { kind: "problems", problems: ["manifest.filter cannot look at bodies where there are edits, which take place before they have come"] });
  t.is(checkManifest({ permissions: writes, filter: "~b x" }).kind, "manifest");
});

test("names like those of objects are names, and pollute nothing", (t) => {
  const { edits } = manifestOf(JSON.parse('[{"event":"requestheaders","set":{"__proto__":"1","constructor":"2","toString":"3"}}]'));
  t.deepEqual(edits[0]?.operations.map(({ name, value }) => `${name}=${value}`), ["__proto__=1", "constructor=2", "toString=3"]);
  t.is(Reflect.get({}, "1"), undefined);
});

test("what rules need", (t) => {
  const { edits } = manifestOf(onRequest({ filter: "~u x & ~dst y", remove: ["Cookie", "Proxy-Authorization"] }), { ...writes, read: ["request", "connection"], headers: ["cookie", "proxy-authorization"] });
  t.deepEqual(edits.map((rule) => [...needsOf(rule)].sort()), [["header:cookie", "header:proxy-authorization", "read:connection", "read:request", "write:request"]]);
});

test("grants: rules that the operator does not allow are left out, each whole", (t) => {
  const manifest = manifestOf([...onRequest({ remove: ["Cookie"], set: { a: "1" } }), ...onRequest({ set: { b: "2" } }), { event: "responseheaders", filter: "~u x", set: { c: "3" } }], { ...writes, read: ["request"], headers: ["cookie"] });
  const without = (...names: readonly PermissionName[]): ReturnType<typeof resolveGrants>["edits"] =>
    resolveGrants(manifest, { permissions: new Set([...everythingOnTheFlow].filter((name) => !names.includes(name))), limits: defaultLimits, failure: "open" }).edits;
  t.deepEqual(without().leftOut, []);
  t.deepEqual(without().byEvent.get("requestheaders")?.all?.edits.map(({ name }) => name), ["Cookie", "a", "b"]);
  t.is(without().byEvent.get("responseheaders")?.all, null);
  t.deepEqual(without("header:cookie").byEvent.get("requestheaders")?.all?.edits.map(({ name }) => name), ["b"]);
  t.deepEqual(without("header:cookie").leftOut, ['the edit of every request: remove Cookie, set a to "1" is not carried out: it needs header:cookie']);
  t.deepEqual([...without("write:request").byEvent.keys()], ["responseheaders"]);
  t.deepEqual([...without("read:request").byEvent.keys()], ["requestheaders"]);
});

// Words that rules are made of, in places where they do not belong, beside anything at all.
const word = fc.constantFrom<unknown>("requestheaders", "responseheaders", "X-A", "cookie", "a\r\nb", "~u x", "~b x", "", "Host", "Content-Length", null, 1, "é", "\ud800");
const junk = fc.oneof(word, fc.anything({ maxDepth: 2 }), fc.array(word, { maxLength: 3 }), fc.dictionary(fc.oneof(fc.constantFrom("X-A", "Host", "__proto__", "a b"), fc.string()), fc.oneof(word, fc.array(word, { maxLength: 2 })), { maxKeys: 3 }));
const junkRule = fc.oneof(junk, fc.record({ event: fc.oneof(fc.constant("requestheaders"), junk), filter: junk, remove: junk, set: junk, append: junk, more: junk }, { requiredKeys: [] }));

test("whatever is given as edits: problems, or rules that are legal and granted", (t) => {
  fc.assert(fc.property(fc.oneof(junk, fc.array(junkRule, { maxLength: 3 })), (edits) => {
    const result = checkManifest({ permissions: { ...writes, read: ["request"] }, edits });
    if (result.kind === "problems") return t.true(result.problems.length > 0 && result.problems.every((problem) => problem.startsWith("manifest.")));
    for (const rule of result.manifest.edits) {
      t.deepEqual(needsOf(rule).filter((need) => !result.manifest.permissions.has(need)), []);
      for (const { kind, name, lower, value } of rule.operations) t.true(isFieldName(name) && lower === name.toLowerCase() && !hostOwnedFields.has(lower) && isFieldValue(value) && (kind !== "remove" || value === ""));
    }
  }), { numRuns: 2_000 });
});

test("LIMIT mutationBytes: edits of one event are no larger than a call's changes", (t) => {
  const manifest = manifestOf(onRequest({ append: { a: Array.from({ length: 20 }, () => "x".repeat(1_000)) } }));
  const grants = (mutationBytes: number): ReturnType<typeof resolveGrants> => resolveGrants(manifest, { permissions: everythingOnTheFlow, limits: { ...defaultLimits, mutationBytes }, failure: "open" });
  t.is(editsFault(grants(30_000).edits, 30_000), null);
  t.like(editsFault(grants(10_000).edits, 10_000), { code: "mutation-too-large", limit: { name: "mutationBytes", value: 10_000, used: 20_100 } });
});
