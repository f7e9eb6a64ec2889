// `npm run wpt [-- FOLDER-OR-FILE …]`: runs the web-platform-tests of the globals that addons have, in isolates, and compares with
// the reviewed list of known differences; exits 1 when something fails or passes that should not. Without arguments it also writes
// the table in docs/wpt.md. Not part of `npm test`: it needs a large download. `--verbose` shows every failure; `--accept` adds what fails
// to the list, with a reason that says it has to be looked at.
import { globSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { bundleGuest } from "../../host/addons/own-code.ts";
import { findIsolatedVm } from "../../host/cells/binary.ts";
import { loadIsolatedVm } from "../../runtime/isolate/binary.ts";
import { makeIsolateMaker } from "../../runtime/isolate/create.ts";
import { expectationsFile, readExpectations, surprises, withoutSkipped } from "./expectations.ts";
import { runVariant, type FileResult, type Machine } from "./run-file.ts";
import { fetchTests } from "./sources.ts";
import { readTestFile } from "./test-file.ts";

/** Rows of the table. */
const folders = [
  "url", "urlpattern", "encoding", "streams", "compression", "console", "html/webappapis/atob", "html/webappapis/timers", "html/webappapis/structured-clone", "html/webappapis/microtask-queuing",
  "dom/abort", "dom/events", "FileAPI", "fetch/api/headers", "fetch/api/request", "fetch/api/response", "xhr/formdata", "WebCryptoAPI", "hr-time",
];

interface Tally { files: number; skipped: number; passed: number; total: number }

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const isAccepting = process.argv.includes("--accept");
const isVerbose = process.argv.includes("--verbose");
const tree = fetchTests();
const vm = loadIsolatedVm(findIsolatedVm());
const machine: Machine = { vm, tree, maker: makeIsolateMaker(vm, (await bundleGuest()).toString("latin1")) };
const expectations = readExpectations();
const found: string[] = [];
const accepted = new Map<string, Set<string>>();
const whole = new Set<string>();

async function runFolder(folder: string): Promise<Tally> {
  const tally: Tally = { files: 0, skipped: 0, passed: 0, total: 0 };
  const paths = folder.endsWith(".js") ? [folder] : globSync(`${folder}/**/*.any.js`, { cwd: tree }).sort();
  for (const path of paths) {
    const file = readTestFile(tree, path);
    if (file.needsPage || expectations.skipped.some((each) => each.tests === undefined && (path === each.file || path.startsWith(`${each.file}/`)))) {
      tally.skipped++;
      continue;
    }
    tally.files++;
    for (const variant of file.variants) await runOne(file, variant, tally);
  }
  return tally;
}

async function runOne(file: ReturnType<typeof readTestFile>, variant: string, tally: Tally): Promise<void> {
  const result = withoutSkipped(expectations, file.path, await runVariant(machine, file, variant));
  tally.total += result.subtests.length + (result.problem === null ? 0 : 1);
  tally.passed += result.subtests.filter(({ passed }) => passed).length;
  const unexpected = surprises(expectations, file.path, variant, result);
  found.push(...unexpected);
  if (isAccepting && unexpected.length > 0) accept(file.path, result);
  if (!isVerbose) return;
  if (result.problem !== null) console.log(`  ${file.path}${variant}: ${result.problem}`);
  for (const { name, passed, message } of result.subtests) if (!passed) console.log(`  ${file.path}${variant}: ${name}: ${message.slice(0, 300)}`);
}

function accept(path: string, { subtests, problem }: FileResult): void {
  const names = accepted.get(path) ?? new Set<string>();
  for (const { name, passed } of subtests) if (!passed) names.add(name);
  accepted.set(path, names);
  if (problem !== null && subtests.length === 0) whole.add(path);
}

const rows: string[] = [];
for (const folder of named.length === 0 ? folders : named) {
  const { files, skipped, passed, total } = await runFolder(folder);
  const share = total === 0 ? "–" : `${(Math.floor((passed / total) * 1_000) / 10).toFixed(1)} %`;
  console.log(`${folder.padEnd(36)} ${String(passed).padStart(6)} / ${String(total).padEnd(6)} ${share.padStart(8)}  (${files} files, ${skipped} left out)`);
  rows.push(`| ${folder} | ${files} | ${skipped} | ${passed} | ${total} | ${share} |`);
}
for (const line of found.slice(0, isVerbose ? 0 : 200)) console.error(line.slice(0, 300));
if (found.length > 0) {
  console.error(`${found.length} not as test/wpt/expectations.json says`);
  process.exitCode = 1;
}
if (named.length === 0 && (found.length === 0 || isAccepting)) writeTable();

if (isAccepting) {
  const added = [...accepted].map(([file, names]) => ({ file, ...(!whole.has(file) && { fails: [...names] }), reason: "to be looked at" }));
  const kept = expectations.failing.filter(({ file }) => !accepted.has(file));
  writeFileSync(expectationsFile, `${JSON.stringify({ ...expectations, failing: [...kept, ...added] }, null, 1)}\n`);
}

function writeTable(): void {
  const reasons = expectations.failing.map(({ file, fails, reason }) => `| ${file} | ${fails?.length ?? "all"} | ${reason} |`);
  const left = expectations.skipped.map(({ file, tests, reason }) => `| ${file}${tests === undefined ? "" : ` (\`${tests}\`)`} | ${reason} |`);
  writeFileSync(join(fileURLToPath(new URL("../../docs", import.meta.url)), "wpt.md"), `# Web-platform-tests

<!-- Made by \`npm run wpt\`; do not edit. -->

The \`.any.js\` files of the web-platform-tests (as in Debian's source package of firefox-esr 140), each in an isolate made as an addon's is, with WPT's own testharness.js. \`npm run wpt\` fetches them
(700 MB, once, below ~/.cache/flowcell), runs them, and fails when a subtest fails or passes that is not expected to. Files that ask for a window or a service worker alone are left out.

| folder | files | left out | passed | subtests | share |
| --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

## Known differences

| file | subtests | why |
| --- | --- | --- |
${reasons.join("\n")}

## Left out

| file or folder | why |
| --- | --- |
${left.join("\n")}
`);
}
