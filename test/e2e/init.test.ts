// `flowcell init` from the sources: the folder type-checks (and only when it should), its test passes under plain node:test, the addon runs,
// and nothing is written over. From the tarball: test/repository/pack.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { projectRoot, startFlowcell } from "../helpers/flowcell.ts";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function run(file: string, words: readonly string[], cwd: string = projectRoot): Promise<Ended> {
  return new Promise((resolve) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFile(process.execPath, [file, ...words].filter((word) => word !== ""), { timeout: 110_000, cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}
const flowcell = (...words: readonly string[]): Promise<Ended> => run(path.join(projectRoot, "host", "main.ts"), words);
const typesOf = (folder: string): Promise<Ended> => run(path.join(projectRoot, "node_modules", "typescript", "bin", "tsc"), ["-p", "."], folder);

test.serial("the folder type-checks, its test passes, the addon runs", async (t) => {
  const folder = path.join(temporaryFolder("init"), "my-addon");
  const made = await flowcell("init", folder);
  t.is(made.code, 0, made.stderr);
  t.regex(made.stdout, /my-addon is ready/);
  t.deepEqual((await readdir(folder)).sort(), [".gitignore", "index.test.ts", "index.ts", "node_modules", "package.json", "tsconfig.json"]);
  const types = await typesOf(folder);
  t.is(types.code, 0, types.stdout);
  const tested = await run("--test", [], folder);
  t.is(tested.code, 0, tested.stdout + tested.stderr);
  t.regex(tested.stdout, /pass 1\b/);
  const checked = await flowcell("check", folder, "--log-format", "json");
  t.is(checked.code, 0);
  t.like(JSON.parse(checked.stdout), { kind: "ok", warnings: [] });
  const origin = await startHttpOrigin();
  t.teardown(() => origin.close());
  const proxy = await startFlowcell([folder], ["--set", "word=deux"]);
  t.teardown(() => proxy.stop());
  t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).header("x-my-addon"), "deux");
  await writeFile(path.join(folder, "wrong.ts"), 'import { Response, type HTTPFlow } from "flowcell";\nexport const request = (flow: HTTPFlow): void => { flow.response = Response.make("200"); console.log(new URL(flow.request.url).hostname, fetch); };\nexport const no = document.body;\n');
  const wrong = await typesOf(folder);
  t.deepEqual(wrong.stdout.match(/wrong\.ts\(\d+,\d+\): error TS\d+/g)?.map((line) => line.replace(/,\d+/, "")), ["wrong.ts(2): error TS2345", "wrong.ts(3): error TS2584"]);
});

test.serial("it writes over nothing, and refuses names that are none", async (t) => {
  const folder = path.join(temporaryFolder("init"), "taken");
  await mkdir(folder);
  await writeFile(path.join(folder, "index.ts"), "mine");
  const taken = await flowcell("init", folder);
  t.is(taken.code, 1);
  t.regex(taken.stderr, /is there already and not empty; nothing was written/);
  t.deepEqual(await readdir(folder), ["index.ts"]);
  t.is(await readFile(path.join(folder, "index.ts"), "utf8"), "mine");
  for (const name of ["1st", "a b", "..", "x\u001b[2J"]) {
    const ended = await flowcell("init", path.join(folder, "..", name));
    t.is(ended.code, name === ".." ? 1 : 2, name);
    t.notRegex(ended.stderr, /\u001b/);
  }
  const file = await flowcell("init", path.join(folder, "index.ts", "below"));
  t.is(file.code, 1);
  t.is(file.stderr.trim().split("\n").length, 1);
});
