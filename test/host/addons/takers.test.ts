// Who is found by host: the index says what asking each pattern would, and a flow that is sent elsewhere on its way meets the addons that asking
// everybody in order would have given it.
import test from "ava";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { anyHost, HostIndex } from "../../../host/addons/host-pattern.ts";
import type { ScriptedAddon } from "../../helpers/fake-cell.ts";
import { makeHttpFlow, makeRequest, makeResponse, makeServer } from "../../helpers/flows.ts";
import { stageScripts as stage, type ScriptedStage } from "../../helpers/scripted-stage.ts";

const name = fc.array(fc.constantFrom("a", "b", "example", "com", "x-y"), { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const pattern = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom("", "*."), name, fc.constantFrom("", ":80")).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.constantFrom("*", "*:80", "[::1]", "no pattern!", "*.A.EXAMPLE") },
);
const host = fc.oneof(name, name.map((text) => `${text}.`), name.map((text) => text.toUpperCase()), fc.constantFrom("[::1]", "::1", "", ".", "..", ".a"));

test("the index finds whom the patterns match, and nobody else", (t) => {
  fc.assert(fc.property(fc.array(fc.array(pattern, { maxLength: 3 }), { maxLength: 8 }), host, (lists, asked) => {
    const index = new HostIndex<number>();
    lists.forEach((patterns, at) => index.add(patterns, at));
    t.deepEqual([...index.find(asked) ?? []].sort(), lists.flatMap((patterns, at) => (anyHost(patterns)?.(asked, null) === true ? [at] : [])));
  }), { numRuns: 2_000 });
});

test("a host that is no name has everybody asked, and costs no search", (t) => {
  const index = new HostIndex<number>();
  index.add(["*.a"], 1);
  t.is(index.find("a.".repeat(1 << 20)), null);
});

const heads = { read: ["request", "response", "connection"], write: ["request", "response"] };
const forHosts = (...hosts: string[]): object => ({ hosts, permissions: heads });
const quiet = (manifest: unknown = { permissions: heads }): ScriptedAddon => ({ handlers: { request: () => undefined, response: () => undefined }, manifest });
const sendsTo = (host: string, hosts?: readonly string[]): ScriptedAddon => ({
  handlers: { request: () => [["request.host", host]] }, manifest: { ...(hosts !== undefined && { hosts }), permissions: { ...heads, act: ["redirect"] } },
});
const asked = ({ pool }: ScriptedStage, event = "request"): readonly string[] => pool.received.filter((item) => item.event === event).map(({ addon }) => addon);

test("who is sent elsewhere meets the addons of the new host, from there on and in order", async (t) => {
  const staged = await stage(t, { before: quiet(forHosts("b.example")), left: quiet(forHosts("example.com")), sender: sendsTo("b.example"), between: quiet(forHosts("*.b.example")), old: quiet(forHosts("example.com")), every: quiet(), last: quiet(forHosts("B.example")) });
  await staged.host.gate.held("request", makeHttpFlow());
  t.deepEqual(asked(staged), ["left", "sender", "between", "every", "last"]);
});

test("one who stands last sends it to a host with addons that stand behind", async (t) => {
  const staged = await stage(t, { sender: sendsTo("b.example"), behind: quiet(forHosts("b.example")), far: quiet(forHosts("c.example")) });
  await staged.host.gate.held("request", makeHttpFlow());
  t.deepEqual(asked(staged), ["sender", "behind"]);
});

test("who has seen a flow goes on seeing it, wherever it was sent since; nobody else of the old host does", async (t) => {
  const staged = await stage(t, { seen: quiet(forHosts("example.com")), sender: sendsTo("b.example"), late: quiet(forHosts("example.com")), other: quiet(forHosts("c.example")) });
  const flow = makeHttpFlow();
  await staged.host.gate.held("request", flow);
  flow.response = makeResponse();
  await staged.host.gate.held("response", flow);
  t.deepEqual([asked(staged), asked(staged, "response")], [["seen", "sender"], ["seen"]]);
});

test("addons of other hosts keep nobody from sharing a frame, unless somebody may send the flow to them", async (t) => {
  const frames = async (first: ScriptedAddon): Promise<readonly number[]> => {
    const staged = await stage(t, { first, other: quiet(forHosts("b.example")), own: quiet(forHosts("example.com")), every: quiet() });
    await staged.host.gate.held("request", makeHttpFlow());
    return staged.pool.received.filter(({ event }) => event === "request").map(({ chain }) => chain);
  };
  t.deepEqual(await frames(quiet()), [3, 3, 3]);
  t.deepEqual(await frames({ handlers: { request: () => undefined }, manifest: { permissions: { ...heads, act: ["redirect"] } } }), [1, 2, 2]);
});

