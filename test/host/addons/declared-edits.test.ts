// Declared edits in the gate: the same heads as a handler makes (real isolates, random heads), their place among other addons, and that
// suspension, budgets, grants, policies and reloads treat them as any work of their addon.
import test from "ava";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readGrants, GrantProblem, type GrantRules } from "../../../host/addons/grant-rules.ts";
import type { HttpFlow } from "../../../host/flows/flow.ts";
import { loadAddon, makeRequestFlow } from "../../../host/testing/index.ts";
import { useCells, writeSources } from "../../helpers/addon-stage.ts";
import type { Handler, ScriptedAddon } from "../../helpers/fake-cell.ts";
import { linesOf, makeHttpFlow, makeRequest, makeResponse, type Pairs } from "../../helpers/flows.ts";
import { stageScripts as stage } from "../../helpers/scripted-stage.ts";

const cells = useCells(test);
const edits = (list: readonly object[], rest: object = {}, handlers: { readonly [event: string]: Handler } = {}): ScriptedAddon => ({ handlers, manifest: { permissions: { write: ["request", "response"] }, edits: list, ...rest } });
const addTo = (name: string): ScriptedAddon => edits([{ event: "requestheaders", append: { "X-Who": name } }]);
/** Adds what it sees of X-Who, and its name. */
const follower = (name: string): ScriptedAddon => ({ handlers: { requestheaders: ({ parts }) => {
  const lines = (parts.get("request") ?? "").split(/\r?\n/).slice(2, -1);
  return [["request.headers", [...lines.map((_, index) => index), ["X-Who", name]]]];
} } });
const who = ({ request }: HttpFlow): string => request.headers.getAll("x-who").join(" ");

test("edits alone: at once, without a promise or a frame, in the history like a handler's change", async (t) => {
  const { host, pool } = await stage(t, { a: addTo("a"), b: edits([{ event: "requestheaders", set: { Accept: "text/html" } }, { event: "responseheaders", remove: ["Content-Type"] }]) });
  const before = pool.received.length;
  const calls = (): readonly number[] => host.addons().map((addon) => addon.calls);
  const [a = 0, b = 0] = calls();
  const flow = makeHttpFlow();
  t.is(host.gate.held("requestheaders", flow), null);
  t.deepEqual(linesOf(flow.request), ["Host: example.com", "Accept: text/html", "X-Who: a"]);
  t.is(host.gate.held("request", flow), null);
  flow.response = makeResponse();
  t.is(host.gate.held("responseheaders", flow), null);
  t.deepEqual(linesOf(flow.response), ["Content-Length: 5"]);
  t.deepEqual(flow.history.map(({ addon, event, changes, failed }) => [addon, event, changes[0]?.address, changes[0]?.before, changes[0]?.after, failed]), [
    ["a", "requestheaders", "request.headers", "", "X-Who: a", null], ["b", "requestheaders", "request.headers", "Accept: */*", "Accept: text/html", null],
    ["b", "responseheaders", "response.headers", "Content-Type: text/plain", "", null],
  ]);
  t.is(pool.received.length, before);
  t.deepEqual(calls(), [a + 1, b + 2]);
});

test("an edit makes nobody collect a body", async (t) => {
  const { host } = await stage(t, { a: edits([{ event: "requestheaders", set: { a: "1" } }, { event: "responseheaders", set: { a: "1" } }]) });
  for (const event of ["requestheaders", "request", "responseheaders", "response", "error"] as const) t.false(host.gate.wants(event, "example.com"), event);
});

