// The gate with scripted cells: who is asked in which order with what, what becomes of the answers, and what a failure costs whom.
import test from "ava";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import zlib from "node:zlib";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost, type AddonHost } from "../../../host/addons/addon-host.ts";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { FakePool, type Handler, type ScriptedAddon } from "../../helpers/fake-cell.ts";
import { linesOf, makeHttpFlow, makeLayer, makeRequest, makeResponse, makeRoot, makeServer, makeTcpFlow } from "../../helpers/flows.ts";
import { stageScripts as stage } from "../../helpers/scripted-stage.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const addon = (handlers: { readonly [event: string]: Handler }, manifest?: unknown): ScriptedAddon => ({ handlers, ...(manifest !== undefined && { manifest }) });
const addHeader = (name: string, value: string): Handler => ({ parts }) => {
  const lines = (parts.get("request") ?? parts.get("response") ?? "").split(/\r?\n/).slice(2, -1);
  return [[`${parts.has("response") ? "response" : "request"}.headers`, [...lines.map((_, index) => index), [name, value]]]];
};

test("nobody listens: no promise, no frame, no process", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ response: () => undefined }) });
  const before = pool.received.length;
  t.is(host.gate.held("request", makeHttpFlow()), null);
  host.gate.tell("clientdisconnect", makeRoot());
  host.gate.release(makeHttpFlow());
  t.false(host.gate.wants("request", "example.com"));
  t.true(host.gate.wants("response", null));
  t.is(pool.received.length, before);
});

test("load: start and configure before traffic, done at the end", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ start: () => undefined, configure: () => undefined, request: () => undefined, done: () => undefined }) }, { options: new Map([["x", "1"]]) });
  await host.gate.held("request", makeHttpFlow());
  await host.close();
  t.deepEqual(pool.eventsOf("a"), ["start", "configure", "request", "done"]);
  t.is(pool.received[1]?.parts.get("options"), '{"options":{"x":"1"},"updated":["x"]}');
});

test("what start returns replaces the handlers", async (t) => {
  const { host, pool } = await stage(t, { a: { handlers: { start: () => undefined, request: () => undefined }, replacedBy: ["response"] } });
  t.is(host.gate.held("request", makeHttpFlow()), null);
  await host.gate.held("response", makeHttpFlow(makeRequest(), makeResponse()));
  t.deepEqual(pool.eventsOf("a"), ["start", "configure", "response"]);
});

test("neighbours in one cell share a frame and see each other's changes merged", async (t) => {
  const { host, pool } = await stage(t, {
    a: addon({ request: () => [["request.headers", [0, 1, ["X-A", "1"]]]] }),
    between: addon({ response: () => undefined }),
    b: addon({ request: () => [["request.headers", [2, 0, 1, ["X-B", "2"]]], ["flow.comment", "seen"]] }),
  });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.deepEqual(linesOf(flow.request), ["X-A: 1", "Host: example.com", "Accept: */*", "X-B: 2"]);
  t.is(flow.comment, "seen");
  t.deepEqual(pool.received.filter(({ event }) => event === "request").map(({ chain }) => chain), [2, 2]);
  t.deepEqual(flow.history.map(({ addon: name, changes }) => [name, changes.map(({ address, after }) => `${address} ${after}`)]), [
    ["a", ["request.headers X-A: 1"]], ["b", ["request.headers X-B: 2", "flow.comment seen"]],
  ]);
});

test("a part is sent once, and again only when it changed", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ requestheaders: () => undefined, request: () => [["request.path", "/new"]], response: () => undefined }) });
  const flow = makeHttpFlow();
  await host.gate.held("requestheaders", flow);
  flow.request.body.complete(Buffer.from("body"));
  await host.gate.held("request", flow);
  flow.response = makeResponse(undefined, Buffer.from("hello"));
  await host.gate.held("response", flow);
  const parts = pool.received.filter(({ key }) => key === flow.key).map((item) => [...item.parts.keys()].join(" "));
  t.deepEqual(parts, ["flow client server request", "request.body", "response response.body"]);
  host.gate.release(flow);
  await sleep(5);
  t.deepEqual(pool.released, [{ instance: 1, keys: [flow.key] }]);
});

