// The cells of a proxy, booting while the rest of the host is still being loaded: the first one takes as long as that, on another core.
// Composes what they need and nothing else; PERF: so it imports little (bench/start-up.ts).
import { bundleGuest, bundleRuntime } from "./addons/own-code.ts";
import type { CellEntry } from "./cells/binary.ts";
import type { CellPool } from "./cells/cell.ts";
import { makeCellPool } from "./cells/pool.ts";
import type { Config } from "./config.ts";

export interface Cells {
  readonly pool: CellPool;
  /** Says there what was to be said so far of missing walls, and what will be. */
  tell(note: (sentence: string) => void): void;
}

/** What cells are made of; built once for all workers. */
export interface CellParts { readonly guestBundle: Buffer; readonly entry: CellEntry }

/** Standby cells of a proxy that is a process by itself. */
export const warmCells = 2;

/** Begins to boot. Whoever asked closes the pool. Rejects with an operator error when cells cannot work here at all. */
export async function startCells(config: Config, standby: number, parts?: CellParts): Promise<Cells> {
  const [guestBundle, entry] = parts === undefined ? await Promise.all([bundleGuest(), bundleRuntime()]) : [parts.guestBundle, parts.entry];
  const early: string[] = [];
  let note = (sentence: string): void => { early.push(sentence); };
  const pool = makeCellPool({
    // PERF: without an addon nobody will ask for a cell, and each that waits is 60 MiB resident (bench/bodies.ts).
    guestBundle, entry, standby: config.addons.length === 0 ? 0 : standby, cellMemoryMiB: config.limits.cellMemoryMiB, unresponsiveMs: config.limits.unresponsiveMs,
    jail: config.jail, jitless: config.jitless, note: (sentence) => note(sentence),
  });
  return { pool, tell: (to) => { note = to; for (const sentence of early.splice(0)) to(sentence); } };
}
