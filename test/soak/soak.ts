// The long run behind `npm run soak` and, cut short, behind a test: load and unload cycles, and traffic while hostile addons are at work. It
// measures resident memory, descriptors and processes of the host and its cells while it goes on, and judges by bounds that are stated here.
import { createServer, request as httpRequest, Agent, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import type { Cell, CellEvents, CellPool } from "../../host/cells/cell.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { createProxy } from "../../host/layers/proxy.ts";
import { makeLog } from "../../host/log.ts";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache } from "../../host/tls/leaf-cache.ts";
import { openUpstreamTrust } from "../../host/tls/trust.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { descriptorCount, isRunning, residentMiB, until } from "../faults/leftovers.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

export interface SoakOptions {
  readonly loads: number;
  readonly requests: number;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** LIMIT: growth of the host's resident memory between the first quarter (everything warm) and the end, in MiB. Measured: none to stay in 10,000 loads (a saw between 126 and 169). */
export const mostGrowthMiB = 96;
/** LIMIT: resident memory of the cells in use at any time; recycling starts at 1,000 loads (32 KB each) over some 60 MiB. */
export const mostCellMiB = 400;
const mostDescriptors = 12;

const hostile: Readonly<Record<string, string>> = {
  loops: `let turn = 0; export const manifest = { hosts: ["localhost"], permissions: { read: ["request"] } }; export function request() { if (++turn % 40 === 0) for (;;) {} }`,
  throws: `export const manifest = { hosts: ["localhost"], permissions: { read: ["request"], write: ["request"] } }; export function request(flow: any) { if (Math.random() < 0.05) throw new Error("x".repeat(1e5)); flow.request.headers.set("x-a", "x".repeat(500)); }`,
  hoards: `const kept: unknown[] = []; export const manifest = { hosts: ["localhost"], permissions: { read: ["request"] } }; export function request(flow: any) { kept.push(new Array(2e4).fill(kept.length), flow); }`,
  logs: `export const manifest = { hosts: ["localhost"], permissions: { read: ["request"] } }; export function request() { for (let i = 0; i < 20; i += 1) console.log("flood", i); setTimeout(() => console.log("late"), 5); }`,
  stuck: `let turn = 0; export const manifest = { hosts: ["localhost"], permissions: { read: ["request"] } }; export function request() { if (++turn % 500 === 0) "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5)); }`,
};
const good = `export function request(flow: any) { flow.metadata.at = 1; } export function response(flow: any) { flow.response.headers.set("x-good", "1"); flow.response.text = flow.response.text + "!"; }`;

/** A pool that remembers whom it gave out. */
class Census implements CellPool {
  readonly pids = new Set<number>();
  readonly #pool: CellPool;
  constructor(pool: CellPool) { this.#pool = pool; }

  async acquire(events: CellEvents): Promise<Cell> {
    const cell = await this.#pool.acquire(events);
    this.pids.add(cell.pid);
    return cell;
  }

  close(): Promise<void> { return this.#pool.close(); }

  largestMiB(): number { return [...this.pids].filter(isRunning).reduce((most, pid) => Math.max(most, residentMiB(pid)), 0); }
}

class Watch {
  readonly samples: number[] = [];
  cellMiB = 0;
  readonly #census: Census;
  constructor(census: Census) { this.#census = census; }

  take(): void {
    globalThis.gc?.();
    this.samples.push(residentMiB());
    this.cellMiB = Math.max(this.cellMiB, this.#census.largestMiB());
  }

  /** From the first quarter's most to the last quarter's least: what has come to stay. */
  get growthMiB(): number {
    const quarter = Math.max(1, Math.floor(this.samples.length / 4));
    return Math.max(0, Math.min(...this.samples.slice(-quarter)) - Math.max(...this.samples.slice(0, quarter)));
  }
}

export async function soak({ loads, requests, say }: SoakOptions): Promise<SoakResult> {
  const census = new Census(makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 2, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false }));
  const problems: string[] = [];
  await sleep(500);
  const descriptorsBefore = descriptorCount() ?? 0;
  const reloading = await cycleLoads(census, loads, say);
  const passing = await passTraffic(census, requests, say);
  problems.push(...reloading.problems, ...passing.problems);
  await sleep(500);
  const descriptorsAfter = descriptorCount() ?? 0;
  if (descriptorsAfter > descriptorsBefore + mostDescriptors) problems.push(`${descriptorsAfter} descriptors are open, ${descriptorsBefore} were`);
  await census.close();
  if (await until(() => ![...census.pids].some(isRunning), 10_000) === null) problems.push(`cells left over: ${[...census.pids].filter(isRunning).join(", ")}`);
  return { problems, figures: { ...reloading.figures, ...passing.figures, descriptorsBefore, descriptorsAfter, cells: census.pids.size } };
}

function openAddons(pool: CellPool): AddonHost {
  return createAddonHost({ log: makeLog(() => undefined), pool, limits: { ...defaultLimits, wallMs: 2_000 }, failure: "open", cells: "shared", options: new Map(), watch: false });
}

/** One addon beside another that stays: loaded, replaced, unloaded, so often. */
async function cycleLoads(census: Census, loads: number, say: SoakOptions["say"]): Promise<SoakResult> {
  const watch = new Watch(census);
  const problems: string[] = [];
  const begun = performance.now();
  const every = Math.max(1, Math.floor(loads / 20));
  const path = await writeAddon(good, {}, "cycled.ts");
  const { writeFile } = await import("node:fs/promises");
  let addons = openAddons(census);
  await addons.loadAll([await writeAddon(good, {}, "resident.ts"), path]);
  for (let i = 0; i < loads; i += 1) {
    await writeFile(path, `${good}\nexport const version = ${i};\nglobalThis.version = version;\n`);
    const problem = await addons.reload("cycled");
    if (problem !== null) problems.push(problem.message);
    if (problems.length > 5) break;
    if (i % every === 0) {
      watch.take();
      say(`${i} of ${loads} loads, ${Math.round((performance.now() - begun) / 1_000)} s: host ${Math.round(watch.samples.at(-1) ?? 0)} MiB, largest cell ${Math.round(watch.cellMiB)} MiB, ${census.pids.size} cells so far`);
    }
    // Now and then everything goes, cells included.
    if (i % 500 === 499) {
      await addons.close();
      addons = openAddons(census);
      await addons.loadAll([path, await writeAddon(good, {}, "resident.ts")]);
    }
  }
  watch.take();
  await addons.close();
  if (watch.growthMiB > mostGrowthMiB) problems.push(`the host grew by ${Math.round(watch.growthMiB)} MiB in ${loads} loads`);
  if (watch.cellMiB > mostCellMiB) problems.push(`a cell grew to ${Math.round(watch.cellMiB)} MiB`);
  return { problems, figures: { loads, loadSeconds: Math.round((performance.now() - begun) / 1_000), loadGrowthMiB: Math.round(watch.growthMiB), loadHostMiB: Math.round(watch.samples.at(-1) ?? 0), loadCellMiB: Math.round(watch.cellMiB) } };
}

interface Counts { done: number; good: number; failed: number; untouched: number }

/** Requests to both names while hostile addons see one of them; the other's flows must be whole and served by the good addon. */
async function passTraffic(census: Census, requests: number, say: SoakOptions["say"]): Promise<SoakResult> {
  const addons = openAddons(census);
  const paths = await Promise.all(Object.entries({ good, ...hostile }).map(([name, source]) => writeAddon(source, {}, `${name}.ts`)));
  const problems = (await addons.loadAll(paths)).map(({ message }) => message);
  const proxy = createProxy({ gate: addons.gate, log: makeLog(() => undefined), leafCache: createLeafCache(await openAuthority(temporaryFolder("soak"))), trust: await openUpstreamTrust({ sslInsecure: false }), bodyBytes: defaultLimits.bodyBytes });
  const { port } = await proxy.listen({ host: "127.0.0.1", port: 0, mode: "regular" });
  const origin = createServer((request, response) => { request.resume(); response.end(`echo ${request.url}`); });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const watch = new Watch(census);
  const counts: Counts = { done: 0, good: 0, failed: 0, untouched: 0 };
  const begun = performance.now();
  const resuming = setInterval(() => { for (const { name } of addons.addons()) addons.resume(name); }, 3_000);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const client = async (): Promise<void> => {
    while (counts.done < requests) {
      await exchange({ agent, port, origin, counts, number: counts.done++ });
      if (counts.done % Math.max(1, Math.floor(requests / 20)) !== 0) continue;
      watch.take();
      say(`${counts.done} of ${requests} requests, ${Math.round((performance.now() - begun) / 1_000)} s: host ${Math.round(watch.samples.at(-1) ?? 0)} MiB, largest cell ${Math.round(watch.cellMiB)} MiB, ${counts.failed} failed`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  clearInterval(resuming);
  agent.destroy();
  await proxy.close(0);
  await addons.close();
  origin.close();
  origin.closeAllConnections();
  if (counts.failed > 0) problems.push(`${counts.failed} exchanges failed or were changed`);
  if (watch.growthMiB > mostGrowthMiB) problems.push(`the host grew by ${Math.round(watch.growthMiB)} MiB in ${requests} requests`);
  const seconds = (performance.now() - begun) / 1_000;
  return { problems, figures: { requests: counts.done, trafficSeconds: Math.round(seconds), innocentServed: counts.good, innocentPassedBy: counts.untouched, failed: counts.failed, trafficGrowthMiB: Math.round(watch.growthMiB), trafficHostMiB: Math.round(watch.samples.at(-1) ?? 0), trafficCellMiB: Math.round(watch.cellMiB) } };
}

interface Exchange { readonly agent: Agent; readonly port: number; readonly origin: Server; readonly counts: Counts; readonly number: number }

function exchange({ agent, port, origin, counts, number }: Exchange): Promise<void> {
  const address = origin.address();
  const name = number % 3 === 0 ? "localhost" : "127.0.0.1";
  const place = `${name}:${address !== null && typeof address === "object" ? address.port : 0}`;
  return new Promise((resolve) => {
    const fail = (): void => { counts.failed++; resolve(); };
    const asked = httpRequest({ agent, host: "127.0.0.1", port, path: `http://${place}/${number}`, headers: { host: place }, timeout: 60_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const isWhole = body === `echo /${number}!` || body === `echo /${number}`;
        if (!isWhole || response.statusCode !== 200) return fail();
        if (name === "127.0.0.1") counts[body.endsWith("!") ? "good" : "untouched"]++;
        resolve();
      });
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer within a minute")));
    asked.on("error", fail);
    asked.end();
  });
}
