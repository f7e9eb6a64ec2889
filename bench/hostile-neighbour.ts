// Claim: an addon that loops, allocates or kills its cell, called again and again for one host, leaves users of other hosts at least 90 % of their
// throughput and adds at most 5 ms to their p99. Beside each hostile addon runs the same proxy with an idle one in its place, by turns of a
// second, so that what else happens on the machine hits both; a header addon works for everybody in both. Throughput at full load, p99 (the
// mean of those of each second) at a moderate one (64 clients, a request each every 40 ms). "idle" has an idle addon in both: how far that is
// from 100 % and 0 ms is what the machine makes of nothing. Judged is all of it; beside stand the first two seconds and what comes after.
// Run: node bench/hostile-neighbour.ts [--full]
import { headerAddon, hostileAddon, hostileKinds, idleAddon } from "./harness/addons.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import type { Load } from "./harness/load.ts";
import type { LoadReport } from "./harness/load-protocol.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";
import { troubled } from "./harness/subject.ts";

const victimHost = "127.0.0.1";
const turnMs = 1_000;
/** Each proxy's, by turns. After so many requests V8 has compiled what there is to compile, which else would show as a difference. */
const warmUpTurns = 4;
/** Strikes and the first suspension are over by then. */
const firstTurns = 2;

/** Turns of one load, of the proxy with the idle addon and of the one with the hostile. */
interface Turns { readonly calm: readonly LoadReport[]; readonly hostile: readonly LoadReport[] }
interface Pair { readonly full: Turns; readonly moderate: Turns }
interface Proxy { readonly others: Load; readonly paced: Load; readonly victims: Load }

export const hostileNeighbour: Claim = {
  name: "hostile-neighbour",
  title: "others' requests while an addon for another host misbehaves (plain HTTP, 1 KB, 64 connections)",
  async run(effort) {
    const rounds = effort.name === "quick" ? 1 : 3;
    const turns = effort.name === "quick" ? 6 : 8;
    const header = await headerAddon();
    const idle = await idleAddon([victimHost]);
    const figures: Figure[] = [];
    for (const kind of ["idle", ...hostileKinds] as const) {
      const pairs: Pair[] = [];
      const addon = kind === "idle" ? idle : await hostileAddon(kind, victimHost);
      for (let round = 0; round < rounds; round++) pairs.push(await once([idle, header], [addon, header], turns));
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
    return { others: await stage.load(subject, "http"), paced: await stage.load(subject, "http", { pauseMs: 40 }), victims: await stage.load(subject, "http", { host: victimHost, connections: 4, pauseMs: 25 }) };
  };
  const proxies = { calm: await open(calmAddons), hostile: await open(hostileAddons) };
  for (let turn = 0; turn < warmUpTurns; turn++) for (const { others } of [proxies.calm, proxies.hostile]) await others.run({ ms: turnMs });
  const run = async (load: (proxy: Proxy) => Load): Promise<Turns> => {
    const reports = { calm: [] as LoadReport[], hostile: [] as LoadReport[] };
    for (let turn = 0; turn < turns; turn++) {
      // The other way round each time, so that what changes steadily favours neither.
      for (const name of turn % 2 === 0 ? ["calm", "hostile"] as const : ["hostile", "calm"] as const) {
        const proxy = proxies[name];
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
/** Of the throughput of calm turns, in per cent. */
const share = ({ full: { calm, hostile } }: Pair, from = 0, to = calm.length): number => (rate(hostile.slice(from, to)) / rate(calm.slice(from, to))) * 100;

/** How far a mean over all turns may be from the truth by chance alone: a standard error, in per cent, of the turns after the first. */
function scatter({ full: { calm, hostile } }: Pair): number {
  const ratios = hostile.map((report, turn) => rate([report]) / rate(calm.slice(turn, turn + 1))).slice(firstTurns);
  const middle = mean(ratios);
  return (Math.sqrt(mean(ratios.map((ratio) => (ratio - middle) ** 2)) / Math.max(1, ratios.length - 1))) * 100;
}

function figuresOf(kind: string, pairs: readonly Pair[]): readonly Figure[] {
  const at = (of: "p50Ms" | "p99Ms" | "p999Ms", name: keyof Turns): number => median(pairs.map(({ moderate }) => latency(moderate[name], of)));
  const throughput = {
    "first 2 s": median(pairs.map((pair) => share(pair, 0, firstTurns))), "after": median(pairs.map((pair) => share(pair, firstTurns))), "±": median(pairs.map(scatter)),
    "calm": median(pairs.map(({ full }) => rate(full.calm))), "hostile": median(pairs.map(({ full }) => rate(full.hostile))),
  };
  return [
    figure(pairs.map((pair) => share(pair)), { what: `${kind}: others' throughput`, unit: "%", beside: throughput }),
    figure(pairs.map(({ moderate }) => latency(moderate.hostile, "p99Ms") - latency(moderate.calm, "p99Ms")), {
      what: `${kind}: added to others' p99`, unit: "ms",
      beside: {
        "calm": at("p99Ms", "calm"), "hostile": at("p99Ms", "hostile"), "calm p50": at("p50Ms", "calm"), "hostile p50": at("p50Ms", "hostile"),
        "calm p99.9": at("p999Ms", "calm"), "hostile p99.9": at("p999Ms", "hostile"),
      },
    }),
  ];
}

/** The worst hostile kind answers for all. */
function withBudgets(figures: readonly Figure[]): readonly Figure[] {
  const worst = (unit: string, isWorse: (one: Figure, than: Figure) => boolean): Figure | undefined =>
    figures.filter((one) => one.unit === unit && !one.what.startsWith("idle")).reduce<Figure | undefined>((most, one) => (most === undefined || isWorse(one, most) ? one : most), undefined);
  const throughput = worst("%", (one, than) => one.value < than.value);
  const added = worst("ms", (one, than) => one.value > than.value);
  return figures.map((one) => (one === throughput ? { ...one, budget: "hostile-throughput" } : one === added ? { ...one, budget: "hostile-p99" } : one));
}

if (import.meta.main) await runAlone(hostileNeighbour);
