// Claim: an addon that loops, allocates or kills its cell, called again and again for one host, leaves users of other hosts at least 90 % of their
// throughput and adds at most 5 ms to their p99. Beside each hostile addon runs the same proxy with an idle one in its place; a header addon works
// for everybody in both. Throughput at full load, p99 at a moderate one (64 clients, a request each every 40 ms).
// Run: node bench/hostile-neighbour.ts [--full]
import { headerAddon, hostileAddon, hostileKinds, idleAddon } from "./harness/addons.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import type { LoadReport } from "./harness/load-protocol.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";
import { troubled } from "./harness/subject.ts";

const victimHost = "127.0.0.1";
const warmUpMs = 1_000;

interface Pair { readonly full: LoadReport; readonly moderate: LoadReport; readonly seconds: number }

export const hostileNeighbour: Claim = {
  name: "hostile-neighbour",
  title: "others' requests while an addon for another host misbehaves (plain HTTP, 1 KB, 64 connections)",
  async run(effort) {
    const rounds = effort.name === "quick" ? 1 : 3;
    const runMs = effort.name === "quick" ? 1_500 : 6_000;
    const header = await headerAddon();
    const idle = await idleAddon([victimHost]);
    const figures: Figure[] = [];
    for (const kind of hostileKinds) {
      const pairs: { readonly calm: Pair; readonly hostile: Pair }[] = [];
      const hostile = await hostileAddon(kind, victimHost);
      for (let round = 0; round < rounds; round++) pairs.push({ calm: await once([idle, header], runMs), hostile: await once([hostile, header], runMs) });
      figures.push(...figuresOf(kind, pairs));
    }
    return withBudgets(figures);
  },
};

/** A fresh proxy each time: strikes and suspensions are part of what is measured. */
async function once(addons: readonly string[], runMs: number): Promise<Pair> {
  await using stage = await Stage.open();
  const subject = await stage.flowcell(troubled, addons);
  const others = await stage.load(subject, "http");
  const paced = await stage.load(subject, "http", { pauseMs: 40 });
  const victims = await stage.load(subject, "http", { host: victimHost, connections: 4, pauseMs: 25 });
  await others.run({ ms: warmUpMs });
  const began = performance.now();
  // The addon fails open: whoever is concerned gets an answer too, but late.
  const trouble = victims.run({ ms: 2 * runMs }, true);
  const full = await others.run({ ms: runMs });
  const moderate = await paced.run({ ms: runMs });
  await trouble;
  return { full, moderate, seconds: (performance.now() - began) / 1_000 };
}

function figuresOf(kind: string, pairs: readonly { readonly calm: Pair; readonly hostile: Pair }[]): readonly Figure[] {
  const rate = ({ requests, seconds }: LoadReport): number => requests / seconds;
  const at = (of: (pair: { readonly calm: Pair; readonly hostile: Pair }) => number): number => median(pairs.map(of));
  const beside = { "calm": median(pairs.map(({ calm }) => rate(calm.full))), "hostile": median(pairs.map(({ hostile }) => rate(hostile.full))) };
  return [
    figure(pairs.map(({ calm, hostile }) => (rate(hostile.full) / rate(calm.full)) * 100), { what: `${kind}: others' throughput`, unit: "%", beside }),
    figure(pairs.map(({ calm, hostile }) => hostile.moderate.p99Ms - calm.moderate.p99Ms), {
      what: `${kind}: added to others' p99`, unit: "ms",
      beside: {
        "calm": at((pair) => pair.calm.moderate.p99Ms), "hostile": at((pair) => pair.hostile.moderate.p99Ms),
        "calm p50": at((pair) => pair.calm.moderate.p50Ms), "hostile p50": at((pair) => pair.hostile.moderate.p50Ms),
        "calm p99.9": at((pair) => pair.calm.moderate.p999Ms), "hostile p99.9": at((pair) => pair.hostile.moderate.p999Ms),
      },
    }),
  ];
}

/** The worst kind answers for all. */
function withBudgets(figures: readonly Figure[]): readonly Figure[] {
  const worst = (unit: string, isWorse: (one: Figure, than: Figure) => boolean): Figure | undefined =>
    figures.filter((one) => one.unit === unit).reduce<Figure | undefined>((most, one) => (most === undefined || isWorse(one, most) ? one : most), undefined);
  const throughput = worst("%", (one, than) => one.value < than.value);
  const added = worst("ms", (one, than) => one.value > than.value);
  return figures.map((one) => (one === throughput ? { ...one, budget: "hostile-throughput" } : one === added ? { ...one, budget: "hostile-p99" } : one));
}

if (import.meta.main) await runAlone(hostileNeighbour);
