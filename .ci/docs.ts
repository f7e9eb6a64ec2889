// Makes docs/events.md, docs/filters.md, docs/globals.md, docs/limits.md and docs/permissions.md from the tables in sandbox-api/schema, so that they cannot drift.
// `npm run docs` writes them; with `--check` it only says which are stale and exits 1. Nothing else is generated.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { changeTable } from "../sandbox-api/schema/changes.ts";
import { eventNames, eventTable } from "../sandbox-api/schema/events.ts";
import { faultTable } from "../sandbox-api/schema/faults.ts";
import { changedGlobals, globalTable, removedGlobals } from "../sandbox-api/schema/globals.ts";
import { filterTable } from "../sandbox-api/schema/filter.ts";
import { longestFilter } from "../sandbox-api/schema/filter-parse.ts";
import { withheldValue } from "../sandbox-api/schema/http.ts";
import { limitTable } from "../sandbox-api/schema/limits.ts";
import { largestPattern } from "../sandbox-api/schema/pattern.ts";
import { permissionTable } from "../sandbox-api/schema/permissions.ts";

const generated = "<!-- Made by `npm run docs` from sandbox-api/schema; edit the tables, not this file. -->\n\n";

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n") + "\n";

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ") || "–";

/** The pages by file name. */
export function pages(): ReadonlyMap<string, string> {
  return new Map([["events.md", eventsPage()], ["limits.md", limitsPage()], ["permissions.md", permissionsPage()], ["filters.md", filtersPage()], ["globals.md", globalsPage()]]);
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
  return `# Limits and faults\n\n${generated}Every limit is named in the error that it causes, and counted. The operator sets one with \`--limit NAME=VALUE\`; a manifest may tighten those of its addon.\n\n${table(["limit", "default", "range", "bounds"], limits)}\n`
    + "## What can go wrong with an addon\n\nStrikes count in a window of 10 s; five suspend the addon for 1 s, 2 s, 4 s … up to 5 min. A process that several addons filled together (`cell-memory`, none of them by more than its share) is replaced without a strike.\n\n"
    + table(["fault", "meaning", "strikes", "addon is loaded anew", "moved to an own process"], faults);
}

function permissionsPage(): string {
  const rows = Object.entries(permissionTable).map(([name, words]) => {
    const changes = Object.entries(changeTable).filter(([, change]) => change.needs === name).map(([address]) => address);
    const events = eventNames.filter((event) => eventTable[event].about.some((part) => `read:${part}` === name));
    return [`\`${name}\``, words, code(changes), code(events)];
  });
  return `# Permissions\n\n${generated}An addon without a manifest that the operator starts by path gets everything on the flow and nothing off it (no network, no `
    + "storage). An addon with a manifest gets what the manifest asks for, as the operator narrows or widens it.\n\n"
    + "- A part that was not granted is not in the copy that enters the isolate; touching it fails the call. An event is delivered when one of the permissions that it is about was granted.\n"
    + "- A change that was not granted fails the call, at the author's line and again in the host, and nothing of that call applies. A stream function needs to read the body that it is given.\n"
    + `- Values of sensitive headers read \`${withheldValue}\` without their permission; they keep their real value, and cannot be set, removed or added to.\n`
    + "- [Edits](writing-addons.md#edits-header-changes-as-data) that a manifest declares need to change that head and its sensitive names, and to see only what their filters look at: nothing of the flow enters the isolate.\n"
    + "- What one addon changes is not told to another that may not see it. A manifest's `hosts` and [`filter`](filters.md) are looked at for each event, on the flow as the addons before left it and as this addon may see it. Addons of other hosts cost a flow nothing, however many they are; a filter is asked for every flow.\n\n"
    + `${table(["permission", "lets the addon", "changes it covers", "events it is told of"], rows)}\n`
    + "In a manifest: `permissions: { read: [\"request\"], write: […], act: […], headers: [\"cookie\"], fetch: [\"https://api.example.com\"], storage: \"1MiB\" }`.\n\n"
    + "## What the operator says\n\n" + table(["`--grant`", "means"], [
      ["`ADDON:PERMISSION`, `ADDON:+PERMISSION`", "granted as well"], ["`ADDON:-PERMISSION`", "not granted"], ["`ADDON:read:*` (`write`, `act`, `header`)", "all of that kind; with `-` none of it"],
      ["`ADDON:all`, `ADDON:none`", "everything on the flow; nothing"], ["`ADDON:host=PATTERN`", "only traffic to these hosts, and only where the manifest's own `hosts` match too"],
      ["`ADDON:fetch=ORIGIN`, `ADDON:-fetch=ORIGIN`", "it may fetch from this origin too, or not from it; `https://*.example.com` is every host below"],
    ]) + "\nADDON is the name of its file or folder. Rules apply in the order given.\n";
}

function filtersPage(): string {
  const rows = Object.entries(filterTable).flatMap(([name, operator]) => (operator === undefined ? [] : [[`\`~${name}${operator.takes === "pattern" ? " PATTERN" : operator.takes === "number" ? " NUMBER" : ""}\``, operator.help]]));
  return `# Filters\n\n${generated}mitmproxy's language, the same everywhere: in a manifest's \`filter\`, by \`flowfilter.parse(text).matches(flow)\`, and on the command line for what is read and saved (\`--filter\`, \`--save-filter\`). A word that stands alone is searched for in the URL.\n\n`
    + `${table(["operator", "matches"], rows)}\n`
    + "`!` negates, `&` binds closer than `|`, and expressions side by side must all match: `~d example.com & !(~m GET | ~m HEAD) ~ts json`. Words with spaces, parentheses, quotes or `~` stand in quotes.\n\n"
    + "Patterns are regular expressions over bytes (other characters are their UTF-8 bytes), in any case of ASCII letters; `^` and `$` are those of lines for headers, comments and notes; `.` is any byte of a body. "
    + "They are searched for in time that grows with the text alone, so back-references, look-ahead and look-behind are refused, with the column. "
    + `A filter has at most ${longestFilter} characters, a pattern ${largestPattern} steps when its repetitions are written out; what a search costs is paid from the addon's CPU budget.\n\n`
    + "Bodies are searched decoded. What the addon may not see, or what is not there yet, matches nothing: `~ts html` does not match in `request`.\n";
}

function globalsPage(): string {
  const rows = Object.entries(globalTable).map(([name, row]) => [`\`${name}\``, row.standard, row.by, row.part ?? "–", row.differs === "" ? "–" : row.differs]);
  const removed = Object.entries(removedGlobals).map(([name, why]) => [`\`${name}\``, why]);
  return `# Globals\n\n${generated}What an addon finds beside the JavaScript language itself: the Minimum Common Web API as far as it makes sense without a page. How well it conforms is measured with the `
    + "[web-platform-tests](wpt.md).\n\nA global with a *part* is loaded into an isolate when the addon first touches it, and costs nothing before; what loading costs counts as the addon's own CPU time and memory ([performance](performance.md)). "
    + "Names of one part load together. Parts are ordinary code in the addon's own realm: an addon that replaces built-ins may break them for itself, and for nobody else.\n\n"
    + `${table(["global", "standard", "by", "part", "how it differs"], rows)}\n`
    + `## What of the language is not there\n\n${table(["name", "because"], removed)}\n`
    + `${code(changedGlobals)} are changed: an ArrayBuffer cannot be resized, and Error.prepareStackTrace and stackTraceLimit are fixed.\n`;
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
