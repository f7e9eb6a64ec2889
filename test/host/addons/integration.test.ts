// The gate with everything real behind it: addons compiled from TypeScript, run in isolates in cells. What an author writes is what
// happens to the flow, and what a hostile one does stays with it.
import test, { type ExecutionContext } from "ava";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import zlib from "node:zlib";
import { createAddonHost, type AddonHost, type AddonHostSettings } from "../../../host/addons/addon-host.ts";
import { checkAddon } from "../../../host/addons/check.ts";
import { bundleGuest, bundleRuntime } from "../../../host/addons/own-code.ts";
import type { CellPool } from "../../../host/cells/cell.ts";
import { makeCellPool } from "../../../host/cells/pool.ts";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { defaultLimits, type Limits } from "../../../sandbox-api/schema/limits.ts";
import { linesOf, makeHttpFlow, makeLayer, makeRequest, makeResponse, makeRoot, makeServer, makeTcpFlow } from "../../helpers/flows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const cells: { pool?: CellPool } = {};
test.before(async () => {
  cells.pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false });
});
test.after.always(() => cells.pool?.close());

interface Stage { readonly host: AddonHost; readonly records: LogRecord[]; readonly paths: readonly string[] }
type Settings = Partial<Omit<AddonHostSettings, "limits">> & { readonly limits?: Partial<Limits> };

async function stage(t: ExecutionContext, sources: { readonly [name: string]: string }, { limits, ...settings }: Settings = {}): Promise<Stage> {
  const folder = temporaryFolder("addons");
  const records: LogRecord[] = [];
  const pool = cells.pool ?? t.fail("no cells") as never;
  const host = createAddonHost({
    log: makeLog((record) => { records.push(record); host.tellLog(record); }), pool, failure: "open", cells: "shared", options: new Map(), watch: false, ...settings,
    limits: { ...defaultLimits, cpuMs: 400, wallMs: 3_000, ...limits },
  });
  t.teardown(() => host.close());
  const paths = Object.entries(sources).map(([name, source]) => {
    const path = join(folder, `${name}.ts`);
    writeFileSync(path, source);
    return path;
  });
  t.deepEqual(await host.loadAll(paths), []);
  return { host, records, paths };
}

test.serial("a chain of addons in one cell: headers, paths, bodies, identity, content", async (t) => {
  const { host } = await stage(t, {
    one: `import type { HTTPFlow } from "flowcell";
      const seen = new WeakSet<object>();
      export function request(flow: HTTPFlow) { seen.add(flow); flow.metadata.at = 1; flow.request.headers.set("X-One", "1"); flow.request.path = "/one"; }
      export function response(flow: HTTPFlow) { flow.response!.headers.set("x-same", String(seen.has(flow) && flow.metadata.at === 1)); flow.response!.text = flow.response!.text.toUpperCase(); }`,
    two: `export default class { request(flow) { flow.request.headers.append("X-Two", flow.request.headers.get("x-one") + flow.request.path); }
      async response(flow) { await null; flow.response.text += "!"; } }`,
  });
  const flow = makeHttpFlow(makeRequest([["Host", "example.com"], ["X-Odd", "caf\u00e9"]]));
  await host.gate.held("request", flow);
  t.deepEqual(linesOf(flow.request), ["Host: example.com", "X-Odd: caf\u00e9", "X-One: 1", "X-Two: 1/one"]);
  flow.response = makeResponse([["Content-Type", "text/plain"], ["Content-Encoding", "gzip"]], zlib.gzipSync("hello"));
  await host.gate.held("response", flow);
  t.is(flow.response.headers.get("x-same"), "true");
  t.is(zlib.gunzipSync(flow.response.body.raw ?? "").toString(), "HELLO!");
  t.deepEqual(flow.history.map(({ addon, event }) => `${addon} ${event}`), ["one request", "two request", "one response", "two response"]);
});