test("addons of different grants get frames and views of their own", async (t) => {
  const manifest = { permissions: { read: ["response"], write: ["response"] } };
  const { host, pool } = await stage(t, { a: addon({ response: () => undefined }), b: addon({ response: () => undefined }, manifest) });
  const flow = makeHttpFlow(makeRequest(), makeResponse([["Set-Cookie", "secret"], ["X", "1"]]));
  await host.gate.held("response", flow);
  const [first, second] = pool.received.filter(({ event }) => event === "response");
  t.true(first?.parts.get("response")?.includes("secret"));
  t.deepEqual([...(second?.parts.keys() ?? [])], ["flow", "response"]);
  t.true(second?.parts.get("response")?.endsWith("\nSet-Cookie: [withheld]\r\nX: 1\r\n"));
});

test("an illegal change fails the call whole, and later addons of the frame are asked again", async (t) => {
  let asked = 0;
  const { host, records } = await stage(t, {
    a: addon({ request: () => [["request.path", "/changed"], ["request.method", "BAD METHOD"]] }),
    b: addon({ request: () => { asked++; return [["request.headers", [0, 1, ["X-B", "2"]]]]; } }),
  });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.is(flow.request.path, "/path");
  t.is(asked, 2);
  t.deepEqual(linesOf(flow.request), ["Host: example.com", "Accept: */*", "X-B: 2"]);
  const record = records.find(({ fields }) => fields["fault"] === "illegal-change");
  t.regex(record?.msg ?? "", /^addon "a" failed in request \(https:\/\/example\.com\/path\): .*request\.method: must be a method/);
  t.is(record?.fields["field"], "request.method");
});

test("failure policy closed refuses the flow and asks nobody else", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ request: () => ({ fault: { code: "threw", message: "oh" } }), next_layer: () => ({ fault: { code: "threw", message: "oh" } }), clientconnect: () => ({ fault: { code: "threw", message: "oh" } }), serverconnect: () => ({ fault: { code: "threw", message: "oh" } }) }), b: addon({ request: () => undefined }) }, { failure: "closed" });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.is(flow.refusal?.addon, "a");
  t.is(flow.refusal?.fault.code, "threw");
  t.false(pool.eventsOf("b").includes("request"));
  const [layer, root, server] = [makeLayer(), makeRoot(), makeServer()];
  await host.gate.held("next_layer", layer);
  await host.gate.held("clientconnect", root);
  await host.gate.held("serverconnect", server);
  t.deepEqual([layer.replacement, root.killed, server.killed], ["close", true, true]);
});

test("after a time-out the addon comes back with fresh state, in a cell of its own, and the innocent one is not touched", async (t) => {
  let isBad = true;
  const { host, pool } = await stage(t, {
    bad: addon({ start: () => undefined, request: () => (isBad ? { fault: { code: "cpu-limit", message: "", limit: { name: "cpuMs", value: 50, used: 57.04, unit: "ms" } } } : undefined) }),
    good: addon({ start: () => undefined, request: addHeader("X-Good", "1") }),
  });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.true(linesOf(flow.request).includes("X-Good: 1"));
  isBad = false;
  await host.gate.held("request", makeHttpFlow());
  t.deepEqual(pool.eventsOf("bad"), ["start", "configure", "request", "start", "configure", "request"]);
  t.deepEqual(pool.eventsOf("good"), ["start", "configure", "request", "request"]);
  const [bad, good] = host.addons();
  t.true(bad?.isIsolated);
  t.false(good?.isIsolated);
  t.not(bad?.cellPid, good?.cellPid);
  t.is(bad?.strikes, 2);
  t.deepEqual(pool.cells.map(({ pid, standsBack }) => [pid, standsBack]), [[good?.cellPid, false], [bad?.cellPid, true]]);
});

const idle = (hosts?: readonly string[]): ScriptedAddon => addon({ request: () => undefined }, hosts === undefined ? undefined : { hosts, permissions: { read: ["request"] } });

