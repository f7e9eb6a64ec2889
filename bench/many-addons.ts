// Claim: what a request costs does not grow with the addons of other hosts, of which a service with many tenants has hundreds. Plain HTTP, 1 KB,
// keep-alive, 64 connections; each addon is for two patterns of a host of its own, and one of them for the host that is asked.
// Run: node bench/many-addons.ts [--full]
import { headerAddon, headerField } from "./harness/addons.ts";
import type { Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { measureRequests, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const manyAddons: Claim = {
  name: "many-addons",
  title: "1 KB through addons of which one is for the host, keep-alive, 64 connections",
  async run(effort) {
    await using stage = await Stage.open();
    const contestants: Contestant[] = [];
    for (const others of [0, 100, 300]) {
      const own = await headerAddon(1, ["localhost", "127.0.0.1"]);
      const addons = await Promise.all(Array.from({ length: others }, (_, at) => headerAddon(at + 2, [`tenant-${at}.example`, `*.tenant-${at}.example`])));
      const subject = await stage.flowcell(`${others} others`, [...addons, own]);
      contestants.push({ what: `header addon, and ${others} of other hosts`, pid: subject.pid, load: await stage.load(subject, "http", { expectedField: headerField() }) });
    }
    return await measureRequests(contestants, { ...effort, warmUpRequests: effort.warmUpRequests / 3 });
  },
};

if (import.meta.main) await runAlone(manyAddons);
