// Claim: two workers carry more than one where there are cores for them, at little more CPU for each request; a new connection goes to
// either. Plain HTTP and intercepted HTTPS, 1 KB, 64 connections, header addon. Generators and origin share the machine: on two cores
// the second worker has little to gain, and CPU s per 1,000 is the figure to look at.
// Run: node bench/workers.ts [--full]
import { headerAddon, headerField } from "./harness/addons.ts";
import type { Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { measureRequests, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const workers: Claim = {
  name: "workers",
  title: "1 KB through one and two workers, header addon, keep-alive and (HTTPS) new connections",
  async run(effort) {
    await using stage = await Stage.open();
    const addon = await headerAddon();
    const contestants: Contestant[] = [];
    for (const count of [1, 2]) {
      // Handshakes are work for the machine, not for the addon, and a budget of 20 % of a core is not what is measured.
      const subject = await stage.flowcell(`${count} workers`, [addon], ["--workers", String(count), "--limit", "cpuBudgetShare=64"]);
      const contestant = async (what: string, scheme: "http" | "https", isFresh: boolean): Promise<Contestant> => ({
        what: `${what}, ${count} ${count === 1 ? "worker" : "workers"}`, pid: subject.pid, load: await stage.load(subject, scheme, { expectedField: headerField(), isFresh }),
      });
      contestants.push(await contestant("plain HTTP", "http", false), await contestant("HTTPS", "https", false), await contestant("HTTPS, new connections", "https", true));
    }
    return await measureRequests(contestants, { ...effort, warmUpRequests: effort.warmUpRequests / 3 });
  },
};

if (import.meta.main) await runAlone(workers);
