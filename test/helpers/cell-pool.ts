// Cells for tests: a pool of real processes started from a bundled runtime (made once per test process), and a recorder of what a
// cell tells its owner. Not for tests of the source entry, which take the default.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import type { Cell, CellEnd, CellEvents, CellPool, ChainEntry, InstanceSpec, LoadOutcome, Outcome } from "../../host/cells/cell.ts";
import { type CellEntry } from "../../host/cells/binary.ts";
import { makeCellPool, type MakeCellPoolOptions } from "../../host/cells/pool.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { instanceId } from "../../sandbox-api/schema/ids.ts";
import { defaultLimits, type Limits } from "../../sandbox-api/schema/limits.ts";
import type { HostCallText } from "../../sandbox-api/wire/messages.ts";
import { bundleOf, eventText, standInGuest } from "./stand-in-guest.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Bundles the runtime as the host does; the folder goes with the process. */
export function bundledEntry(): CellEntry {
  const folder = temporaryFolder("cell");
  const file = join(folder, "cell.cjs");
  buildSync({ entryPoints: [fileURLToPath(new URL("../../runtime/main.ts", import.meta.url))], bundle: true, platform: "node", format: "cjs", minify: true, target: "node24", outfile: file });
  return { file, imports: [] };
}

let entry: CellEntry | undefined;

export function testPool(options: Partial<MakeCellPoolOptions> = {}): CellPool {
  entry ??= bundledEntry();
  return makeCellPool({ guestBundle: Buffer.from(standInGuest, "latin1"), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false, entry, ...options });
}

export interface HostCallRecord { readonly instance: number; readonly id: number; readonly call: HostCallText }

/** A cell, and everything it said. Timers of its guests are run. */
export interface RecordedCell {
  readonly cell: Cell;
  readonly hostCalls: HostCallRecord[];
  readonly faults: { readonly instance: number; readonly fault: Fault }[];
  readonly ends: CellEnd[];
  readonly ended: Promise<CellEnd>;
  readonly cpuMicros: number[];
}

export async function recordedCell(pool: CellPool): Promise<RecordedCell> {
  const hostCalls: HostCallRecord[] = [];
  const faults: RecordedCell["faults"] = [];
  const ends: CellEnd[] = [];
  const cpuMicros: number[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<CellEnd>();
  const events: CellEvents = {
    hostCall: (instance, id, call) => {
      hostCalls.push({ instance, id, call });
      if (call.call === "timer.set") setTimeout(() => cell.resume(instance, id, JSON.stringify({ call: id, error: null, value: call.ms }), [], 50), call.ms);
    },
    instanceFault: (instance, fault) => void faults.push({ instance, fault }),
    cpuUsed: (_, micros) => void cpuMicros.push(micros),
    end: (end) => { ends.push(end); resolve(end); },
  };
  const cell = await pool.acquire(events);
  return { cell, hostCalls, faults, ends, ended, cpuMicros };
}

/** Loads a module body as instance `id`. */
export function load(cell: Cell, id: number, body: string, limits: Partial<Limits> = {}, isSuspect = false): Promise<LoadOutcome> {
  const spec: InstanceSpec = { name: `addon-${id}`, file: `addon-${id}.js`, bundle: bundleOf(body), limits: { ...defaultLimits, ...limits }, isSuspect };
  return cell.load(instanceId(id), spec);
}

export const chainOf = (...ids: readonly number[]): readonly ChainEntry[] => ids.map((id) => ({ instance: instanceId(id), cpuMs: 200, wallMs: 5_000 }));

/** Sends `event` to the instances and waits for all outcomes. */
export function send(cell: Cell, event: string, ids: readonly number[], attachments: readonly Buffer[] = [], entries: Partial<ChainEntry> = {}): Promise<readonly Outcome[]> {
  return cell.call({ text: eventText(event), attachments, chain: chainOf(...ids).map((chain) => ({ ...chain, ...entries })) });
}

/** The only outcome. */
export async function sendOne(cell: Cell, event: string, id: number, attachments: readonly Buffer[] = [], entries: Partial<ChainEntry> = {}): Promise<Outcome> {
  const [outcome, ...more] = await send(cell, event, [id], attachments, entries);
  if (outcome === undefined || more.length > 0) throw new Error("not one outcome");
  return outcome;
}
