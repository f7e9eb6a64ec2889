// An addon host with real cells for tests: addons from source texts, a log that is kept, one pool of cells per test file. Not for
// traffic over sockets (helpers/proxy, helpers/flowcell).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext, TestFn } from "ava";
import { createAddonHost, type AddonHost, type AddonHostSettings, type LoadProblem } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import type { CellPool } from "../../host/cells/cell.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { defaultLimits, type Limits } from "../../sandbox-api/schema/limits.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface Stage { readonly host: AddonHost; readonly records: LogRecord[]; readonly paths: readonly string[]; readonly problems: readonly LoadProblem[] }
export type StageSettings = Partial<Omit<AddonHostSettings, "limits">> & { readonly limits?: Partial<Limits> };

export interface Cells {
  readonly pool: () => CellPool;
  /** Loads these addons, in order; the host is closed when the test is over. */
  stage(t: ExecutionContext, sources: { readonly [name: string]: string }, settings?: StageSettings): Promise<Stage>;
}

/** To be called once at the top of a test file. */
export function useCells(test: TestFn): Cells {
  let pool: CellPool | null = null;
  test.before(async () => {
    pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 2_000, jail: "off", jitless: false });
  });
  test.after.always(() => pool?.close());
  const ready = (): CellPool => { if (pool === null) throw new Error("no cells yet"); return pool; };
  return { pool: ready, stage: (t, sources, settings) => stageAddons(t, ready(), sources, settings) };
}

/** Writes each source as NAME.ts into a folder of its own; gives the paths in order. */
export function writeSources(sources: { readonly [name: string]: string }): readonly string[] {
  const folder = temporaryFolder("addons");
  return Object.entries(sources).map(([name, source]) => {
    const path = join(folder, `${name}.ts`);
    writeFileSync(path, source);
    return path;
  });
}

async function stageAddons(t: ExecutionContext, pool: CellPool, sources: { readonly [name: string]: string }, { limits, ...settings }: StageSettings = {}): Promise<Stage> {
  const records: LogRecord[] = [];
  const host = createAddonHost({
    log: makeLog((record) => { records.push(record); host.tellLog(record); }), pool, failure: "open", cells: "shared", options: new Map(), watch: false, ...settings,
    limits: { ...defaultLimits, cpuMs: 400, startupMs: 4_000, wallMs: 10_000, ...limits },
  });
  t.teardown(() => host.close());
  const paths = writeSources(sources);
  return { host, records, paths, problems: await host.loadAll(paths) };
}
