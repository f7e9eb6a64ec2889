// Claim: addons of one cell share one hop, so the twentieth costs far less than the first; with a cell each they do not. Plain HTTP, 1 KB,
// header addons, 64 connections.
// Run: node bench/chain.ts [--full]
import { headerAddon, headerField } from "./harness/addons.ts";
import type { Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { measureRequests, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const chain: Claim = {
  name: "chain",
  title: "plain HTTP through 1 to 100 header addons, in shared cells and in cells of their own",
  async run(effort) {
    await using stage = await Stage.open();
    const most = effort.name === "full" ? 100 : 20;
    const addons = await Promise.all(Array.from({ length: most }, (_, index) => headerAddon(index + 1)));
    const contestants: Contestant[] = [];
    for (const [cells, counts] of [["shared", [1, 5, 20, 100]], ["per-addon", [1, 5, 20, 100]]] as const) {
      for (const count of counts) {
        if (count > most || (effort.name === "quick" && cells === "per-addon" && count > 5)) continue;
        const subject = await stage.flowcell(cells, addons.slice(0, count), ["--cells", cells]);
        contestants.push({ what: `${count} ${count === 1 ? "addon" : "addons"}, ${cells === "shared" ? "shared cells" : "a cell each"}`, pid: subject.pid, load: await stage.load(subject, "http", { expectedField: headerField(count) }) });
      }
    }
    return await measureRequests(contestants, effort);
  },
};

if (import.meta.main) await runAlone(chain);
