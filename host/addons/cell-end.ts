// What the end of a cell means for those who lived in it: who is to blame, how the operator reads it, and who should not share a cell any
// longer. It judges; lifecycle.ts carries out.
import type { CellEnd } from "../cells/cell.ts";
import type { HomeName } from "../cells/placement.ts";
import type { Addon } from "./addon.ts";
import { deathWindowMs } from "./failure.ts";
import { reasonOf } from "./fault-report.ts";
import type { Instance } from "./instance.ts";

/** The addon that the cell names, or the only one that lived in a cell that lied. */
export function guiltyOf({ guilty, fault }: CellEnd, residents: readonly Instance[]): Addon | null {
  const named = residents.find(({ id }) => id === guilty)?.addon;
  if (named !== undefined) return named;
  const suspects = new Set(residents.map(({ addon }) => addon));
  const [only = null] = suspects;
  return fault?.code === "cell-lied" && suspects.size === 1 ? only : null;
}

/** For the operator, e.g. `addon "a" did not let its process answer; the process was killed: 250 ms allowed, 310 ms used`. */
export function blameWords({ fault }: CellEnd, guilty: Addon | null): string {
  if (guilty !== null) return `addon "${guilty.name}" ${fault === null ? "ran" : reasonOf(fault)}`;
  if (fault === null) return "nobody's fault";
  if (fault.code === "cell-memory" && fault.limit !== undefined) return `its addons together used more memory than one process may: ${fault.limit.value} MiB allowed, ${fault.limit.used} MiB used`;
  return reasonOf(fault);
}

/** Homes whose cells were filled by nobody in particular. */
export class FilledHomes {
  readonly #filledAtMs = new Map<HomeName, number>();

  /** Whether it was the second time within ten minutes. Somebody may stay below what one is blamed for, again and again: apart, each can only fill its own cell. */
  isAgain(home: HomeName, nowMs: number): boolean {
    const last = this.#filledAtMs.get(home) ?? Number.NEGATIVE_INFINITY;
    this.#filledAtMs.set(home, nowMs);
    return nowMs - last < deathWindowMs;
  }
}
