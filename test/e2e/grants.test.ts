// The operator's word over addons, with the real program: --grant, --limit, inspect, approve, and what the log says of changes.
import test from "ava";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number; readonly stdout: string; readonly stderr: string }
const flowcell = (...words: readonly string[]): Promise<Ended> => new Promise((resolve) => {
  execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), ...words], { cwd: projectRoot, timeout: 60_000 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr });
  });
});
const source = (read: readonly string[], mark: string): string =>
  `export const manifest = { name: "marker", permissions: { read: ${JSON.stringify(read)}, write: ["request"] } };\nexport function request(flow) { flow.request.headers.set("x-mark", "${mark}"); }\n`;

test.serial("--grant takes a permission away, by the name of the file", async (t) => {
  const origin = await startHttpOrigin();
  const addon = await writeAddon(source(["request"], "here"), {}, "marker.ts");
  for (const [args, isMarked] of [[[], true], [["--grant", "marker:-write:request"], false], [["--grant", "marker:host=other.example"], false]] as const) {
    const proxy = await startFlowcell([addon], [...args]);
    const answer = await curl(t, ["-x", proxy.proxyUrl, `http://127.0.0.1:${origin.port}/`]);
    t.is(answer.body.includes("x-mark"), isMarked, args.join(" "));
    await proxy.stop();
  }
  origin.close();
});

test.serial("words that are no grants or limits end the program with one line and exit code 2", async (t) => {
  const addon = await writeAddon(source(["request"], "here"), {}, "marker.ts");
  for (const [words, message] of [
    [["--grant", "marke:none"], /no addon "marke"; did you mean "marker"\?/], [["--grant", "marker:write:requests"], /did you mean "write:request"\?/], [["--limit", "hostcalls=1"], /did you mean "hostCalls"\?/],
    [["--limit", "hostCalls=many"], /"many" is not a number \(of calls\)/], [["--limit", "hostCalls=0"], /hostCalls must be between 1 and 1000000 calls/],
  ] as const) {
    const { code, stderr } = await flowcell("run", addon, "-p", "0", ...words);
    t.deepEqual([code, stderr.trim().split("\n").length], [2, 1], stderr);
    t.regex(stderr, message);
  }
});

test.serial("a changed addon that asks for more is held until flowcell approve says otherwise", async (t) => {
  const origin = await startHttpOrigin();
  const confdir = temporaryFolder("confdir");
  const addon = await writeAddon(source(["request"], "first"), {}, "marker.ts");
  const proxy = await startFlowcell([addon], ["--confdir", confdir]);
  const body = async (): Promise<string> => (await curl(t, ["-x", proxy.proxyUrl, `http://127.0.0.1:${origin.port}/`])).body;
  t.true((await body()).includes("first"));
  await writeFile(addon, source(["request", "connection"], "second"));
  const held = await proxy.line((line) => line["event"] === "held");
  t.regex(held.msg, /see who connects where, and TLS details \(read:connection\)[^]*flowcell approve/);
  t.true((await body()).includes("first"));
  const approved = await flowcell("approve", addon, "--confdir", confdir);
  t.is(approved.code, 0, approved.stderr);
  t.true(approved.stdout.includes("see who connects where"));
  await proxy.line((line) => line["event"] === "reload");
  t.true((await body()).includes("second"));
  await proxy.stop();
  origin.close();
  await writeFile(path.join(confdir, "addons.lock.json"), "broken");
  const refused = await flowcell("run", addon, "-p", "0", "--confdir", confdir);
  t.deepEqual([refused.code, refused.stderr.trim().split("\n").length], [1, 1], refused.stderr);
  t.regex(refused.stderr, /addons\.lock\.json is no lock file of addons/);
});

test.serial("inspect says what an addon asks for and what it would have seen, for people and for programs", async (t) => {
  const addon = await writeAddon('export const manifest = { hosts: ["*.bank.example"], permissions: { read: ["request"], headers: ["cookie"], fetch: ["https://api.other.example"] } };\nexport function request() {}', {}, "spy.ts");
  const har = path.join(temporaryFolder("har"), "traffic.har");
  await writeFile(har, JSON.stringify({ log: { entries: [{ request: { method: "GET", url: "https://www.bank.example/?q=1", headers: [{ name: "Cookie", value: "s3cret" }] }, response: { status: 200, headers: [], content: {} } }] } }));
  const pretty = await flowcell("inspect", addon, har);
  t.is(pretty.code, 0, pretty.stderr);
  t.regex(pretty.stdout, /sha256 [0-9a-f]{64}[^]*can read cookies and addresses of pages with their queries of \*\.bank\.example and send data to https:\/\/api\.other\.example[^]*www\.bank\.example: 1 of 1 flows[^]*sees cookie \(1\)/);
  t.false(pretty.stdout.includes("s3cret"));
  const json = await flowcell("inspect", addon, har, "--log-format", "json");
  t.like(JSON.parse(json.stdout), { kind: "ok", handlers: ["request"], permissions: ["read:request", "header:cookie"], seen: { kind: "seen", hosts: [{ host: "www.bank.example", seenHeaders: { cookie: 1 } }] } });
  const missing = await flowcell("inspect", addon, `${har}.gone`);
  t.deepEqual([missing.code, missing.stderr.trim().split("\n").length], [1, 1]);
  t.is((await flowcell("inspect", await writeAddon("export const manifest = { permisions: 1 };"))).code, 1);
});
