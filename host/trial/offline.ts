// Addons at work without a proxy: real cells and isolates behind a gate that nobody but the caller knocks at, with storage that is thrown
// away and no network. For `flowcell test` and for tests of authors. It opens no listener and connects to nobody.
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { objectKey, type ObjectKey } from "../../sandbox-api/schema/ids.ts";
import { createAddonHost, type AddonHost } from "../addons/addon-host.ts";
import type { LoadProblem } from "../addons/loading.ts";
import type { GrantRules } from "../addons/grant-rules.ts";
import type { GivenLayer } from "../addons/options.ts";
import { bundleGuest, bundleRuntime } from "../addons/own-code.ts";
import type { JailMode } from "../cells/jail.ts";
import { makeCellPool } from "../cells/pool.ts";
import { makeLog, type LogRecord } from "../log.ts";
import { inMemory, StorageFile } from "../services/storage-file.ts";

export interface OfflineSettings {
  readonly limits: Limits;
  readonly jail: JailMode;
  readonly jitless: boolean;
  readonly options: ReadonlyMap<string, string>;
  readonly environmentOptions?: GivenLayer;
  readonly optionsFile?: GivenLayer;
  readonly grants: GrantRules;
}

export interface Offline {
  readonly host: AddonHost;
  /** Why addons are not in service. */
  readonly problems: readonly LoadProblem[];
  /** What was logged since this was last asked; what is beyond a bound is counted. */
  takeRecords(): { readonly records: readonly LogRecord[]; readonly dropped: number };
  /** A key for a new flow or connection. */
  nextKey(): ObjectKey;
  close(): Promise<void>;
}

/** LIMIT: log records between two looks. */
const mostRecords = 10_000;
/** Nobody is there to resume a flow that is held back, so it goes on at once; and nobody's machine is to be kept free. */
const offlineLimits = { interceptMs: 10, cpuBudgetShare: 64, cpuBudgetBurstMs: 600_000 } as const;

/** Loads the addons at `paths`. Rejects only when no cell can be started. */
export async function openOffline(paths: readonly string[], settings: OfflineSettings): Promise<Offline> {
  const limits = { ...settings.limits, ...offlineLimits };
  const pool = makeCellPool({
    guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: limits.cellMemoryMiB, unresponsiveMs: limits.unresponsiveMs, jail: settings.jail, jitless: settings.jitless,
  });
  let records: LogRecord[] = [];
  let dropped = 0;
  const log = makeLog((record) => {
    if (records.length < mostRecords) records.push(record);
    else dropped++;
    host.tellLog(record);
  });
  const storage = new StorageFile({ path: inMemory, log });
  const host: AddonHost = createAddonHost({
    log, pool, limits, failure: "open", cells: "shared", watch: false, options: settings.options, grants: settings.grants, services: { storage, network: null },
    ...(settings.environmentOptions !== undefined && { environmentOptions: settings.environmentOptions }),
    ...(settings.optionsFile !== undefined && { optionsFile: { path: "", isRequired: false, options: settings.optionsFile } }),
  });
  let lastKey = 0;
  const close = async (): Promise<void> => {
    await host.close();
    storage.close();
    await pool.close();
  };
  try {
    const problems = await host.loadAll(paths);
    return {
      host, problems, close, nextKey: () => objectKey(++lastKey),
      takeRecords() {
        const taken = { records, dropped };
        [records, dropped] = [[], 0];
        return taken;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
