// HAR 1.2 both ways: what browsers write is read, what we write is HAR and is read again, and hostile files cost no more than their size.
import test from "ava";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { readHar } from "../../../../host/flows/saved/har-read.ts";
import { harEntry, harHead, harTail } from "../../../../host/flows/saved/har-write.ts";
import type { SavedHttpFlow } from "../../../../host/flows/saved/saved-flow.ts";
import { nothingLeftOut } from "../../../../host/flows/saved/saved-flow.ts";
import { OperatorError } from "../../../../host/operator-error.ts";
import { anySavedFlow, savedHttp, wholeBody } from "../../../helpers/saved-flows.ts";

async function read(text: string): Promise<{ readonly flows: readonly SavedHttpFlow[]; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const flows: SavedHttpFlow[] = [];
  for await (const flow of readHar(text, ({ message }) => void problems.push(message), (sentence) => new OperatorError("ERR_SAVED_FLOWS", sentence))) flows.push(flow);
  return { flows, problems };
}

const write = async (...flows: readonly SavedHttpFlow[]): Promise<string> => `${harHead("1.2.3")}${(await Promise.all(flows.map(harEntry))).map((entry) => JSON.stringify(entry)).join(",\n")}${harTail}`;
const one = async (entry: object): Promise<SavedHttpFlow> => {
  const { flows: [flow] } = await read(JSON.stringify({ log: { entries: [entry] } }));
  if (flow === undefined) throw new Error("the entry was skipped");
  return flow;
};

const page = "<p>gr\u00fc\u00dfe</p>";

test("an entry as Chromium exports it: pseudo headers, joined cookies, decoded body, http/2.0", async (t) => {
  const flow = await one({
    _connectionId: "77", _initiator: { type: "other" }, _priority: "VeryHigh", _resourceType: "document", cache: {}, connection: "443", pageref: "page_1",
    request: {
      method: "POST", url: "https://shop.example/cart?x=1#top", httpVersion: "http/2.0", headersSize: -1, bodySize: 8, cookies: [], queryString: [{ name: "x", value: "1" }],
      headers: [{ name: ":authority", value: "shop.example" }, { name: ":method", value: "POST" }, { name: "content-type", value: "application/x-www-form-urlencoded" }],
      postData: { mimeType: "application/x-www-form-urlencoded", text: "a=1&b=%C3%A4", params: [{ name: "a", value: "1" }] },
    },
    response: {
      status: 200, statusText: "", httpVersion: "http/2.0", cookies: [], redirectURL: "", headersSize: -1, bodySize: -1, _transferSize: 512, _error: null,
      headers: [{ name: "content-type", value: "text/html" }, { name: "content-encoding", value: "gzip" }, { name: "set-cookie", value: "a=1; Path=/\nb=2" }],
      content: { size: page.length, mimeType: "text/html", text: page },
    },
    serverIPAddress: "[2001:db8::1]", startedDateTime: "2026-11-22T18:00:00.250Z", time: 30,
    timings: { blocked: 1, dns: -1, ssl: 4, connect: 6, send: 2, wait: 20, receive: 1, _blocked_queueing: 0.5 },
  });
  t.like(flow.request, { method: "POST", scheme: "https", host: "shop.example", port: 443, path: "/cart?x=1", httpVersion: "HTTP/2.0", timestampStart: 1_795_370_400.25 });
  t.deepEqual(flow.request.headers, [["content-type", "application/x-www-form-urlencoded"]]);
  t.deepEqual(flow.request.body, wholeBody("a=1&b=%C3%A4"));
  t.deepEqual(flow.response?.headers.slice(2), [["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2"]]);
  t.deepEqual(flow.response?.body, { kind: "whole", bytes: gzipSync(page) });
  t.is(Math.round(((flow.response?.timestampStart ?? 0) - flow.request.timestampStart) * 1_000), 29);
  t.deepEqual(flow.server.peername, { host: "2001:db8::1", port: 443 });
  t.is(flow.error, null);
});

