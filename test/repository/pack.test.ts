// What a stranger gets: the tarball of `npm pack`, installed into an empty folder, with nothing of this repository near it.
// Builds dist/ and asks the npm registry for the dependencies; runs one test after the other, each on what the first installed.
import test, { type ExecutionContext } from "ava";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Finished {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }).version;
const folder = temporaryFolder("pack");
const commandMs = 150_000;

// Neither npm's own variables nor CI may change what a stranger would see.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|CI$)/i.test(name)));

/** Runs a command to its end; a program that cannot be started is a `code` like "ENOENT". */
function run(command: string, args: readonly string[], cwd = folder): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, [...args], { cwd, env: environment, timeout: commandMs, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr }),
    );
  });
}

function succeeded(t: ExecutionContext, { code, stdout, stderr }: Finished): void {
  if (code !== 0) t.log(stdout, stderr);
  t.is(code, 0);
}


test.serial("the tarball installs into an empty folder", async (t) => {
  t.timeout(2 * commandMs);
  succeeded(t, await run("npm", ["pack", "--pack-destination", folder], root));
  const tarballs = readdirSync(folder);
  t.deepEqual(tarballs, [`flowcell-${version}.tgz`]);
  writeFileSync(join(folder, "package.json"), '{ "name": "stranger", "private": true, "type": "module" }\n');
  succeeded(t, await run("npm", ["install", "--no-audit", "--no-fund", `./flowcell-${version}.tgz`]));
});

test.serial("the tarball holds what is built, and neither sources of the host nor tests", (t) => {
  const installed = readdirSync(join(folder, "node_modules/flowcell"), { recursive: true, encoding: "utf8" });
  t.true(installed.includes("LICENSE"));
  for (const file of ["launch.js", "main.js", "worker.js", "bcrypt-worker.js", "testing/index.js"]) t.true(installed.includes(`dist/host/${file}`), file);
  t.true(installed.filter((path) => path.startsWith("dist/host/") && path.endsWith(".js")).length < 60, "the host is bundled");
  t.deepEqual(installed.filter((path) => /(^|\/)(test|bench|\.ci|\.cache)\//.test(path)), []);
  t.deepEqual(installed.filter((path) => /^dist\/.*(?<!\.d)\.ts$/.test(path)), []);
});

test.serial("an older Node is told so in one line", async (t) => {
  const paths = (environment["PATH"] ?? "").split(delimiter).filter((path) => !path.includes("node_modules"));
  for (const node of new Set([...paths, "/usr/bin"].map((path) => join(path, "node")))) {
    const { code, stdout } = await run(node, ["-v"]);
    if (code !== 0 || Number.parseInt(stdout.slice(1), 10) >= 24) continue;
    const launched = await run(node, [join(folder, "node_modules/flowcell/dist/host/launch.js"), "--version"]);
    t.is(launched.code, 1);
    t.is(launched.stdout, "");
    t.regex(launched.stderr, /^flowcell needs Node 24 or later; this is Node \d+\.\d+\.\d+ [^\n]*\n$/);
    return;
  }
  t.log("skipped: no Node older than 24 on this machine");
  t.pass();
});

test.serial("an addon's types are found and checked", async (t) => {
  t.timeout(commandMs);
  const addon = (status: string): string =>
    `import { Response, type HTTPFlow } from "flowcell";\nexport function request(flow: HTTPFlow): void {\n  flow.response = Response.make(${status}, "short and stout");\n}\n`;
  writeFileSync(join(folder, "good.ts"), addon("418"));
  writeFileSync(join(folder, "bad.ts"), addon('"teapot"'));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2024", "--module", "nodenext", "--types", ""];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  succeeded(t, await run(process.execPath, [tsc, ...options, "good.ts"]));
  const bad = await run(process.execPath, [tsc, ...options, "bad.ts"]);
  t.regex(bad.stdout, /^bad\.ts\(3,\d+\): error TS2345/);
});

test.serial("an author's test runs the addon in an isolate, under node:test", async (t) => {
  t.timeout(commandMs);
  const source = 'import { loadAddon, makeRequestFlow } from "flowcell/testing";\nimport assert from "node:assert/strict";\nimport test from "node:test";\n'
    + 'test("teapot", async () => {\n  await using addon = await loadAddon(new URL("good.ts", import.meta.url));\n  const flow = await addon.request(makeRequestFlow());\n  assert.equal(flow.response?.statusCode, 418);\n});\n';
  writeFileSync(join(folder, "good.test.mjs"), source.replace("await using addon", "const addon").replace("statusCode, 418);", "statusCode, 418);\n  await addon.close();"));
  succeeded(t, await run(process.execPath, ["--test", "good.test.mjs"]));
  const recorded = join(folder, "one.har");
  writeFileSync(recorded, JSON.stringify({ log: { entries: [{ request: { method: "GET", url: "https://example.com/", headers: [] }, response: { status: 200, statusText: "OK", headers: [], content: { text: "x" } } }] } }));
  const tried = await run("npx", ["--no-install", "flowcell", "test", "good.ts", "one.har"]);
  succeeded(t, tried);
  t.regex(tried.stdout, /answered by the addon/);
});

test.serial("flowcell init makes a folder that finds this installation: types, test, check", async (t) => {
  t.timeout(commandMs);
  succeeded(t, await run("npx", ["--no-install", "flowcell", "init", "made"]));
  const made = join(folder, "made");
  t.false(readdirSync(made).includes("node_modules"));
  succeeded(t, await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], made));
  succeeded(t, await run(process.execPath, ["--test"], made));
  succeeded(t, await run("npx", ["--no-install", "flowcell", "check", "made"]));
});