test("addons share a cell with those for the same hosts only, whatever their order; nobody is left in the wrong one", async (t) => {
  const { host, pool } = await stage(t, {
    one: idle(["b.example", "A.example"]), every: idle(), same: idle(["a.example", "b.example"]), other: idle(["c.example"]), star: idle(["*"]),
    third: idle(["d.example"]), fourth: idle(["e.example"]),
  }, { cells: "per-hosts" });
  const [one, every, same, other, star, third, fourth] = host.addons().map(({ cellPid }) => cellPid);
  t.deepEqual([same, star], [one, every]);
  t.is(new Set([one, every, other, third]).size, 4);
  t.is(fourth, one, "no more than three cells for hosts");
  t.is(pool.cells.length, 4);
  t.deepEqual([...pool.cells].map(({ instances }) => instances.size), [3, 2, 1, 1]);
});

test("a new version for other hosts lives elsewhere", async (t) => {
  let hosts: readonly string[] | undefined = ["a.example"];
  const { host, paths } = await stage(t, { every: idle(), changing: { handlers: { request: () => undefined }, get manifest() { return hosts === undefined ? null : { hosts, permissions: { read: ["request"] } }; } } }, { cells: "per-hosts" });
  const [every, before] = host.addons().map(({ cellPid }) => cellPid);
  t.not(before, every);
  hosts = undefined;
  writeFileSync(paths[1] ?? "", "export const it = 2;\n");
  t.is(await host.reload("changing"), null);
  t.deepEqual(host.addons().map(({ cellPid }) => cellPid), [every, every]);
});

test("who loops in a cell where nobody else lives keeps it, and is ended sooner the next time", async (t) => {
  let isBad = true;
  const { host, pool, paths } = await stage(t, {
    bad: addon({ request: () => (isBad ? { fault: { code: "cpu-limit", message: "" } } : undefined) }, { hosts: ["example.com"], permissions: { read: ["request"] } }),
    good: addon({ request: addHeader("X-Good", "1") }),
  }, { cells: "per-hosts" });
  const [before, good] = host.addons().map(({ cellPid }) => cellPid);
  await host.gate.held("request", makeHttpFlow());
  isBad = false;
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.true(linesOf(flow.request).includes("X-Good: 1"));
  t.like(host.addons()[0], { cellPid: before, isIsolated: true, status: "running" });
  t.deepEqual(pool.cells.map(({ pid, standsBack }) => [pid, standsBack]), [[before, true], [good, false]]);
  const suspects = (pid: number | null | undefined): readonly (boolean | undefined)[] => [...(pool.cells.find((cell) => cell.pid === pid)?.instances.values() ?? [])].map(({ spec }) => spec.isSuspect);
  t.deepEqual([suspects(before).at(-1), suspects(good)], [true, [false]]);
  writeFileSync(paths[0] ?? "", "export const mended = 1;\n");
  t.is(await host.reload("bad"), null);
  t.false(suspects(before).at(-1), "a new version is no suspect");
});

test("who was guilty in another process keeps its cell if it lives there alone, state and all; else it moves", async (t) => {
  const { host, pool } = await stage(t, { alone: idle(["a.example"]), one: idle(), two: idle() }, { cells: "per-hosts" });
  const [alone, one] = host.addons().map(({ cellPid }) => cellPid);
  host.heed("alone", { kind: "isolated" });
  host.heed("one", { kind: "isolated" });
  for (let i = 0; i < 500 && host.addons()[1]?.cellPid === one; i++) await sleep(10);
  const after = host.addons().map(({ cellPid }) => cellPid);
  t.deepEqual([after[0], after[2]], [alone, one]);
  t.is(after[1], 3);
  t.deepEqual(pool.cells.map(({ standsBack }) => standsBack), [true, false, true]);
  t.is(pool.eventsOf("alone").length, 1, "configured once");
});

test("an addon that the machine starved is made anew without a strike, and asked again", async (t) => {
  let starved = 0;
  const { host, pool } = await stage(t, {
    slow: addon({ start: () => undefined, request: (...given) => (starved++ === 0 ? { fault: { code: "starved", message: "ran for 3 of its 50 ms" } } : addHeader("X-Slow", "1")(...given)) }),
  });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.true(linesOf(flow.request).includes("X-Slow: 1"));
  t.deepEqual(pool.eventsOf("slow"), ["start", "configure", "request", "start", "configure", "request"]);
  const [slow] = host.addons();
  t.is(slow?.strikes, 0);
  t.false(slow?.isIsolated);
});

