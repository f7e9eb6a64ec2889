// `ctx.replay` from the isolate to the door of the exchange: real cells with a stand-in for the sending, scripted cells that lie, and
// the bounds on their own.
import test from "ava";
import { createAddonHost } from "../../../host/addons/addon-host.ts";
import { refusalToReplay, type SendAgain } from "../../../host/addons/replays.ts";
import { filterSubject } from "../../../host/flows/filter-subject.ts";
import type { HttpFlow } from "../../../host/flows/flow.ts";
import { MessageBody } from "../../../host/flows/message-body.ts";
import { makeLog } from "../../../host/log.ts";
import { AddonReplays } from "../../../host/services/replay.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import type { HostCallText } from "../../../sandbox-api/wire/messages.ts";
import { useCells, writeSources } from "../../helpers/addon-stage.ts";
import { FakePool, type ScriptedAddon } from "../../helpers/fake-cell.ts";
import { makeHttpFlow, makeRequest } from "../../helpers/flows.ts";

const cells = useCells(test);
const forEver = (): Promise<void> => new Promise(() => {});

const withBody = (flow: HttpFlow, change: (body: MessageBody) => void): HttpFlow => {
  change(flow.request.body);
  return flow;
};
const whole = (flow = makeHttpFlow()): HttpFlow => withBody(flow, (body) => body.complete(Buffer.from("kept")));

test("so many at once and so many in a second, given back when one ends; a start that fails counts for nothing", async (t) => {
  let now = 0;
  const replays = new AddonReplays(() => now);
  const limits = { replaysAtOnce: 2, replaysPerSecond: 3 };
  const ends: (() => void)[] = [];
  const start = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
  t.is(replays.begin(limits, () => "no"), "no");
  t.is(replays.begin(limits, start), null);
  t.is(replays.begin(limits, start), null);
  t.is(replays.begin(limits, start), "2 replays are under way already (limit replaysAtOnce)");
  ends[0]?.();
  await Promise.resolve();
  t.is(replays.begin(limits, start), null);
  for (const end of ends) end();
  await Promise.resolve();
  t.is(replays.begin(limits, start), "more than 3 replays in one second (limit replaysPerSecond)");
  now = 1_001;
  t.is(replays.begin(limits, start), null);
  t.is(ends.length, 4);
});

test("only a whole request of HTTP, and no replay deeper than the limit", (t) => {
  const refusal = (flow: HttpFlow, replayDepth = 1): string | null => refusalToReplay(flow, { ...defaultLimits, replayDepth });
  const deep = (replayDepth: number): HttpFlow => ({ ...whole(), replayDepth });
  t.is(refusal(whole()), null);
  t.regex(refusal(whole(), 0) ?? "", /limit replayDepth/);
  t.regex(refusal(deep(1)) ?? "", /is a replay itself/);
  t.is(refusal(deep(2), 3), null);
  t.regex(refusal(deep(3), 3) ?? "", /is a replay itself/);
  t.regex(refusal(withBody(makeHttpFlow(), (body) => { body.state = "unread"; })) ?? "", /has not been received/);
  t.regex(refusal(withBody(makeHttpFlow(), (body) => body.passBy("streamed"))) ?? "", /was streamed/);
  t.regex(refusal(withBody(makeHttpFlow(), (body) => body.passBy("truncated"))) ?? "", /limit bodyBytes/);
  t.regex(refusal(withBody(makeHttpFlow(), (body) => body.replaceContent(Buffer.from("new")))) ?? "", /being encoded/);
  t.regex(refusal(whole(makeHttpFlow({ ...makeRequest(), method: "CONNECT" }))) ?? "", /CONNECT/);
  t.regex(refusal(whole(makeHttpFlow(makeRequest([["Upgrade", "websocket"]])))) ?? "", /another protocol/);
  t.regex(refusal({ ...whole(), isWebSocket: true }) ?? "", /another protocol/);
});