test("a connection to a server is for its host's addons, and for those without patterns while it is not known", async (t) => {
  const serverconnect = { handlers: { serverconnect: () => undefined } };
  const staged = await stage(t, { own: { ...serverconnect, manifest: { hosts: ["b.example"], permissions: { read: ["connection"] } } }, every: { ...serverconnect, manifest: { permissions: { read: ["connection"] } } } });
  const unknown = makeServer();
  unknown.address = null;
  await staged.host.gate.held("serverconnect", unknown);
  const known = makeServer();
  known.address = { host: "b.example", port: 443 };
  await staged.host.gate.held("serverconnect", known);
  t.deepEqual(asked(staged, "serverconnect"), ["every", "own", "every"]);
  t.true(staged.host.gate.wants("serverconnect", null));
});

test("a new version's hosts count from its first event on", async (t) => {
  let hosts = "example.com";
  const staged = await stage(t, { moving: { handlers: { request: () => undefined }, get manifest() { return forHosts(hosts); } } });
  t.not(staged.host.gate.held("request", makeHttpFlow()), null);
  hosts = "b.example";
  writeFileSync(staged.paths[0] ?? "", "export const it = 2;\n");
  t.is(await staged.host.reload("moving"), null);
  t.is(staged.host.gate.held("request", makeHttpFlow()), null);
  t.true(staged.host.gate.wants("request", "b.example"));
  t.false(staged.host.gate.wants("request", "example.com"));
});

test("more hosts than are remembered change nothing", async (t) => {
  const staged = await stage(t, { own: quiet(forHosts("*.b.example")), other: quiet(forHosts("c.example")) });
  for (let round = 0; round < 3_000; round++) t.true(staged.host.gate.wants("request", `${round}.b.example`) && !staged.host.gate.wants("request", `${round}.example`));
});

test("a filter is asked once for an event, whoever shares the frame: its search is charged once", async (t) => {
  const forFilter = (filter: string): ScriptedAddon => ({ handlers: { request: () => undefined }, manifest: { filter, permissions: { read: ["request", "request.body"] } } });
  const staged = await stage(t, { first: forFilter("~bq aaab$"), second: forFilter("~bq aaab$"), not: forFilter("~bq nowhere"), third: forFilter("~bq aaab$") });
  staged.host.takeSpent();
  await staged.host.gate.held("request", makeHttpFlow(makeRequest([["Host", "example.com"]], Buffer.from(`${"a".repeat(200_000)}b`))));
  t.deepEqual(staged.pool.received.filter(({ event }) => event === "request").map(({ addon, chain }) => [addon, chain]), [["first", 3], ["second", 3], ["third", 3]]);
  const spent = staged.host.takeSpent();
  const searches = ["first", "second", "third"].map((name) => (spent.get(name) ?? 0) / (spent.get("not") ?? 0));
  t.true(searches.every((share) => share > 0.5 && share < 1.5), `of one search: ${searches.join(", ")}`);
});

const hosts = ["example.com", "a.example", "b.example"];
const plans = fc.array(fc.record({ scope: fc.option(fc.constantFrom(...hosts), { freq: 3 }), to: fc.option(fc.constantFrom(...hosts), { freq: 2 }) }), { minLength: 2, maxLength: 8 });

test("as if everybody had been asked in order", async (t) => {
  await fc.assert(fc.asyncProperty(plans, async (plan) => {
    const scripts = plan.map(({ scope, to }, at) => [`n${at}`, to === null ? quiet({ ...(scope !== null && { hosts: [scope] }), permissions: heads }) : sendsTo(to, scope === null ? undefined : [scope])]);
    const staged = await stage(t, Object.fromEntries(scripts));
    let now = "example.com";
    const expected: string[] = [];
    for (const [at, { scope, to }] of plan.entries()) {
      if (scope !== null && scope !== now) continue;
      expected.push(`n${at}`);
      now = to ?? now;
    }
    const flow = makeHttpFlow();
    await staged.host.gate.held("request", flow);
    t.deepEqual([asked(staged), flow.request.host], [expected, now]);
    await staged.host.close();
  }), { numRuns: 60 });
});