test("the operator reads which addon, event, URL, limit and use it was", async (t) => {
  const { host, records } = await stage(t, { slow: addon({ request: () => ({ fault: { code: "cpu-limit", message: "", limit: { name: "cpuMs", value: 50, used: 57.04, unit: "ms" } } }) }) });
  await host.gate.held("request", makeHttpFlow());
  const record = records.find(({ fields }) => fields["fault"] === "cpu-limit");
  t.is(record?.msg, 'addon "slow" failed in request (https://example.com/path): used more CPU time than one call may: 50 ms allowed, 57 ms used');
  t.like(record?.fields, { addon: "slow", event: "request", url: "https://example.com/path" });
});

test("a dead cell: the guilty one moves out, the innocent one is restarted and asked again", async (t) => {
  let deaths = 0;
  const { host, pool } = await stage(t, {
    killer: addon({ request: () => (deaths++ === 0 ? "die" : undefined) }),
    good: addon({ request: addHeader("X-Good", "1"), start: () => undefined }),
  });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.true(linesOf(flow.request).includes("X-Good: 1"));
  t.deepEqual(pool.eventsOf("good"), ["start", "configure", "start", "configure", "request"]);
  await sleep(20);
  const [killer, good] = host.addons();
  t.deepEqual([killer?.isIsolated, killer?.status, killer?.strikes], [true, "running", 3]);
  t.deepEqual([good?.isIsolated, good?.status, good?.strikes], [false, "running", 0]);
});

test("a second death within ten minutes suspends until the operator resumes", async (t) => {
  const { host } = await stage(t, { killer: addon({ request: () => "die" }) });
  await host.gate.held("request", makeHttpFlow());
  await sleep(20);
  await host.gate.held("request", makeHttpFlow());
  await sleep(20);
  t.is(host.addons()[0]?.suspendedUntil, "operator");
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.is(flow.history.at(-1)?.failed, "suspended");
  t.true(host.resume("killer"));
  await sleep(20);
  t.is(host.addons()[0]?.status, "running");
});

test("five strikes suspend; after the time one call is the trial", async (t) => {
  let clock = 1_000_000;
  let isBad = true;
  const { host, pool } = await stage(t, { bad: addon({ request: () => (isBad ? { fault: { code: "threw", message: "no" } } : undefined) }) }, { now: () => clock, limits: { cpuBudgetBurstMs: 600_000 } });
  for (let i = 0; i < 6; i++) await host.gate.held("request", makeHttpFlow());
  t.is(pool.eventsOf("bad").filter((event) => event === "request").length, 5);
  t.is(host.addons()[0]?.status, "suspended");
  clock += 1_001;
  await host.gate.held("request", makeHttpFlow());
  t.is(host.addons()[0]?.suspendedUntil, clock + 2_000);
  isBad = false;
  clock += 2_001;
  await host.gate.held("request", makeHttpFlow());
  await host.gate.held("request", makeHttpFlow());
  t.is(pool.eventsOf("bad").filter((event) => event === "request").length, 8);
  t.is(host.addons()[0]?.status, "running");
});

test("an addon whose CPU budget is used up is passed by until it refills", async (t) => {
  let clock = 0;
  const { host, pool } = await stage(t, { hungry: addon({ request: () => ({ fault: { code: "threw", message: "" } }) }) }, { now: () => clock, limits: { cpuBudgetBurstMs: 100, cpuBudgetShare: 0.5 } });
  const ask = async (): Promise<string | null | undefined> => { const flow = makeHttpFlow(); await host.gate.held("request", flow); return flow.history.at(-1)?.failed; };
  t.is(await ask(), "threw");
  t.is(await ask(), "threw");
  t.is(await ask(), "cpu-budget");
  clock += 100;
  t.is(await ask(), "threw");
  t.is(pool.eventsOf("hungry").filter((event) => event === "request").length, 3);
});

