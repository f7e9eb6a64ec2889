// What `check` makes of an addon's code: masking, needs found by words, places in the source; as tables. The scan is a hint, so what it must
// not do is cry wolf over strings and comments, or take long over hostile code.
import { readdirSync } from "node:fs";
import test from "ava";
import { maskCode } from "../../../host/addons/masked-code.ts";
import { findNeeds, missingNeeds, placeOf, unusedNeeds, type Need } from "../../../host/addons/permission-scan.ts";
import { checkAddon, type AddonCheck } from "../../../host/addons/check.ts";
import { makeLog } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { checkManifest, type Manifest } from "../../../sandbox-api/schema/manifest.ts";
import { useCells, writeSources } from "../../helpers/addon-stage.ts";

const cells = useCells(test);

const masked: readonly (readonly [code: string, expected: string])[] = [
  ["a // b\nc", "a     \nc"], ["a /* b\n */ c", "a     \n    c"], ['a("b\\"c", d)', "a(      , d)"], ["'x' + y", "    + y"], ["`a ${b} c` + d", "     b     + d"], ["`a ${`b ${c}`} d`", "          c      "], ["`${{ a: 1 }}` + e", "   { a: 1 }   + e"],
  ["a = /x\\/[/]y/g; b", "a =          g; b"], ["a / b / c", "a / b / c"], ["return /x/.test(y)", "return    .test(y)"], ['"unclosed\nb', "         \nb"], ["`unclosed", "         "], ["/* unclosed", "           "], ["(a) / b; c = d / e", "(a) / b; c = d / e"],
];
for (const [code, expected] of masked) test(`masked: ${code}`, (t) => t.is(maskCode(code), expected));

const needs: readonly (readonly [code: string, needs: readonly Need[]])[] = [
  ["flow.request.text", ["read:request.body"]], ["flow.request.json()", ["read:request.body"]], ["flow.request.url", []], ["const { request } = flow; request.content", ["read:request.body"]],
  ["flow.response?.text", ["read:response.body"]], ["flow.response.content = x", ["write:response.body"]], ["flow.response.text == x", ["read:response.body"]], ["flow.request.body += x", ["read:request.body", "write:request.body"]],
  ["flow.request.headers.set('a', 'b')", ["write:request"]], ["flow.request.headers.get('a')", []], ["flow.request.query.append('a', 'b')", ["write:request"]], ["flow.request.path = '/'", ["write:request"]], ["flow.request.host = 'a'", ["act:redirect"]], ["flow.request.host === 'a'", []],
  ["flow.response?.headers.delete('a')", ["write:response"]], ["flow.response.statusCode = 404", ["write:response"]], ["flow.response = Response.make()", ["act:respond"]], ["flow.response === null", []], ["x = (response) => 1", []],
  ["flow.kill()", ["act:kill"]], ["root.kill()", ["act:kill"]], ["flow.intercept()", ["act:intercept"]], ["layers.passthrough()", ["act:layer"]], ["ctx.replay(flow)", ["act:replay"]], ["flow.websocket.inject(true, 'x')", ["act:inject"]],
  ["await fetch('https://a')", ["fetch"]], ["this.fetch('x')", []], ["prefetch('x')", []], ["ctx.storage.get('a')", ["storage"]],
  ["flow.request.headers.get('Cookie')", ["header:cookie"]], ['flow.request.headers.get("authorization")', ["header:authorization"]], ["flow.request.cookies.get('a')", ["header:cookie"]], ["flow.response.headers.getSetCookie()", ["header:set-cookie"]],
  ["// flow.kill()", []], ["'flow.kill()'", []], ['"headers.get(\\"cookie\\")"', []], ["`${flow.kill()}`", ["act:kill"]], ["flow.clientConn.address", ["read:connection"]], ["flow.request.multipartForm.set('a', 'b')", ["read:request.body", "write:request.body"]],
];
for (const [code, expected] of needs) test(`needs of ${code}`, (t) => t.deepEqual(findNeeds(code).map(({ need }) => need).sort(), [...expected].sort()));

const manifestOf = (permissions: object): Manifest => {
  const result = checkManifest({ permissions });
  if (result.kind === "problems") throw new Error(result.problems.join());
  return result.manifest;
};

test("missing is what is not asked for; without a manifest, what only a manifest can ask for", (t) => {
  const found = findNeeds("flow.kill(); fetch('x'); ctx.storage");
  t.deepEqual(missingNeeds(found, null).map(({ need }) => need), ["fetch", "storage"]);
  t.deepEqual(missingNeeds(found, manifestOf({ act: ["kill"], fetch: ["https://a.example"], storage: "1KiB" })), []);
  t.deepEqual(missingNeeds(found, manifestOf({})).map(({ need }) => placeOf(need)), ['permissions.act "kill"', 'permissions.fetch ["https://…"]', 'permissions.storage "1MiB"']);
});

