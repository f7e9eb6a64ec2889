// What `npm run attack` prints: one line for each fight while it runs, totals at the end, and the same as JSON. Formatting only.
import { writeFile } from "node:fs/promises";
import { arch, cpus, platform, release } from "node:os";
import type { CellsOption } from "../../host/cells/placement.ts";
import { attackCategories, type AttackCase } from "./attack-case.ts";
import type { Verdict } from "./verdict.ts";

export interface AttackResult extends Verdict {
  readonly attack: AttackCase;
  readonly placement: CellsOption;
  readonly pauseMs: number;
}

export interface Report {
  row(result: AttackResult): void;
  total(results: readonly AttackResult[]): void;
}

const rounded = (ms: number | null): string => (ms === null ? "-" : `${Math.round(ms)}`);
const head = ["", "attack", "wants", "placement", "wall", "stopped by", "after ms", "innocent errors", "worst ms", "pause ms"];
const widths = [9, 42, 54, 10, 15, 19, 9, 16, 9, 8];

function line(cells: readonly string[]): string {
  return cells.map((cell, index) => { const width = widths[index] ?? 10; return cell.slice(0, width - 1).padEnd(width); }).join("").trimEnd();
}

/** A report on so many fights, to standard output. */
export function prepareReport(count: number): Report {
  let done = 0;
  console.log(line(head));
  return {
    row(result) {
      done++;
      const { attack, placement, problems, stoppedBy, stoppedAfterMs, innocentErrors, innocentExchanges, worstInnocentMs, pauseMs } = result;
      console.log(line([
        `${done}/${count}`, `${attack.category}/${attack.name}`, attack.wants, placement, attack.wall, problems.length === 0 ? stoppedBy : "GOT THROUGH", rounded(stoppedAfterMs),
        `${innocentErrors} of ${innocentExchanges}`, rounded(worstInnocentMs), rounded(pauseMs),
      ]));
      for (const problem of problems) console.log(`          ! ${problem.slice(0, 500)}`);
    },
    total(results) {
      console.log(`\n${line(["", "category", "cases", "fights", "got through", "slowest stop ms", "", "innocent errors", "worst ms", "pause ms"])}`);
      for (const category of [...attackCategories, "all"]) console.log(totalLine(category, results.filter(({ attack }) => category === "all" || attack.category === category)));
      for (const { attack, placement, problems } of results) if (problems.length > 0) console.log(`GOT THROUGH: ${attack.category}/${attack.name} (${placement}): ${problems.join("; ").slice(0, 300)}`);
    },
  };
}

const most = (values: readonly number[]): number => values.reduce((largest, value) => Math.max(largest, value), 0);

export function totalsOf(results: readonly AttackResult[]): { readonly [name: string]: number } {
  return {
    cases: new Set(results.map(({ attack }) => attack)).size, fights: results.length, gotThrough: results.filter(({ problems }) => problems.length > 0).length,
    slowestStopMs: Math.round(most(results.map(({ stoppedAfterMs }) => stoppedAfterMs ?? 0))), innocentErrors: results.reduce((sum, { innocentErrors }) => sum + innocentErrors, 0),
    innocentExchanges: results.reduce((sum, { innocentExchanges }) => sum + innocentExchanges, 0), worstInnocentMs: Math.round(most(results.map(({ worstInnocentMs }) => worstInnocentMs))),
    longestPauseMs: Math.round(most(results.map(({ pauseMs }) => pauseMs))),
  };
}

function totalLine(category: string, results: readonly AttackResult[]): string {
  const { cases, fights, gotThrough, slowestStopMs, innocentErrors, innocentExchanges, worstInnocentMs, longestPauseMs } = totalsOf(results);
  return line(["", category, `${cases}`, `${fights}`, `${gotThrough}`, `${slowestStopMs}`, "", `${innocentErrors} of ${innocentExchanges}`, `${worstInnocentMs}`, `${longestPauseMs}`]);
}

/** The results as JSON, with what they were measured on. Rejects when the file cannot be written. */
export async function writeJson(file: string, results: readonly AttackResult[], ran: { readonly jail: string; readonly node: string }): Promise<void> {
  const machine = { platform: platform(), release: release(), arch: arch(), processors: cpus().length, hostNode: process.version, cellNode: ran.node, jail: ran.jail };
  const rows = results.map(({ attack, ...result }) => ({ name: attack.name, category: attack.category, wants: attack.wants, wall: attack.wall, after: attack.after ?? null, ...result }));
  await writeFile(file, `${JSON.stringify({ date: new Date().toISOString(), machine, totals: totalsOf(results), results: rows }, null, 2)}\n`);
}