test("calls beyond those that may wait fail at once", async (t) => {
  const { host } = await stage(t, { slow: addon({ request: () => sleep(50).then(() => undefined) }) }, { limits: { waitingCalls: 2 } });
  const flows = [makeHttpFlow(), makeHttpFlow(), makeHttpFlow()];
  await Promise.all(flows.map((flow) => host.gate.held("request", flow)));
  t.deepEqual(flows.map(({ history }) => history.at(-1)?.failed), [undefined, undefined, "overloaded"]);
});

test("kill: later addons see it, a second one is harmless", async (t) => {
  const seen: string[] = [];
  const { host } = await stage(t, { a: addon({ request: () => [["flow.kill", true]] }), b: addon({ response: () => undefined, request: ({ parts }) => { seen.push(parts.get("flow") ?? "patched"); return [["flow.kill", true]]; } }) });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.deepEqual([flow.live, flow.killedBy, flow.error?.msg], [false, "a", "Connection killed"]);
  t.is(seen.length, 1);
});

test("intercept waits for the addon's own resume, the operator's, or the deadline", async (t) => {
  const tools: { resume?: () => void } = {};
  const { host } = await stage(t, { a: addon({ request: ({ key }, { hostCall }) => { tools.resume = () => hostCall(1, { call: "flow.resume", key }); return [["flow.intercept", true]]; } }) }, { limits: { interceptMs: 60 } });
  for (const way of ["addon", "operator", "deadline"] as const) {
    const flow = makeHttpFlow();
    let isDone = false;
    const done = host.gate.held("request", flow)?.then(() => { isDone = true; });
    await sleep(15);
    t.false(isDone, way);
    t.true(flow.intercepted);
    if (way === "addon") tools.resume?.();
    if (way === "operator") t.true(host.resumeFlow(flow.key));
    await done;
    t.false(flow.intercepted);
  }
});

test("told events keep their order, hold nobody up, and come before the release", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ tcp_start: () => undefined, tcp_error: () => sleep(20).then(() => undefined), tcp_end: () => undefined }) });
  const flow = makeTcpFlow();
  await host.gate.held("tcp_start", flow);
  host.gate.tell("tcp_error", flow);
  host.gate.tell("tcp_end", flow);
  host.gate.release(flow);
  t.deepEqual(pool.eventsOf("a"), ["configure", "tcp_start", "tcp_error"]);
  t.is(pool.released.length, 0);
  for (let i = 0; i < 500 && pool.released.length === 0; i += 1) await sleep(10);
  t.deepEqual(pool.eventsOf("a"), ["configure", "tcp_start", "tcp_error", "tcp_end"]);
  t.is(pool.released.length, 1);
});

test("tick comes while the addon is loaded and never overlaps itself", async (t) => {
  let running = 0;
  let ticks = 0;
  await stage(t, { a: addon({ tick: async () => { running++; t.is(running, 1); ticks++; await sleep(150); running--; return undefined; } }) });
  // The timer does not keep a process alive; this wait does.
  const began = performance.now();
  for (let i = 0; i < 500 && ticks < 3; i += 1) await sleep(10);
  t.is(ticks, 3);
  t.true(performance.now() - began >= 300, "three ticks of 150 ms that do not overlap");
});

test("log entries reach log handlers, but not those that a log handler caused", async (t) => {
  const records: LogRecord[] = [];
  const holder: { host?: AddonHost } = {};
  const log = makeLog((record) => { records.push(record); holder.host?.tellLog(record); });
  const { host, pool } = await stage(t, {
    echo: addon({ log: (_, { hostCall }) => { hostCall(1, { call: "log", level: "info", msg: "again" }); return undefined; } }),
    other: addon({ request: (_, { hostCall }) => { hostCall(1, { call: "log", level: "warn", msg: "\u001b[31mred\u0007" }); return undefined; } }),
  }, { log });
  holder.host = host;
  await host.gate.held("request", makeHttpFlow());
  await sleep(20);
  t.deepEqual(pool.received.filter(({ event }) => event === "log").map(({ parts }) => parts.get("entry")), ['{"msg":"\\ufffd[31mred\\ufffd","level":"warn"}']);
  t.is(records.filter(({ msg }) => msg === "again").length, 1);
});

