// Recorded traffic used again: requests sent once more through the proxy's own pipeline (--replay-client), responses given in place of
// servers (--replay-server), from our own form and from HAR, with addons that see both.
import { execFile } from "node:child_process";
import path from "node:path";
import test from "ava";
import { openFlowFile } from "../../host/flows/saved/flow-file-output.ts";
import { openHarFile } from "../../host/flows/saved/har-file-output.ts";
import { readFlows } from "../../host/flows/saved/read-flows.ts";
import type { SavedFlow } from "../../host/flows/saved/saved-flow.ts";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { savedHttp, savedTcp } from "../helpers/saved-flows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number | null; readonly lines: readonly Record<string, unknown>[]; readonly stderr: string }

async function flowcell(...words: readonly string[]): Promise<Ended> {
  const confdir = temporaryFolder("confdir");
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), ...words, "--confdir", confdir, "--log-format", "json"], { timeout: 60_000 }, (error, stdout, stderr) => {
      const lines = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, lines, stderr });
    });
  });
}

async function recording(form: "own" | "har", ...flows: readonly SavedFlow[]): Promise<string> {
  const folder = temporaryFolder("recorded");
  const file = path.join(folder, form === "own" ? "t.flows" : "t.har");
  const output = form === "own" ? await openFlowFile(file) : await openHarFile(file, "1");
  for (const flow of flows) await output.write((await output.encode(flow)) ?? []);
  await output.close();
  return file;
}

async function read(file: string): Promise<readonly SavedFlow[]> {
  const flows: SavedFlow[] = [];
  for await (const flow of readFlows(file)) flows.push(flow);
  return flows;
}

const witness = `
  export function request(flow) { console.log(JSON.stringify(["request", flow.isReplay, flow.request.method, flow.request.path, flow.request.text, flow.metadata.x ?? null])); }
  export function responseheaders(flow) { console.log(JSON.stringify(["responseheaders", flow.isReplay])); }
  export function response(flow) { console.log(JSON.stringify(["response", flow.isReplay, flow.response.text])); }
  export function error(flow) { console.log(JSON.stringify(["error", flow.error.msg])); }`;