test("edits take their addon's place in the order, and handlers see what they did", async (t) => {
  const { host, pool } = await stage(t, { a: addTo("a"), b: follower("b"), c: { handlers: { requestheaders: () => undefined } }, d: addTo("d"), e: follower("e"), f: addTo("f") });
  const flow = makeHttpFlow();
  await host.gate.held("requestheaders", flow);
  t.is(who(flow), "a b d e f");
  t.deepEqual(pool.received.filter(({ event }) => event === "requestheaders").map(({ addon, chain }) => [addon, chain]), [["b", 2], ["c", 2], ["e", 1]]);
  t.regex(pool.received.find(({ addon, event }) => addon === "e" && event === "requestheaders")?.parts.get("request") ?? "", /X-Who: a\r?\nX-Who: b\r?\nX-Who: d/);
  t.deepEqual(flow.history.map(({ addon }) => addon), ["a", "b", "d", "e", "f"]);
});

test("an addon's own handler runs after its edits", async (t) => {
  const both: ScriptedAddon = { ...follower("handler"), manifest: { permissions: { read: ["request"], write: ["request"] }, edits: [{ event: "requestheaders", append: { "X-Who": "edit" } }] } };
  const { host } = await stage(t, { first: follower("first"), both, last: addTo("last") });
  const flow = makeHttpFlow();
  await host.gate.held("requestheaders", flow);
  t.is(who(flow), "first edit handler last");
});

test("a frame that is lost does not repeat the edits before it", async (t) => {
  let deaths = 0;
  const both: ScriptedAddon = { manifest: { permissions: { read: ["request"], write: ["request"] }, edits: [{ event: "requestheaders", append: { "X-Who": "edit" } }] }, handlers: { requestheaders: (received, tools) => (deaths++ === 0 ? "lost" : follower("handler").handlers["requestheaders"]?.(received, tools)) } };
  const { host } = await stage(t, { both });
  const flow = makeHttpFlow();
  await host.gate.held("requestheaders", flow);
  t.is(deaths, 2);
  t.is(who(flow), "edit handler");
});

test("hosts, the manifest's filter and a rule's filter: as the addons before left the flow", async (t) => {
  const read = { permissions: { read: ["request"], write: ["request"] } };
  const { host } = await stage(t, {
    elsewhere: edits([{ event: "requestheaders", append: { "X-Who": "elsewhere" } }], { hosts: ["*.example.org"] }),
    first: addTo("first"),
    filtered: edits([{ event: "requestheaders", append: { "X-Who": "filtered" } }], { ...read, filter: "~hq X-Who:.first" }),
    other: edits([{ event: "requestheaders", append: { "X-Who": "other" } }], { ...read, filter: "~m POST" }),
    rules: edits([{ event: "requestheaders", filter: "~m POST", append: { "X-Who": "post" } }, { event: "requestheaders", filter: "~hq filtered", append: { "X-Who": "rule" } }, { event: "requestheaders", filter: "~hq rule$", append: { "X-Who": "itself" } }], read),
  });
  const flow = makeHttpFlow();
  t.is(host.gate.held("requestheaders", flow), null);
  t.is(who(flow), "first filtered rule");
});

test("grants that the operator takes away: the rule is left out, and said so once", async (t) => {
  const rules = readGrants(["a:-write:response", "a:-header:cookie"], ["a"]);
  if (rules instanceof GrantProblem) return t.fail();
  const grants: GrantRules = rules;
  const permissions = { write: ["request", "response"], headers: ["cookie"] };
  const { host, records } = await stage(t, { a: edits([{ event: "requestheaders", remove: ["Cookie"] }, { event: "requestheaders", set: { "X-A": "1" } }, { event: "responseheaders", set: { "X-A": "1" } }], { permissions }) }, { grants });
  const flow = makeHttpFlow(makeRequest([["Cookie", "secret"]]), makeResponse());
  host.gate.held("requestheaders", flow);
  host.gate.held("responseheaders", flow);
  t.deepEqual(linesOf(flow.request), ["Cookie: secret", "X-A: 1"]);
  t.false(flow.response?.headers.has("x-a"));
  t.deepEqual(records.filter(({ fields }) => fields["event"] === "edits").map(({ msg }) => msg), [
    'addon "a": the edit of every request: remove Cookie is not carried out: it needs header:cookie', 'addon "a": the edit of every response: set X-A to "1" is not carried out: it needs write:response',
  ]);
});

