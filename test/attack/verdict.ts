// Judges one fight: did anything get through, did the wall hold that had to, did the innocent notice more than a restart. Pure; the same
// judgement for `npm test` and `npm run attack`. Times are reported; only a generous deadline is judged.
import type { AttackCase } from "./attack-case.ts";
import { attackLimits, type Fight } from "./arena.ts";

/** Wall limit + 250 ms by the design; the rest is for a noisy machine and the restart of a cell. */
export const deadlineMs = Math.max(attackLimits.cpuMs, attackLimits.wallMs) + 250 + 8_000;

export interface Verdict {
  /** What got through or broke; empty: the walls held. */
  readonly problems: readonly string[];
  /** The fault that stopped it, "not loaded", or "nothing found". */
  readonly stoppedBy: string;
  readonly stoppedAfterMs: number | null;
  /** Exchanges of innocent flows that failed or were changed. */
  readonly innocentErrors: number;
  readonly innocentExchanges: number;
  readonly worstInnocentMs: number;
}

export function judge(attack: AttackCase, fight: Fight): Verdict {
  const hurt = fight.innocent.filter(({ status, isIntact }) => status !== 200 || !isIntact).length;
  return {
    problems: [...innocentProblems(fight, hurt), ...escapeProblems(fight), ...endProblems(attack, fight), ...attackedProblems(attack, fight)],
    stoppedBy: !fight.isLoaded ? "not loaded" : fight.faults[0] ?? "nothing found",
    stoppedAfterMs: fight.stoppedAfterMs, innocentErrors: hurt, innocentExchanges: fight.innocent.length,
    worstInnocentMs: Math.max(0, ...fight.innocent.map(({ ms }) => ms)),
  };
}

function innocentProblems({ innocent, innocentFaults }: Fight, hurt: number): readonly string[] {
  const missed = innocent.filter(({ headers }) => headers["x-innocent"] !== "was here").length;
  return [
    ...(innocent.length < 6 ? [`only ${innocent.length} innocent exchanges`] : []),
    ...(hurt > 0 ? [`${hurt} innocent exchanges failed or were changed`] : []),
    ...(missed > 0 ? [`${missed} innocent exchanges passed the innocent addon by`] : []),
    ...(innocentFaults.length > 0 ? [`faults of the innocent addon: ${innocentFaults.join(", ")}`] : []),
  ];
}

function escapeProblems({ attacked, smuggled, records }: Fight): readonly string[] {
  const escaped = attacked.map(({ headers }) => headers["x-escaped"]).find((found) => found !== undefined);
  const controls = records.find(({ msg }) => /[\0-\x08\x0b-\x1f\x7f-\x9f]/.test(msg));
  const bug = records.find(({ fields }) => fields["event"] === "invariant");
  return [
    ...(escaped !== undefined ? [`it found ${escaped}`] : []),
    ...(smuggled !== null ? [`the origin saw ${JSON.stringify(smuggled)}`] : []),
    ...(controls !== undefined ? [`control characters in the log: ${JSON.stringify(controls.msg.slice(0, 100))}`] : []),
    ...(bug !== undefined ? [`the proxy broke an invariant: ${String(bug.fields["error"])}`] : []),
  ];
}

function endProblems({ ends, category }: AttackCase, { isLoaded, faults }: Fight): readonly string[] {
  if (ends === "refused") return isLoaded ? ["it was loaded"] : [];
  // What only wants to break the compiler may be refused by it.
  if (!isLoaded && ends === "survived" && category === "bundling") return [];
  if (!isLoaded) return ["it did not load, so nothing was tried"];
  if (ends === "survived") return [];
  if (ends === "harmless") return faults.length > 0 ? [`expected no fault, got ${faults.join(", ")}`] : [];
  // Where the machine gives a cell too little of its processors, the clock ends what the CPU limit would have ended.
  const expected: readonly string[] = ends.includes("cpu-limit") ? [...ends, "starved", "restarted"] : ends;
  return faults.some((fault) => expected.includes(fault)) ? [] : [`expected one of ${expected.join(", ")}, got ${faults.join(", ") || "none"}`];
}

function attackedProblems({ ends, category }: AttackCase, { attacked }: Fight): readonly string[] {
  const late = attacked.find(({ ms }) => ms > deadlineMs);
  // A hanging addon's flow may end as the failure policy says; all others must come through.
  const failed = ends === "refused" || category === "hang" ? undefined : attacked.find(({ status }) => status < 200 || status > 299);
  return [
    ...(late !== undefined ? [`an attacked exchange took ${Math.round(late.ms)} ms`] : []),
    ...(failed !== undefined ? [`an attacked exchange ended with status ${failed.status}`] : []),
  ];
}
