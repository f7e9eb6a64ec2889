// Where an addon's isolate lives and when a cell is worn out (spec: sandbox.md §1 rules 6 and 7). Pure decisions about names and
// numbers; nothing is started or moved here.
import type { Limits } from "../../sandbox-api/schema/limits.ts";

export type CellsOption = "shared" | "per-addon";

/** Names a home: addons with the same one share a cell. */
export type HomeName = `group:${string}` | `addon:${string}`;

/** A trust group shares a cell; who was guilty once, or everybody when the operator says so, has one of its own. */
export function placeAddon(addon: { readonly name: string; readonly group: string; readonly isIsolated: boolean }, cells: CellsOption): HomeName {
  return addon.isIsolated || cells === "per-addon" ? `addon:${addon.name}` : `group:${addon.group}`;
}

/** Whether a cell has been used up: each isolate load leaks, and memory at rest is not given back. `restMiB` null: not known. */
export function isWornOut(cell: { readonly loads: number; readonly restMiB: number | null }, limits: Pick<Limits, "cellLoads" | "cellRestMiB">): boolean {
  return cell.loads >= limits.cellLoads || (cell.restMiB !== null && cell.restMiB > limits.cellRestMiB);
}
