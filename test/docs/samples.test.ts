// Every code sample of README.md and docs/*.md: addons have types and load in a real isolate, tests of authors pass, our command lines
// are read by the real reader, JSON is JSON, links lead somewhere. What cannot be run is marked and counted here, so that it stays the exception.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Writable } from "node:stream";
import test, { type ExecutionContext } from "ava";
import { readCommandLine } from "../../host/cli.ts";
import { runInit } from "../../host/init-command.ts";
import { loadAddon, makeResponseFlow } from "../../host/testing/index.ts";
import { commands, links, samples, samplesOf, shellWords, type Sample } from "../helpers/doc-samples.ts";
import { projectRoot } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const place = ({ page, line }: { readonly page: string; readonly line: number }): string => `${page}:${line}`;
const of = (kind: Sample["kind"]): readonly Sample[] => samples.filter((sample) => sample.kind === kind);
const fileOf = (sample: Sample): string => `${path.basename(sample.page, ".md").toLowerCase()}-${sample.line}.ts`;

interface Ended { readonly code: number | null; readonly output: string }

function run(words: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFile(process.execPath, words, { cwd, env, timeout: 110_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, output: stdout + stderr });
    });
  });
}

/** Type-checks a folder with a configuration of the repository. */
async function typesOf(t: ExecutionContext, folder: string, base: string, settings: object): Promise<void> {
  await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify({ extends: path.join(projectRoot, base), ...settings }));
  const { code, output } = await run([path.join(projectRoot, "node_modules", "typescript", "bin", "tsc"), "-p", "."], folder);
  t.is(code, 0, output);
}

test("there are samples of each kind, and few fragments", (t) => {
  t.true(of("addon").length > 25 && of("test").length > 2 && commands.length > 50);
  t.deepEqual(Object.fromEntries(Object.entries(Object.groupBy(of("fragment"), ({ page }) => page)).map(([page, list]) => [page, list?.length])), { "docs/from-mitmproxy.md": 1 });
  for (const sample of of("other")) t.notRegex(sample.text, /^\s*(?:function|class|const|let|async|if \(|type|interface)\b|=> \{/m, `${place(sample)} looks like code: make it whole, or mark it`);
});

test("blocks are found, indented and fenced", (t) => {
  const lines = ["# A", "", "    export const a = 1;", "", "    // on", "", "text", "```ts", 'import "flowcell";', "```", "<!-- fragment -->", "", "    a", "- item", "  more"];
  t.deepEqual(samplesOf("x.md", lines).map(({ kind, line, title, text }) => [kind, line, title, text]), [
    ["addon", 3, "A", "export const a = 1;\n\n// on"], ["addon", 9, "A", 'import "flowcell";'], ["fragment", 13, "A", "a"],
  ]);
});

test("addons have types", async (t) => {
  const folder = temporaryFolder("doc-types");
  for (const sample of of("addon")) await writeFile(path.join(folder, fileOf(sample)), sample.text);
  await typesOf(t, folder, "sandbox-api/tsconfig.json", { compilerOptions: { paths: { flowcell: [path.join(projectRoot, "sandbox-api", "index.ts")] } }, include: [".", path.join(projectRoot, "sandbox-api", "globals.d.ts")] });
});

test("authors' tests have types", async (t) => {
  const folder = temporaryFolder("doc-test-types");
  for (const sample of of("test")) await writeFile(path.join(folder, fileOf(sample)), sample.text);
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
  await typesOf(t, folder, "tsconfig.json", { compilerOptions: { paths: { "flowcell/testing": [path.join(projectRoot, "host", "testing", "index.ts")] }, typeRoots: [path.join(projectRoot, "node_modules", "@types")] }, include: ["."] });
});

test.serial("addons load in an isolate and take events", async (t) => {
  const folder = temporaryFolder("doc-addons");
  // The cookbook's are loaded by cookbook.test, each with what it does.
  for (const sample of of("addon").filter(({ page }) => page !== "docs/cookbook.md")) {
    const file = path.join(folder, fileOf(sample));
    await writeFile(file, sample.text);
    await t.notThrowsAsync(async () => {
      await using addon = await loadAddon(file);
      t.true(addon.handlers.length > 0 || !/export (?:async )?function/.test(sample.text), `${place(sample)} handles nothing`);
    }, place(sample));
  }
});

test.serial("authors' tests pass: with the addon above them on the page, else with the one of init", async (t) => {
  for (const sample of of("test")) {
    const folder = path.join(temporaryFolder("doc-test"), "shout");
    await mkdir(path.dirname(folder), { recursive: true });
    await runInit({ folder, command: "flowcell", version: "0" }, new Writable({ write: (_chunk, _encoding, done) => { done(); } }));
    const above = of("addon").findLast(({ page, line }) => page === sample.page && line < sample.line);
    if (above !== undefined) await writeFile(path.join(folder, "index.ts"), above.text);
    await writeFile(path.join(folder, "index.test.ts"), sample.text);
    const { code, output } = await run(["--test"], folder);
    t.is(code, 0, `${place(sample)}\n${output}`);
    t.notRegex(output, /\bpass 0\b/, place(sample));
  }
});

test("command lines are spelled right", async (t) => {
  for (const command of commands) {
    const [program, ...words] = shellWords(command.text);
    t.is(program, "flowcell");
    await t.notThrowsAsync(readCommandLine(words, "0"), `${place(command)}: ${command.text}`);
  }
  await t.throwsAsync(readCommandLine(["run", "--no-such-thing"], "0"));
});

test("JSON is JSON", (t) => {
  for (const sample of of("json")) t.notThrows(() => { JSON.parse(sample.text); }, place(sample));
});

test("links to files lead to files", (t) => {
  t.true(links.length > 50);
  t.deepEqual(links.filter(({ page, text }) => !existsSync(path.join(projectRoot, path.dirname(page), text))).map((link) => `${place(link)} ${link.text}`), []);
});

test.serial("the first addon's mistake is told as the page says", async (t) => {
  const file = path.join(temporaryFolder("doc-mistake"), "shout.ts");
  const whole = of("addon").find(({ page }) => page === "docs/first-addon.md")?.text ?? "";
  await writeFile(file, whole.replace(/\n\}$/, '\n  response.headers.set("x-loud", "yes");\n}'));
  await using addon = await loadAddon(file);
  const flow = makeResponseFlow({ response: { headers: { "Content-Type": "text/plain" }, body: "hi" } });
  const error = await t.throwsAsync(addon.response(flow), { code: "permission" });
  for (const word of ["write:response", 'response.headers.set("x-loud"', "^"]) t.true(error?.message.includes(word), error?.message);
  t.is(flow.response?.text, "hi");
});
