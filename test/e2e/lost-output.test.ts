// Who reads the log goes away: the proxy goes on serving, says so once where somebody may still read, and ends as ever.
import test from "ava";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";

for (const workers of ["1", "2"]) {
  test(`standard output is closed, ${workers} ${workers === "1" ? "worker" : "workers"}`, async (t) => {
    const origin = await startHttpOrigin();
    t.teardown(() => origin.close());
    const addon = await writeAddon('export function request(flow) { console.log("a line for each request"); flow.request.headers.set("x-seen", "1"); }\n');
    const proxy = await startFlowcell([addon], ["-v", "--workers", workers]);
    t.teardown(() => proxy.stop());
    let said = "";
    proxy.process.stderr?.on("data", (chunk: Buffer) => { said += chunk.toString(); });
    proxy.process.stdout?.destroy();
    for (let i = 0; i < 5; i++) {
      const { status } = await curl(t, ["-i", "-x", `http://127.0.0.1:${proxy.port}`, `http://127.0.0.1:${origin.port}/`]);
      t.is(status, 200);
    }
    t.is(proxy.process.exitCode, null);
    t.is(await proxy.stop(), 0);
    t.is(said.match(/the log cannot be written any more \(.*\); lines are lost until it can/g)?.length, 1, said);
  });
}
