// Shows figures as a table and keeps them as JSON in bench/results. Judges nothing but by the budget table.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { budgetRows, floorWhereSet, isCpuTime, judge } from "./budgets.ts";
import { effortFrom } from "./effort.ts";
import type { Claim, Figure } from "./figures.ts";
import { describeMachine, loadNow, type Machine } from "./machine.ts";
import { Pace } from "./pace.ts";

export const resultsFolder = path.join(import.meta.dirname, "..", "results");

export interface ClaimResult {
  readonly claim: string;
  readonly title: string;
  readonly seconds: number;
  readonly loadAfter: number;
  /** What the bare floor cost meanwhile, in CPU seconds per 1,000 requests (harness/pace.ts). */
  readonly floor: number;
  readonly figures: readonly Figure[];
  readonly error?: string;
}

/** Runs claims one after the other, prints each; a claim that fails is reported and does not stop the others. */
export async function runClaims(claims: readonly Claim[], words: readonly string[]): Promise<{ readonly machine: Machine; readonly results: readonly ClaimResult[] }> {
  const effort = effortFrom(words);
  const machine = describeMachine();
  say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, commit ${machine.commit}${machine.isDirty ? " with changes" : ""}, load ${machine.loadBefore}; ${effort.name}\n`);
  const results: ClaimResult[] = [];
  await using pace = await Pace.open();
  for (const { name, title, run } of claims) {
    const began = performance.now();
    say(`\n${name}: ${title}\n`);
    let figures: readonly Figure[] = [];
    let error: string | undefined;
    await pace.lap();
    try {
      figures = await run({ ...effort, lap: () => pace.lap() });
      say(tableOf(figures));
    } catch (failure) {
      const cause = failure instanceof Error && failure.cause instanceof Error ? `: ${failure.cause.message}` : "";
      error = failure instanceof Error ? failure.message + cause : String(failure);
      say(`  failed: ${error}\n${failure instanceof Error ? `${failure.stack ?? ""}\n` : ""}`);
      process.exitCode = 1;
    }
    await pace.lap();
    const floor = pace.take();
    say(`  pace: the bare floor cost ${short(floor)} CPU s per 1,000 meanwhile, ${short(floor / floorWhereSet)} times as much as where the budgets were set\n`);
    results.push({ claim: name, title, seconds: Math.round((performance.now() - began) / 1_000), loadAfter: loadNow(), floor: Number(floor.toPrecision(4)), figures: figures.map(rounded), ...(error !== undefined && { error }) });
  }
  return { machine, results };
}

/** For a claim's own file: runs it alone and keeps its results. */
export async function runAlone(claim: Claim): Promise<void> {
  const { machine, results } = await runClaims([claim], process.argv.slice(2));
  keep(claim.name, { machine, results });
}

/** Writes bench/results/NAME.json. */
export function keep(name: string, content: object): void {
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(path.join(resultsFolder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
}

export function tableOf(figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ beside }) => Object.keys(beside)))];
  const head = ["", "median", "least", "most", "unit", ...names];
  const rows = figures.map(({ what, value, least, most, unit, beside }) => [what, ...[value, least, most].map(short), unit, ...names.map((name) => (beside[name] === undefined ? "" : short(beside[name])))]);
  return aligned([head, ...rows]);
}

/**
 * The whole budget table with what was measured, and what CPU times come to at the pace of the machine that the budgets were set on: divided by what
 * the bare floor cost while that claim was measured, in terms of what it cost there.
 */
export function budgetTable(results: readonly ClaimResult[]): string {
  const measured = new Map(results.flatMap(({ figures, floor }) => figures.map((figure) => [figure.budget, { figure, pace: floor / floorWhereSet }] as const)));
  const words = { goal: "goal met", must: "within must", missed: "MISSED" } as const;
  const rows = budgetRows.map(([name, budget]) => {
    const found = [...measured].find(([row]) => row === name)?.[1];
    const sign = budget.isFloor === true ? "≥" : "≤";
    const bounds = [`${sign} ${budget.must}`, `${sign} ${budget.goal}`];
    if (found === undefined) return [budget.what, ...bounds, "–", "not measured", "", "", "", budget.unit];
    const { figure: { value, least, most }, pace } = found;
    const paced = isCpuTime(budget.unit) ? [short(pace), short(value / pace), words[judge(budget, value / pace)]] : ["", "", ""];
    return [budget.what, ...bounds, `${short(value)} (${short(least)}–${short(most)})`, words[judge(budget, value)], ...paced, budget.unit];
  });
  return `${aligned([["budget", "must", "goal", "measured (spread)", "", "pace", "by pace", "", "unit"], ...rows])}  pace: what the bare floor cost during that claim, in terms of ${floorWhereSet}, which it cost where the budgets were set; CPU times are divided by it\n`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cell.length)), []);
  return rows.map((row) => `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ").trimEnd()}\n`).join("");
}

/** Three significant digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function rounded(figure: Figure): Figure {
  const round = (value: number): number => Number(value.toPrecision(4));
  const beside = Object.fromEntries(Object.entries(figure.beside).map(([name, value]) => [name, round(value)]));
  return { ...figure, value: round(figure.value), least: round(figure.least), most: round(figure.most), beside };
}

export function say(text: string): void {
  process.stdout.write(text);
}

