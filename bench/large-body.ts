// Claim: a body of 1 GB passes in memory that does not grow with it: plain and intercepted, no addon, and an addon that reads heads (a body
// beyond `bodyBytes` is never collected). The most that the process tree held during the transfer, beside what it held before.
// Run: node bench/large-body.ts [--full]
import { readerAddon } from "./harness/addons.ts";
import { figure, type Claim, type Figure } from "./harness/figures.ts";
import { readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { sample } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

const lookEveryMs = 100;

export const largeBody: Claim = {
  name: "large-body",
  title: "one body of 1 GB, streamed",
  async run() {
    await using stage = await Stage.open();
    if (stage.origin.name !== "nginx") throw new Error("needs nginx: the small origin keeps its files in memory");
    const figures: Figure[] = [];
    for (const [what, scheme, addons] of [["plain HTTP, no addon", "http", []], ["HTTPS, no addon", "https", []], ["HTTPS, addon reads heads", "https", [await readerAddon()]]] as const) {
      const subject = await stage.flowcell(what, addons);
      const warm = await stage.load(subject, scheme, { path: "/10m", connections: 1 });
      await warm.run({ requests: 10 });
      const load = await stage.load(subject, scheme, { path: "/1g", connections: 1 });
      const before = readTree(subject.pid, true).residentMiB;
      let most = before;
      const looking = setInterval(() => { most = Math.max(most, readTree(subject.pid, true).residentMiB); }, lookEveryMs);
      const { cpuSeconds, report } = await sample({ what, pid: subject.pid, load }, { requests: 1 });
      clearInterval(looking);
      figures.push(figure([most - before], { what, unit: "MiB more", beside: { "before MiB": before, "most MiB": most, "CPU s per GB": cpuSeconds / (report.bodyBytes / 1e9), "MB/s": report.bodyBytes / 1e6 / report.seconds } }));
    }
    return figures;
  },
};

if (import.meta.main) await runAlone(largeBody);
