// "flowcell/testing" as authors use it, from ava: builders, events one by one, options, grants, failures, logs. What it gives is tried
// from node:test in the tests of `flowcell init` and of the package.
import test from "ava";
import zlib from "node:zlib";
import { AddonFailure, loadAddon, makeErrorFlow, makeRequestFlow, makeResponseFlow, makeTcpFlow, makeWebSocketFlow, setResponse, type TestAddon } from "../../../host/testing/index.ts";
import { writeSources } from "../../helpers/addon-stage.ts";

const pathOf = (source: string): string => writeSources({ tool: source })[0] ?? "";
const load = async (t: { readonly teardown: (end: () => Promise<void>) => void }, source: string, settings: Parameters<typeof loadAddon>[1] = {}): Promise<TestAddon> => {
  const addon = await loadAddon(pathOf(source), settings);
  t.teardown(() => addon.close());
  return addon;
};

const source = `import { Response, ctx } from "flowcell";
export const manifest = {
  permissions: { read: ["request", "request.body", "response", "response.body", "tcp"], write: ["request", "response", "response.body", "tcp"], act: ["respond", "kill"], storage: "1KiB" },
  options: { word: { type: "string", default: "hello" }, list: { type: "string[]", default: [] } },
};
export function configure(options) { if (options.word === "bad") throw new Error("not this word"); }
export function requestheaders(flow) { flow.metadata.seen = flow.request.body === null; }
export async function request(flow) {
  flow.request.headers.append("X-Word", ctx.options.word);
  if (flow.request.path === "/answer") flow.response = Response.make(201, "made");
  if (flow.request.path === "/kill") flow.kill();
  if (flow.request.path === "/throw") { flow.request.path = "/half"; throw new Error("no"); }
  if (flow.request.path === "/loop") for (;;);
  if (flow.request.path === "/store") { await ctx.storage.set("a", 1); console.log("stored", await ctx.storage.get("a")); }
}
export function response(flow) {
  flow.response.headers.set("x-same", String(flow.metadata.seen));
  if (flow.response.text !== "") flow.response.text = flow.response.text.toUpperCase();
}
export function error(flow) { flow.response = Response.make(502, flow.error.msg); }
export function tcp_message(flow) { const message = flow.messages.at(-1); message.content = new TextEncoder().encode(flow.messages.length + (message.fromClient ? "c" : "s")); }
`;

test.serial("one flow through its events: identity, headers, content, notes", async (t) => {
  const addon = await load(t, source, { options: { word: "deux" } });
  t.deepEqual([...addon.handlers].sort(), ["configure", "error", "request", "requestheaders", "response", "tcp_message"]);
  const flow = makeRequestFlow({ method: "POST", url: "http://example.com:8000/a?b=1", headers: { "X-Word": ["one"], Accept: "é" }, body: "hi" });
  t.like(flow.request, { method: "POST", url: "http://example.com:8000/a?b=1", host: "example.com", port: 8000, path: "/a?b=1", text: "hi" });
  t.is(flow.response, null);
  await addon.requestheaders(flow);
  t.is(await addon.request(flow), flow);
  t.deepEqual(flow.request.headers.getAll("x-word"), ["one", "deux"]);
  t.deepEqual(flow.request.headers.fields, [["Host", "example.com:8000"], ["X-Word", "one"], ["Accept", "é"], ["X-Word", "deux"]]);
  setResponse(flow, { status: 404, headers: [["Content-Encoding", "gzip"], ["Content-Type", "text/plain"]], body: zlib.gzipSync("lost") });
  await addon.response(flow);
  t.is(flow.response?.text, "LOST");
  t.is(zlib.gunzipSync(flow.response?.body ?? Buffer.alloc(0)).toString(), "LOST");
  t.like(flow.response, { statusCode: 404, isMade: false });
  t.is(flow.response?.headers.get("X-Same"), "true");
  addon.release(flow);
});

test.serial("answered, killed, an error with a page of its own, TCP, storage and logs", async (t) => {
  const addon = await load(t, source);
  t.like((await addon.request(makeRequestFlow({ url: "https://example.com/answer" }))).response, { statusCode: 201, isMade: true, text: "made" });
  t.true((await addon.request(makeRequestFlow({ url: "https://example.com/kill" }))).isKilled);
  t.like((await addon.error(makeErrorFlow({ error: "no such host" }))).response, { statusCode: 502, text: "no such host" });
  t.is((await addon.response(makeResponseFlow({ response: { body: "abc", headers: { "Content-Type": "text/plain" } } }))).response?.text, "ABC");
  const tcp = makeTcpFlow({ port: 25 });
  t.is(Buffer.from((await addon.tcpMessage(tcp, "x")).message?.content ?? []).toString(), "1c");
  t.is(Buffer.from((await addon.tcpMessage(tcp, "y", false)).message?.content ?? []).toString(), "2s");
  await addon.request(makeRequestFlow({ url: "https://example.com/store" }));
  t.deepEqual(addon.logs, [{ level: "info", message: "stored 1" }]);
});

