// Measures several proxies by turns: each round gives each of them the same load for the same time, so that what else happens on the machine
// hits all alike. CPU time is that of the proxy's process tree during the load, nobody else's.
import type { BudgetName } from "./budgets.ts";
import type { Effort } from "./effort.ts";
import { figure, median, type Figure } from "./figures.ts";
import type { Load } from "./load.ts";
import type { LoadReport, RunLimits } from "./load-protocol.ts";
import { readTree } from "./process-tree.ts";

export interface Contestant {
  readonly what: string;
  readonly pid: number;
  readonly load: Load;
  readonly budget?: BudgetName;
}

export interface Sample {
  readonly cpuSeconds: number;
  readonly report: LoadReport;
}

/** One run of a load, with the CPU time that the tree used for it. */
export async function sample({ what, pid, load }: Contestant, limits: RunLimits): Promise<Sample> {
  const before = readTree(pid).cpuSeconds;
  const report = await load.run(limits).catch((error: unknown) => { throw new Error(what, { cause: error }); });
  return { cpuSeconds: readTree(pid).cpuSeconds - before, report };
}

/** Warms each up, then alternates. */
export async function alternate(contestants: readonly Contestant[], effort: Effort): Promise<ReadonlyMap<Contestant, readonly Sample[]>> {
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]));
  for (const contestant of contestants) await sample(contestant, { ms: effort.warmUpMs, requests: effort.warmUpRequests });
  for (let round = 0; round < effort.rounds; round++) {
    for (const [contestant, list] of samples) list.push(await sample(contestant, { ms: effort.roundMs }));
    await effort.lap?.();
  }
  return samples;
}

export const perThousand = ({ cpuSeconds, report }: Sample): number => (cpuSeconds / report.requests) * 1_000;

/** CPU seconds per 1,000 requests, beside throughput and latency. `floor`: the contestant that the others are compared with, round by round. */
export function requestFigures(samples: ReadonlyMap<Contestant, readonly Sample[]>, floor: Contestant | null = null): readonly Figure[] {
  const lowest = floor === null ? [] : (samples.get(floor) ?? []).map(perThousand);
  return [...samples].map(([contestant, list]) => figure(list.map(perThousand), {
    what: contestant.what, unit: "CPU s per 1,000", budget: contestant.budget,
    beside: {
      ...(floor !== null && { "× bare": median(list.map((one, round) => perThousand(one) / (lowest[round] ?? Number.NaN))) }),
      "req/s": median(list.map(({ report }) => report.requests / report.seconds)),
      "req per CPU s": 1_000 / median(list.map(perThousand)),
      "p50 ms": median(list.map(({ report }) => report.p50Ms)), "p99 ms": median(list.map(({ report }) => report.p99Ms)),
      "p99.9 ms": median(list.map(({ report }) => report.p999Ms)),
    },
  }));
}

export async function measureRequests(contestants: readonly Contestant[], effort: Effort): Promise<readonly Figure[]> {
  return requestFigures(await alternate(contestants, effort));
}
