// Claim: intercepted HTTPS costs at most 0.12 CPU s per 1,000 requests without an addon, 0.17 with a header addon, 0.30 with twenty; a new
// connection with its full handshakes on both sides at most 0.95. 1 KB responses, 64 connections (16 at once where each is new).
// Run: node bench/https.ts [--full]
import { declaredHeaderAddon, headerAddon, headerField } from "./harness/addons.ts";
import type { BudgetName } from "./harness/budgets.ts";
import type { Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { measureRequests, type Contestant } from "./harness/rounds.ts";
import { Stage, type LoadWishes } from "./harness/stage.ts";

export const https: Claim = {
  name: "https",
  title: "HTTPS intercepted, 1 KB",
  async run(effort) {
    await using stage = await Stage.open();
    const twenty = await Promise.all(Array.from({ length: 20 }, (_, index) => headerAddon(index + 1)));
    const declared = await Promise.all(Array.from({ length: 20 }, (_, index) => declaredHeaderAddon(index + 1)));
    const contestant = async (what: string, addons: readonly string[], budget: BudgetName | null, wishes: LoadWishes = {}): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons);
      return { what, pid: subject.pid, load: await stage.load(subject, "https", wishes), ...(budget !== null && { budget }) };
    };
    return await measureRequests([
      await contestant("no addon", [], "https"),
      await contestant("header addon", twenty.slice(0, 1), "https-header", { expectedField: headerField() }),
      await contestant("20 header addons", twenty, "https-20", { expectedField: headerField(20) }),
      await contestant("20 header addons, declared edits", declared, null, { expectedField: headerField(20) }),
      await contestant("new connection each, no addon", [], "new-connection", { isFresh: true, connections: 16 }),
    ], effort);
  },
};

if (import.meta.main) await runAlone(https);