test("an entry as Firefox exports it: parameters without text, base64, unknown response", async (t) => {
  const flow = await one({
    startedDateTime: "2026-11-22T19:00:00.000+01:00",
    request: { method: "POST", url: "http://a.example:8080/", httpVersion: "HTTP/1.1", headers: [{ name: "Host", value: "a.example:8080" }], postData: { mimeType: "application/x-www-form-urlencoded; charset=utf-8", params: [{ name: "q", value: "a b" }], text: undefined } },
    response: { status: 200, statusText: "OK", httpVersion: "HTTP/1.1", headers: [{ name: "Content-Type", value: "image/png" }], content: { mimeType: "image/png", size: 4, encoding: "base64", text: "iVBORw==" } },
    timings: { blocked: 0, send: 0, wait: 5, receive: 0 },
  });
  t.deepEqual(flow.request.body, wholeBody("q=a+b"));
  t.deepEqual(flow.response?.body, wholeBody(Buffer.from("89504e47", "hex")));
  const failed = await one({ request: { method: "GET", url: "http://a.example/" }, response: { status: 0, _error: "net::ERR_CONNECTION_REFUSED" } });
  t.is(failed.response, null);
  t.is(failed.error?.msg, "net::ERR_CONNECTION_REFUSED");
});

test("a WebSocket as Chromium exports it, and back in the same form", async (t) => {
  const messages = [{ type: "send", time: 1_795_370_401.5, opcode: 1, data: "h\u00e9llo" }, { type: "receive", time: 1_795_370_402, opcode: 2, data: "AAH/" }];
  const flow = await one({
    _resourceType: "websocket", _webSocketMessages: [...messages, { type: "odd" }, null], startedDateTime: "2026-11-22T18:00:00Z",
    request: { method: "GET", url: "wss://chat.example/room", headers: [] }, response: { status: 101, statusText: "Switching Protocols", headers: [], content: {} },
  });
  t.like(flow.request, { scheme: "https", port: 443, path: "/room" });
  t.deepEqual(flow.websocket?.messages.map(({ fromClient, type, content }) => [fromClient, type, content.toString("hex")]), [[true, "text", Buffer.from("h\u00e9llo").toString("hex")], [false, "binary", "0001ff"]]);
  t.is(flow.websocket?.leftOut.messages, 2);
  t.like(await harEntry(flow), { _resourceType: "websocket", _webSocketMessages: messages });
});

test("what is written has every field that HAR 1.2 demands", async (t) => {
  const flow = savedHttp({
    method: "POST", url: "https://example.com/p?a=1&b", requestHeaders: [["Cookie", "x=1; y=2"], ["Content-Type", "text/plain"]], body: "hi", answer: Buffer.from([0xff, 0xfe]),
    responseHeaders: [["Set-Cookie", "s=1; Path=/; HttpOnly; Expires=Thu, 01 Jan 2026 00:00:00 GMT"], ["Location", "/x"]],
  });
  const { log } = JSON.parse(await write(flow, savedHttp({ status: null }))) as { readonly log: { readonly version: string; readonly creator: object; readonly entries: readonly Record<string, Record<string, unknown>>[] } };
  t.like(log, { version: "1.2", creator: { name: "Flowcell", version: "1.2.3" } });
  const [entry, failed] = log.entries;
  t.deepEqual(Object.keys(entry ?? {}).sort(), ["cache", "connection", "request", "response", "serverIPAddress", "startedDateTime", "time", "timings"]);
  t.deepEqual(Object.keys(entry?.["request"] ?? {}).sort(), ["bodySize", "cookies", "headers", "headersSize", "httpVersion", "method", "postData", "queryString", "url"]);
  t.deepEqual(Object.keys(entry?.["response"] ?? {}).sort(), ["bodySize", "content", "cookies", "headers", "headersSize", "httpVersion", "redirectURL", "status", "statusText"]);
  t.deepEqual(entry?.["request"]?.["queryString"], [{ name: "a", value: "1" }, { name: "b", value: "" }]);
  t.deepEqual(entry?.["request"]?.["cookies"], [{ name: "x", value: "1" }, { name: "y", value: "2" }]);
  t.deepEqual(entry?.["response"]?.["cookies"], [{ name: "s", value: "1", path: "/", expires: "2026-01-01T00:00:00.000Z", httpOnly: true, secure: false }]);
  t.like(entry?.["response"]?.["content"], { size: 2, encoding: "base64", text: "//4=" });
  const timings = entry?.["timings"] as Record<string, number>;
  t.is(Object.entries(timings).reduce((sum, [name, ms]) => (name !== "ssl" && ms > 0 ? sum + ms : sum), 0), entry?.["time"] as unknown as number);
  t.like(failed?.["response"], { status: 0, _error: "no answer" });
});

