// One filter language behind four doors: `flowfilter` in an addon, the filter of a manifest, `--filter` (what is read) and
// `--save-filter` (what is saved). The same expressions over the same flows must give the same answers through each. What an expression
// means is tested in test/sandbox-api/filter.test.ts.
import test from "ava";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { makeConfig } from "../../host/config.ts";
import { openGate } from "../../host/flows/gate.ts";
import { openFlowFile } from "../../host/flows/saved/flow-file-output.ts";
import { playFiles } from "../../host/flows/saved/play-files.ts";
import { playFlow } from "../../host/flows/saved/play.ts";
import { matchesSaved } from "../../host/flows/saved/saved-filter.ts";
import { nothingLeftOut, type SavedFlow, type SavedWebSocket } from "../../host/flows/saved/saved-flow.ts";
import { makeLog } from "../../host/log.ts";
import { objectKey, type ObjectKey } from "../../sandbox-api/schema/ids.ts";
import { filterTable } from "../../sandbox-api/schema/filter.ts";
import { useCells } from "../helpers/addon-stage.ts";
import { savedHttp, savedTcp } from "../helpers/saved-flows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const cells = useCells(test);

const websocket: SavedWebSocket = { messages: [{ fromClient: true, type: "text", content: Buffer.from("hello there"), timestamp: 1, injected: false, dropped: false }], closeCode: 1000, closeReason: "", closedByClient: true, timestampEnd: 3, leftOut: nothingLeftOut };
const json: readonly (readonly [string, string])[] = [["Host", "API.example.com"], ["Content-Type", "application/json"], ["X-Token", "gr\xfc\xdfe"]];
const flows: { readonly [name: string]: SavedFlow } = {
  page: savedHttp({ url: "https://www.example.com/a/page.html?x=1&y=two", responseHeaders: [["Content-Type", "text/html; charset=utf-8"], ["Set-Cookie", "a=1"], ["Content-Encoding", "gzip"]], answer: gzipSync("<h1>Hello\nWorld</h1>") }),
  post: savedHttp({ url: "http://api.example.com:8080/v1/things", method: "POST", requestHeaders: json, body: '{"name":"J\u00fcrgen","n":[1,2]}', status: 201, responseHeaders: json.slice(1), answer: '{"id":7}' }),
  image: savedHttp({ url: "http://cdn.example.net/logo.png", responseHeaders: [["Content-Type", "image/png"]], answer: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff]) }),
  byAddress: savedHttp({ url: "http://[2001:db8::7]:8443/x", requestHeaders: [] }),
  failed: savedHttp({ url: "http://down.example.com/", status: null }),
  noted: savedHttp({ more: { marked: ":red_circle:", comment: "look\nh\u00e9re" } }),
  again: savedHttp({ more: { isReplay: "request" } }),
  answered: savedHttp({ more: { isReplay: "response" } }),
  chat: savedHttp({ url: "http://chat.example.com/ws", status: 101, answer: "", responseHeaders: [["Upgrade", "websocket"]], more: { websocket } }),
  raw: savedTcp([true, "HELO world"]),
};

const expressions = [
  "~a", "~all", "~b hello", "~b J\u00fcrgen", "~b 'hello.world'", "~bq name", "~bq helo", "~bq '\\{.*\\}'", "~bs '\"id\":\\d'", "~bs PNG", "~b \\x89P", "~c 200", "~c 101", "~c 0404", "~comment ^h\u00e9re$", "~comment look", "~d example\\.com$",
  "~d ^api", "~d 2001:db8::7", "~dst :80$", "~dst example", "~e", "~h '^content-type: .*json'", "~hq x-token:.gr", "~hq ^host:", "~hs set-cookie", "~hs upgrade", "~http", "~m post", "~m ^GET$", "~marked", "~marker red", "~q", "~replay",
  "~replayq", "~replays", "~s", "~src 127.0.0.1:50000", "~src 50001", "~t json", "~t html", "~tcp", "~tq json", "~ts ^text/html", "~u page.html\\?x=1", "~u ^https://www.example.com/a", "~u :8080/v1", "~u '\\[2001:db8::7\\]:8443/x$'", "~websocket", "example.net",
  "!~s", "~m get & ~c 200", "~m get ~c 200 !~a", "~tcp | ~websocket", "!(~m post | ~tcp) & ~d example", "(~c 201 | ~c 200) ~d api", "~u 'a/page'", '~u "v1/\\w+$"', "!!~e",
];

const flowList = Object.entries(flows);
let keys = 1;
const nextKey = (): ObjectKey => objectKey(keys++);

/** Flows by their names that each expression matches. */
type Verdicts = { readonly [expression: string]: readonly string[] };
const verdicts = (matches: (expression: string, name: string) => boolean): Verdicts => Object.fromEntries(expressions.map((expression) => [expression, flowList.flatMap(([name]) => (matches(expression, name) ? [name] : []))]));

