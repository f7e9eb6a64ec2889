// Where an addon's isolate lives and when a cell is worn out (spec: sandbox.md §1 rules 6 and 7). Pure decisions about names and
// numbers; nothing is started or moved here.
import type { Limits } from "../../sandbox-api/schema/limits.ts";

export type CellsOption = "shared" | "per-addon";

/** Names a home: addons with the same one share a cell. */
export type HomeName = `group:${string}` | `addon:${string}`;

/** LIMIT: isolates that share a cell. At some 2.5 MiB each they stay well under `cellMemoryMiB`. */
export const mostPerCell = 100;

export interface Placed {
  readonly name: string;
  /** Trust group. */
  readonly group: string;
  /** Place in the configured order: neighbours share a cell. */
  readonly order: number;
  /** Was guilty once. */
  readonly isIsolated: boolean;
}

/** A trust group shares a cell; who was guilty once, or everybody when the operator says so, has one of its own. */
export function placeAddon({ name, group, order, isIsolated }: Placed, cells: CellsOption): HomeName {
  return isIsolated || cells === "per-addon" ? `addon:${name}` : `group:${group}/${Math.floor(order / mostPerCell)}`;
}

/**
 * Whether a cell has been used up: each isolate load leaks, and memory at rest is not given back. `restMiB` null: not known.
 * Where most of what was loaded is still in use, a new cell would be no better, so such a cell is not worn out.
 */
export function isWornOut(cell: { readonly loads: number; readonly residents: number; readonly restMiB: number | null }, limits: Pick<Limits, "cellLoads" | "cellRestMiB">): boolean {
  if (cell.loads < 2 * cell.residents) return false;
  return cell.loads >= limits.cellLoads || (cell.restMiB !== null && cell.restMiB > limits.cellRestMiB);
}
