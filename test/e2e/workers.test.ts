// Several workers as an operator and clients see them: one proxy. Both serve, one may die, edits and suspensions are everybody's, the
// log says everything once, and nothing is left behind.
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { startHttpOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon, type RunningFlowcell } from "../helpers/flowcell.ts";
import { isolateName, mark, visitEach, Visitor } from "../helpers/visitor.ts";
import { descendants, isRunning, until } from "../faults/leftovers.ts";

// Ports are shared among processes, and processes looked at, on Linux only.
const shared = existsSync("/proc/self/status") ? test.serial : test.serial.skip;

const workersOf = ({ process: { pid } }: RunningFlowcell): readonly number[] =>
  descendants(pid ?? 0).filter((child) => readFileSync(`/proc/${child}/cmdline`, "latin1").includes("workers/worker."));

async function start(t: ExecutionContext, source: string, args: readonly string[] = []): Promise<RunningFlowcell & { readonly addon: string; readonly url: string }> {
  t.timeout(120_000);
  const origin = await startHttpOrigin();
  const addon = await writeAddon(source);
  const proxy = await startFlowcell([addon], ["--workers", "2", ...args]);
  t.teardown(async () => { origin.close(); await proxy.stop("SIGKILL"); });
  return { ...proxy, addon, url: `http://127.0.0.1:${origin.port}/` };
}

shared("two workers serve on one port; the log says once what is one fact, and each worker runs start and done", async (t) => {
  const proxy = await start(t, `${isolateName}export function start() { console.log("hello"); }
export function response(flow) { ${mark} }
export function onRequest() {}
export function done() { console.log("bye"); }\n`);
  t.is(workersOf(proxy).length, 2);
  t.is(proxy.lines.filter((line) => line["event"] === "ready").length, 1);
  t.is(proxy.lines.filter((line) => line.msg.includes("onRequest")).length, 1, "a warning about the addon is one fact");
  await visitEach(t, proxy.port, proxy.url, 2);
  t.is(await proxy.stop(), 0);
  for (const word of ["hello", "bye"]) t.deepEqual(proxy.lines.filter((line) => line.msg === word).map((line) => line["worker"]).sort(), [1, 2], word);
});

shared("a worker that is killed takes its own connections along, and is replaced", async (t) => {
  const proxy = await start(t, `${isolateName}export function response(flow) { ${mark} }\n`);
  const visitors = await visitEach(t, proxy.port, proxy.url, 2);
  const [victim = 0] = workersOf(proxy);
  process.kill(victim, "SIGKILL");
  const told = await proxy.line((line) => line["event"] === "worker-end", 30_000);
  t.like(told, { level: "error", signal: "SIGKILL", pid: victim });
  const alive = (await Promise.allSettled(visitors.map((visitor) => visitor.get(proxy.url)))).map(({ status }) => status);
  t.true(alive.includes("fulfilled"), "the other worker's connection goes on");
  for (let i = 0; i < 5; i++) {
    const fresh = new Visitor(proxy.port);
    t.is((await fresh.get(proxy.url)).status, 200, "the port goes on");
    fresh.close();
  }
  await proxy.line((line) => line["event"] === "worker-start", 60_000);
  t.is(workersOf(proxy).length, 2);
  await visitEach(t, proxy.port, proxy.url, 2);
  t.is(await proxy.stop(), 0);
});

shared("an edit reaches both; one that a single worker cannot start reaches none", async (t) => {
  const arrivals: string[] = [];
  const counter = createServer((request, response) => { arrivals.push(request.url ?? ""); response.end(arrivals.length % 2 === 1 ? "ok" : "no"); });
  await new Promise<void>((resolve) => counter.listen(0, "127.0.0.1", resolve));
  t.teardown(() => { counter.close(); counter.closeAllConnections(); });
  const origin = `http://127.0.0.1:${(counter.address() as AddressInfo).port}`;
  const source = (version: string, begin: string): string => `${isolateName}
export const manifest = { permissions: { read: ["request", "response"], write: ["response"], fetch: ["${origin}"] } };
export async function start() { ${begin} }
export function response(flow) { ${mark} flow.response.headers.set("x-version", "${version}"); }\n`;
  const proxy = await start(t, source("one", ""));
  await writeFile(proxy.addon, source("two", ""));
  await proxy.line((line) => line["event"] === "reload", 60_000);
  const versions = async (): Promise<readonly unknown[]> => Promise.all((await visitEach(t, proxy.port, proxy.url, 2)).map(async (visitor) => (await visitor.get(proxy.url)).headers["x-version"]));
  t.deepEqual(await versions(), ["two", "two"]);
  await writeFile(proxy.addon, source("three", `if (await (await fetch("${origin}/")).text() !== "ok") throw new Error("not here");`));
  const refused = await proxy.line((line) => line["event"] === "load" && line.level === "error", 60_000);
  t.regex(refused.msg, /not here/);
  t.is(arrivals.length, 2, "both tried");
  t.deepEqual(await versions(), ["two", "two"]);
  await writeFile(proxy.addon, source("four", ""));
  await proxy.line((line) => line["event"] === "reload" && line !== proxy.lines.find((first) => first["event"] === "reload"), 60_000);
  t.deepEqual(await versions(), ["four", "four"]);
  t.is(proxy.lines.filter((line) => line["event"] === "reload").length, 2, "said once each time");
  t.is(await proxy.stop(), 0);
});