test("filters know a replay from its original", (t) => {
  const facts = (flow: HttpFlow): readonly boolean[] => (["replay", "request-replay", "response-replay"] as const).map((fact) => filterSubject(flow, new Set()).is(fact));
  t.deepEqual(facts(whole()), [false, false, false]);
  t.deepEqual(facts({ ...whole(), replayDepth: 1 }), [true, true, false]);
});

const source = (permissions: string): string => `import { ctx } from "flowcell";
  export const manifest = { permissions: { read: ["request"], write: ["request"], ${permissions} } };
  export async function request(flow) {
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push(await ctx.replay(flow).then((value) => String(value), (error) => error.message));
    flow.request.headers.set("x-said", outcomes.join("; "));
  }`;

test.serial("an isolate names its flow, is answered at once, and is held to its bounds; without the grant the host is not even asked", async (t) => {
  const { host } = await cells.stage(t, { again: source('act: ["replay"]') }, { limits: { replaysAtOnce: 2 } });
  const { host: ungranted } = await cells.stage(t, { again: source("") });
  const sent: { readonly flow: HttpFlow; readonly signal: AbortSignal }[] = [];
  const send: SendAgain = (flow, signal) => { sent.push({ flow, signal }); return forEver(); };
  const ask = async (on: typeof host): Promise<string | undefined> => {
    const flow = whole();
    await on.gate.held("request", flow);
    on.gate.release(flow);
    return flow.request.headers.get("x-said");
  };
  t.is(await ask(host), Array(3).fill("ctx.replay: this proxy sends no requests again now").join("; "));
  for (const each of [host, ungranted]) each.useReplay(send);
  t.is(await ask(host), "undefined; undefined; ctx.replay: 2 replays are under way already (limit replaysAtOnce)");
  t.regex(await ask(ungranted) ?? "", /^ctx\.replay is not granted: the manifest must ask for it, permissions: \{ act: \["replay"\] \}/);
  t.is(sent.length, 2);
  t.false(sent.some(({ signal }) => signal.aborted));
  await host.close();
  t.true(sent.every(({ signal }) => signal.aborted), "an unload cuts them");
});

test("a cell that lies replays no flow that its addon was not shown, none that has ended, and nothing without the grant", async (t) => {
  const tools: { say?: (id: number, call: HostCallText) => void } = {};
  const script = (name: string): ScriptedAddon => ({
    handlers: { request: (_received, { hostCall }) => { if (name === "liar") tools.say = hostCall; return undefined; } },
    manifest: { permissions: { read: ["request"], ...(name === "liar" ? { act: ["replay"] } : {}) }, hosts: name === "liar" ? ["liar.example"] : ["*.example", "example.com"] },
  });
  const pool = new FakePool(({ name }) => script(name));
  const host = createAddonHost({ log: makeLog(() => {}), pool, limits: defaultLimits, failure: "open", cells: "per-addon", options: new Map(), watch: false });
  t.teardown(() => host.close());
  t.deepEqual(await host.loadAll(writeSources({ liar: "", innocent: "" })), []);
  const sent: HttpFlow[] = [];
  host.useReplay((flow) => { sent.push(flow); return Promise.resolve(); });
  const [own, foreign] = ["liar.example", "example.com"].map((name) => whole(makeHttpFlow({ ...makeRequest(), host: name }))) as [HttpFlow, HttpFlow];
  await host.gate.held("request", own);
  await host.gate.held("request", foreign);
  const answer = (id: number, key: number): string | undefined => {
    tools.say?.(id, { call: "replay", key });
    return pool.resumed.find(({ call }) => call === id)?.text;
  };
  t.regex(answer(1, foreign.key) ?? "", /this flow has ended/);
  t.regex(answer(2, 4_000_000) ?? "", /this flow has ended/);
  t.regex(answer(3, own.key) ?? "", /"error":null/);
  host.gate.release(own);
  t.regex(answer(4, own.key) ?? "", /this flow has ended/);
  t.deepEqual(sent, [own]);
});