test("written and read: the same exchange, but for what HAR has no place for", async (t) => {
  await fc.assert(fc.asyncProperty(anySavedFlow, async (flow) => {
    if (flow.kind !== "http" || flow.request.path === "*" || /^(CONNECT|HEAD)$/.test(flow.request.method)) return;
    const { flows: [back], problems } = await read(await write(flow));
    t.deepEqual(problems, []);
    t.deepEqual([back?.request.method, back?.request.scheme, back?.request.host, back?.request.port], [flow.request.method, flow.request.scheme, flow.request.host.toLowerCase(), flow.request.port]);
    t.deepEqual(back?.request.headers, flow.request.headers);
    if (flow.request.body.kind === "whole") t.deepEqual(back?.request.body, flow.request.body);
    t.deepEqual(back?.response?.headers, flow.response?.headers);
    const { response } = flow;
    if (response?.body.kind === "whole" && response.statusCode >= 200 && response.statusCode !== 204 && response.statusCode !== 304) t.deepEqual(back?.response?.body, response.body);
    t.deepEqual(back?.websocket?.messages.length, flow.websocket?.messages.filter(({ dropped }) => !dropped).length);
  }), { numRuns: 150 });
});

test("a compressed body is decoded in the file and encoded when it is read", async (t) => {
  const flow = savedHttp({ responseHeaders: [["Content-Encoding", "gzip"]], answer: gzipSync("hello hello hello hello") });
  const text = await write(flow);
  t.regex(text, /hello hello hello hello/);
  t.deepEqual((await read(text)).flows[0]?.response, flow.response);
  const unknown = savedHttp({ responseHeaders: [["Content-Encoding", "magic"], ["X", "1"]], answer: "???" });
  t.deepEqual((await read(await write(unknown))).flows[0]?.response?.headers, [["X", "1"]]);
});

test("proxy credentials, dropped messages and TCP flows are not in a HAR file", async (t) => {
  const message = { fromClient: true, type: "text" as const, content: Buffer.from("secret"), timestamp: 1, injected: false, dropped: true };
  const text = await write(savedHttp({ status: 101, more: { websocket: { messages: [message], closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, leftOut: nothingLeftOut } } }));
  t.false(text.includes("secret"));
});

for (const [what, entry] of [
  ["nothing", null], ["a number", 1], ["no request", {}], ["no URL", { request: { method: "GET" } }], ["another scheme", { request: { method: "GET", url: "data:text/plain,x" } }],
  ["a method of two lines", { request: { method: "GET\r\nX: y", url: "http://a.example/" } }], ["a URL with a strange host", { request: { method: "GET", url: "http://a b/" } }],
] as const) {
  test(`no exchange, told and skipped: ${what}`, async (t) => {
    const { flows, problems } = await read(JSON.stringify({ log: { entries: [entry, { request: { method: "GET", url: "http://a.example/" } }] } }));
    t.is(flows.length, 1);
    t.deepEqual(problems, ["entry 1 is no HTTP exchange and is skipped"]);
  });
}

test("fields that would break a head are left out", async (t) => {
  const flow = await one({ request: { method: "GET", url: "http://a.example/", headers: [{ name: "X-A", value: "1\r\nX-B: 2" }, { name: "X C", value: "1" }, { name: "X-D", value: "\0" }, { name: "X-E", value: "\u20ac" }, { name: "x-f", value: 3 }] } });
  t.deepEqual(flow.request.headers, [["X-A", "1"], ["X-A", "X-B: 2"], ["X-E", "\xe2\x82\xac"], ["x-f", ""]]);
});

test("deep JSON and many entries are read within bounds", async (t) => {
  const deep = `{"log":{"entries":[${"[".repeat(100_000)}${"]".repeat(100_000)}]}}`;
  t.deepEqual((await read(deep)).problems, ["entry 1 is no HTTP exchange and is skipped"]);
  const many = `{"log":{"entries":[${"0,".repeat(100_001)}0]}}`;
  const { problems } = await read(many);
  t.is(problems.length, 100_001);
  t.regex(problems.at(-1) ?? "", /only the first 100000 entries are read; 2 are skipped/);
});
