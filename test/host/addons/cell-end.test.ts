// What becomes of addons whose cell had to go because of its memory, with scripted cells.
import test, { type ExecutionContext } from "ava";
import { createAddonHost, type AddonHost } from "../../../host/addons/addon-host.ts";
import { blameWords, FilledHomes } from "../../../host/addons/cell-end.ts";
import { deathWindowMs } from "../../../host/addons/failure.ts";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { writeSources } from "../../helpers/addon-stage.ts";
import { FakePool } from "../../helpers/fake-cell.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";

interface Stage { readonly host: AddonHost; readonly pool: FakePool; readonly records: readonly LogRecord[] }

/** Addons that take requests and leave them alone. */
async function stage(t: ExecutionContext, names: readonly string[]): Promise<Stage> {
  const records: LogRecord[] = [];
  const pool = new FakePool(() => ({ handlers: { request: () => undefined } }));
  const host = createAddonHost({ log: makeLog((record) => { records.push(record); }), pool, failure: "open", cells: "shared", options: new Map(), watch: false, limits: defaultLimits });
  t.teardown(() => host.close());
  t.deepEqual(await host.loadAll(writeSources(Object.fromEntries(names.map((name) => [name, "export const it = 1;"])))), []);
  return { host, pool, records };
}

test("a cell that many filled together is replaced and costs nobody anything; the second time each gets a cell, and none stands back", async (t) => {
  const { host, pool, records } = await stage(t, ["one", "two"]);
  const fill = async (): Promise<void> => {
    pool.cells.find(({ isDead }) => !isDead)?.fill();
    await new Promise(setImmediate);
    const before = pool.received.length;
    await host.gate.held("request", makeHttpFlow());
    t.deepEqual(pool.received.slice(before).filter(({ event }) => event === "request").map(({ addon }) => addon), ["one", "two"]);
    for (const state of host.addons()) t.like(state, { isIsolated: false, strikes: 0, status: "running" });
  };
  await fill();
  const [one, two] = host.addons();
  t.is(one?.cellPid, two?.cellPid);
  t.regex(records.find(({ fields }) => fields["event"] === "cell-end")?.msg ?? "", /its addons together used more memory than one process may: 512 MiB allowed, 530 MiB used; restarting "one", "two"/);
  await fill();
  const [first, second] = host.addons();
  t.not(first?.cellPid, second?.cellPid);
  t.false(pool.cells.some(({ standsBack }) => standsBack));
  t.true(records.some(({ fields }) => fields["event"] === "parted"));
});

test("a home is full again within ten minutes of the last time, each by itself", (t) => {
  const filled = new FilledHomes();
  t.false(filled.isAgain("group:a/0", 0));
  t.false(filled.isAgain("group:a/1", 1));
  t.false(filled.isAgain("group:a/0", deathWindowMs));
  t.true(filled.isAgain("group:a/0", 2 * deathWindowMs - 1));
});

test("the operator reads of an end without a fault that it is nobody's", (t) => {
  t.is(blameWords({ fault: null, guilty: null, residentMiB: 50 }, null), "nobody's fault");
});
