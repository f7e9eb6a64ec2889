// Claim: one sandboxed event adds at most 0.15 ms to the median request and 1 ms to the 99th percentile when one request is under way at a time.
// Plain HTTP, 1 KB; the addon changes a header in the request and in the response, so a request has two events.
// Run: node bench/latency.ts [--full]
import { headerAddon, headerField } from "./harness/addons.ts";
import { figure, type Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { alternate, type Contestant, type Sample } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const latency: Claim = {
  name: "latency",
  title: "latency of plain HTTP, one connection, with and without a header addon",
  async run(effort) {
    await using stage = await Stage.open();
    const contestant = async (what: string, addons: readonly string[]): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons);
      return { what, pid: subject.pid, load: await stage.load(subject, "http", { connections: 1, ...(addons.length > 0 && { expectedField: headerField() }) }) };
    };
    const none = await contestant("no addon", []);
    const header = await contestant("header addon", [await headerAddon()]);
    const samples = await alternate([none, header], effort);
    const [bare = [], full = []] = [samples.get(none), samples.get(header)];
    const added = (of: (one: Sample) => number): readonly number[] => full.map((one, round) => {
      const other = bare[round];
      return other === undefined ? Number.NaN : (of(one) - of(other)) / 2;
    });
    return [
      ...[...samples].map(([{ what }, list]) => figure(list.map(({ report }) => report.p50Ms), { what: `p50, ${what}`, unit: "ms" })),
      ...[...samples].map(([{ what }, list]) => figure(list.map(({ report }) => report.p99Ms), { what: `p99, ${what}`, unit: "ms" })),
      figure(added(({ report }) => report.p50Ms), { what: "one event adds to p50", unit: "ms", budget: "latency-p50" }),
      figure(added(({ report }) => report.p99Ms), { what: "one event adds to p99", unit: "ms", budget: "latency-p99" }),
    ];
  },
};

if (import.meta.main) await runAlone(latency);
