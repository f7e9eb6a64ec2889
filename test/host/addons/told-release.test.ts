// Notices that wait while their object ends: it is forgotten all the same, by the host and by the guest.
import test from "ava";
import { createAddonHost } from "../../../host/addons/addon-host.ts";
import { makeLog } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { writeSources } from "../../helpers/addon-stage.ts";
import { FakePool } from "../../helpers/fake-cell.ts";
import { makeHttpFlow, makeRoot } from "../../helpers/flows.ts";

test("an object that an addon first hears of when it has ended is forgotten after that", async (t) => {
  const first = Promise.withResolvers<undefined>();
  const last = Promise.withResolvers<void>();
  let told = 0;
  const pool = new FakePool(() => ({
    handlers: {
      clientdisconnect: () => {
        if (++told === 1) return first.promise;
        if (told === 3) last.resolve();
        return undefined;
      },
    },
  }));
  const host = createAddonHost({ log: makeLog(() => undefined), pool, failure: "open", cells: "shared", options: new Map(), watch: false, limits: defaultLimits });
  t.teardown(() => host.close());
  t.deepEqual(await host.loadAll(writeSources({ one: "export const it = 1;" })), []);
  const roots = [makeRoot(), makeRoot(), makeRoot()];
  for (const root of roots) {
    host.gate.tell("clientdisconnect", root);
    host.gate.release(root);
  }
  first.resolve(undefined);
  await last.promise;
  for (let turn = 0; turn < 20 && pool.released.flatMap(({ keys }) => keys).length < 3; turn++) await new Promise(setImmediate);
  t.deepEqual(pool.released.flatMap(({ keys }) => keys), roots.map(({ key }) => key));
});

test("an object that ends while the addon that is to hear of it starts anew is forgotten after that", async (t) => {
  const delivered = Promise.withResolvers<void>();
  const pool = new FakePool(() => ({
    handlers: {
      request: () => ({ fault: { code: "wall-limit", message: "" } }),
      clientdisconnect: () => { delivered.resolve(); return undefined; },
    },
  }));
  const host = createAddonHost({ log: makeLog(() => undefined), pool, failure: "open", cells: "shared", options: new Map(), watch: false, limits: defaultLimits });
  t.teardown(() => host.close());
  t.deepEqual(await host.loadAll(writeSources({ one: "export const it = 1;" })), []);
  await host.gate.held("request", makeHttpFlow());
  const root = makeRoot();
  host.gate.tell("clientdisconnect", root);
  host.gate.release(root);
  await delivered.promise;
  for (let turn = 0; turn < 20 && pool.released.length === 0; turn++) await new Promise(setImmediate);
  t.deepEqual(pool.released.flatMap(({ keys }) => keys), [root.key]);
});
