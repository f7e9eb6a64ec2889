// `flowcell test` as an author meets it: the real program over HAR and flow files; what it prints, what it records, what it expects, and
// what hostile addons and files make of it.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { fileHeader, recordHeader } from "../../host/flows/saved/frame.ts";
import { writeRecord } from "../../host/flows/saved/record.ts";
import type { SavedFlow } from "../../host/flows/saved/saved-flow.ts";
import { projectRoot, writeAddon } from "../helpers/flowcell.ts";
import { savedHttp, savedTcp } from "../helpers/saved-flows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function flowcell(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), "test", ...words], { timeout: 100_000, env: { ...process.env, NO_COLOR: "1" } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}

const entry = (url: string, text = "one\ntwo\nthree"): object => ({
  startedDateTime: "2026-01-01T00:00:00Z", request: { method: "GET", url, httpVersion: "HTTP/1.1", headers: [{ name: "Host", value: new URL(url).host }] },
  response: { status: 200, statusText: "OK", httpVersion: "HTTP/1.1", headers: [{ name: "Content-Type", value: "text/plain" }, { name: "Content-Encoding", value: "gzip" }], content: { text } },
});
async function har(...entries: readonly object[]): Promise<string> {
  const file = path.join(temporaryFolder("har"), "traffic.har");
  await writeFile(file, JSON.stringify({ log: { entries } }));
  return file;
}
async function flowFile(...flows: readonly SavedFlow[]): Promise<string> {
  const file = path.join(temporaryFolder("flows"), "saved.flows");
  const records = flows.flatMap((flow) => { const { head, blobs } = writeRecord(flow); return [recordHeader(head, blobs), head, ...blobs]; });
  await writeFile(file, Buffer.concat([fileHeader(), ...records]));
  return file;
}

const source = `import { Response } from "flowcell";
export function request(flow) {
  if (flow.request.path === "/answer") flow.response = Response.make(418, "short and stout");
  if (flow.request.path === "/kill") flow.kill();
  if (flow.request.path === "/move") flow.request.host = "other.example";
}
export function response(flow) {
  if (flow.request.path === "/throw") { flow.response.text = "half"; throw new Error("not this one"); }
  if (flow.request.path === "/text") { flow.response.text = flow.response.text.replace("two", "TWO"); console.log("changed", flow.request.url); }
}
`;

test.serial("edits that a manifest declares are part of the difference", async (t) => {
  const addon = await writeAddon('export const manifest = { permissions: { write: ["response"] }, edits: [{ event: "responseheaders", remove: ["Content-Type"], set: { "X-A": "1" } }] };\n');
  const { code, stdout, stderr } = await flowcell(addon, await har(entry("https://example.com/text")));
  t.is(code, 0, stderr);
  t.regex(stdout, /\n {4}- Content-Type: text\/plain\n[^]*\n {4}\+ X-A: 1\n/);
});