async function bySave(): Promise<Verdicts> {
  const found = new Set<string>();
  for (const expression of expressions) {
    const { saveFilter } = makeConfig({ save: "x", saveFilter: expression }).recorded;
    for (const [name, flow] of flowList) if (saveFilter !== null && (await matchesSaved(saveFilter, flow))) found.add(`${expression}\n${name}`);
  }
  return verdicts((expression, name) => found.has(`${expression}\n${name}`));
}

/** Events of which each flow has one that is its last. */
const lastEvents = ["response", "error", "websocket_message", "tcp_message"] as const;
const handlers = (body: string): string => lastEvents.map((event) => `export function ${event}(flow) { ${event === "response" ? "if (flow.response.statusCode === 101) return;" : ""} ${body} }`).join("\n");

test("no expression is left out, nor any operator", (t) => {
  const tried = new Set(expressions.flatMap((expression) => [...expression.matchAll(/~([a-z]+)/g)].map(([, name]) => name)));
  t.deepEqual(Object.keys(filterTable).filter((name) => !tried.has(name)), ["meta"]);
});

test.serial("~meta asks for what never leaves an addon: it is for flowfilter, and refused at the other doors", async (t) => {
  for (const input of [{ save: "x", saveFilter: "!~meta a" }, { read: ["x"], filter: "~q ~meta a" }]) t.throws(() => makeConfig(input), { code: "ERR_USAGE", message: /"~meta", which only addons know/ });
  const stage = await cells.stage(t, {
    asks: `export const manifest = { name: "asks", filter: "~meta a", permissions: { read: ["request"] } }; export function request() {}`,
    tells: `import { flowfilter } from "flowcell"; export function request(flow) { flow.metadata.tries = 3; flow.metadata.note = "a b"; console.log([flowfilter.parse("~meta 'tries: 3'").matches(flow), flowfilter.parse("~meta ^note:.a").matches(flow), flowfilter.parse("~meta c").matches(flow)].join()); }`,
  });
  t.regex(stage.problems[0]?.message ?? "", /"~meta", which only the addon itself knows/);
  await playFlow(savedHttp(), stage.host.gate, nextKey);
  t.true(stage.records.some(({ msg }) => msg === "true,true,false"));
});

test.serial("flowfilter in an addon gives what the save file's filter gives", async (t) => {
  const stage = await cells.stage(t, { tell: `import { flowfilter } from "flowcell"; const filters = ${JSON.stringify(expressions)}.map((text) => flowfilter.parse(text));\n${handlers("console.log(JSON.stringify(filters.map((filter) => filter.matches(flow) ? 1 : 0)));")}` }, { limits: { cpuMs: 4_000 } });
  t.deepEqual(stage.problems, []);
  const told = new Map<string, readonly number[]>();
  for (const [name, flow] of flowList) {
    const before = stage.records.length;
    await playFlow(flow, stage.host.gate, nextKey);
    await stage.host.toldAll();
    const lines = stage.records.slice(before).map(({ msg }) => msg).filter((msg) => msg.startsWith("["));
    t.is(lines.length, 1, `${name}: ${stage.records.slice(before).map(({ msg }) => msg).join("\n")}`);
    told.set(name, JSON.parse(lines[0] ?? "[]"));
  }
  t.deepEqual(verdicts((expression, name) => told.get(name)?.[expressions.indexOf(expression)] === 1), await bySave());
});

test.serial("the filter of a manifest gives what the save file's filter gives", async (t) => {
  const everything = `permissions: { read: ["request", "request.body", "response", "response.body", "websocket", "tcp", "connection"], headers: ["authorization", "proxy-authorization", "cookie", "set-cookie"] }`;
  const sources = Object.fromEntries(expressions.map((expression, index) => [`a${index}`, `export const manifest = { name: "a${index}", filter: ${JSON.stringify(expression)}, ${everything} };\n${handlers(`console.log("took ${index}");`)}`]));
  const stage = await cells.stage(t, sources, { limits: { cpuMs: 4_000, cpuBudgetBurstMs: 60_000 } });
  t.deepEqual(stage.problems, []);
  const took = new Set<string>();
  for (const [name, flow] of flowList) {
    const before = stage.records.length;
    await playFlow(flow, stage.host.gate, nextKey);
    await stage.host.toldAll();
    for (const { msg } of stage.records.slice(before)) if (msg.startsWith("took ")) took.add(`${expressions[Number(msg.slice(5))]}\n${name}`);
  }
  t.deepEqual(verdicts((expression, name) => took.has(`${expression}\n${name}`)), await bySave());
});

test.serial("--filter reads of a file what the save file's filter saves", async (t) => {
  const file = join(temporaryFolder("filter"), "all.flows");
  const output = await openFlowFile(file);
  for (const [, flow] of flowList) await output.write((await output.encode(flow)) ?? []);
  await output.close();
  const expected = await bySave();
  const log = makeLog(({ level, msg }) => { if (level !== "info") t.fail(msg); });
  for (const expression of expressions) {
    const { readFilter } = makeConfig({ read: [file], filter: expression }).recorded;
    const played = await playFiles([file], { filter: readFilter, gate: openGate, keys: { next: nextKey }, log, stopped: new Promise(() => {}) });
    t.is(played, expected[expression]?.length ?? -1, expression);
  }
});