test.serial("a made response, a kill, a redirect, a layer, a server address, a TCP message", async (t) => {
  const { host } = await stage(t, {
    all: `import { Response, layers } from "flowcell";
      export function request(flow) {
        if (flow.request.path === "/made") flow.response = Response.make(418, "short and stout", { "X-Pot": "tea" });
        if (flow.request.path === "/kill") flow.kill();
        if (flow.request.path === "/move") flow.request.host = "other.example";
      }
      export function next_layer(layer) { if (layer.clientHello?.sni === "example.com") return layers.passthrough(); }
      export function clientconnect(root) { root.kill(); }
      export function serverconnect(conn) { conn.address = { host: "127.0.0.9", port: 9 }; }
      export function tcp_message(flow) { const message = flow.messages.at(-1); message.content = new TextEncoder().encode("<" + new TextDecoder().decode(message.content) + ">"); }`,
  });
  const at = (path: string): ReturnType<typeof makeHttpFlow> => { const flow = makeHttpFlow(); flow.request.path = path; return flow; };
  const [made, killed, moved] = [at("/made"), at("/kill"), at("/move")];
  for (const flow of [made, killed, moved]) await host.gate.held("request", flow);
  t.is(made.response?.statusCode, 418);
  t.is(made.response?.body.raw?.toString(), "short and stout");
  t.is(made.response?.headers.get("x-pot"), "tea");
  t.deepEqual([killed.live, killed.killedBy], [false, "all"]);
  t.deepEqual([moved.request.host, moved.request.headers.get("host")], ["other.example", "other.example"]);
  const [layer, root, server, tcp] = [makeLayer(), makeRoot(), makeServer(), makeTcpFlow("data")];
  await host.gate.held("next_layer", layer);
  await host.gate.held("clientconnect", root);
  await host.gate.held("serverconnect", server);
  await host.gate.held("tcp_message", tcp);
  t.is(layer.replacement, "passthrough");
  t.true(root.killed);
  t.deepEqual(server.address, { host: "127.0.0.9", port: 9 });
  t.is(tcp.message?.content.toString(), "<data>");
});

test.serial("start, its replacement, configure with options, ctx, log, done", async (t) => {
  const { host, records } = await stage(t, {
    life: `import { ctx } from "flowcell";
      export const manifest = { options: { greeting: { type: "string", default: "hi" }, count: { type: "number", default: 1 } }, permissions: { read: ["request"], write: ["request"] } };
      let greeting = "";
      export function start() { ctx.log("started", "warn"); return { configure(options, updated) { greeting = options.greeting + options.count; if (options.count < 0) throw new Error("too few"); ctx.log.info([...updated].join()); },
        request(flow) { flow.request.headers.set("x-greeting", greeting); }, done() { console.log("bye"); } }; }`,
  }, { options: new Map([["count", "2"]]) });
  const greet = async (): Promise<string | undefined> => { const flow = makeHttpFlow(); await host.gate.held("request", flow); return flow.request.headers.get("x-greeting"); };
  t.is(await greet(), "hi2");
  t.is(await host.setOption("greeting", "hello"), null);
  t.is(await greet(), "hello2");
  t.regex((await host.setOption("count", "-1")) ?? "", /refused option count: .*too few/);
  t.regex((await host.setOption("count", "many")) ?? "", /must be a number, not "many"/);
  t.is(await greet(), "hello2");
  await host.close();
  const said = records.filter(({ fields }) => fields["addon"] === "life" && fields["event"] === "addon-log").map(({ level, msg }) => `${level} ${msg}`);
  // The refused change is told twice: there it throws before it logs, and back.
  t.deepEqual(said, ["warn started", "info greeting,count", "info greeting", "info count", "info bye"]);
});

test.serial("the author reads where it was: file, line and column of the source", async (t) => {
  const { host, records } = await stage(t, { broken: `interface Flow { x: number }\n\nexport function request(flow: Flow) {\n  const nothing: { y?: { z: number } } = {};\n  return nothing.y!.z;\n}\n` });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  const record = records.find(({ fields }) => fields["fault"] === "threw");
  t.regex(record?.msg ?? "", /^addon "broken" failed in request \(https:\/\/example\.com\/path\): the handler threw: .*undefined.* at .*broken\.ts:5:21$/);
  t.is(record?.fields["codeLine"], "return nothing.y!.z;");
  t.is(flow.history[0]?.failed, "threw");
});

