// What the primary and its workers say to each other over Node's channel between processes. Both ends are the same program of the
// operator's, so the tables are types; nothing an addon says is read here, it only passes through as text.
import type { AddonState, LoadProblem, Prepared } from "../addons/addon-host.ts";
import type { AddonNews } from "../addons/addon.ts";
import type { BundleResult } from "../addons/bundle.ts";
import type { LockSubject, LockVerdict } from "../addons/lock.ts";
import type { CellEntry } from "../cells/binary.ts";
import type { GivenLayer, OptionSource, UnknownOptions } from "../addons/options.ts";
import type { Config, ListenerConfig } from "../config.ts";
import type { Seat } from "../host.ts";
import type { LogRecord } from "../log.ts";

export interface OpenSettings {
  /** From 1. */
  readonly number: number;
  readonly config: Config;
  readonly options: Seat["options"];
  readonly lockFile: string;
  readonly guestBundle: Buffer;
  readonly entry: CellEntry;
  readonly ticketSecret: Buffer;
}

/** QUESTION TABLE of the primary: what is asked and what is answered. */
export interface Questions {
  /** Opens everything but addons and listeners. */
  readonly open: { readonly ask: OpenSettings; readonly answer: null };
  readonly add: { readonly ask: readonly string[]; readonly answer: readonly string[] };
  readonly prepare: { readonly ask: { readonly name: string; readonly result: BundleResult }; readonly answer: Prepared };
  readonly commit: { readonly ask: string; readonly answer: null };
  readonly abandon: { readonly ask: string; readonly answer: null };
  readonly listen: { readonly ask: readonly ListenerConfig[]; readonly answer: null };
  /** All values of one source; the answer is why not. */
  readonly options: { readonly ask: { readonly source: OptionSource; readonly layer: GivenLayer }; readonly answer: string | null };
  readonly unknownOptions: { readonly ask: null; readonly answer: UnknownOptions };
  readonly resume: { readonly ask: string; readonly answer: null };
  readonly states: { readonly ask: null; readonly answer: readonly AddonState[] };
  /** Drains, runs every `done`, ends cells; the process ends after the answer. */
  readonly stop: { readonly ask: null; readonly answer: null };
}

export type Question = keyof Questions;

/** What an answer that is an error keeps of it. `code`: of an OperatorError, whose message is for the operator. */
export interface Failure { readonly message: string; readonly code: string | null; readonly stack: string }

export type ToWorker =
  | { readonly [Q in Question]: { readonly kind: "ask"; readonly question: Q; readonly id: number; readonly ask: Questions[Q]["ask"] } }[Question]
  | { readonly kind: "news"; readonly addon: string; readonly news: AddonNews }
  /** µs of CPU that addons used in other workers. */
  | { readonly kind: "spent"; readonly spent: ReadonlyMap<string, number> }
  | { readonly kind: "judged"; readonly id: number; readonly verdict: LockVerdict | Failure };

export type FromWorker =
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "log"; readonly record: LogRecord }
  | { readonly kind: "news"; readonly addon: string; readonly news: AddonNews }
  | { readonly kind: "spent"; readonly spent: ReadonlyMap<string, number> }
  /** Whether a bundle may run is asked of the one process that owns the lock file. */
  | { readonly kind: "judge"; readonly id: number; readonly subject: LockSubject };

export type { AddonNews, LoadProblem };

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), code: null, stack: "" };
  return { message: error.message, code: "code" in error && typeof error.code === "string" ? error.code : null, stack: error.stack ?? "" };
}
