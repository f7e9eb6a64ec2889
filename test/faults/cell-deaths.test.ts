// A cell killed at any moment of any event: the flows that it had a part in end whole, changed by an addon entirely or not at all; nothing is
// sent twice, nothing is lost, nobody waits for ever, and the addons come back. With `closed` addons: all of their work, or a refusal.
import { appendFile } from "node:fs/promises";
import { createServer, request as httpRequest, Agent, type Server } from "node:http";
import test, { type ExecutionContext } from "ava";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { makeLog } from "../../host/log.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import { startProxy } from "../helpers/proxy.ts";
import { descriptorCount, isRunning, until } from "./leftovers.ts";
import { MortalPool, type Moment, type Plan } from "./mortal-pool.ts";

const patient = `
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export async function start() { await pause(5); } export async function configure() { await pause(5); } export async function done() { await pause(20); }
export async function clientconnect() { await pause(5); } export async function next_layer() { await pause(5); } export async function requestheaders() { await pause(5); } export async function serverconnect() { await pause(5); }
export async function request(flow: any) { flow.request.headers.set("x-one", "1"); await pause(10); flow.request.text = "(" + flow.request.text + ")"; }
export async function responseheaders() { await pause(5); }
export async function response(flow: any) { const text = flow.response.text; await pause(10); flow.response.text = "[" + text + "]"; flow.response.headers.set("x-one", "1"); }
`;
const busy = `
const work = (ms: number) => { const end = Date.now() + ms; while (Date.now() < end) {} };
export function request(flow: any) { work(8); flow.request.text = "<" + flow.request.text + ">"; }
export function response(flow: any) { flow.response.text = flow.response.text + "!"; work(8); }
export function tick() { work(1); }
`;

const stage: { pool?: MortalPool; origin?: Server; paths?: readonly string[] } = {};
const seenByOrigin: string[] = [];
test.before(async () => {
  stage.pool = new MortalPool(makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 2, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false }));
  const origin = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      seenByOrigin.push(body);
      response.end(`echo ${body}`);
    });
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  stage.origin = origin;
  stage.paths = [await writeAddon(patient, {}, "patient.ts"), await writeAddon(busy, {}, "busy.ts")];
});
test.after.always(async () => {
  await stage.pool?.close();
  stage.origin?.close();
  stage.origin?.closeAllConnections();
});

interface Played { readonly id: string; readonly status: number; readonly body: string }