for (const failure of ["open", "closed"] as const) {
  test(`a suspended addon edits nothing, and its policy "${failure}" decides; a handler's trial is left to a handler`, async (t) => {
    let now = 1_000_000;
    const threw: Handler = () => ({ fault: { code: "threw", message: "no" } });
    const { host } = await stage(t, { a: edits([{ event: "requestheaders", append: { "X-Who": "a" } }], { permissions: { read: ["request"], write: ["request"] }, failure }, { error: threw }) }, { now: () => now });
    for (let i = 0; i < 5; i++) await host.gate.held("error", makeHttpFlow());
    t.is(host.addons()[0]?.status, "suspended");
    const flow = makeHttpFlow();
    await host.gate.held("requestheaders", flow);
    t.is(who(flow), "");
    t.is(flow.history[0]?.failed, "suspended");
    t.is(flow.refusal?.addon ?? null, failure === "closed" ? "a" : null);
    now += 1_001;
    const later = makeHttpFlow();
    t.is(host.gate.held("requestheaders", later), null);
    t.is(who(later), "a");
    // One strike is enough again: the edit has not closed the breaker.
    await host.gate.held("error", makeHttpFlow());
    t.is(host.addons()[0]?.status, "suspended");
  });
}

test("LIMIT cpuBudgetShare: edits are paid for", async (t) => {
  const { host } = await stage(t, { a: edits([{ event: "requestheaders", append: { "X-Who": Array.from({ length: 400 }, () => "x".repeat(250)) } }]) }, { now: () => 5, limits: { cpuBudgetBurstMs: 10 } });
  let edited = 0;
  for (let i = 0; i < 200; i++) {
    const flow = makeHttpFlow();
    host.gate.held("requestheaders", flow);
    if (flow.request.headers.has("x-who")) edited++;
    else t.is(flow.history[0]?.failed, "cpu-budget");
  }
  t.true(edited > 10 && edited < 100, `${edited}`);
  t.is(host.addons()[0]?.breaches.cpuBudgetShare, 200 - edited);
});

test("a head that has no room: nothing is changed, nobody is struck, and the policy decides", async (t) => {
  const { host, records } = await stage(t, { a: edits([{ event: "requestheaders", append: { "X-Who": ["a", "b"] } }], { failure: "closed" }) });
  for (let i = 0; i < 10; i++) {
    const flow = makeHttpFlow(makeRequest(Array.from({ length: 999 }, (_, at) => [`x-${at}`, "1"] as const)));
    await host.gate.held("requestheaders", flow);
    t.is(flow.request.headers.length, 999);
    t.is(flow.refusal?.fault.code, "illegal-change");
  }
  t.is(host.addons()[0]?.status, "running");
  t.is(records.filter(({ fields }) => fields["fault"] === "illegal-change").length, 1);
});

test("edits go on while the isolate is gone, and a reload changes them for flows that begin after it", async (t) => {
  const source = (value: string, rest = ""): string => `export const manifest = { permissions: { write: ["request"] }, edits: [{ event: "requestheaders", set: { "X-Who": ${JSON.stringify(value)} } }] };\n${rest}`;
  const { host, paths } = await cells.stage(t, { tool: source("one") });
  const now = async (): Promise<string> => {
    const flow = makeHttpFlow();
    await host.gate.held("requestheaders", flow);
    return who(flow);
  };
  t.is(await now(), "one");
  const [state] = host.addons();
  if (typeof state?.cellPid === "number") process.kill(state.cellPid, "SIGKILL");
  t.is(await now(), "one");
  // Whoever is loaded into a cell that is just ending is blamed for its end.
  for (let i = 0; i < 2_000 && host.addons()[0]?.cellPid === state?.cellPid; i++) await sleep(10);
  writeFileSync(paths[0] ?? "", source("two"));
  t.is(await host.reload("tool"), null);
  t.is(await now(), "two");
  writeFileSync(paths[0] ?? "", source("a\\r\\nb"));
  t.is((await host.reload("tool"))?.addon, undefined);
  writeFileSync(paths[0] ?? "", source("a\r\nb"));
  t.regex((await host.reload("tool"))?.message ?? "", /manifest\.edits\[0\]\.set gives "X-Who" a value that no field can have/);
  t.is(await now(), "a\\r\\nb");
  writeFileSync(paths[0] ?? "", "export function request() {}\n");
  t.is(await host.reload("tool"), null);
  t.is(await now(), "");
});

