// Options as an operator sets them: on the command line, in the environment and in a file, against the real program; the list; the
// sentences of what is refused; and an edit of the file while it runs.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function flowcell(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), ...words], { timeout: 90_000, env: { ...process.env, ...environment } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}

const source = `
export const manifest = {
  permissions: { read: ["response"], write: ["response"] },
  options: { banner: { type: "string", default: "hello", help: "what it says" }, mode: { type: "string", choices: ["on", "off"], default: "on" }, count: { type: "number", default: 1 }, list: { type: "string[]" } },
};
let settings = {};
export function configure(options) { if (options.banner === "") throw new Error("banner must not be empty"); settings = options; }
export function response(flow) { flow.response.headers.set("x-settings", JSON.stringify(settings)); }
`;

test.serial("command line over environment over file over default; an edit of the file is in force at once, a refused one is not", async (t) => {
  const origin = await startHttpOrigin();
  t.teardown(() => origin.close());
  const addon = await writeAddon(source, {}, "tool.ts");
  const confdir = temporaryFolder("confdir");
  const config = path.join(confdir, "config.json");
  await writeFile(config, '{ "options": { "banner": "file", "tool.count": 2, "list": ["a", "b"], "mode": "off" } }');
  const proxy = await startFlowcell([addon], ["--confdir", confdir, "--set", "banner=line"], { FLOWCELL_SET_BANNER: "variable", FLOWCELL_SET_TOOL__COUNT: "3" });
  t.teardown(() => proxy.stop());
  const seen = async (): Promise<unknown> => JSON.parse((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).header("x-settings") ?? "null");
  t.deepEqual(await seen(), { banner: "line", mode: "off", count: 3, list: ["a", "b"] });
  await writeFile(config, '{ "options": { "list": [] } }');
  await proxy.line((line) => line["event"] === "options" && line.level === "info");
  t.deepEqual(await seen(), { banner: "line", mode: "on", count: 3, list: [] });
  await writeFile(config, '{ "options": { "mode": "maybe" } }');
  const refused = await proxy.line((line) => line["event"] === "options" && line.level === "error");
  t.regex(refused.msg, /"mode" must be one of on, off, not "maybe" \(option "mode" of addon "tool"\)/);
  t.deepEqual(await seen(), { banner: "line", mode: "on", count: 3, list: [] });
});

test.serial("--options lists them, readable and as JSON", async (t) => {
  const addon = await writeAddon(source, {}, "tool.ts");
  const script = await writeAddon("export function request() {}", {}, "script.ts");
  const confdir = temporaryFolder("confdir");
  const config = path.join(confdir, "own.json");
  await writeFile(config, '{ "options": { "count": 5 } }');
  const pretty = await flowcell(["run", "--options", addon, script, "--confdir", confdir, "--config", config, "--set", "loose=1"], { FLOWCELL_SET_MODE: "off" });
  t.is(pretty.code, 0, pretty.stderr);
  t.deepEqual(pretty.stdout.trimEnd().split("\n"), [
    "tool", '  banner = "hello"', '      string; default "hello"', "      what it says", '  mode = "off" (environment)', '      string, one of on, off; default "on"',
    "  count = 5 (file)", "      number; default 1", "  list = none", "      string[]; default none", "script", '  loose = "1" (command line)', "      given to a script without a manifest",
  ]);
  const json = await flowcell(["run", "--options", addon, "--confdir", confdir, "--set", "coutn=1", "--log-format", "json"]);
  t.is(json.code, 1);
  const lines = json.stdout.trim().split("\n").map((line): unknown => JSON.parse(line));
  t.deepEqual(lines[0], { addon: "tool", name: "banner", type: "string", choices: null, help: "what it says", default: "hello", value: "hello", source: "default", isDeclared: true });
  t.like(lines.at(-1), { problem: '--set coutn: no addon has an option "coutn"; did you mean "count"?; flowcell run --options ADDONS lists them' });
});

for (const [what, words, file, code, stderr] of [
  ["an option that nobody has", ["--set", "baner=x"], null, 2, /^flowcell: --set baner: no addon has an option "baner"; did you mean "banner"\?/],
  ["a key of the file that is none", [], '{ "option": {} }', 2, /config\.json has no key "option"; did you mean "options"\?/],
  ["a file that is not JSON", [], "{", 2, /config\.json is not JSON/],
  ["a file that is not there", ["--config", "/nowhere/x.json"], null, 2, /there is no configuration file \/nowhere\/x\.json/],
] as const) {
  test.serial(`refused at the start: ${what}`, async (t) => {
    const confdir = temporaryFolder("confdir");
    if (file !== null) await writeFile(path.join(confdir, "config.json"), file);
    const ended = await flowcell(["run", await writeAddon(source), "--port", "0", "--confdir", confdir, ...words]);
    t.is(ended.code, code);
    t.regex(ended.stderr, stderr);
    t.is(ended.stderr.trim().split("\n").length, 1);
  });
}

test.serial("an addon that refuses its options does not load, and the log says why", async (t) => {
  const proxy = await startFlowcell([await writeAddon(source, {}, "tool.ts")], ["--set", "banner="]);
  t.teardown(() => proxy.stop());
  t.regex((await proxy.line((line) => line.level === "error")).msg, /banner must not be empty/);
});