test.serial("what hostile addons do stays with them: the flow goes on, the neighbour works, the addon comes back", async (t) => {
  const { host, records } = await stage(t, {
    hostile: `let calls = 0;
      export function request(flow) {
        const how = flow.request.path; flow.request.headers.set("x-hostile", "half-made"); calls++;
        if (how === "/loop") for (;;);
        if (how === "/memory") { const all = []; for (;;) all.push(new Array(100000).fill(calls)); }
        if (how === "/never") return new Promise(() => {});
        if (how === "/illegal") flow.request.headers.set("x", "a\\r\\nb");
        if (how === "/bigint") (3n ** 30000000n).toString();
        flow.request.headers.set("x-calls", String(calls));
      }`,
    good: `export function request(flow) { flow.request.headers.set("x-good", "1"); }`,
  }, { limits: { wallMs: 300 } });
  for (const [path, codes] of [["/illegal", ["illegal-change"]], ["/loop", ["cpu-limit", "starved"]], ["/never", ["wall-limit"]], ["/memory", ["memory-limit", "cpu-limit", "starved"]]] as const) {
    const flow = makeHttpFlow();
    flow.request.path = path;
    await host.gate.held("request", flow);
    t.deepEqual(linesOf(flow.request), ["Host: example.com", "Accept: */*", "x-good: 1"], path);
    const code = flow.history.find(({ addon }) => addon === "hostile")?.failed;
    t.true(codes.some((expected) => expected === code), `${path} ${code}`);
    t.true(records.some(({ fields }) => fields["fault"] === code && fields["addon"] === "hostile"), path);
    // All of it within ten seconds would suspend it.
    host.resume("hostile");
  }
  const fine = makeHttpFlow();
  await host.gate.held("request", fine);
  t.deepEqual(linesOf(fine.request).slice(2), ["x-hostile: half-made", "x-calls: 1", "x-good: 1"]);
  const [hostile, good] = host.addons();
  t.deepEqual([hostile?.isIsolated, good?.isIsolated, good?.restarts], [true, false, 0]);
  host.resume("hostile");
  const killer = makeHttpFlow();
  killer.request.path = "/bigint";
  await host.gate.held("request", killer);
  t.deepEqual(linesOf(killer.request), ["Host: example.com", "Accept: */*", "x-good: 1"]);
  for (let i = 0; i < 500 && host.addons()[0]?.status !== "running"; i++) await sleep(10);
  t.is(host.addons()[0]?.status, "running");
});

test.serial("failure policy closed refuses with the reason", async (t) => {
  const { host } = await stage(t, { strict: `export const manifest = { failure: "closed", permissions: { read: ["request"] } };\nexport function request(flow) { flow.request.path = "/x"; }` });
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  t.is(flow.refusal?.addon, "strict");
  t.is(flow.refusal?.fault.code, "permission");
  t.is(flow.request.path, "/path");
});

test.serial("streams, timers and awaiting in several flows at once", async (t) => {
  const { host } = await stage(t, {
    slow: `export async function request(flow) { await new Promise((resolve) => setTimeout(resolve, 50)); flow.request.headers.set("x-slow", "1"); }
      export function responseheaders(flow) { flow.response.stream = (chunk) => chunk.length === 0 ? new TextEncoder().encode("end") : [chunk, chunk]; }`,
  });
  const flows = Array.from({ length: 5 }, () => makeHttpFlow());
  const before = performance.now();
  await Promise.all(flows.map((flow) => host.gate.held("request", flow)));
  t.true(performance.now() - before < 2_000);
  t.true(flows.every((flow) => flow.request.headers.get("x-slow") === "1"));
  const flow = makeHttpFlow(makeRequest(), makeResponse());
  await host.gate.held("responseheaders", flow);
  const stream = flow.response?.stream;
  if (typeof stream !== "function") return t.fail("no stream function");
  t.deepEqual((await stream(Buffer.from("ab"))).map(String), ["ab", "ab"]);
  t.deepEqual((await stream(Buffer.alloc(0))).map(String), ["end"]);
});

test.serial("an intercepted flow goes on when the addon resumes it, from a timer too", async (t) => {
  const { host } = await stage(t, { holder: `export function request(flow) { flow.intercept(); setTimeout(() => flow.resume(), 80); }` });
  const flow = makeHttpFlow();
  let isDone = false;
  const done = host.gate.held("request", flow)?.then(() => { isDone = true; });
  for (let i = 0; i < 200 && !flow.intercepted; i++) await sleep(5);
  t.deepEqual([isDone, flow.intercepted], [false, true]);
  await done;
  t.false(flow.intercepted);
});