test.serial("what would change is shown as a difference, the rest is counted; a failure ends with 1", async (t) => {
  const addon = await writeAddon(source, {}, "tool.ts");
  const file = await har(entry("https://example.com/text"), entry("https://example.com/same"), entry("http://example.com:8000/answer"), entry("https://example.com/kill"), entry("https://example.com/move"));
  const { code, stdout, stderr } = await flowcell(addon, file);
  t.is(code, 0, stderr);
  t.deepEqual(stdout.replaceAll(addon, "ADDON").split("\n"), [
    "ADDON", "",
    "1  GET https://example.com/text 200", "    … 6 lines", "", "      one", "    - two", "    + TWO", "      three", "    > info changed https://example.com/text", "",
    "3  GET http://example.com:8000/answer 200", "    = answered by the addon", "    … 1 line", "      Host: example.com:8000", "", "    - HTTP/1.1 200 OK", "    - Content-Type: text/plain", "    - Content-Encoding: gzip", "    + HTTP/1.1 418 I'm a teapot", "", "    - one", "    - two", "    - three", "    + short and stout", "",
    "4  GET https://example.com/kill 200", "    = killed", "      GET https://example.com/kill HTTP/1.1", "      Host: example.com", "    -", "    - HTTP/1.1 200 OK", "    - Content-Type: text/plain", "    - Content-Encoding: gzip", "    -", "    - one", "    - two", "    - three", "",
    "5  GET https://example.com/move 200", "    - GET https://example.com/move HTTP/1.1", "    - Host: example.com", "    + GET https://other.example/move HTTP/1.1", "    + Host: other.example", "", "      HTTP/1.1 200 OK", "    … 6 lines", "",
    "5 flows, 4 changed, 0 with failures", "",
  ]);
  const failed = await flowcell(addon, await har(entry("https://example.com/throw")));
  t.is(failed.code, 1);
  t.regex(failed.stdout, /✗ addon "tool" failed in response \(https:\/\/example\.com\/throw\): the handler threw: Error: not this one at .*tool\.ts:8:\d+\n +if \(flow\.request\.path === "\/throw"\)/);
  t.false(failed.stdout.includes("half\n"));
});

test.serial("--record writes what is expected, --expect ends with 1 where it differs", async (t) => {
  const addon = await writeAddon(source, {}, "tool.ts");
  const file = await har(entry("https://example.com/text"), entry("https://example.com/same"), entry("https://example.com/throw"));
  const expectation = path.join(temporaryFolder("expected"), "expected.json");
  t.is((await flowcell(addon, file, "--record", expectation)).code, 1);
  const same = await flowcell(addon, file, "--expect", expectation);
  t.is(same.code, 0, same.stdout);
  t.regex(same.stdout, /as expected/);
  await writeFile(addon, source.replace("TWO", "DEUX"));
  const other = await flowcell(addon, file, "--expect", expectation);
  t.is(other.code, 1);
  t.regex(other.stdout, /✗ not as expected .*\n\n1 GET https:\/\/example\.com\/text 200\n(.*\n)* {4}- \+ TWO\n {4}\+ \+ DEUX\n/);
  const json = await flowcell(addon, file, "--expect", expectation, "--log-format", "json");
  t.is(json.code, 1);
  const lines = json.stdout.trim().split("\n").map((line) => JSON.parse(line) as { readonly kind: string; readonly differing?: readonly unknown[] });
  t.deepEqual(lines.map(({ kind }) => kind), ["loaded", "flow", "flow", "flow", "end"]);
  t.is(lines.at(-1)?.differing?.length, 1);
});

test.serial("own files, TCP and WebSocket messages, options and grants", async (t) => {
  const addon = await writeAddon(`export const manifest = { permissions: { read: ["tcp", "request", "websocket"], write: ["tcp", "request", "websocket"] }, options: { word: { type: "string", default: "x" } } };
let word = "";
export function configure(options) { word = options.word; }
export function request(flow) { flow.request.headers.set("x-word", word); }
export function tcp_message(flow) { const message = flow.messages.at(-1); if (message.fromClient) message.content = new TextEncoder().encode(word); }
export function websocket_message(flow) { const message = flow.websocket.messages.at(-1); if (message.fromClient) message.drop(); }
`, {}, "tool.ts");
  const message = { fromClient: true, type: "text" as const, content: Buffer.from("hi"), timestamp: 1, injected: false, dropped: false };
  const file = await flowFile(savedHttp(), savedTcp([true, "hello"], [false, "back"]), savedHttp({
    status: 101, more: { websocket: { messages: [message], closeCode: 1000, closeReason: "", closedByClient: true, timestampEnd: 2, leftOut: { messages: 0, bytes: 0 } } },
  }));
  const { code, stdout, stderr } = await flowcell(addon, file, "--set", "word=deux");
  t.is(code, 0, stderr + stdout);
  t.regex(stdout, /\+ x-word: deux\n/);
  t.regex(stdout, /2 {2}TCP .*\n {6}message 1\n {6}from the client\n {4}- hello\n {4}\+ deux\n/);
  t.regex(stdout, /message 1\n {6}from the client\n {4}- hi\n {4}\+ \(not sent\)\n/);
  const less = await flowcell(addon, file, "--grant", "tool:-write:request");
  t.is(less.code, 1);
  t.regex(less.stdout, /write:request/);
  t.is((await flowcell(addon, file, "--set", "wrod=x")).code, 2);
});

