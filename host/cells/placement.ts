// Where an addon's isolate lives and when a cell is worn out (spec: sandbox.md §1 rules 6 and 7). Pure decisions about names and
// numbers; nothing is started or moved here.
import type { Limits } from "../../sandbox-api/schema/limits.ts";

/** Which addons of a trust group share a cell: those that are for the same hosts, all, or none. */
export type CellsOption = "per-hosts" | "shared" | "per-addon";

/** Names a home: addons with the same one share a cell. */
export type HomeName = `group:${string}` | `addon:${string}`;

/** Number of a set of hosts that an addon is for; 0: every host. */
export type Scope = number;

/** LIMIT: cells that a group has for addons that are for some hosts only, beside the one for every host, while none of them is full. Each is some 24 MB. */
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
  /** Among which others it shares a cell, if it shares one (`Places`). */
  readonly place: Place;
  /** Was guilty once. */
  readonly isIsolated: boolean;
  /** Filled a cell together with others. Absent: no. */
  readonly needsRoom?: boolean;
}

/**
 * A trust group shares a cell; by default as far as its addons are for the same hosts, so that a fault in one holds up no flow of hosts
 * that it is not for (decision 26). Who was guilty once or needs room, or everybody when the operator says so, has a cell of its own.
 */
export function placeAddon({ name, group, place: { scope, block }, isIsolated, needsRoom = false }: Placed, cells: CellsOption): HomeName {
  if (isIsolated || needsRoom || cells === "per-addon") return ownHome(name);
  return `group:${group}/${block}${scope === 0 ? "" : `/hosts-${scope}`}`;
}

/** Of an addon that shares with nobody. */
export const ownHome = (name: string): HomeName => `addon:${name}`;

/** Which of a scope's cells. */
export interface Place { readonly scope: Scope; readonly block: number }

/** Where nothing is known of an addon yet: its manifest can be read in any cell. */
export const firstPlace: Place = { scope: 0, block: 0 };

/**
 * Gives addons their places: `mostPerCell` to a block, in the order in which they come, so neighbours share one. Sets of hosts get the scopes in the
 * order in which they come, and from `mostScopes` on by turns the same ones again. An addon keeps its place as long as its hosts stay in its scope.
 */
export class Places {
  readonly #cells: CellsOption;
  readonly #scopes = new Map<string, Scope>();
  /** Of each scope, who has which seat; null: it is free again. */
  readonly #seats = new Map<Scope, (string | null)[]>();
  readonly #known = new Map<string, { readonly scope: Scope; readonly seat: number }>();

  constructor(cells: CellsOption) {
    this.#cells = cells;
  }

  /** `hosts`: the same text for the same set; null: every host. */
  of(name: string, hosts: string | null): Place {
    const scope = this.#cells === "per-hosts" ? this.#scopeOf(hosts) : 0;
    const known = this.#known.get(name);
    const seat = known?.scope === scope ? known.seat : this.#seat(name, scope);
    return { scope, block: Math.floor(seat / mostPerCell) };
  }

  #seat(name: string, scope: Scope): number {
    const left = this.#known.get(name);
    if (left !== undefined) this.#seatsOf(left.scope)[left.seat] = null;
    const seats = this.#seatsOf(scope);
    const free = seats.indexOf(null);
    const seat = free < 0 ? seats.length : free;
    seats[seat] = name;
    this.#known.set(name, { scope, seat });
    return seat;
  }

  #seatsOf(scope: Scope): (string | null)[] {
    const seats = this.#seats.get(scope) ?? [];
    this.#seats.set(scope, seats);
    return seats;
  }

  #scopeOf(hosts: string | null): Scope {
    if (hosts === null) return 0;
    const known = this.#scopes.get(hosts);
    if (known !== undefined) return known;
    const scope = (this.#scopes.size % mostScopes) + 1;
    if (this.#scopes.size < mostKnown) this.#scopes.set(hosts, scope);
    return scope;
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
