// Claim: what one sandboxed event costs depends on what the addon asks for: a head alone little, a body what it takes to bring it to the
// isolate, a changed body that again for the way back. The `response` event through the gate, a real cell and a real isolate, without
// sockets; heads of 20 fields; CPU of both processes for each event. "reads nothing" is granted the body all the same, and gets it.
// Run: node bench/event.ts [--full]
import { readFileSync } from "node:fs";
import { createAddonHost, type AddonHost } from "../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../host/addons/own-code.ts";
import { makeCellPool } from "../host/cells/pool.ts";
import { makeLog } from "../host/log.ts";
import { defaultLimits } from "../sandbox-api/schema/limits.ts";
import { makeHttpFlow, makeRequest, makeResponse, type Pairs } from "../test/helpers/flows.ts";
import type { BudgetName } from "./harness/budgets.ts";
import type { Effort } from "./harness/effort.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { addonFile } from "./harness/subject.ts";

const sizes = { "head only": null, "1 KB": 1_024, "64 KB": 65_536, "1 MB": 1_048_576 } as const;
type Size = keyof typeof sizes;

const doings = {
  "reads nothing": "",
  "reads one header": `if (flow.response.headers.get("x-field-7") === null) throw new Error("not there");`,
  "changes one header": `flow.response.headers.set("x-added", "1");`,
  "changes the body": `const bytes = flow.response.content; bytes[0] ^= 1; flow.response.content = bytes;`,
} as const;

const fields: Pairs = [["Content-Type", "text/plain"], ["Server", "bench"], ...Array.from({ length: 18 }, (_, i) => [`X-Field-${i}`, `some value of ordinary length ${i}`] as const)];
const deepest = 64;

interface Contestant { readonly what: string; readonly size: Size; readonly host: AddonHost; readonly budget?: BudgetName }
interface Sample { readonly micros: number; readonly cellMicros: number; readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }

export const event: Claim = {
  name: "event",
  title: "one event through gate, cell and isolate: what the addon does × what there is (µs of CPU, both processes, depth 64)",
  async run(effort) {
    await using stack = new AsyncDisposableStack();
    const pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 0, cellMemoryMiB: 1_024, unresponsiveMs: 20_000, jail: "off", jitless: false });
    stack.defer(() => pool.close());
    const contestants: Contestant[] = [];
    for (const size of Object.keys(sizes) as Size[]) {
      for (const [doing, source] of Object.entries(doings)) {
        if (size === "head only" && doing === "changes the body") continue;
        contestants.push({ what: `${size}, ${doing}`, size, host: await openHost(pool, size, source, stack), ...(size === "head only" && doing === "changes one header" && { budget: "event" as const }) });
      }
    }
    return await measure(contestants, effort);
  },
};

/** A host of its own with one addon, in one cell; of the body it is granted what the case is about. */
async function openHost(pool: ReturnType<typeof makeCellPool>, size: Size, source: string, stack: AsyncDisposableStack): Promise<AddonHost> {
  const part = size === "head only" ? '"response"' : '"response", "response.body"';
  const file = await addonFile("event", `export const manifest = { permissions: { read: ["request", ${part}], write: [${part}] } };\nexport function response(flow) { ${source} }\n`);
  const failures: string[] = [];
  const host = createAddonHost({
    log: makeLog(({ level, msg }) => { if (level === "warn" || level === "error") failures.push(msg); }), pool, failure: "closed", cells: "per-addon", options: new Map(), watch: false,
    limits: { ...defaultLimits, cpuMs: 5_000, wallMs: 60_000, cpuBudgetShare: 64, cpuBudgetBurstMs: 600_000, cellMemoryMiB: 1_024 },
  });
  stack.defer(async () => {
    await host.close();
    if (failures.length > 0) throw new Error(`the addon failed: ${failures[0]}`);
  });
  const problems = await host.loadAll([file]);
  if (problems[0] !== undefined) throw new Error(problems[0].message);
  return host;
}

async function measure(contestants: readonly Contestant[], effort: Effort): Promise<readonly Figure[]> {
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]));
  // Isolates compile by calls; so does the host.
  for (const contestant of contestants) await sample(contestant, eventsFor(contestant, effort) * 2);
  for (let round = 0; round < effort.rounds; round++) for (const [contestant, list] of samples) list.push(await sample(contestant, eventsFor(contestant, effort)));
  return [...samples].map(([{ what, budget }, list]) => figure(list.map(({ micros }) => micros), {
    what, unit: "µs CPU", budget, beside: {
      "of it the cell": median(list.map(({ cellMicros }) => cellMicros)), "events/s": median(list.map(({ perSecond }) => perSecond)),
      "p50 ms": median(list.map(({ p50Ms }) => p50Ms)), "p99 ms": median(list.map(({ p99Ms }) => p99Ms)),
    },
  }));
}

/** Enough for the ticks of 10 ms in which a cell's time is counted. */
function eventsFor({ size }: Contestant, { name }: Effort): number {
  const quick = { "head only": 3_000, "1 KB": 2_000, "64 KB": 300, "1 MB": 30 } as const;
  return quick[size] * (name === "full" ? 6 : 1);
}

async function sample({ what, size, host }: Contestant, events: number): Promise<Sample> {
  const bytes = sizes[size];
  const content = bytes === null ? null : Buffer.alloc(bytes, "x");
  const cellPid = host.addons()[0]?.cellPid ?? 0;
  const latencies: number[] = [];
  let left = events;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const flow = makeHttpFlow(makeRequest(fields, null), makeResponse(fields, content === null ? null : Buffer.from(content)));
      const began = performance.now();
      await host.gate.held("response", flow);
      latencies.push(performance.now() - began);
      if (flow.refusal !== null) throw new Error(`${what}: an event was refused`);
      host.gate.release(flow);
    }
  };
  const before = [process.cpuUsage(), cellMicros(cellPid), performance.now()] as const;
  // A megabyte each is more than may wait at once.
  await Promise.all(Array.from({ length: size === "1 MB" ? 4 : deepest }, one));
  const { user, system } = process.cpuUsage(before[0]);
  const inCell = cellMicros(cellPid) - before[1];
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { micros: (user + system + inCell) / events, cellMicros: inCell / events, perSecond: (events / (performance.now() - before[2])) * 1_000, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** Ticks of 10 ms. */
function cellMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const numbers = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(numbers[11]) + Number(numbers[12])) * 10_000;
}

if (import.meta.main) await runAlone(event);
