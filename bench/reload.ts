// Claim: an edited addon takes effect within 150 ms: from the write of its file to the first response that the new version touched, asked for
// every 3 ms, while the old version answers until then and no request fails.
// Run: node bench/reload.ts [--full]
import { writeFile } from "node:fs/promises";
import { versionSource } from "./harness/addons.ts";
import { figure, type Claim } from "./harness/figures.ts";
import { oneRequest, sleep } from "./harness/one-request.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";
import { addonFile } from "./harness/subject.ts";

const longestMs = 10_000;

export const reload: Claim = {
  name: "reload",
  title: "an edited addon takes effect",
  async run(effort) {
    await using stage = await Stage.open();
    const file = await addonFile("versions", versionSource("0"));
    const subject = await stage.flowcell("flowcell", [file]);
    const url = `http://localhost:${stage.origin.port}/1k`;
    const samples: number[] = [];
    for (let version = 1; version <= effort.rounds * 3 + 1; version++) {
      await sleep(300);
      await writeFile(file, versionSource(String(version)));
      const began = performance.now();
      for (;;) {
        const { status, headers } = await oneRequest(subject.port, url);
        if (status !== 200 || headers["x-version"] === undefined) throw new Error(`status ${status}, version ${String(headers["x-version"])} during a reload`);
        if (headers["x-version"] === String(version)) break;
        if (performance.now() - began > longestMs) throw new Error(`version ${version} did not take effect in ${longestMs} ms`);
        await sleep(3);
      }
      // The first one warms the compiler of addons up.
      if (version > 1) samples.push(performance.now() - began);
    }
    return [figure(samples, { what: "file written to new version at work", unit: "ms", budget: "reload" })];
  },
};

if (import.meta.main) await runAlone(reload);
