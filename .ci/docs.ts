// Makes docs/events.md, docs/limits.md and docs/permissions.md from the tables in sandbox-api/schema, so that they cannot drift.
// `npm run docs` writes them; with `--check` it only says which are stale and exits 1. Nothing else is generated.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { changeTable } from "../sandbox-api/schema/changes.ts";
import { eventNames, eventTable } from "../sandbox-api/schema/events.ts";
import { faultTable } from "../sandbox-api/schema/faults.ts";
import { limitTable } from "../sandbox-api/schema/limits.ts";
import { permissionTable } from "../sandbox-api/schema/permissions.ts";

const generated = "<!-- Made by `npm run docs` from sandbox-api/schema; edit the tables, not this file. -->\n\n";

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n") + "\n";

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ") || "–";

/** The pages by file name. */
export function pages(): ReadonlyMap<string, string> {
  return new Map([["events.md", eventsPage()], ["limits.md", limitsPage()], ["permissions.md", permissionsPage()]]);
}

function eventsPage(): string {
  const rows = eventNames.map((name) => {
    const row = eventTable[name];
    return [`\`${name}\``, row.kind, row.object === "none" ? "–" : row.object, code(row.mayChange), code(row.aliases)];
  });
  return `# Events\n\n${generated}A *held* event stops the flow until every addon has answered; a *told* event is a notice that never delays traffic. Changes are `
    + "applied together when the handler returns, or not at all.\n\n"
    + table(["event", "kind", "object", "what may change", "also accepted as"], rows);
}

function limitsPage(): string {
  const limits = Object.entries(limitTable).map(([name, row]) => [`\`${name}\``, `${row.default} ${row.unit}`, `${row.min} – ${row.max}`, row.reason]);
  const faults = Object.entries(faultTable).map(([name, row]) => [`\`${name}\``, row.sentence, String(row.strikes), row.reloads ? "yes" : "no", row.moves ? "yes" : "no"]);
  return `# Limits and faults\n\n${generated}Every limit is named in the error that it causes.\n\n${table(["limit", "default", "range", "bounds"], limits)}\n`
    + "## What can go wrong with an addon\n\nStrikes count in a window of 10 s; five suspend the addon for 1 s, 2 s, 4 s … up to 5 min.\n\n"
    + table(["fault", "meaning", "strikes", "addon is loaded anew", "moved to an own process"], faults);
}

function permissionsPage(): string {
  const rows = Object.entries(permissionTable).map(([name, words]) => {
    const changes = Object.entries(changeTable).filter(([, change]) => change.needs === name).map(([address]) => address);
    return [`\`${name}\``, words, code(changes)];
  });
  return `# Permissions\n\n${generated}An addon without a manifest that the operator starts by path gets everything on the flow and nothing off it (no network, no `
    + `storage). An addon with a manifest gets what the manifest asks for.\n\n${table(["permission", "lets the addon", "changes it covers"], rows)}`;
}

function main(): void {
  const folder = path.join(import.meta.dirname, "..", "docs");
  const isCheck = process.argv.includes("--check");
  for (const [name, text] of pages()) {
    const file = path.join(folder, name);
    if (!isCheck) { writeFileSync(file, text); continue; }
    if (readFileSync(file, "utf8") === text) continue;
    console.error(`docs/${name} is stale: run \`npm run docs\``);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
