// `flowcell check`: compiles each addon, loads it into an isolate of its own without any traffic, and tells what it handles, what it may
// do, and what is wrong with it. Exit code 1 when one of them would not load.
import { existsSync } from "node:fs";
import type { Writable } from "node:stream";
import { checkAddon, type AddonCheck } from "./addons/check.ts";
import { warningLines } from "./addons/code-places.ts";
import { handlerWords } from "./addons/inspect.ts";
import { bundleGuest, bundleRuntime } from "./addons/own-code.ts";
import type { CellPool } from "./cells/cell.ts";
import { makeCellPool } from "./cells/pool.ts";
import type { Config } from "./config.ts";
import { makeLog } from "./log.ts";
import { printable } from "./log-format.ts";

interface CheckReport { readonly addon: string; readonly check: AddonCheck }

/** Runs the command; gives the exit code. */
export async function runCheck(paths: readonly string[], config: Config, output: Writable): Promise<number> {
  const pool = makeCellPool({
    guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: config.limits.cellMemoryMiB, unresponsiveMs: config.limits.unresponsiveMs,
    jail: config.jail, jitless: config.jitless,
  });
  try {
    const reports: CheckReport[] = [];
    for (const addon of paths) reports.push({ addon, check: await check(addon, config, pool) });
    for (const report of reports) output.write(config.logFormat === "json" ? `${JSON.stringify({ addon: report.addon, ...report.check })}\n` : pretty(report));
    return reports.every((report) => report.check.kind === "ok") ? 0 : 1;
  } finally {
    await pool.close();
  }
}

async function check(addon: string, config: Config, pool: CellPool): Promise<AddonCheck> {
  if (!existsSync(addon)) return { kind: "problem", message: `there is no addon at ${addon}; give the path of a .ts or .js file, or of a folder with an index.ts` };
  return checkAddon(addon, { pool, limits: config.limits, log: makeLog(() => {}) });
}

function pretty({ addon, check }: CheckReport): string {
  if (check.kind === "problem") return `✗ ${addon}\n${indented(check.message)}`;
  const lines = [
    `handles      ${handlerWords(check.handlers, check.edits.length > 0)}`,
    ...check.edits.map((words, index) => `${index === 0 ? "edits        " : "             "}${words}`),
    `may          ${check.permissions.join("; ")}`,
    `bundle       sha256 ${check.hash}`,
    ...check.warnings.map((warning) => warningLines(warning).map((line, index) => `${index === 0 ? "warning      " : "             "}${line}`).join("\n")),
  ];
  return `✓ ${addon}\n${indented(lines.join("\n"))}`;
}

function indented(text: string): string {
  return text.split("\n").map((line) => `  ${printable(line)}\n`).join("");
}