function ask(agent: Agent, proxyPort: number, id: string): Promise<Played> {
  const address = stage.origin?.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ agent, host: "127.0.0.1", port: proxyPort, method: "POST", path: `http://127.0.0.1:${port}/`, headers: { "content-type": "text/plain", host: `127.0.0.1:${port}` }, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ id, status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer to ${id} within 30 s`)));
    asked.on("error", reject);
    asked.end(id);
  });
}

/** Bodies that may come of it when each addon did its part of a message wholly or not at all. */
function allowedBodies(id: string): readonly string[] {
  const sent = [id, `(${id})`, `<${id}>`, `<(${id})>`];
  return sent.flatMap((body) => [`echo ${body}`, `[echo ${body}]`, `echo ${body}!`, `[echo ${body}]!`]);
}

function checkFlow(t: ExecutionContext, { id, status, body }: Played, isClosed: boolean, plan: Plan): void {
  const what = `${JSON.stringify(plan)} ${id}: ${status} ${body}`;
  const times = seenByOrigin.filter((seen) => seen.replace(/[()<>]/g, "") === id).length;
  if (status === 200) {
    t.true(isClosed ? body === `[echo <(${id})>]!` : allowedBodies(id).includes(body), what);
    t.is(times, 1, `${what}: the origin saw it ${times} times`);
  } else {
    t.true(isClosed && status === 502 && times <= 1, what);
  }
}

async function withAddons(t: ExecutionContext, failure: "open" | "closed", plan: Plan | null, use: (addons: AddonHost, port: number) => Promise<void>): Promise<void> {
  const { pool, paths = [] } = stage;
  if (pool === undefined) return t.fail("no pool");
  if (plan !== null && ["load", "start", "configure"].includes(plan.at)) pool.plan(plan);
  const addons = createAddonHost({ log: makeLog(() => undefined), pool, limits: { ...defaultLimits, cpuMs: 1_000 }, failure, cells: "shared", options: new Map(), watch: false });
  // An addon whose process is killed while it loads for the first time cannot be told from one that killed it: refused, with the reason.
  for (const { addon, message } of await addons.loadAll(paths)) {
    t.true(plan !== null && /^(?:load|start|configure)$/.test(plan.at) && /process ended/.test(message), `${JSON.stringify(plan)}: ${message}`);
    t.is(await addons.reload(addon), null);
  }
  const teardowns: (() => Promise<void>)[] = [];
  const { port } = await startProxy({ teardown: (clean) => void teardowns.push(clean) }, { gate: addons.gate });
  try {
    await use(addons, port);
  } finally {
    for (const clean of teardowns) await clean();
    if (plan !== null && ["done", "unload"].includes(plan.at)) pool.plan(plan);
    await addons.close();
    pool.plan(null);
  }
}

let turn = 0;
async function walk(t: ExecutionContext, plan: Plan, failure: "open" | "closed"): Promise<void> {
  const name = `f${turn++}`;
  await withAddons(t, failure, plan, async (addons, port) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    if (!["load", "start", "configure", "done", "unload"].includes(plan.at)) stage.pool?.plan(plan);
    const played = await Promise.all([0, 1, 2, 3].map((number) => ask(agent, port, `${name}-${number}`)));
    for (const flow of played) checkFlow(t, flow, failure === "closed", plan);
    stage.pool?.plan(null);
    // Whoever held the thread is taken for guilty, as nobody can tell; the operator's word brings everybody back.
    for (const { name: addon } of addons.addons()) addons.resume(addon);
    const after = await ask(agent, port, `${name}-after`);
    t.is(after.body, `[echo <(${name}-after)>]!`, `${JSON.stringify(plan)}: the addons did not come back: ${JSON.stringify(addons.addons())}`);
    agent.destroy();
  });
}

const moments: readonly Moment[] = ["before", "same turn", "next turn", 4, 12, "answered"];
for (const at of ["clientconnect", "next_layer", "requestheaders", "request", "serverconnect", "responseheaders", "response", "resume", "tick"]) {
  test.serial(`killed around ${at}, at each moment`, async (t) => {
    t.timeout(100_000);
    for (const moment of moments) await walk(t, { at, moment, spared: moments.indexOf(moment) % 3 }, "open");
  });
}

test.serial("killed around request and response while the addons are closed: all of their work or a refusal", async (t) => {
  t.timeout(100_000);
  for (const at of ["request", "response"]) for (const moment of moments) await walk(t, { at, moment, spared: 1 }, "closed");
});

test.serial("killed while loading, in start, in configure, in done and while unloading", async (t) => {
  t.timeout(100_000);
  for (const at of ["load", "start", "configure", "done", "unload"]) for (const moment of ["before", "next turn", 3] as const) await walk(t, { at, moment, spared: 1 }, "open");
});

test.serial("killed during a reload: the flows go on, and one version or the other serves", async (t) => {
  t.timeout(100_000);
  for (const [at, moment] of [["load", "next turn"], ["load", 5], ["start", 3], ["configure", "same turn"], ["done", 5]] as const) {
    const plan: Plan = { at, moment, spared: 0 };
    const name = `r${turn++}`;
    await withAddons(t, "open", null, async (addons, port) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 2 });
      stage.pool?.plan(plan);
      await appendFile(stage.paths?.[0] ?? "", `\nexport const version${turn} = globalThis;\n`);
      const [, ...played] = await Promise.all([addons.reload("patient"), ...[0, 1, 2, 3].map((number) => ask(agent, port, `${name}-${number}`))]);
      for (const flow of played) checkFlow(t, flow, false, plan);
      stage.pool?.plan(null);
      for (const { name: addon } of addons.addons()) addons.resume(addon);
      t.is((await ask(agent, port, `${name}-after`)).body, `[echo <(${name}-after)>]!`, JSON.stringify(plan));
      agent.destroy();
    });
  }
});

test.serial("no cell and no descriptor is left over", async (t) => {
  const { pool } = stage;
  const before = descriptorCount();
  for (let i = 0; i < 5; i += 1) await walk(t, { at: "request", moment: 4, spared: 0 }, "open");
  const after = descriptorCount();
  if (before !== null && after !== null) t.true(after <= before + 8, `${before} descriptors before, ${after} after`);
  t.true((pool?.kills ?? 0) > 60);
  await pool?.close();
  const ended = await until(() => (pool?.pids ?? []).every((pid) => !isRunning(pid)), 10_000);
  t.not(ended, null, "cells that did not end");
});
