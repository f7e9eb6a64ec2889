// Shows figures as a table and keeps them as JSON in bench/results. Judges nothing but by the budget table.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { budgetRows, floorWhereSet, isCpuTime, judge } from "./budgets.ts";
import { effortFrom } from "./effort.ts";
import type { Claim, Figure } from "./figures.ts";
import { describeMachine, loadNow, type Machine } from "./machine.ts";

export const resultsFolder = path.join(import.meta.dirname, "..", "results");

export interface ClaimResult { readonly claim: string; readonly title: string; readonly seconds: number; readonly loadAfter: number; readonly figures: readonly Figure[]; readonly error?: string }

/** Runs claims one after the other, prints each; a claim that fails is reported and does not stop the others. */
export async function runClaims(claims: readonly Claim[], words: readonly string[]): Promise<{ readonly machine: Machine; readonly results: readonly ClaimResult[] }> {
  const effort = effortFrom(words);
  const machine = describeMachine();
  say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, commit ${machine.commit}${machine.isDirty ? " with changes" : ""}, load ${machine.loadBefore}; ${effort.name}\n`);
  const results: ClaimResult[] = [];
  for (const { name, title, run } of claims) {
    const began = performance.now();
    say(`\n${name}: ${title}\n`);
    let figures: readonly Figure[] = [];
    let error: string | undefined;
    try {
      figures = await run(effort);
      say(tableOf(figures));
    } catch (failure) {
      const cause = failure instanceof Error && failure.cause instanceof Error ? `: ${failure.cause.message}` : "";
      error = failure instanceof Error ? failure.message + cause : String(failure);
      say(`  failed: ${error}\n${failure instanceof Error ? `${failure.stack ?? ""}\n` : ""}`);
      process.exitCode = 1;
    }
    results.push({ claim: name, title, seconds: Math.round((performance.now() - began) / 1_000), loadAfter: loadNow(), figures: figures.map(rounded), ...(error !== undefined && { error }) });
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
 * The whole budget table with what was measured; where the floor was measured in the same run, also what CPU times come to at the pace of the
 * machine that the budgets were set on.
 */
export function budgetTable(results: readonly ClaimResult[]): string {
  const figures = results.flatMap(({ figures: all }) => all);
  const measured = new Map(figures.map((figure) => [figure.budget, figure]));
  const floor = figures.find(({ isFloor }) => isFloor === true);
  const pace = floor === undefined ? null : floor.value / floorWhereSet;
  const words = { goal: "goal met", must: "within must", missed: "MISSED" } as const;
  const rows = budgetRows.map(([name, budget]) => {
    const found = [...measured].find(([row]) => row === name)?.[1];
    const sign = budget.isFloor === true ? "≥" : "≤";
    const verdict = found === undefined ? ["–", "not measured"] : [`${short(found.value)} (${short(found.least)}–${short(found.most)})`, words[judge(budget, found.value)]];
    const paced = found === undefined || pace === null || !isCpuTime(budget.unit) ? ["", ""] : [short(found.value / pace), words[judge(budget, found.value / pace)]];
    return [budget.what, `${sign} ${budget.must}`, `${sign} ${budget.goal}`, ...verdict, ...(pace === null ? [] : paced), budget.unit];
  });
  const table = aligned([["budget", "must", "goal", "measured (spread)", "", ...(pace === null ? [] : ["by pace", ""]), "unit"], ...rows]);
  return pace === null || floor === undefined ? table : `${table}\n  pace: the bare floor cost ${short(floor.value)} here and ${floorWhereSet} where the budgets were set, so CPU times are divided by ${short(pace)}\n`;
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

