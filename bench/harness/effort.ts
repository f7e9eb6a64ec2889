// How long a bench may take. Quick is for a look and for `npm run bench`; full is for figures that are worth writing down.

export interface Effort {
  readonly name: "quick" | "full";
  /** Rounds that count. */
  readonly rounds: number;
  readonly roundMs: number;
  /** Warm-up ends at whichever comes first: V8 compiles what runs often, so it is requests that count, and a loaded machine needs longer. */
  readonly warmUpRequests: number;
  readonly warmUpMs: number;
  /** Called between rounds, when nothing is under way: what else is to be measured under the same circumstances. */
  readonly lap?: () => Promise<void>;
}

export const quick: Effort = { name: "quick", rounds: 2, roundMs: 600, warmUpRequests: 10_000, warmUpMs: 2_500 };
export const full: Effort = { name: "full", rounds: 5, roundMs: 1_500, warmUpRequests: 30_000, warmUpMs: 8_000 };

/** From the words of the command line: `--full`, else quick. */
export function effortFrom(words: readonly string[]): Effort {
  return words.includes("--full") ? full : quick;
}