test.serial("check says what an addon handles and may, or where it is broken", async (t) => {
  const folder = temporaryFolder("check");
  const check = (name: string, source: string): ReturnType<typeof checkAddon> => {
    const path = join(folder, name);
    writeFileSync(path, source);
    return checkAddon(path, { pool: cells.pool ?? t.fail("no cells") as never, limits: defaultLimits, log: makeLog(() => {}) });
  };
  const fine = await check("fine.ts", 'export const manifest = { name: "fine", permissions: { read: ["request"] } };\nexport function request() {}\nexport function requests() {}');
  t.like(fine, { kind: "ok", handlers: ["request"], manifest: { name: "fine", version: null, description: null }, permissions: ["see request lines and headers"] });
  t.regex(fine.kind === "ok" ? fine.warnings.map(({ message }) => message).join() : "", /requests/);
  const thrown = await check("thrown.ts", 'const a: number = 1;\nthrow new Error("at load" + a);');
  t.regex(thrown.kind === "problem" ? thrown.message : "", /at load1 at .*thrown\.ts:2:7\n {4}throw new Error/);
  const odd = await check("odd.ts", "export const manifest = { permisions: {} };");
  t.regex(odd.kind === "problem" ? odd.message : "", /did you mean "permissions"/);
});

test.serial("an edit takes effect on the next event; a broken one keeps the old version", async (t) => {
  const source = (value: string): string => `export function request(flow) { flow.request.headers.set("x-version", "${value}"); }`;
  const { host, paths, records } = await stage(t, { edited: source("1") }, { watch: true });
  const version = async (): Promise<string | undefined> => { const flow = makeHttpFlow(); await host.gate.held("request", flow); host.gate.release(flow); return flow.request.headers.get("x-version"); };
  t.is(await version(), "1");
  const until = async (isSo: () => Promise<boolean>): Promise<void> => { for (let i = 0; i < 300 && !(await isSo()); i++) await sleep(10); };
  writeFileSync(paths[0] ?? "", source("2"));
  await until(async () => (await version()) === "2");
  t.is(await version(), "2");
  writeFileSync(paths[0] ?? "", "export function request(flow) {");
  await until(async () => records.some(({ level }) => level === "error"));
  t.regex(records.find(({ level }) => level === "error")?.msg ?? "", /was not loaded; the version before stays in service:\n.*edited\.ts:1:\d+: /);
  t.is(await version(), "2");
});

test.serial("one flow of many at once whose handler kills the cell: it fails once, and everybody else gets through with everything done", async (t) => {
  const { host, records } = await stage(t, {
    before: `export function request(flow) { flow.request.headers.set("x-before", flow.request.path); }`,
    killer: `export function request(flow) { if (flow.request.path === "/7") "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5)); flow.request.headers.set("x-killer", flow.request.path); }`,
    after: `export function request(flow) { flow.request.headers.set("x-after", flow.request.path); }`,
  }, { limits: { cpuMs: 100 } });
  const flows = Array.from({ length: 24 }, (_, n) => Object.assign(makeHttpFlow(makeRequest([["Host", "example.com"]])), { n }));
  for (const { request, n } of flows) request.path = `/${n}`;
  await Promise.all(flows.map((flow) => host.gate.held("request", flow)));
  for (const { request, n } of flows) t.deepEqual(linesOf(request), ["Host: example.com", `x-before: /${n}`, ...(n === 7 ? [] : [`x-killer: /${n}`]), `x-after: /${n}`], `${n}`);
  t.is(records.filter(({ fields }) => fields["event"] === "cell-end").length, 1, "the event was not tried again");
  t.deepEqual(flows[7]?.history.filter(({ failed }) => failed !== null).map(({ addon, failed }) => [addon, failed]), [["killer", "unresponsive"]]);
  t.deepEqual(host.addons().flatMap(({ name, suspendedUntil }) => (suspendedUntil === null ? [] : [name])), []);
});
