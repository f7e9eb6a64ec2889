// An addon that streams every response takes from the addons after it what they would have changed; it must not take them out of service as well:
// their late changes are refused and told, and are no strikes.
import { request } from "node:http";
import test from "ava";
import { createAddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { makeLog } from "../../host/log.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { startHttpOrigin } from "../helpers/e2e.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import { startProxy } from "../helpers/proxy.ts";

test("who comes too late because another addon streamed is not suspended for it", async (t) => {
  const pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false });
  const refused: string[] = [];
  const log = makeLog(({ msg, fields }) => void (fields["fault"] === "illegal-change" && refused.push(msg)));
  const addons = createAddonHost({ log, pool, limits: { ...defaultLimits, cpuMs: 1_000 }, failure: "open", cells: "shared", options: new Map(), watch: false });
  const origin = await startHttpOrigin();
  t.teardown(async () => { await addons.close(); await pool.close(); origin.close(); });
  const streaming = await writeAddon(`export function responseheaders(flow: any) { flow.response.stream = true; }\n`, {}, "streaming.ts");
  const changing = await writeAddon(`export function response(flow: any) { flow.response.headers.set("x-a", "1"); }\n`, {}, "changing.ts");
  t.deepEqual(await addons.loadAll([streaming, changing]), []);
  const { port } = await startProxy(t, { gate: addons.gate });
  const get = (): Promise<number> => new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path: `http://127.0.0.1:${origin.port}/`, agent: false }, (response) => { response.resume(); response.on("end", () => resolve(response.statusCode ?? 0)); }).on("error", reject).end();
  });
  for (let i = 0; i < 12; i += 1) t.is(await get(), 200);
  const state = addons.addons().find(({ name }) => name === "changing");
  t.like(state, { status: "running", strikes: 0, suspendedUntil: null });
  t.true((state?.failures ?? 0) > 5 && refused.length > 5, JSON.stringify(state));
});
