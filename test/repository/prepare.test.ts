// The pre-script of `npm start` and `npm test`, with a stand-in for npm that notes how it was called, so that no network is
// needed. That the real npm installs the real packages, `.ci/run` shows from a fresh clone.
import test from "ava";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Finished {
  readonly code: number | null;
  readonly stderr: string;
}

interface Clone {
  readonly folder: string;
  /** How npm was called so far, a line each. */
  readonly calls: () => readonly string[];
  readonly prepare: (environment?: NodeJS.ProcessEnv) => Promise<Finished>;
}

// `ci` empties node_modules as the real one does, and takes long enough for a second run to meet it.
const standIn = `
const { appendFileSync, mkdirSync, rmSync, symlinkSync } = require("node:fs");
const [command, ...rest] = process.argv.slice(2);
appendFileSync("calls", [command, ...rest.filter((word) => !/loglevel|audit|fund/.test(word))].join(" ") + "\\n");
if (process.env.STAND_IN_FAILS === command) process.exit(7);
if (command === "ci") {
  rmSync("node_modules", { recursive: true, force: true });
  mkdirSync("node_modules/.bin", { recursive: true });
  symlinkSync(process.env.STAND_IN_MODULES + "/isolated-vm", "node_modules/isolated-vm");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
} else if (process.env.STAND_IN_FORGETS !== "node") symlinkSync(process.execPath, "node_modules/.bin/node");
`;
const installed = ["ci --ignore-scripts --include=dev --include=optional", "rebuild node esbuild --no-ignore-scripts"];

function clone(): Clone {
  const folder = temporaryFolder("prepare");
  mkdirSync(join(folder, ".ci"));
  copyFileSync(join(root, ".ci/prepare.mjs"), join(folder, ".ci/prepare.mjs"));
  writeFileSync(join(folder, "npm-cli.js"), standIn);
  writeLock(folder, "1.0.0");
  const calls = join(folder, "calls");
  return {
    folder,
    calls: () => (existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : []),
    prepare: (environment = {}) => run(folder, environment),
  };
}

function writeLock(folder: string, version: string): void {
  const packages = { "": {}, "node_modules/node": { version: process.versions.node }, "node_modules/thing": { version } };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages }));
}

function run(folder: string, environment: NodeJS.ProcessEnv): Promise<Finished> {
  const env = { PATH: process.env["PATH"], npm_execpath: join(folder, "npm-cli.js"), npm_node_execpath: process.execPath, STAND_IN_MODULES: join(root, "node_modules"), ...environment };
  const child = spawn(process.execPath, [join(folder, ".ci/prepare.mjs")], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => child.once("error", reject).once("close", (code) => resolve({ code, stderr })));
}

test("a fresh clone is installed, with one line that says so, and the second run does nothing", async (t) => {
  const { calls, prepare } = clone();
  t.deepEqual(await prepare(), { code: 0, stderr: "flowcell: the dependencies are not installed yet; running npm ci (half a minute, once)\n" });
  t.deepEqual(await prepare(), { code: 0, stderr: "" });
  t.deepEqual(calls(), installed);
});

test("a changed lock file, a missing stamp and a missing Node are installed anew", async (t) => {
  const { folder, calls, prepare } = clone();
  await prepare();
  writeLock(folder, "1.0.1");
  t.regex((await prepare()).stderr, /differs from package-lock\.json/);
  rmSync(join(folder, "node_modules/.flowcell-prepared"));
  await prepare();
  rmSync(join(folder, "node_modules/.bin/node"));
  await prepare();
  t.deepEqual(calls(), [...installed, ...installed, ...installed, ...installed]);
});

test("what `npm install` by hand put there is recognised", async (t) => {
  const { folder, calls, prepare } = clone();
  mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
  symlinkSync(process.execPath, join(folder, "node_modules/.bin/node"));
  symlinkSync(join(root, "node_modules/isolated-vm"), join(folder, "node_modules/isolated-vm"));
  copyFileSync(join(folder, "package-lock.json"), join(folder, "node_modules/.package-lock.json"));
  t.deepEqual(await prepare(), { code: 0, stderr: "" });
  t.deepEqual(calls(), []);
});

test("two runs at once install once", async (t) => {
  const { calls, prepare } = clone();
  const both = await Promise.all([prepare(), prepare()]);
  t.deepEqual(both.map(({ code }) => code), [0, 0]);
  t.deepEqual(calls(), installed);
});

test("the lock of a process that died is taken over", async (t) => {
  const { folder, calls, prepare } = clone();
  mkdirSync(join(folder, ".cache"));
  const died = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => died.once("exit", resolve));
  writeFileSync(join(folder, ".cache/prepare.lock"), String(died.pid));
  t.is((await prepare()).code, 0);
  t.deepEqual(calls(), installed);
});

test("when npm fails the run fails, says so, and the next one tries again", async (t) => {
  const { calls, prepare } = clone();
  const { code, stderr } = await prepare({ STAND_IN_FAILS: "rebuild" });
  t.is(code, 1);
  t.regex(stderr, /`npm rebuild` failed \(exit 7\)/);
  t.is((await prepare()).code, 0);
  t.deepEqual(calls(), [...installed, ...installed]);
});

test("an installation without the pinned Node is not taken for one", async (t) => {
  const { prepare } = clone();
  const { code, stderr } = await prepare({ STAND_IN_FORGETS: "node" });
  t.is(code, 1);
  t.regex(stderr, /installed, but the pinned Node v\d+\.\d+\.\d+ does not run/);
});

test("inside its own npm it does nothing", async (t) => {
  const { calls, prepare } = clone();
  t.deepEqual(await prepare({ FLOWCELL_PREPARING: "1" }), { code: 0, stderr: "" });
  t.deepEqual(calls(), []);
});
