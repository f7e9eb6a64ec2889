// Claim: an addon that loops, allocates or kills its cell, called again and again for one host, leaves users of other hosts at least 90 % of their
// throughput and adds at most 5 ms to their p99. Beside each hostile addon runs the same proxy with an idle one in its place, by turns of a
// second, so that what else happens on the machine hits both; a header addon works for everybody in both. Throughput at full load, p99 (the
// mean of those of each second) at a moderate one (64 clients, a request each every 40 ms).
// Run: node bench/hostile-neighbour.ts [--full]
import { headerAddon, hostileAddon, hostileKinds, idleAddon } from "./harness/addons.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import type { Load } from "./harness/load.ts";
import type { LoadReport } from "./harness/load-protocol.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";
import { troubled } from "./harness/subject.ts";

const victimHost = "127.0.0.1";
const warmUpMs = 2_000;
const turnMs = 1_000;

/** Turns of one load, of the proxy with the idle addon and of the one with the hostile. */
interface Turns { readonly calm: readonly LoadReport[]; readonly hostile: readonly LoadReport[] }
interface Pair { readonly full: Turns; readonly moderate: Turns }
interface Proxy { readonly others: Load; readonly paced: Load; readonly victims: Load }

export const hostileNeighbour: Claim = {
  name: "hostile-neighbour",
  title: "others' requests while an addon for another host misbehaves (plain HTTP, 1 KB, 64 connections)",
  async run(effort) {
    const rounds = effort.name === "quick" ? 1 : 3;
    const turns = effort.name === "quick" ? 4 : 8;
    const header = await headerAddon();
    const idle = await idleAddon([victimHost]);
    const figures: Figure[] = [];
    for (const kind of hostileKinds) {
      const pairs: Pair[] = [];
      const hostile = await hostileAddon(kind, victimHost);
      for (let round = 0; round < rounds; round++) pairs.push(await once([idle, header], [hostile, header], turns));
      figures.push(...figuresOf(kind, pairs));
    }
    return withBudgets(figures);
  },
};

/** Fresh proxies each time: strikes and suspensions are part of what is measured. */
async function once(calmAddons: readonly string[], hostileAddons: readonly string[], turns: number): Promise<Pair> {
  await using stage = await Stage.open();
  const open = async (addons: readonly string[]): Promise<Proxy> => {
    const subject = await stage.flowcell(troubled, addons);
    const others = await stage.load(subject, "http");
    await others.run({ ms: warmUpMs });
    return { others, paced: await stage.load(subject, "http", { pauseMs: 40 }), victims: await stage.load(subject, "http", { host: victimHost, connections: 4, pauseMs: 25 }) };
  };
  const calm = await open(calmAddons);
  const hostile = await open(hostileAddons);
  const run = async (load: (proxy: Proxy) => Load): Promise<Turns> => {
    const reports = { calm: [] as LoadReport[], hostile: [] as LoadReport[] };
    for (let turn = 0; turn < turns; turn++) {
      for (const name of ["calm", "hostile"] as const) {
        const proxy = name === "calm" ? calm : hostile;
        // The addon fails open: whoever is concerned gets an answer too, but late.
        const trouble = proxy.victims.run({ ms: turnMs }, true);
        reports[name].push(await load(proxy).run({ ms: turnMs }));
        await trouble;
      }
    }
    return reports;
  };
  return { full: await run(({ others }) => others), moderate: await run(({ paced }) => paced) };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const rate = (reports: readonly LoadReport[]): number => mean(reports.map(({ requests, seconds }) => requests / seconds));
const latency = (reports: readonly LoadReport[], of: "p50Ms" | "p99Ms" | "p999Ms"): number => mean(reports.map((report) => report[of]));

function figuresOf(kind: string, pairs: readonly Pair[]): readonly Figure[] {
  const at = (of: "p50Ms" | "p99Ms" | "p999Ms", name: keyof Turns): number => median(pairs.map(({ moderate }) => latency(moderate[name], of)));
  const beside = { "calm": median(pairs.map(({ full }) => rate(full.calm))), "hostile": median(pairs.map(({ full }) => rate(full.hostile))) };
  return [
    figure(pairs.map(({ full }) => (rate(full.hostile) / rate(full.calm)) * 100), { what: `${kind}: others' throughput`, unit: "%", beside }),
    figure(pairs.map(({ moderate }) => latency(moderate.hostile, "p99Ms") - latency(moderate.calm, "p99Ms")), {
      what: `${kind}: added to others' p99`, unit: "ms",
      beside: {
        "calm": at("p99Ms", "calm"), "hostile": at("p99Ms", "hostile"), "calm p50": at("p50Ms", "calm"), "hostile p50": at("p50Ms", "hostile"),
        "calm p99.9": at("p999Ms", "calm"), "hostile p99.9": at("p999Ms", "hostile"),
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
