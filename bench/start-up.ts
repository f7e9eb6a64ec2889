// Claim: from the start of the process to the first proxied request, with one addon and a CA that exists, pass at most 600 ms. Wall time, so other
// work on the machine counts; the CPU time beside it does not depend on it.
// Run: node bench/start-up.ts [--full]
import { rm } from "node:fs/promises";
import { headerAddon } from "./harness/addons.ts";
import { figure, median, type Claim } from "./harness/figures.ts";
import { oneRequest } from "./harness/one-request.ts";
import { startOrigin } from "./harness/origin.ts";
import { readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { startSubject } from "./harness/subject.ts";
import { temporaryFolder } from "../test/helpers/temporary-folder.ts";

export const startUp: Claim = {
  name: "start-up",
  title: "start to first proxied request",
  async run(effort) {
    await using origin = await startOrigin();
    const confdir = temporaryFolder("bench-confdir");
    const addon = await headerAddon();
    const once = async (addons: readonly string[]): Promise<{ readonly wallMs: number; readonly cpuMs: number }> => {
      const began = performance.now();
      await using subject = await startSubject("flowcell", addons, origin, ["--confdir", confdir]);
      const { status } = await oneRequest(subject.port, `http://localhost:${origin.port}/1k`);
      const wallMs = performance.now() - began;
      if (status !== 200) throw new Error(`the first request got ${status}`);
      return { wallMs, cpuMs: readTree(subject.pid).cpuSeconds * 1_000 };
    };
    await once([]);
    const turns = [[], [addon]] as const;
    const results = turns.map((): { wallMs: number; cpuMs: number }[] => []);
    for (let round = 0; round < effort.rounds + 2; round++) for (const [turn, addons] of turns.entries()) results[turn]?.push(await once(addons));
    await rm(confdir, { recursive: true, force: true });
    return results.map((list, turn) => figure(list.map(({ wallMs }) => wallMs), {
      what: turn === 0 ? "no addon" : "one addon", unit: "ms", budget: turn === 1 ? "start-up" : undefined, beside: { "CPU ms, all processes": median(list.map(({ cpuMs }) => cpuMs)) },
    }));
  },
};

if (import.meta.main) await runAlone(startUp);