test.serial("importing a value of flowcell outside the sandbox says where it belongs", async (t) => {
  writeFileSync(join(folder, "outside.js"), 'import { Response } from "flowcell";\nconsole.log(Response);\n');
  const { code, stderr } = await run(process.execPath, ["outside.js"]);
  t.is(code, 1);
  t.regex(stderr, /exists only inside the sandbox/);
});

test.serial("npx flowcell --version gives the version of the package", async (t) => {
  const finished = await run("npx", ["--no-install", "flowcell", "--version"]);
  succeeded(t, finished);
  t.is(finished.stdout.trim(), version);
});

interface Ready {
  readonly event?: string;
  readonly listeners?: readonly { readonly host: string; readonly port: number }[];
}

test.serial("the installed proxy runs an addon and the one that init made over a request, and stops when told", async (t) => {
  t.timeout(commandMs);
  mkdirSync(join(folder, "confdir"));
  writeFileSync(join(folder, "mark.ts"), 'import type { HTTPFlow } from "flowcell";\nexport function response(flow: HTTPFlow) {\n  flow.response!.headers.set("x-marked", "yes");\n}\n');
  const origin = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.teardown(() => origin.close());
  const args = ["run", "mark.ts", "made", "--port", "0", "--workers", "2", "--log-format", "json", "--confdir", join(folder, "confdir")];
  const proxy = spawn(join(folder, "node_modules/.bin/flowcell"), args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => proxy.kill("SIGKILL"));
  const exited = once(proxy, "exit");
  const port = await new Promise<number>((resolve, reject) => {
    createInterface(proxy.stdout).on("line", (line) => {
      const { event, listeners } = JSON.parse(line) as Ready;
      if (event === "ready") resolve(listeners?.[0]?.port ?? 0);
    });
    exited.then(([code]) => reject(new Error(`the proxy ended (${code}) before it was ready`)), reject);
  });
  const path = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
  const sent = request({ host: "127.0.0.1", port, path, headers: { host: new URL(path).host } }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  t.is(answer.headers["x-marked"], "yes");
  t.is(answer.headers["x-made"], "hello", "what init wrote runs");
  t.is(Buffer.concat(await answer.toArray()).toString(), "hello");
  proxy.kill("SIGTERM");
  t.deepEqual(await exited, [0, null]);
});
