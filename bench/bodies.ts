// Claim: 10 MB bodies that no addon is interested in cost at most 2.6 CPU s per GB of intercepted HTTPS, one or 16 at once, and 64 at once
// leave at most 260 MiB behind. Plain HTTP beside it.
// Run: node bench/bodies.ts [--full]
import type { Effort } from "./harness/effort.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { alternate, sample, type Contestant, type Sample } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

const perGigabyte = ({ cpuSeconds, report }: Sample): number => cpuSeconds / (report.bodyBytes / 1e9);

export const bodies: Claim = {
  name: "bodies",
  title: "10 MB bodies, no addon interested",
  async run(effort) {
    return [...(await costs(effort)), await memoryAfter()];
  },
};

async function costs(effort: Effort): Promise<readonly Figure[]> {
  await using stage = await Stage.open();
  const contestant = async (scheme: "http" | "https", connections: number, budget?: "bodies-1" | "bodies-16"): Promise<Contestant> => {
    const subject = await stage.flowcell("flowcell", []);
    const what = `${scheme === "http" ? "plain HTTP" : "HTTPS"}, ${connections} at once`;
    return { what, pid: subject.pid, load: await stage.load(subject, scheme, { path: "/10m", connections }), ...(budget !== undefined && { budget }) };
  };
  const contestants = [await contestant("https", 1, "bodies-1"), await contestant("https", 16, "bodies-16"), await contestant("http", 1), await contestant("http", 16)];
  return [...await alternate(contestants, effort)].map(([{ what, budget }, list]) => figure(list.map(perGigabyte), {
    what, unit: "CPU s per GB", budget, beside: { "MB/s": median(list.map(({ report }) => report.bodyBytes / 1e6 / report.seconds)) },
  }));
}

async function memoryAfter(): Promise<Figure> {
  await using stage = await Stage.open();
  const subject = await stage.flowcell("flowcell", []);
  const idle = readTree(subject.pid, true);
  const load = await stage.load(subject, "https", { path: "/10m", connections: 64 });
  await sample({ what: "", pid: subject.pid, load }, { requests: 64 });
  const after = readTree(subject.pid, true);
  return figure([after.residentMiB], {
    what: "memory after 64 at once, HTTPS (resident, whole tree)", unit: "MiB", budget: "bodies-memory",
    beside: { "idle MiB": idle.residentMiB, "proportional MiB": after.proportionalMiB ?? Number.NaN },
  });
}

if (import.meta.main) await runAlone(bodies);
