// `npm run bench:guard`: has a hot path become dearer? Counts instructions, allocated bytes and system calls, compares them with
// bench/guard/table.json and fails outside the bands. No clock, so other work on the machine does not matter; not part of `npm test`.
// `--update` writes the table anew; `--prove` does every piece of work twice and fails when the guard does not notice;
// `--only WORD` looks at paths with that in their names, or at "system calls".
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { judgeCounts, tableOf, type Judgement, type Table } from "./bands.ts";
import { countPaths } from "./count.ts";
import { countSystemCalls } from "./system-calls.ts";

const tableFile = path.join(import.meta.dirname, "table.json");
const words = process.argv.slice(2);
const only = words.includes("--only") ? words[words.indexOf("--only") + 1] ?? "" : "";
const times = words.includes("--prove") ? 2 : 1;

function readTable(): Table {
  const value: unknown = JSON.parse(readFileSync(tableFile, "utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`${tableFile} is no table`);
  return value as Table;
}

function say({ name, value, expected, verdict }: Judgement): void {
  const ratio = expected === null ? "" : `${(value / expected).toFixed(2)} × ${expected}`;
  process.stdout.write(`  ${name.padEnd(44)} ${String(Number(value.toPrecision(4))).padStart(10)}  ${ratio.padEnd(18)} ${verdict === "well" ? "" : verdict.toUpperCase()}\n`);
}

const before = readTable();
const counts = [...(await countPaths(times, only)), ...(only === "" || only === "system calls" ? await countSystemCalls(times) : [])];
if (words.includes("--update")) {
  writeFileSync(tableFile, `${JSON.stringify({ ...before, ...tableOf(counts, before) }, null, 2)}\n`);
  process.stdout.write(`${counts.length} counts written\n`);
} else {
  const judgements = judgeCounts(counts, before);
  for (const judgement of judgements) say(judgement);
  const missing = Object.keys(before).filter((name) => !counts.some((count) => count.name === name));
  if (missing.length > 0 && only === "") process.stdout.write(`  not counted here (valgrind and strace count them): ${missing.length}\n`);
  const bad = judgements.filter(({ verdict }) => verdict !== "well");
  if (times === 1) {
    process.exitCode = bad.length === 0 ? 0 : 1;
    if (bad.length > 0) process.stdout.write("\nA path has changed: mend it, or, when it is meant to, `npm run bench:guard -- --update`.\n");
  } else {
    const unnoticed = judgements.filter(({ verdict }) => verdict !== "too much");
    process.exitCode = unnoticed.length === 0 ? 0 : 1;
    process.stdout.write(unnoticed.length === 0 ? "\nTwice the work is noticed on every path.\n" : `\nNot noticed: ${unnoticed.map(({ name }) => name).join(", ")}\n`);
  }
}
