// What can go wrong with an addon, as values: one row per fault code with its consequence (spec: sandbox.md §2). Used by the
// cell to report, by the host to decide, by logs to explain. It never throws and holds no state.

export interface FaultRow {
  /** What the operator reads after the addon's name. */
  readonly sentence: string;
  /** Strikes towards the breaker (5 in 10 s open it): what takes the processor from others weighs more (decision 26), a dead cell most. */
  readonly strikes: number;
  /** The isolate is disposed and the addon loaded anew. */
  readonly reloads: boolean;
  /** The first such fault moves the addon to a cell of its own (sandbox.md §1 rule 6). */
  readonly moves: boolean;
  /** The whole cell is gone with it. */
  readonly endsCell: boolean;
}

const row = (sentence: string, strikes: number, reloads: boolean, moves: boolean, endsCell = false): FaultRow => ({ sentence, strikes, reloads, moves, endsCell });

export const faultTable = {
  "threw": row("the handler threw", 1, false, false),
  "illegal-change": row("the handler asked for a change that is not allowed", 1, false, false),
  "permission": row("the handler did something it was not granted", 1, false, false),
  "cpu-limit": row("used more CPU time than one call may", 2, true, true),
  "starved": row("got too little of the processor to answer in time", 1, true, false),
  "wall-limit": row("did not answer in time", 1, true, false),
  "startup-limit": row("took too long to start", 1, true, false),
  "memory-limit": row("used more memory than its isolate may", 2, true, true),
  "cell-memory": row("made its process use more memory than it may; the process was killed", 3, true, true, true),
  "unresponsive": row("did not let its process answer; the process was killed", 3, true, true, true),
  "cell-died": row("its process ended while the handler ran", 3, true, true, true),
  "cell-lied": row("its process sent something no honest cell sends; it was killed", 3, true, true, true),
  "host-calls": row("asked the host for too many things during one event", 1, true, false),
  "mutation-too-large": row("made changes larger than one call may", 1, false, false),
  "overloaded": row("has too many events waiting", 0, false, false),
  "cpu-budget": row("has used up its share of CPU time", 0, false, false),
  "suspended": row("is suspended after repeated failures", 0, false, false),
  "storage": row("could not write to its storage", 0, false, false),
  "restarted": row("was restarted while this event waited", 0, false, false),
  "load-failed": row("could not be loaded", 0, false, false),
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faultTable;

/** A limit that fired: its key in `limits.ts`, its value and what was used, in the limit's unit. */
export interface LimitBreach { readonly name: string; readonly value: number; readonly used: number; readonly unit: string }

export interface Fault {
  readonly code: FaultCode;
  /** One line, already cut and free of control characters. */
  readonly message: string;
  /** Source-mapped where possible; several lines. */
  readonly stack?: string;
  /** `file:line:column` in the author's source. */
  readonly location?: string;
  /** The change address that was refused, for `illegal-change` and `permission`. */
  readonly field?: string;
  readonly limit?: LimitBreach;
}

/** Whether `code` is in the table; cells send codes as text. */
export function isFaultCode(code: unknown): code is FaultCode {
  return typeof code === "string" && Object.hasOwn(faultTable, code);
}
