// The program as a person meets it: exit codes, one-line errors that say what to do, the ready line, the drain, and hot reload.
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function flowcell(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), ...words], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}

for (const [words, what] of [
  [["frobnicate"], /frobnicate/], [["run", "--bogus"], /bogus/], [[], /give a command/], [["run", "--port", "99999"], /port/], [["run", "--port", "abc"], /port/],
  [["run", "--jail", "maybe"], /jail/], [["run", "--set", "novalue"], /NAME=VALUE/], [["run", "--cpu-ms", "0"], /cpuMs/], [["run", "--mode", "teapot"], /teapot/],
  [["run", "--ignore-hosts", "("], /regular expression/], [["run", "-q", "-v"], /exclude/], [["check"], /not enough|addon/i], [["ca", "burn"], /action|burn/i],
] as const) {
  test.serial(`wrong usage ends with 2 and one line: flowcell ${words.join(" ")}`, async (t) => {
    const ended = await flowcell(...words);
    t.is(ended.code, 2, ended.stderr);
    t.regex(ended.stderr, what);
    t.is(ended.stderr.trim().split("\n").length, 1, ended.stderr);
  });
}

test.serial("--version and --help print and end with 0", async (t) => {
  const version = await flowcell("--version");
  t.is(version.code, 0);
  t.regex(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const help = await flowcell("run", "--help");
  t.is(help.code, 0);
  t.regex(help.stdout, /--cpu-ms/);
  t.regex((await flowcell("--help")).stdout, /Examples:/);
});

test.serial("a port that is taken is named, and ends with 1", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const ended = await flowcell("run", "-p", String(port), "--confdir", temporaryFolder("confdir"));
  server.close();
  t.is(ended.code, 1);
  t.regex(ended.stderr, new RegExp(String(port)));
  t.is(ended.stderr.trim().split("\n").length, 1);
});

test.serial("an addon that is not there ends with 1 and says so", async (t) => {
  const ended = await flowcell("run", "/nowhere/addon.ts", "-p", "0", "--confdir", temporaryFolder("confdir"));
  t.is(ended.code, 1);
  t.regex(ended.stderr, /no addon at \/nowhere\/addon\.ts/);
});

test.serial("a CA file that cannot be used ends with 1 and names it", async (t) => {
  const confdir = temporaryFolder("confdir");
  await writeFile(path.join(confdir, "flowcell-ca.pem"), "nonsense");
  const ended = await flowcell("run", "-p", "0", "--confdir", confdir);
  t.is(ended.code, 1);
  t.regex(ended.stderr, /flowcell-ca\.pem/);
});

test.serial("check lists handlers, warns of near misses, and fails on what does not compile", async (t) => {
  const good = await flowcell("check", await writeAddon("export function response() {}\nexport function onRequest() {}\n"), "--log-format", "json");
  t.is(good.code, 0, good.stderr + good.stdout);
  const report: unknown = JSON.parse(good.stdout);
  t.like(report, { kind: "ok", handlers: ["response"] });
  t.regex(good.stdout, /onRequest/);
  const bad = await flowcell("check", await writeAddon("export function response( {}\n"));
  t.is(bad.code, 1);
  t.regex(bad.stdout, /addon\.ts:\d+:\d+/);
  const throws = await flowcell("check", await writeAddon("const x: number = 1;\nthrow new Error(`no ${x}`);\n"));
  t.is(throws.code, 1);
  t.regex(throws.stdout, /addon\.ts:2:\d+/);
  t.regex(throws.stdout, /no 1/);
});

test.serial("ca prints, exports and helps", async (t) => {
  const confdir = temporaryFolder("confdir");
  t.regex((await flowcell("ca", "--confdir", confdir)).stdout, /-----BEGIN CERTIFICATE-----/);
  t.regex((await flowcell("ca", "install-help", "--confdir", confdir)).stdout, /update-ca-certificates/);
  const out = path.join(confdir, "out.pem");
  t.is((await flowcell("ca", "export", "--format", "pem", "-o", out, "--confdir", confdir)).code, 0);
  t.is(await readFile(out, "utf8"), await readFile(path.join(confdir, "flowcell-ca-cert.pem"), "utf8"));
  t.false((await readFile(out, "utf8")).includes("PRIVATE"));
});

test.serial("the ready line names the listeners; SIGTERM and SIGINT run done and end with 0", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const proxy = await startFlowcell([await writeAddon(`export function done() { console.log("bye from done"); }\n`)]);
    const ready = proxy.lines.find((line) => line["event"] === "ready");
    t.like(ready, { listeners: [{ mode: "regular", host: "127.0.0.1", port: proxy.port }] });
    t.is(await proxy.stop(signal), 0);
    t.true(proxy.lines.some((line) => line.msg.includes("bye from done")));
    t.true(proxy.lines.every((line) => line.level !== "unparseable"));
  }
});

test.serial("editing an addon, or a file that it imports, takes effect on the next event; a broken edit keeps the old version", async (t) => {
  const origin = await startHttpOrigin();
  const word = (text: string): string => `export const word = ${JSON.stringify(text)};\n`;
  const addon = await writeAddon(`import { word } from "./lib/word.ts";\nexport function response(flow: any) { flow.response.headers.set("x-word", word); }\n`, { "lib/word.ts": word("one") });
  const proxy = await startFlowcell([addon]);
  const seen = async (): Promise<string | undefined> => (await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).header("x-word");
  const until = async (text: string): Promise<string | undefined> => {
    for (let i = 0; i < 100; i += 1) {
      if (await seen() === text) return text;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return seen();
  };
  t.is(await seen(), "one");
  await writeFile(path.join(path.dirname(addon), "lib", "word.ts"), word("two"));
  t.is(await until("two"), "two");
  await writeFile(path.join(path.dirname(addon), "lib", "word.ts"), "export const word = ;\n");
  const error = await proxy.line((line) => line.level === "error");
  t.regex(`${error.msg} ${JSON.stringify(error)}`, /word\.ts:1:\d+/);
  t.is(await seen(), "two");
  await writeFile(path.join(path.dirname(addon), "lib", "word.ts"), word("three"));
  t.is(await until("three"), "three");
  t.is(await proxy.stop(), 0);
  origin.close();
});

test.serial("an unreadable addon is told with its path", async (t) => {
  if (process.getuid?.() === 0) { t.pass("root reads everything"); return; }
  const addon = await writeAddon("export function request() {}\n");
  await chmod(addon, 0);
  const ended = await flowcell("check", addon);
  t.is(ended.code, 1);
  t.regex(ended.stdout, /addon\.ts/);
});

test.serial("a confdir that cannot be made ends with 1", async (t) => {
  const folder = temporaryFolder("confdir");
  await writeFile(path.join(folder, "file"), "");
  const ended = await flowcell("run", "-p", "0", "--confdir", path.join(folder, "file", "below"));
  t.is(ended.code, 1);
  t.is(ended.stderr.trim().split("\n").length, 1, ended.stderr);
  await mkdir(path.join(folder, "x"));
  await rm(folder, { recursive: true });
});