test.serial("WebSocket messages: changed, dropped, put in", async (t) => {
  const addon = await load(t, `export function websocket_start(flow) { flow.comment = "started"; }
export function websocket_message(flow) {
  const message = flow.websocket.messages.at(-1);
  if (message.text === "drop") message.drop();
  else if (message.text === "answer") flow.websocket.inject(true, "from the proxy");
  else message.content = flow.websocket.messages.length + message.type + message.text;
}
`);
  const flow = makeWebSocketFlow({ url: "ws://example.com:8000/chat" });
  t.like(flow.request, { url: "http://example.com:8000/chat", scheme: "http" });
  t.is((await addon.websocketMessage(flow, "hi")).message?.text, "1texthi");
  t.is(flow.comment, "started");
  t.like((await addon.websocketMessage(flow, new Uint8Array([65]), false)).message, { text: "2binaryA", type: "binary", fromClient: false });
  t.true((await addon.websocketMessage(flow, "drop")).message?.isDropped);
  t.deepEqual((await addon.websocketMessage(flow, "answer")).injected.map(({ text, fromClient }) => [text, fromClient]), [["from the proxy", false]]);
  await t.throwsAsync(addon.websocketMessage(makeRequestFlow(), "x"), { instanceOf: TypeError });
});

test.serial("a failure rejects with the place, and nothing of that call applies; the addon goes on", async (t) => {
  const addon = await load(t, source);
  const flow = makeRequestFlow({ url: "https://example.com/throw" });
  const thrown = await t.throwsAsync(addon.request(flow), { instanceOf: AddonFailure });
  t.like(thrown, { code: "threw" });
  t.regex(thrown?.message ?? "", /failed in request \(https:\/\/example\.com\/throw\): the handler threw: Error: no at .*tool\.ts:12:\d+\n/);
  t.is(flow.request.path, "/throw");
  const loop = await t.throwsAsync(addon.request(makeRequestFlow({ url: "https://example.com/loop" })), { instanceOf: AddonFailure });
  t.true(["cpu-limit", "starved"].includes(loop instanceof AddonFailure ? loop.code : ""));
  for (let turn = 0; turn < 6; turn++) await t.throwsAsync(addon.request(makeRequestFlow({ url: "https://example.com/throw" })));
  t.is((await addon.request(makeRequestFlow())).request.headers.get("x-word"), "hello");
});

test.serial("options change as an operator changes them; a refusal rejects", async (t) => {
  const addon = await load(t, source);
  await addon.configure({ word: "later" });
  await t.throwsAsync(addon.configure({ word: "bad" }), { message: /refused option word: .*not this word/ });
  await t.throwsAsync(addon.configure({ wrod: "x" }), { message: /did you mean "word"/ });
  t.is((await addon.request(makeRequestFlow())).request.headers.get("x-word"), "later");
  await addon.configure({ word: null });
  t.is((await addon.request(makeRequestFlow())).request.headers.get("x-word"), "hello");
});

test.serial("grants narrow what the manifest asks for", async (t) => {
  const addon = await load(t, source, { grants: ["-write:request"] });
  t.like(await t.throwsAsync(addon.request(makeRequestFlow()), { instanceOf: AddonFailure }), { code: "permission" });
  await t.throwsAsync(loadAddon(pathOf(source), { grants: ["-write:everything"] }), { instanceOf: TypeError });
});

test.serial("what does not load rejects with a sentence and the place", async (t) => {
  await t.throwsAsync(loadAddon(pathOf("export function request( {}")), { message: /tool\.ts:1:\d+: / });
  await t.throwsAsync(loadAddon(pathOf('throw new Error("at load");')), { message: /at load at .*tool\.ts:1:7/ });
  await t.throwsAsync(loadAddon("/nowhere/tool.ts"), { message: "there is no addon at /nowhere/tool.ts" });
  await t.throwsAsync(loadAddon(pathOf(source), { options: { wrod: "x" } }), { message: /no addon has an option "wrod"; did you mean "word"/ });
  await t.throwsAsync(loadAddon(pathOf(source), { options: { word: "bad" } }), { message: /not this word/ });
});

for (const [what, make] of [
  ["a method", () => makeRequestFlow({ method: "GET /" })], ["a URL", () => makeRequestFlow({ url: "nonsense" })], ["a header name", () => makeRequestFlow({ headers: { "a b": "c" } })],
  ["a header value", () => makeRequestFlow({ headers: { a: "b\r\nc: d" } })], ["a status", () => makeResponseFlow({ response: { status: 99 } })],
] as const) test(`builders refuse what HTTP does not have: ${what}`, (t) => { t.throws(make, { instanceOf: TypeError }); });
