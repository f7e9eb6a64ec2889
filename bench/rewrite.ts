// Claim: 100 KB of HTML read as text and rewritten in the isolate cost at most 1.2 CPU s per 1,000 responses over intercepted HTTPS.
// The load is moderate: at full load an addon that works this hard uses up its share of CPU time and is passed by.
// Run: node bench/rewrite.ts [--full]
import { rewriteAddon } from "./harness/addons.ts";
import type { Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { measureRequests, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

/** Few requests a second, so a shorter warm-up would measure V8's compiler. */
const leastWarmUpMs = 6_000;

export const rewrite: Claim = {
  name: "rewrite",
  title: "HTTPS intercepted, 100 KB HTML, 16 connections with a request each every 100 ms",
  async run(effort) {
    await using stage = await Stage.open();
    const contestant = async (what: string, addons: readonly string[], budget?: "rewrite"): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons);
      return { what, pid: subject.pid, load: await stage.load(subject, "https", { path: "/page.html", connections: 16, pauseMs: 100, ...(addons.length > 0 && { expectedField: "x-rewritten" }) }), ...(budget !== undefined && { budget }) };
    };
    return await measureRequests([await contestant("no addon", []), await contestant("text rewritten", [await rewriteAddon()], "rewrite")], { ...effort, warmUpMs: Math.max(effort.warmUpMs, leastWarmUpMs) });
  },
};

if (import.meta.main) await runAlone(rewrite);
