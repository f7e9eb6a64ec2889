// An addon host with scripted cells for tests: addons by name, a log that is kept. Real cells: addon-stage.ts.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import type { StageSettings } from "./addon-stage.ts";
import { FakePool, type ScriptedAddon } from "./fake-cell.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** `paths`: of the addons' files, in order; what is in them does not matter, but that it differs. */
export interface ScriptedStage { readonly host: AddonHost; readonly pool: FakePool; readonly records: LogRecord[]; readonly paths: readonly string[] }

/** Loads these addons, in order, all of which must load; the host is closed when the test is over. */
export async function stageScripts(t: ExecutionContext, scripts: { readonly [name: string]: ScriptedAddon }, { limits, ...settings }: StageSettings = {}): Promise<ScriptedStage> {
  const records: LogRecord[] = [];
  const pool = new FakePool(({ name }) => scripts[name] ?? { handlers: {} });
  const log = makeLog((record) => { records.push(record); });
  const host = createAddonHost({ log, pool, failure: "open", cells: "shared", options: new Map(), watch: false, ...settings, limits: { ...defaultLimits, ...limits } });
  t.teardown(() => host.close());
  const folder = temporaryFolder("scripted");
  const paths = Object.keys(scripts).map((name) => {
    const path = join(folder, `${name}.ts`);
    writeFileSync(path, `// ${name}\nexport const it = 1;\n`);
    return path;
  });
  t.deepEqual(await host.loadAll(paths), []);
  return { host, pool, records, paths };
}
