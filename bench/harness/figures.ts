// What a bench finds out: figures with their spread, and how several samples become one. Pure.
import type { BudgetName } from "./budgets.ts";
import type { Effort } from "./effort.ts";

export interface Figure {
  /** What was measured, in words. */
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** The row of the budget table that it answers. */
  readonly budget?: BudgetName;
  /** Other figures of the same work, by their names with units, such as "req/s". */
  readonly beside: Readonly<Record<string, number>>;
}

export interface Claim {
  readonly name: string;
  /** The sentence that the figures bear out or do not. */
  readonly title: string;
  readonly run: (effort: Effort) => Promise<readonly Figure[]>;
}


export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface FigureFacts { readonly what: string; readonly unit: string; readonly budget?: BudgetName | undefined; readonly beside?: Readonly<Record<string, number>> }

/** One figure from the samples of several rounds. */
export function figure(samples: readonly number[], { what, unit, budget, beside = {} }: FigureFacts): Figure {
  return { what, unit, value: median(samples), least: Math.min(...samples), most: Math.max(...samples), beside, ...(budget !== undefined && { budget }) };
}