test("content is decoded for the addon, encoded again before the gate returns, and given up on when the coding is unknown", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ response: ({ attachments }) => ({ changes: [["response.content", 0]], attachments: [Buffer.from(`${attachments.at(-1)?.toString()}!`)] }) }) });
  const flow = makeHttpFlow(makeRequest(), makeResponse([["Content-Encoding", "gzip"]], zlib.gzipSync("hello")));
  await host.gate.held("response", flow);
  t.is(zlib.gunzipSync(flow.response?.body.raw ?? "").toString(), "hello!");
  t.is(pool.received.at(-1)?.parts.get("response.body"), '{"raw":0,"content":1,"contentError":null,"truncated":false,"streamed":false}');
  const odd = makeHttpFlow(makeRequest(), makeResponse([["Content-Encoding", "odd"], ["X", "1"]], Buffer.from("hello")));
  await host.gate.held("response", odd);
  t.is(odd.response?.body.raw?.toString(), "hello!");
  t.deepEqual(odd.response === null ? [] : linesOf(odd.response), ["X: 1"]);
});

test("a made response stands there as if it had come", async (t) => {
  const made = { statusCode: 418, reason: "I'm a teapot", fields: [["Content-Type", "text/plain"]], body: 0, encode: false };
  const { host } = await stage(t, { a: addon({ request: () => ({ changes: [["response.make", made]], attachments: [Buffer.from("short")] }) }) });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.like(flow.response, { statusCode: 418, made: true });
  t.is(flow.response?.body.raw?.toString(), "short");
});

test("stream functions: chunks go through the addon; a failure before anything was altered passes, after that it cuts", async (t) => {
  const answers: { current: Handler } = { current: ({ attachments }) => ({ changes: [["stream.chunks", [0, 0]]], attachments }) };
  const { host } = await stage(t, { a: addon({ responseheaders: () => [["response.stream", "function"]], stream: (...args) => answers.current(...args) }) });
  const open = async (): Promise<(chunk: Buffer) => Promise<readonly Buffer[]>> => {
    const flow = makeHttpFlow(makeRequest(), makeResponse());
    await host.gate.held("responseheaders", flow);
    const stream = flow.response?.stream;
    return typeof stream === "function" ? stream : t.fail("no stream function") as never;
  };
  const stream = await open();
  t.deepEqual((await stream(Buffer.from("ab"))).map(String), ["ab", "ab"]);
  answers.current = () => ({ fault: { code: "threw", message: "" } });
  await t.throwsAsync(stream(Buffer.from("cd")), { name: "StreamCutError" });
  const fresh = await open();
  t.deepEqual((await fresh(Buffer.from("ef"))).map(String), ["ef"]);
  t.deepEqual(await fresh(Buffer.alloc(0)), []);
});

test("hosts of a manifest decide who is asked", async (t) => {
  const { host, pool } = await stage(t, { a: addon({ request: () => undefined }, { hosts: ["*.example.org"], permissions: { read: ["request"] } }) });
  t.is(host.gate.held("request", makeHttpFlow()), null);
  t.false(host.gate.wants("request", "example.com"));
  t.true(host.gate.wants("request", "www.example.org"));
  const flow = makeHttpFlow();
  flow.request.host = "www.example.org";
  await host.gate.held("request", flow);
  t.deepEqual(pool.eventsOf("a"), ["configure", "request"]);
});