test("flowcell/testing: edits work there too", async (t) => {
  await using addon = await loadAddon(writeSources({ tool: 'export const manifest = { permissions: { write: ["request"] }, edits: [{ event: "requestheaders", remove: ["Accept"], set: { "X-Who": "é" } }] };' })[0] ?? "");
  const flow = makeRequestFlow({ url: "http://example.com/", headers: { Accept: "*/*" } });
  await addon.requestheaders(flow);
  t.deepEqual(flow.request.headers.fields, [["Host", "example.com"], ["X-Who", "é"]]);
});

// Names few enough to meet each other, in any spelling, and host-owned ones.
const name = fc.constantFrom("X-A", "x-a", "X-B", "X-b", "X-C", "Via", "VIA", "Content-Encoding", "Cookie");
const value = fc.oneof(fc.constantFrom("", "1", "2", "a, b"), fc.string({ maxLength: 8 }).map((text) => text.replace(/[^\t\x20-\x7eÀ-ÿ]/g, "é")));
const field = fc.tuple(fc.oneof(name, fc.constantFrom("Host", "Content-Length", "Connection", "TE")), value.map((text) => Buffer.from(text.trim()).toString("latin1")));
const head = fc.array(field, { maxLength: 12 }).map((pairs): Pairs => pairs.filter(([each], at) => each !== "Host" || pairs.findIndex(([other]) => other === "Host") === at));
const rule = fc.record({ remove: fc.array(name, { maxLength: 2 }), set: fc.dictionary(name, value, { maxKeys: 2 }), append: fc.dictionary(name, fc.array(value, { minLength: 1, maxLength: 2 }), { maxKeys: 2 }) }).filter(({ remove, set, append }) => remove.length + Object.keys(set).length + Object.keys(append).length > 0);

test("differential: heads come out, and histories say, as from a handler that does the same by hand", async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 3 }), fc.array(head, { minLength: 25, maxLength: 25 }), async (rules, heads) => {
    const permissions = 'permissions: { read: ["request"], write: ["request"], headers: ["cookie"] }';
    const { host: declared, problems } = await cells.stage(t, { tool: `export const manifest = { ${permissions}, edits: ${JSON.stringify(rules.map((each) => ({ event: "requestheaders", ...each })))} };` });
    const { host: handled } = await cells.stage(t, { tool: `export const manifest = { ${permissions} };
const rules = ${JSON.stringify(rules)};
export function requestheaders({ request: { headers } }) {
  for (const { remove, set, append } of rules) {
    for (const name of remove) headers.delete(name);
    for (const [name, value] of Object.entries(set)) headers.set(name, value);
    for (const [name, values] of Object.entries(append)) for (const value of values) headers.append(name, value);
  }
}` });
    t.deepEqual(problems, []);
    for (const pairs of heads) {
      const [one, other] = [makeHttpFlow(makeRequest(pairs)), makeHttpFlow(makeRequest(pairs))];
      t.is(declared.gate.held("requestheaders", one), null);
      await handled.gate.held("requestheaders", other);
      t.is(one.request.headers.toBlock(), other.request.headers.toBlock());
      t.is(one.request.version, other.request.version);
      const told = ({ history }: HttpFlow): unknown => history.map(({ cpuMicros: _, ...rest }) => rest);
      t.deepEqual(told(one), told(other));
    }
    await declared.close();
    await handled.close();
  }), { numRuns: 12 });
});