/** What the witness said. */
const heard = (lines: readonly Record<string, unknown>[]): readonly unknown[] => lines.flatMap(({ msg }) => { const json = /\[".*\]/.exec(String(msg))?.[0]; return json === undefined ? [] : [JSON.parse(json) as unknown]; });

test.serial("--replay-client sends recorded requests with their events, counts what failed, saves them as replays, and ends", async (t) => {
  const got: string[] = [];
  const origin = await startHttpOrigin((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => { body += chunk.toString(); }).on("end", () => { got.push(`${request.method ?? ""} ${request.url ?? ""} ${body} ${request.headers["x-own"] as string}`); response.end("fine"); });
  });
  t.teardown(() => origin.close());
  const base = `http://127.0.0.1:${origin.port}`;
  const own = await recording("own", savedHttp({ url: `${base}/1`, requestHeaders: [["Host", "x"], ["X-Own", "a"]] }), savedTcp([true, "x"]), savedHttp({ url: `${base}/2`, method: "POST", body: "b=2", requestHeaders: [["Host", "x"], ["X-Own", "b"], ["Content-Length", "99"]] }));
  const har = await recording("har", savedHttp({ url: `${base}/3`, requestHeaders: [["Host", "x"], ["X-Own", "c"]] }), savedHttp({ url: "http://127.0.0.1:1/" }));
  const out = path.join(path.dirname(own), "out.flows");
  const ended = await flowcell("run", await writeAddon(witness), "-p", "0", "--replay-client", own, "--replay-client", har, "-w", out);
  t.is(ended.code, 1, ended.stderr);
  t.deepEqual(got, ["GET /1  a", "POST /2 b=2 b", "GET /3  c"]);
  t.like(ended.lines.find(({ event }) => event === "replay-ended"), { answered: 3, failed: 1, skipped: 1, level: "warn" });
  t.is(ended.lines.filter(({ event }) => event === "replay-failed").length, 1);
  t.deepEqual(heard(ended.lines).slice(0, 3), [["request", "request", "GET", "/1", "", null], ["responseheaders", "request"], ["response", "request", "fine"]]);
  t.deepEqual((await read(out)).map((flow) => flow.kind === "http" && flow.isReplay), ["request", "request", "request", "request"]);
});

test.serial("--replay-concurrency sends several at once; a good end is 0", async (t) => {
  let open = 0;
  let most = 0;
  const isMet = Promise.withResolvers<void>();
  const origin = await startHttpOrigin((_request, response) => {
    most = Math.max(most, ++open);
    if (open === 4) isMet.resolve();
    void isMet.promise.then(() => { open--; response.end(); });
  });
  t.teardown(() => origin.close());
  const file = await recording("own", ...Array.from({ length: 12 }, (_, at) => savedHttp({ url: `http://127.0.0.1:${origin.port}/${at}` })));
  const ended = await flowcell("run", "-p", "0", "--replay-client", file, "--replay-concurrency", "4");
  t.is(ended.code, 0, ended.stderr);
  t.is(most, 4);
});

test.serial("--replay-server answers from a recording, over HTTP and HTTPS, without a server, and kills what it does not know", async (t) => {
  const { gzipSync } = await import("node:zlib");
  const recorded = [
    savedHttp({ url: "http://nowhere.example/a?x=1", answer: "recorded a", responseHeaders: [["Content-Type", "text/plain"], ["Date", new Date(1_700_000_003_000).toUTCString()], ["Transfer-Encoding", "chunked"]] }),
    savedHttp({ url: "https://nowhere.example/b", method: "POST", body: "q=1", answer: gzipSync("recorded b"), responseHeaders: [["Content-Encoding", "gzip"]] }),
  ];
  for (const form of ["own", "har"] as const) {
    const running = await startFlowcell([await writeAddon(witness)], ["--replay-server", await recording(form, ...recorded), "--replay-kill-extra"]);
    const ask = (...more: readonly string[]): ReturnType<typeof curl> => curl(t, ["-i", "-x", running.proxyUrl, "--cacert", running.caFile, ...more]);
    const plain = await ask("http://nowhere.example/a?x=1");
    t.is(plain.status, 200);
    t.is(plain.body, "recorded a");
    t.true(Math.abs(Date.parse(plain.header("date") ?? "") - Date.now()) < 60_000);
    const secure = await ask("--compressed", "-d", "q=1", "https://nowhere.example/b");
    t.is(secure.body, "recorded b");
    t.is((await ask("http://nowhere.example/a?x=1")).code, 52); // Empty reply: killed.
    await running.line((line) => line["event"] === "replay-server" && /killed/.test(line.msg));
    t.is(await running.stop(), 0);
    const events = heard(running.lines);
    t.deepEqual(events.slice(0, 3), [["request", null, "GET", "/a?x=1", "", null], ["responseheaders", "response"], ["response", "response", "recorded a"]]);
    t.deepEqual(events.at(-1), ["error", "Connection killed"]);
  }
});

test.serial("without kill-extra the server answers what is not recorded, also behind TLS", async (t) => {
  const origin = await startHttpsOrigin((_request, response) => response.end("from the server"));
  t.teardown(() => origin.close());
  const running = await startFlowcell([], ["--replay-server", await recording("own", savedHttp({ url: `https://localhost:${origin.port}/known`, requestHeaders: [["Host", `localhost:${origin.port}`]], answer: "recorded" })), "--upstream-ca", origin.caFile, "--replay-reuse"]);
  t.teardown(() => running.stop());
  for (const [place, body] of [["known", "recorded"], ["other", "from the server"], ["known", "recorded"]] as const) {
    t.is((await curl(t, ["-x", running.proxyUrl, "--cacert", running.caFile, "-i", `https://localhost:${origin.port}/${place}`])).body, body);
  }
});

for (const [what, words, code, message] of [
  ["a recording that is not there", ["run", "-p", "0", "--replay-server", "/nowhere/x"], 1, /\/nowhere\/x cannot be read/],
  ["requests that are not there", ["run", "-p", "0", "--replay-client", "/nowhere/x"], 1, /\/nowhere\/x cannot be read/],
] as const) {
  test.serial(`refused with one line: ${what}`, async (t) => {
    const ended = await flowcell(...words);
    t.is(ended.code, code, ended.stderr);
    t.regex(ended.stderr, message);
    t.is(ended.stderr.trim().split("\n").length, 1, ended.stderr);
  });
}