shared("strikes of all workers count together, and who is suspended in one is suspended in all, also in a new one", async (t) => {
  const proxy = await start(t, `${isolateName}
export function request(flow) { if (flow.request.path === "/bad") "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5)); }
export function response(flow) { ${mark} }\n`);
  const [one, other] = await visitEach(t, proxy.port, proxy.url, 2);
  if (one === undefined || other === undefined) return t.fail();
  // Two deaths of its process suspend an addon for good; here one in each worker.
  t.is((await one.get(`${proxy.url}bad`)).status, 200);
  await proxy.line((line) => line["event"] === "cell-end");
  t.is((await other.get(`${proxy.url}bad`)).status, 200);
  await proxy.line((line) => line["event"] === "suspended" && line.level === "error");
  const isPassedBy = async (visitor: Visitor): Promise<boolean> => (await visitor.get(proxy.url)).headers["x-isolate"] === undefined;
  t.true(await isPassedBy(one));
  t.true(await isPassedBy(other));
  t.is(proxy.lines.filter((line) => line["event"] === "moved").length, 1);
  t.is(proxy.lines.filter((line) => line["event"] === "suspended").length, 1);
  for (const worker of workersOf(proxy)) process.kill(worker, "SIGKILL");
  await proxy.line((line) => line["event"] === "worker-start" && line["worker"] === 1, 60_000);
  await proxy.line((line) => line["event"] === "worker-start" && line["worker"] === 2, 60_000);
  for (let i = 0; i < 4; i++) {
    const late = new Visitor(proxy.port);
    t.true(await isPassedBy(late), "a new worker knows of it");
    late.close();
  }
  t.is(await proxy.stop(), 0);
});

shared("CPU that an addon used up in one worker is used up in the other", async (t) => {
  const proxy = await start(t, `${isolateName}
export function response(flow) { ${mark} if (flow.request.path === "/burn") { const until = performance.now() + 30; while (performance.now() < until); } }\n`,
  ["--limit", "cpuBudgetBurstMs=400", "--limit", "cpuBudgetShare=0.001", "--cpu-ms", "500"]);
  const [one, other] = await visitEach(t, proxy.port, proxy.url, 2);
  if (one === undefined || other === undefined) return t.fail();
  let spent = 0;
  while ((await one.get(`${proxy.url}burn`)).headers["x-isolate"] !== undefined && spent < 400) spent += 1;
  t.true(spent > 0 && spent < 400, `one worker alone ran out after ${spent} calls`);
  // What it hears ten times a second.
  for (let tries = 0; tries < 100 && (await other.get(proxy.url)).headers["x-isolate"] !== undefined; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  t.is((await other.get(proxy.url)).headers["x-isolate"], undefined, "the other one never burned anything");
  t.is(proxy.lines.filter((line) => line["fault"] === "cpu-budget").length, 1, "said once");
  t.is(await proxy.stop(), 0);
});

shared("what one worker keeps in storage, the other finds; writes at once are all there", async (t) => {
  const proxy = await start(t, `${isolateName}import { ctx } from "flowcell";
export const manifest = { permissions: { read: ["request", "response"], write: ["response"], storage: "1MiB" } };
export async function response(flow) {
  ${mark}
  if (flow.request.path !== "/") await ctx.storage.set(flow.request.path, isolateName);
  flow.response.headers.set("x-keys", String((await ctx.storage.list()).length));
}\n`);
  const visitors = await visitEach(t, proxy.port, proxy.url, 2);
  await Promise.all(visitors.flatMap((visitor, at) => Array.from({ length: 20 }, (_, index) => visitor.get(`${proxy.url}${at}/${index}`))));
  for (const visitor of visitors) t.is((await visitor.get(proxy.url)).headers["x-keys"], "40");
  t.false(proxy.lines.some((line) => line["event"] === "storage"));
  t.is(await proxy.stop(), 0);
});

shared("the primary killed with SIGKILL takes workers and cells along", async (t) => {
  const proxy = await start(t, "export function request() { for (;;) {} }\n", ["--cpu-ms", "30000", "--wall-ms", "60000"]);
  const pid = proxy.process.pid ?? 0;
  const visitor = new Visitor(proxy.port);
  void visitor.get(proxy.url).catch(() => {});
  const all = descendants(pid);
  t.true(all.length >= 4, `two workers and their cells: ${all.length}`);
  process.kill(pid, "SIGKILL");
  const tookMs = await until(() => all.every((child) => !isRunning(child)), 20_000);
  t.not(tookMs, null, `still there: ${all.filter(isRunning).join(", ")}`);
  visitor.close();
});

shared("a taken port is named before any worker starts; --workers wants a whole number", async (t) => {
  const origin = await startHttpOrigin();
  t.teardown(() => origin.close());
  const error = await t.throwsAsync(startFlowcell([], ["--workers", "2", "--mode", `regular@${origin.port}`]));
  t.regex(error.message, new RegExp(`Port ${origin.port} on 127.0.0.1 is taken`));
  t.regex((await t.throwsAsync(startFlowcell([], ["--workers", "2", "--save", "/nowhere/x.flows"]))).message, /one process writes/);
  t.regex((await t.throwsAsync(startFlowcell([], ["--workers", "0"]))).message, /--workers: a whole number/);
});
