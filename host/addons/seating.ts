// Who is asked together: neighbours in the order of addons that live in one cell and may see the same share a frame. Decides, and calls nobody.
import type { HeldEvent } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { Addon } from "./addon.ts";
import { admit, type FilterVerdict, isConcerned } from "./admission.ts";
import { editsOf } from "./declared-edits.ts";
import type { Seat } from "./frame.ts";
import type { Instance } from "./instance.ts";
import type { Takers } from "./takers.ts";

export interface SeatingPlan {
  readonly takers: Takers;
  readonly reruns: ReadonlyMap<Addon, number>;
  /** Who ended a cell by this event, which is theirs to answer for and not to be tried again. */
  readonly killers: ReadonlyMap<Addon, Fault>;
  /** Index of the addon to begin with, and whether it is on trial. */
  readonly from: number;
  readonly isTrial: boolean;
  /** Whether the one to begin with takes part, where that has just been found. */
  readonly concern: FilterVerdict | null;
  /** Declared edits have been carried out up to the addon of this order. */
  readonly edited: number;
}

export interface Seating {
  readonly seats: readonly Seat[];
  readonly next: number;
  /** `edit`: its declared edits come first. */
  readonly halt: Extract<ReturnType<typeof admit>, { readonly kind: "wait" | "fault" }> | { readonly kind: "edit" } | null;
}

/** The next addons that can share a frame, from `from` on; `next`: where they end; `halt`: why the one at `next` could not be seated first. */
export function nextSeats(event: HeldEvent, subject: GateSubject, { takers, reruns, killers, from, isTrial, concern, edited }: SeatingPlan): Seating {
  const { addons, skips } = takers;
  const seats: Seat[] = [];
  let index = from;
  for (; index < addons.length; index++) {
    const addon = addons[index];
    if (addon === undefined) break;
    // Whether it takes part may depend on what those before it make of the flow; or it may not be told of that by them.
    if (isUncertain(seats, addon, skips[index] === true)) break;
    const [first] = seats;
    if (addon.order > edited && editsOf(addon, event, subject) !== undefined) return { seats, next: index, halt: first === undefined ? { kind: "edit" } : null };
    // PERF: a filter searches the flow, so who can share is asked by `admit` only.
    if (first !== undefined && !canShare(seats, first.instance, addon, subject)) {
      if (isConcerned(addon, event, subject)) break;
      continue;
    }
    const fault = killers.get(addon);
    if (fault !== undefined) return { seats, next: index, halt: first === undefined ? { kind: "fault", fault } : null };
    const admission = admit(addon, event, subject, isTrial && index === from, index === from ? concern : null);
    if (admission.kind === "pass") continue;
    if (admission.kind !== "go") return { seats, next: index, halt: first === undefined ? admission : null };
    seats.push({ instance: admission.instance, isTrial: admission.isTrial, index, isRerun: reruns.has(addon) });
    if (admission.isTrial) { index++; break; }
  }
  return { seats, next: index, halt: null };
}

/** `hasSkipped`: addons of other hosts stand before it, who take part if the flow is sent to theirs. */
function isUncertain(seats: readonly Seat[], addon: Addon, hasSkipped: boolean): boolean {
  if (seats.length === 0) return false;
  const { filter, hosts } = addon.version?.grants ?? { filter: null, hosts: null };
  return (filter !== null && seats.some(({ instance }) => instance.version.grants.mayAlter))
    || ((hasSkipped || hosts !== null) && seats.some(({ instance }) => instance.version.grants.mayRedirect));
}

/**
 * Whether an addon can join a frame: same cell, same view, and nothing that makes its call special. WALL 5: in a frame it is told what
 * the others changed, so those must not have changed what it may not see.
 */
function canShare(seats: readonly Seat[], first: Instance, addon: Addon, subject: GateSubject): boolean {
  const instance = addon.instanceFor(subject.key);
  if (instance === null || !seats.every((seat) => seat.instance.version.grants.seesItsChanges)) return false;
  return instance.residence === first.residence && instance.version.grants.viewClass === first.version.grants.viewClass && addon.breaker.isClosed;
}
