// What an operator does to a proxy of several workers, through the library: options in all or none, an end to suspensions, states, stop.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import test, { type ExecutionContext } from "ava";
import { makeConfig } from "../../../host/config.ts";
import type { Flowcell } from "../../../host/host.ts";
import type { LogRecord } from "../../../host/log.ts";
import { startGroup } from "../../../host/workers/group.ts";
import { startHttpOrigin } from "../../helpers/e2e.ts";
import { writeAddon } from "../../helpers/flowcell.ts";
import { isolateName, mark, visitEach } from "../../helpers/visitor.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const shared = existsSync("/proc/self/status") ? test.serial : test.serial.skip;

async function start(t: ExecutionContext, source: string, more: { readonly onFailure?: "closed" } = {}): Promise<{ readonly flowcell: Flowcell; readonly records: LogRecord[]; readonly port: number; readonly url: string }> {
  t.timeout(120_000);
  const origin = await startHttpOrigin();
  const confdir = temporaryFolder("group");
  const records: LogRecord[] = [];
  t.teardown(async () => { origin.close(); await rm(confdir, { recursive: true, force: true }); });
  const flowcell = await startGroup(makeConfig({ addons: [await writeAddon(source)], port: 0, workers: 2, jail: "off", confdir, ...more }), (record) => void records.push(record));
  t.teardown(() => flowcell.stop());
  return { flowcell, records, port: flowcell.listeners[0]?.port ?? 0, url: `http://127.0.0.1:${origin.port}/` };
}

shared("an option changes in all workers, or in none when one refuses it", async (t) => {
  const { flowcell, port, url } = await start(t, `${isolateName}import { ctx } from "flowcell";
export function configure(options) { if (options.word === "bad") throw new Error("not that word"); }
export function response(flow) { ${mark} flow.response.headers.set("x-word", String(ctx.options.word)); }\n`);
  const visitors = await visitEach(t, port, url, 2);
  const words = async (): Promise<readonly unknown[]> => Promise.all(visitors.map(async (visitor) => (await visitor.get(url)).headers["x-word"]));
  t.is(await flowcell.setOption("word", "one"), null);
  t.deepEqual(await words(), ["one", "one"]);
  t.regex((await flowcell.setOption("word", "bad")) ?? "", /not that word/);
  t.deepEqual(await words(), ["one", "one"]);
  t.is(await flowcell.setOption("word", null), null);
  t.deepEqual(await words(), ["undefined", "undefined"]);
});

shared("states are of the whole; the operator resumes in all; stopping twice is stopping once", async (t) => {
  const { flowcell, records, port, url } = await start(t, `${isolateName}export function request(flow) { if (flow.request.path === "/bad") throw new Error("no"); }
export function response(flow) { ${mark} }\n`);
  t.like(flowcell.addons()[0], { name: "addon", status: "running" });
  const [one, other] = await visitEach(t, port, url, 2);
  if (one === undefined || other === undefined) return t.fail();
  // Suspended again and again, it stays so for long enough to be looked at.
  for (let round = 0; round < 60 && !records.some(({ msg }) => /suspended for [48]/.test(msg)); round++) {
    await Promise.all([one.get(`${url}bad`), other.get(`${url}bad`)]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.true(records.some(({ msg }) => msg.includes("is suspended for")));
  t.true(flowcell.resume("addon"));
  t.false(flowcell.resume("nobody"));
  for (const visitor of [one, other]) {
    let isBack = false;
    for (let tries = 0; tries < 50 && !isBack; tries++) isBack = (await visitor.get(url)).headers["x-isolate"] !== undefined;
    t.true(isBack);
  }
  await Promise.all([flowcell.stop(), flowcell.stop()]);
});

shared("where every addon must load and one does not, nothing starts and nothing is left", async (t) => {
  await t.throwsAsync(start(t, "throw new Error('never');\n", { onFailure: "closed" }), { code: "ERR_ADDON_NOT_LOADED" });
});
