// The host killed with SIGKILL, which it cannot answer: its cells end by themselves, also one that is in the middle of an endless loop or of a
// built-in that cannot be interrupted. With and without a jail. The time it took is reported; ten seconds are the most.
import { existsSync } from "node:fs";
import { request } from "node:http";
import test from "ava";
import { setTimeout as sleep } from "node:timers/promises";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { descendants, isRunning, until } from "./leftovers.ts";

const loops = { "an endless loop": "for (;;) {}", "an uninterruptible built-in": `for (;;) "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5));` } as const;

for (const jail of ["off", "auto"] as const) {
  for (const [name, body] of Object.entries(loops)) {
    (existsSync("/proc/self/status") ? test.serial : test.serial.skip)(`--jail ${jail}: cells end after their host, one of them in ${name}`, async (t) => {
      t.timeout(60_000);
      const proxy = await startFlowcell([await writeAddon(`export function request() { ${body} }\n`)], ["--jail", jail, "--cpu-ms", "30000", "--wall-ms", "60000"]);
      const pid = proxy.process.pid ?? 0;
      const asked = request({ host: "127.0.0.1", port: proxy.port, path: "http://127.0.0.1:1/" });
      asked.on("error", () => undefined); // The proxy is about to die.
      asked.end();
      await sleep(700);
      const children = descendants(pid);
      t.true(children.length >= 2, `the host had ${children.length} children`);
      process.kill(pid, "SIGKILL");
      const tookMs = await until(() => !isRunning(pid) && children.every((child) => !isRunning(child)), 10_000);
      t.not(tookMs, null, `still there: ${children.filter(isRunning).join(", ")}`);
      t.log(`${children.length} processes were gone ${Math.round(tookMs ?? 0)} ms after the host was killed`);
    });
  }
}
