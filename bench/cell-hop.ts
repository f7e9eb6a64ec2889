// Claim: one sandboxed event costs at most 28 µs of CPU, host and cell together, at depth 64 (goal 12). Sends a head with 20 fields
// to a real cell with the real guest and back, a new flow each, at several depths, with a handler that does nothing and one that changes a field, alone and in chains.
// CPU of the host is its own user + system time, of the cell that of its process. Run: node bench/cell-hop.ts [--full]
import { readFileSync } from "node:fs";
import { bundleGuest } from "../host/addons/own-code.ts";
import { instanceId } from "../sandbox-api/schema/ids.ts";
import { load, recordedCell, testPool } from "../test/helpers/cell-pool.ts";
import type { Cell } from "../host/cells/cell.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";

/** Microseconds for each event. */
interface Sample {
  readonly hostMicros: number;
  readonly cellMicros: number;
  readonly eventsPerSecond: number;
  /** Latency of one event. */
  readonly p50: number;
  readonly p99: number;
}

const fields = Array.from({ length: 20 }, (_, at) => `x-header-number-${at}: some value of ordinary length ${at}\r\n`);
const head = JSON.stringify({ method: "GET", scheme: "https", host: "example.com", port: 443, path: "/index.html?q=1", authority: "", httpVersion: "HTTP/1.1", timestampStart: 1, timestampEnd: 2 });
const flow = JSON.stringify({ id: "f", type: "http", live: true, error: null, intercepted: false, marked: "", comment: "", isReplay: null, timestampCreated: 1, websocket: false });
const textOf = (key: number): string => [JSON.stringify({ event: "request", key, parts: ["flow", "request"] }), flow, `${head}\n${fields.length}\n${fields.join("")}`].join("\0");

const handlers: { readonly [name: string]: string } = {
  noop: `exports.request = () => {};`,
  header: `exports.request = (flow) => { flow.request.headers.set("x-added", "1"); };`,
};

// Ticks of 10 ms: rounds are long enough to make them fine.
function cellCpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const numbers = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(numbers[11]) + Number(numbers[12])) * 10_000;
}

const hostCpuMicros = (): number => { const { user, system } = process.cpuUsage(); return user + system; };
const quantile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

async function run(cell: Cell, instances: readonly number[], depth: number, events: number): Promise<Sample> {
  const chain = instances.map((id) => ({ instance: instanceId(id), cpuMs: 200, wallMs: 5_000 }));
  const latencies: number[] = [];
  let left = events;
  let key = 0;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const own = ++key;
      const startedAt = performance.now();
      const outcomes = await cell.call({ text: textOf(own), attachments: [], chain });
      latencies.push((performance.now() - startedAt) * 1_000);
      for (const { instance } of chain) cell.release(instance, [own]);
      if (outcomes.some(({ kind }) => kind !== "unchanged" && kind !== "changed")) throw new Error(`an event failed: ${JSON.stringify(outcomes)}`);
    }
  };
  const before = [hostCpuMicros(), cellCpuMicros(cell.pid), performance.now()] as const;
  await Promise.all(Array.from({ length: depth }, worker));
  const [host, inCell, wall] = [hostCpuMicros() - before[0], cellCpuMicros(cell.pid) - before[1], performance.now() - before[2]];
  latencies.sort((a, b) => a - b);
  return { hostMicros: host / events, cellMicros: inCell / events, eventsPerSecond: (events / wall) * 1_000, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

function figureOf(what: string, samples: readonly Sample[]): Figure {
  const at = (of: (sample: Sample) => number): number => median(samples.map(of));
  return figure(samples.map(({ hostMicros, cellMicros }) => hostMicros + cellMicros), {
    what, unit: "µs CPU",
    beside: { "host": at(({ hostMicros }) => hostMicros), "cell": at(({ cellMicros }) => cellMicros), "events/s": at(({ eventsPerSecond }) => eventsPerSecond), "p50 µs": at(({ p50 }) => p50), "p99 µs": at(({ p99 }) => p99) },
  });
}

/** Addons in the chain, events under way at once, and how many are measured. */
const shapes = [[1, 1, 4_000], [1, 8, 20_000], [1, 64, 40_000], [5, 64, 6_000], [20, 64, 1_500]] as const;

export const cellHop: Claim = {
  name: "cell-hop",
  title: "one event through a cell and its isolates and back (20 fields, no proxy around it)",
  async run(effort) {
    const rounds = effort.name === "quick" ? 3 : 5;
    const pool = testPool({ standby: 0, guestBundle: await bundleGuest() });
    const figures: Figure[] = [];
    for (const [handler, body] of Object.entries(handlers)) {
      const { cell } = await recordedCell(pool);
      const ids = Array.from({ length: 20 }, (_, at) => at + 1);
      for (const id of ids) await load(cell, id, body);
      await run(cell, ids.slice(0, 5), 64, 4_000);
      for (const [chain, depth, events] of shapes) {
        const samples: Sample[] = [];
        for (let round = 0; round < rounds; round++) samples.push(await run(cell, ids.slice(0, chain), depth, events));
        figures.push(figureOf(`${handler}, chain of ${chain}, depth ${depth}`, samples));
      }
      cell.kill();
    }
    await pool.close();
    return figures;
  },
};

if (import.meta.main) await runAlone(cellHop);