test("unused is what is asked for and has a word of its own that is not there", (t) => {
  t.deepEqual(unusedNeeds("flow.request.path", findNeeds("flow.request.path"), manifestOf({ read: ["request", "request.body", "response.body", "connection", "tcp"], write: ["request"], headers: ["cookie"], act: ["kill"], storage: "1KiB" })), ["read:request.body", "read:response.body", "write:request", "act:kill", "header:cookie", "storage"]);
  // By another name: nothing is missed, and nothing is asked for.
  const aliased = `const { headers } = flow.request; const { response: it } = flow; if (it.text) headers.delete(["cookie"][0]);`;
  t.deepEqual(unusedNeeds(aliased, findNeeds(aliased), manifestOf({ read: ["response.body"], write: ["request"], headers: ["cookie"] })), []);
  t.deepEqual(unusedNeeds("", [], null), []);
});

test("hostile code costs no more than its length", (t) => {
  const start = performance.now();
  for (const code of ["`${".repeat(50_000), "/".repeat(200_000), '"\\'.repeat(100_000), "request.".repeat(100_000), "response?.headers.".repeat(30_000), "headers.a(".repeat(50_000), " ".repeat(500_000), "/*".repeat(200_000)]) findNeeds(code);
  t.true(performance.now() - start < 20_000);
});

const checked = (source: string): Promise<AddonCheck> => checkAddon(writeSources({ tool: source })[0] ?? "", { pool: cells.pool(), limits: defaultLimits, log: makeLog(() => undefined) });

test.serial("warnings have the place in the source, its code and a caret", async (t) => {
  const check = await checked(`import { ctx } from "flowcell";
export const manifest: { permissions: object } = {
  permissions: { read: ["request"], write: ["request"], act: ["kill"] },
};
export function onRequest(flow: { kill(): void }) {}
export const tcp_start = () => {};
export async function request(flow: any) { await ctx.storage.set("a", flow.request.text); }
`);
  if (check.kind !== "ok") return t.fail(check.message);
  t.deepEqual(check.warnings.map(({ message, location }) => `${location?.replace(/^.*tool/, "tool")} ${message}`), [
    'tool.ts:5:17 "onRequest" is not an event; did you mean "request"?', "tool.ts:6:14 handles tcp_start but asks to read nothing that it is about, so it will not be told of it",
    'tool.ts:7:50 "ctx.storage" seems to need permissions.storage "1MiB", which the manifest does not ask for', 'tool.ts:7:76 "request.text" seems to need permissions.read "request.body", which the manifest does not ask for',
    'tool.ts:3:45 the manifest asks for permissions.write "request", which the code does not seem to use', 'tool.ts:3:63 the manifest asks for permissions.act "kill", which the code does not seem to use',
  ]);
  t.like(check.warnings[0], { codeLine: "export function onRequest(flow: { kill(): void }) {}", caret: 16 });
});

test.serial("problems of a manifest have theirs", async (t) => {
  const check = await checked(`export const manifest = {\n  hosts: ["a"],\n  permissions: { read: ["requests"] },\n  options: { mode: { type: "colour" } },\n};\n`);
  if (check.kind === "ok") return t.fail();
  t.deepEqual(check.message.replaceAll(/^\S*tool/gm, "tool").split("\n").filter((line) => line.startsWith("tool")).map((line) => line.slice(0, 70)), [
    'tool.ts:3:25: manifest.permissions.read has no permission "requests"; ', 'tool.ts:4:22: manifest.options.mode.type must be "string", "number", "',
  ]);
});

test.serial("edits are told in words, count as use of what they need, and have their places", async (t) => {
  const good = await checked(`export const manifest = { permissions: { write: ["request"], headers: ["cookie"] }, edits: [{ event: "requestheaders", remove: ["Cookie"] }, { event: "requestheaders", set: { "X-A": "1" } }] };\n`);
  if (good.kind !== "ok") return t.fail(good.message);
  t.deepEqual([good.handlers, good.edits, good.warnings], [[], ["every request: remove Cookie", 'every request: set X-A to "1"'], []]);
  const bad = await checked(`export const manifest = {\n  permissions: { write: ["request"] },\n  edits: [{ event: "requestheaders", set: { "Content-Length": "1" } }],\n};\n`);
  if (bad.kind === "ok") return t.fail();
  t.regex(bad.message, /tool\.ts:3:\d+: manifest\.edits\[0\]\.set holds "Content-Length"/);
});

test.serial("the samples ask for what they touch", async (t) => {
  const folder = new URL("../../../addons/", import.meta.url);
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "hostile")) {
    const check = await checkAddon(new URL(`../../../addons/${name}`, import.meta.url).pathname, { pool: cells.pool(), limits: defaultLimits, log: makeLog(() => undefined) });
    t.deepEqual(check.kind === "ok" ? check.warnings : check.message, [], name);
  }
});