test("a reload serves new flows; a flow in flight finishes on the old version, then done", async (t) => {
  const versions = { current: "1" };
  const seen: string[] = [];
  const pool = new FakePool(() => {
    const version = versions.current;
    return { handlers: { request: () => { seen.push(`request ${version}`); return undefined; }, response: () => { seen.push(`response ${version}`); return undefined; }, done: () => { seen.push(`done ${version}`); return undefined; } } };
  });
  const host = createAddonHost({ log: makeLog(() => {}), pool, limits: defaultLimits, failure: "open", cells: "shared", options: new Map(), watch: true });
  t.teardown(() => host.close());
  const path = join(temporaryFolder("reload"), "addon.ts");
  writeFileSync(path, "export const version = 1;");
  await host.loadAll([path]);
  const old = makeHttpFlow();
  await host.gate.held("request", old);
  versions.current = "2";
  writeFileSync(path, "export const version = 2;");
  for (let i = 0; i < 200 && host.addons()[0]?.reloads !== 1; i++) await sleep(10);
  await host.gate.held("request", makeHttpFlow());
  old.response = makeResponse();
  await host.gate.held("response", old);
  host.gate.release(old);
  await sleep(20);
  t.deepEqual(seen, ["request 1", "request 2", "response 1", "done 1"]);
  writeFileSync(path, "export const version = ;");
  await sleep(200);
  await host.gate.held("request", makeHttpFlow());
  t.is(seen.at(-1), "request 2");
});

test("an option that one addon refuses is taken back everywhere", async (t) => {
  const { host, pool } = await stage(t, {
    a: addon({ configure: () => undefined }),
    b: addon({ configure: ({ parts }) => (parts.get("options")?.includes("bad") ? { fault: { code: "threw", message: "no bad ones" } } : undefined) }),
  });
  t.is(await host.setOption("x", "good"), null);
  t.regex((await host.setOption("x", "bad")) ?? "", /addon "b" refused option x: .*no bad ones/);
  t.deepEqual(pool.received.filter(({ addon: name, event }) => name === "a" && event === "configure").map(({ parts }) => parts.get("options")), [
    '{"options":{},"updated":[]}', '{"options":{"x":"good"},"updated":["x"]}', '{"options":{"x":"bad"},"updated":["x"]}', '{"options":{"x":"good"},"updated":["x"]}',
  ]);
});

test("a worn-out cell is replaced without losing an event", async (t) => {
  let faults = 3;
  const fail: Handler = () => (faults-- > 0 ? { fault: { code: "wall-limit", message: "" } } : undefined);
  const { host, pool } = await stage(t, { a: addon({ request: fail }), b: addon({ request: () => undefined }) }, { limits: { cellLoads: 4 } });
  const flows = Array.from({ length: 6 }, () => makeHttpFlow());
  for (const flow of flows) await host.gate.held("request", flow);
  for (const flow of flows) host.gate.release(flow);
  await sleep(30);
  t.is(pool.cells.length, 2);
  t.true(pool.cells[0]?.isDead);
  t.deepEqual(host.addons().map(({ cellPid }) => cellPid), [2, 2]);
  t.is(pool.eventsOf("b").filter((event) => event === "request").length, 6);
});

test("what cannot be loaded is a problem in words, and is not asked", async (t) => {
  const pool = new FakePool(({ name }) => (name === "throws" ? { handlers: {}, loadFault: { code: "threw", message: "boom", stack: "Error: boom\n    at throws.bundle.js:3:1" } } : { handlers: {}, manifest: { permisions: {} } }));
  const records: LogRecord[] = [];
  const host = createAddonHost({ log: makeLog((record) => { records.push(record); }), pool, limits: defaultLimits, failure: "open", cells: "shared", options: new Map(), watch: false });
  t.teardown(() => host.close());
  const folder = temporaryFolder("problems");
  for (const name of ["throws", "manifest"]) writeFileSync(join(folder, `${name}.ts`), "throw new Error('boom');\n");
  const problems = await host.loadAll([join(folder, "throws.ts"), join(folder, "manifest.ts"), join(folder, "missing.ts")]);
  t.deepEqual(problems.map(({ addon: name }) => name), ["throws", "manifest", "missing"]);
  t.regex(problems[0]?.message ?? "", /addon "throws" failed in load: the handler threw: boom at .*throws\.ts:1:1\n    throw new Error/);
  t.regex(problems[1]?.message ?? "", /has no key "permisions"; did you mean "permissions"\?/);
  t.regex(problems[2]?.message ?? "", /there is no addon at /);
  t.deepEqual(host.addons().map(({ status }) => status), ["failed", "failed", "failed"]);
  t.is(records.filter(({ level }) => level === "error").length, 3);
});
