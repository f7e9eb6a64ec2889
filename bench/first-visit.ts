// Claim: the first visit to a new host, its leaf certificate and both handshakes included, costs at most 4 ms of CPU. Each client names another
// host in its handshake; a known host beside it shows what the leaf alone costs (bench/leaf-minting.ts has it in isolation).
// Run: node bench/first-visit.ts [--full]
import { figure, median, type Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { alternate, perThousand, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const firstVisit: Claim = {
  name: "first-visit",
  title: "a new connection each, 4 at once, to a host that was never seen and to one that was",
  async run(effort) {
    await using stage = await Stage.open();
    const contestant = async (what: string, serverName: string): Promise<Contestant> => {
      const subject = await stage.flowcell(what, []);
      return { what, pid: subject.pid, load: await stage.load(subject, "https", { isFresh: true, connections: 4, serverName }) };
    };
    const fresh = await contestant("new host", "host-#.bench.test");
    const known = await contestant("known host", "known.bench.test");
    const samples = await alternate([fresh, known], effort);
    return [...samples].map(([one, list]) => figure(list.map(perThousand), {
      what: one.what, unit: "ms CPU", budget: one === fresh ? "first-visit" : undefined,
      beside: { "p50 ms": median(list.map(({ report }) => report.p50Ms)), "p99 ms": median(list.map(({ report }) => report.p99Ms)) },
    }));
  },
};

if (import.meta.main) await runAlone(firstVisit);
