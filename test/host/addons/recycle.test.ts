// A cell that holds on to memory while nothing runs in it is replaced; one that works, or is within its limit, is not (limit cellRestMiB).
import test from "ava";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost } from "../../../host/addons/addon-host.ts";
import { makeLog } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { writeSources } from "../../helpers/addon-stage.ts";
import { FakePool } from "../../helpers/fake-cell.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";

for (const [name, restMiB, cells] of [["past its limit", 101, 2], ["at its limit", 100, 1], ["at work", null, 1]] as const) {
  test(`a cell ${name}`, async (t) => {
    // A manifest makes each addon load twice, so that there is something to gain.
    const pool = new FakePool(() => ({ handlers: { request: () => undefined }, manifest: { permissions: { read: ["request"] } } }));
    const host = createAddonHost({ log: makeLog(() => {}), pool, limits: { ...defaultLimits, cellRestMiB: 100 }, failure: "open", cells: "shared", options: new Map(), watch: false });
    t.teardown(() => host.close());
    t.deepEqual(await host.loadAll(writeSources({ one: "export const one = 1;", two: "export const two = 2;" })), []);
    const [first] = pool.cells;
    if (first !== undefined) first.restMiB = restMiB;
    for (let i = 0; i < 70 && pool.cells.length < 2; i++) await sleep(100);
    await sleep(50);
    t.is(pool.cells.length, cells);
    t.is(first?.isDead, cells === 2);
    await host.gate.held("request", makeHttpFlow());
    t.deepEqual(host.addons().map(({ status, failures, cellPid }) => [status, failures, cellPid]), [["running", 0, cells], ["running", 0, cells]]);
  });
}