test.serial("hostile: an addon that loops, prints escape codes, writes a megabyte; the next flow is tried all the same", async (t) => {
  const addon = await writeAddon(`export function request(flow) {
  const { path } = flow.request;
  if (path === "/loop") for (;;);
  if (path === "/paint") { console.log("\\x1b[2J\\x1b]0;owned\\x07"); flow.comment = "\\x1b[31mred\\u202e"; throw Object.assign(new Error("\\x1b[31m"), { stack: "Error\\n    at \\x1b[31m (tool.bundle.js:1:1)" }); }
  if (path === "/large") flow.request.text = "x".repeat(1e6);
  flow.request.headers.set("x-seen", "1");
}
`, {}, "tool.ts");
  const flows = ["/loop", "/paint", "/loop", "/loop", "/loop", "/loop", "/large", "/fine"];
  const { code, stdout } = await flowcell(addon, await har(...flows.map((each) => entry(`https://example.com${each}`))), "--jail", "off");
  t.is(code, 1);
  // The control characters are what is looked for.
  t.notRegex(stdout, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
  t.regex(stdout, /8 {2}GET https:\/\/example\.com\/fine 200\n(.*\n)*? {4}\+ x-seen: 1\n/);
  t.true(stdout.length < 20_000);
});

for (const [what, name, text, stderr] of [
  ["no HAR", "a.har", "{}", /a\.har has no "log" with "entries"/], ["not there", "", "", /cannot be read/],
] as const) {
  test.serial(`refused with one line: ${what}`, async (t) => {
    const file = path.join(temporaryFolder("har"), name === "" ? "missing" : name);
    if (name !== "") await writeFile(file, text);
    const ended = await flowcell(await writeAddon(source), file);
    t.is(ended.code, 1);
    t.regex(ended.stderr, stderr);
    t.is(ended.stderr.trim().split("\n").length, 1);
  });
}

test.serial("expectations of a stranger: no JSON, another file, prototypes", async (t) => {
  const folder = temporaryFolder("expected");
  const file = await har(entry("https://example.com/same"));
  const addon = await writeAddon(source);
  for (const [text, stderr] of [["{", /is not JSON/], ["{}", /no file that --record/], ['{"flowcell":1}', /no "flows"/], ['{"flowcell":1,"flows":1,"changes":[{"flow":"__proto__","lines":[1]}]}', /without "flow" or "lines"/]] as const) {
    const expectation = path.join(folder, "expected.json");
    await writeFile(expectation, text);
    const ended = await flowcell(addon, file, "--expect", expectation);
    t.is(ended.code, 1);
    t.regex(ended.stderr, stderr);
  }
  await writeFile(path.join(folder, "proto.json"), '{"flowcell":1,"flows":1,"changes":[{"flow":"__proto__","lines":["x"]}]}');
  const ended = await flowcell(addon, file, "--expect", path.join(folder, "proto.json"));
  t.is(ended.code, 1);
  t.regex(ended.stdout, /__proto__\n {4}- x/);
  t.is((await readFile(path.join(folder, "proto.json"), "utf8")).length > 0, true);
});

test.serial("an addon that does not load ends with 1 and says where", async (t) => {
  const ended = await flowcell(await writeAddon("export function request( {}\n"), await har(entry("https://example.com/same")));
  t.is(ended.code, 1);
  t.regex(ended.stdout, /✗ .*\n {2}.*addon\.ts:\d+:\d+: /);
});
