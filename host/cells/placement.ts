// Where an addon's isolate lives and when a cell is worn out (spec: sandbox.md §1 rules 6 and 7). Pure decisions about names and
// numbers; nothing is started or moved here.
import type { Limits } from "../../sandbox-api/schema/limits.ts";

/** Which addons of a trust group share a cell: those that are for the same hosts, all, or none. */
export type CellsOption = "per-hosts" | "shared" | "per-addon";

/** Names a home: addons with the same one share a cell. */
export type HomeName = `group:${string}` | `addon:${string}`;

/** Number of a set of hosts that an addon is for; 0: every host. */
export type Scope = number;

/** LIMIT: cells of a group for addons that are for some hosts only, beside the one for every host. Each is some 24 MB. */
export const mostScopes = 3;
/** LIMIT: edits may bring ever new sets of hosts; beyond so many they all have the last number. */
const mostKnown = 1_000;

/**
 * LIMIT: isolates that share a cell. Each takes some 2.5 MiB, and some 13 under load (flows under way and their garbage, compilers), so a cell full of
 * busy ones stays well below `cellMemoryMiB`, which it would meet with nobody to blame (bench/memory.ts).
 */
export const mostPerCell = 12;

export interface Placed {
  readonly name: string;
  /** Trust group. */
  readonly group: string;
  /** Place in the configured order: neighbours share a cell. */
  readonly order: number;
  /** Absent: every host. */
  readonly scope?: Scope;
  /** Was guilty once. */
  readonly isIsolated: boolean;
  /** Filled a cell together with others. Absent: no. */
  readonly needsRoom?: boolean;
}

/**
 * A trust group shares a cell; by default as far as its addons are for the same hosts, so that a fault in one holds up no flow of hosts
 * that it is not for (decision 26). Who was guilty once or needs room, or everybody when the operator says so, has a cell of its own.
 */
export function placeAddon({ name, group, order, scope = 0, isIsolated, needsRoom = false }: Placed, cells: CellsOption): HomeName {
  if (isIsolated || needsRoom || cells === "per-addon") return `addon:${name}`;
  return `group:${group}/${Math.floor(order / mostPerCell)}${scope === 0 || cells === "shared" ? "" : `/hosts-${scope}`}`;
}

/** Gives sets of hosts their numbers: in the order in which they come, and from `mostScopes` on by turns the same ones again. */
export class Scopes {
  readonly #numbers = new Map<string, Scope>();

  /** `hosts`: the same text for the same set; null: every host. */
  of(hosts: string | null): Scope {
    if (hosts === null) return 0;
    const known = this.#numbers.get(hosts);
    if (known !== undefined) return known;
    const number = (this.#numbers.size % mostScopes) + 1;
    if (this.#numbers.size < mostKnown) this.#numbers.set(hosts, number);
    return number;
  }
}

/**
 * Whether a cell has been used up: each isolate load leaks, and memory at rest is not given back. `restMiB` null: not known.
 * Where most of what was loaded is still in use, a new cell would be no better, so such a cell is not worn out.
 */
export function isWornOut(cell: { readonly loads: number; readonly residents: number; readonly restMiB: number | null }, limits: Pick<Limits, "cellLoads" | "cellRestMiB">): boolean {
  if (cell.loads < 2 * cell.residents) return false;
  return cell.loads >= limits.cellLoads || (cell.restMiB !== null && cell.restMiB > limits.cellRestMiB);
}
