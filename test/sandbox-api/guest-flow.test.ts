// What handlers do to flows and what the guest reports of it: each attribute's change, each refusal, atomicity, identity, waiting
// handlers, earlier addons' changes, connections, layers, TCP, streams. Tables of addon bodies and the changes they must give.
import test from "ava";
import { bundleGuest, guestRealm, sampleParts as part, type Answer, type GuestRealm, type Part } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const fields: readonly (readonly [string, string])[] = [["Host", "example.com:8080"], ["Accept", "a"], ["ACCEPT", "b"], ["Cookie", "k=v; l=w"], ["Content-Length", "9"], ["Authorization", "[withheld]"]];
const request = (): readonly Part[] => [part.flow(), part.client(), part.server(), part.request({ method: "POST", path: "/p?q=1&r=%20" }, fields), part.body("request", { raw: 0 })];
const realmWith = (body: string, event = "request"): Promise<GuestRealm> =>
  guestRealm(`import { Response, Headers, layers, ctx } from "flowcell"; const keep = {}; export const ${event} = (flow) => { ${body} };`, guest);
const failure = (answer: Answer): { readonly code: string; readonly message: string; readonly field?: string; readonly stack: string } => answer.value as never;

const changing: readonly (readonly [body: string, changes: unknown, bodies?: readonly string[]])[] = [
  ["flow.request.method = 'PATCH'", [["request.method", "PATCH"]]],
  ["flow.request.method = 'PATCH'; flow.request.method = 'POST'", null],
  ["flow.request.scheme = 'https'; flow.request.port = 443; flow.request.host = 'b.test'", [["request.scheme", "https"], ["request.host", "b.test"], ["request.port", 443]]],
  ["flow.request.path = '/\\u00e9\\udcff'", [["request.path", "/Ã©ÿ"]]],
  ["flow.request.url = 'https://[::1]:8443/x?y#z'", [["request.scheme", "https"], ["request.host", "::1"], ["request.port", 8443], ["request.path", "/x?y"]]],
  ["flow.request.query.set('q', 'ä &'); flow.request.query.append('s', '1')", [["request.path", "/p?q=%C3%A4+%26&r=%20&s=1"]]],
  ["flow.request.query.delete('q'); flow.request.query.delete('r')", [["request.path", "/p"]]],
  ["flow.request.cookies.set('k', 'x')", [["request.headers", [0, 1, 2, ["Cookie", "k=x; l=w"], 4, 5]]]],
  ["flow.request.cookies.delete('k'); flow.request.cookies.delete('l')", [["request.headers", [0, 1, 2, 4, 5]]]],
  ["flow.request.headers.set('accept', 'c')", [["request.headers", [0, ["Accept", "c"], 3, 4, 5]]]],
  ["flow.request.headers.set('accept', 'a')", [["request.headers", [0, 1, 3, 4, 5]]]],
  ["flow.request.headers.setAll('accept', ['b', 'a', 'c'])", [["request.headers", [0, ["Accept", "b"], ["ACCEPT", "a"], 3, 4, 5, ["accept", "c"]]]]],
  ["flow.request.headers.setAll('accept', ['a', 'b'])", null],
  ["flow.request.headers.append('X-New', ' v ')", [["request.headers", [[0, 6], ["X-New", "v"]]]]],
  ["flow.request.headers.insert(1, 'x', 'y')", [["request.headers", [0, ["x", "y"], 1, 2, 3, 4, 5]]]],
  ["flow.request.headers.delete('ACCEPT'); flow.request.headers.delete('nope'); flow.request.headers.delete('content-length')", [["request.headers", [0, 3, 4, 5]]]],
  ["flow.request.headers = [...flow.request.headers].reverse()", [["request.headers", [5, 4, 3, 2, 1, 0]]]],
  ["flow.request.headers = flow.request.headers", null],
  ["flow.request.headers = new Headers({ authorization: '[withheld]', Host: 'h' })", null, []],
  ["flow.request.trailers = { 'X-T': '1' }", [["request.trailers", [["X-T", "1"]]]]],
  ["flow.request.body = new Uint8Array([1, 2, 3]).subarray(1)", [["request.body", 0]], ["\u0002\u0003"]],
  ["flow.request.body = null", [["request.body", 0]], [""]],
  ["flow.request.text = 'tëxt'", [["request.body", 0]], ["tëxt"]],
  ["flow.request.content = 'one'; flow.request.body = new Uint8Array([50])", [["request.body", 0]], ["2"]],
  ["flow.request.headers.set('Content-Encoding', 'gzip'); flow.request.content = 'plain'", [["request.headers", [[0, 6], ["Content-Encoding", "gzip"]]], ["request.content", 0]], ["plain"]],
  ["flow.request.headers.set('content-type', 'text/plain; charset=latin1'); flow.request.text = 'é'", [["request.headers", [[0, 6], ["content-type", "text/plain; charset=latin1"]]], ["request.body", 0]], ["\ufffd"]],
  ["flow.request.urlencodedForm.set('a', 'b c')", [["request.headers", [0, 1, 2, 3, 4, 5, ["Content-Type", "application/x-www-form-urlencoded"]]], ["request.body", 0]], ["a=b+c"]],
  ["const b = new Uint8Array([65]); flow.request.body = b; b[0] = 66", [["request.body", 0]], ["A"]],
  ["flow.request.body[0] = 66", null],
  ["flow.request.stream = true", [["request.stream", true]]],
  ["flow.request.stream = (chunk) => chunk", [["request.stream", "function"]]],
  ["flow.marked = '\\u2603'; flow.comment = 'c'", [["flow.marked", "\u2603"], ["flow.comment", "c"]]],
  ["flow.kill(); flow.kill()", [["flow.kill", true]]],
  ["flow.intercept()", [["flow.intercept", true]]],
  ["flow.intercept(); flow.resume()", null],
  ["flow.response = Response.make(418, 'short', { 'X-A': ['1', '2'] }); flow.response.headers.append('b', 'c'); flow.response.reason = 'r'", [["response.make", { statusCode: 418, reason: "r", fields: [["X-A", "1"], ["X-A", "2"], ["b", "c"]], body: 0, encode: false }]], ["short"]],
  ["flow.response = Response.make(204)", [["response.make", { statusCode: 204, reason: "No Content", fields: [], body: null, encode: false }]]],
  ["flow.response = Response.make(200, 'x', { 'Content-Encoding': 'br' })", [["response.make", { statusCode: 200, reason: "OK", fields: [["Content-Encoding", "br"]], body: 0, encode: true }]], ["x"]],
  ["const r = Response.make(200); r.body = new Uint8Array([1]); r.headers.set('content-encoding', 'gzip'); flow.response = r", [["response.make", { statusCode: 200, reason: "OK", fields: [["content-encoding", "gzip"]], body: 0, encode: false }]], ["\u0001"]],
  ["try { flow.request.port = 0 } catch {} flow.comment = 'went on'", [["flow.comment", "went on"]]],
  ["flow.metadata.x = 1; return 5", null],
  ["const copy = flow.copy(); copy.request.path = '/other'; copy.kill(); copy.response = Response.make(200)", null],
];

changing.forEach(([body, changes, bodies = []], index) => {
  test(`change ${index}: ${body}`, async (t) => {
    const realm = await realmWith(body);
    const answer = realm.dispatch("request", 1, request(), [encode("body")]);
    if (body.includes("[withheld]")) return t.is(failure(answer).code, "permission");
    t.is(answer.status, changes === null ? 0 : 1, answer.raw);
    t.deepEqual(answer.value, changes);
    t.deepEqual(answer.attachments.map(decode), [...bodies]);
  });
});

const refused: readonly (readonly [body: string, field: string, code?: string])[] = [
  ["flow.request.method = 'BAD METHOD'", "request.method"], ["flow.request.method = 5", "request.method"],
  ["flow.request.scheme = 'ftp'", "request.scheme"],
  ["flow.request.host = 'a/b'", "request.host"], ["flow.request.host = ''", "request.host"],
  ["flow.request.port = 65536", "request.port"], ["flow.request.port = '80'", "request.port"],
  ["flow.request.path = 'x'", "request.path"], ["flow.request.path = '/a b'", "request.path"], ["flow.request.path = '/\\r\\nX: y'", "request.path"],
  ["flow.request.url = '/relative'", "request.url"], ["flow.request.url = 'http://user@h/'", "request.url"],
  ["flow.request.headers.set('a b', 'c')", "request.headers"], ["flow.request.headers.set('a', 'b\\r\\nc: d')", "request.headers"], ["flow.request.headers.append('a', 'b\\0')", "request.headers"],
  ["flow.request.headers.set('Content-Length', '3')", "request.headers"], ["flow.request.headers.append('transfer-encoding', 'chunked')", "request.headers"], ["flow.request.headers.append('Connection', 'x')", "request.headers"],
  ["flow.request.headers.insert(9, 'a', 'b')", "request.headers"], ["flow.request.headers.set('a', {})", "request.headers"],
  ["flow.request.headers.set('authorization', 'x')", "request.headers", "permission"], ["flow.request.headers.delete('authorization')", "request.headers", "permission"],
  ["flow.request.body = 'text'", "request.body"], ["flow.request.body = [1]", "request.body"], ["flow.request.content = 5", "request.content"], ["flow.request.text = 5", "request.text"],
  ["flow.request.stream = 'yes'", "request.stream"],
  ["flow.request.cookies.set('a', 'b; c')", "request.cookies"],
  ["flow.response = { statusCode: 200 }", "flow.response"], ["flow.response = null", "flow.response"],
  ["Response.make(101)", "response.statusCode"], ["Response.make(600)", "response.statusCode"], ["Response.make(200, 5)", "response.content"], ["Response.make(200, '', { 'content-length': '1' })", "response.headers"],
  ["flow.marked = 5", "flow.marked"], ["flow.comment = null", "flow.comment"],
  ["flow.serverConn.address = { host: 'h', port: 1 }", "server.address"],
  ["flow.request.content = new Uint8Array(2e6)", "", "mutation-too-large"],
];

refused.forEach(([body, field, code = "illegal-change"], index) => {
  test(`refusal ${index}: ${body}`, async (t) => {
    const realm = await realmWith(`flow.comment = "lost"; ${body};`);
    const answer = realm.dispatch("request", 1, request(), [encode("body")]);
    t.is(answer.status, 3);
    t.is(failure(answer).code, code);
    t.is(failure(answer).field, field);
    t.regex(failure(answer).stack, /addon\.js/, "the stack points into the author's code");
  });
});

test("the later events refuse what has left already, and name the event", async (t) => {
  const realm = await guestRealm("export function response(flow) { flow.request.path = '/late'; } export function request(flow) { flow.request.method = 'X'; }", guest);
  const late = realm.dispatch("response", 1, [...request(), part.response()], [encode("b")]);
  t.regex(failure(late).message, /request\.path cannot be changed in the event "response"/);
  const streamed = realm.dispatch("request", 2, [part.flow(), part.request(), part.body("request", { streamed: true })]);
  t.regex(failure(streamed).message, /streamed/);
});

test("a call that fails leaves everything as it was; metadata is the author's own", async (t) => {
  const realm = await guestRealm(`
    import { Response } from "flowcell";
    export function request(flow) {
      const { request } = flow; flow.metadata.n = 1; request.method = "PUT"; request.path = "/new"; request.headers.set("x", "y"); request.text = "new"; request.trailers = { t: "1" };
      request.stream = true; flow.marked = "m"; flow.kill(); flow.response = Response.make(200); throw new Error("no");
    }
    export function responseheaders(flow) {
      const { request } = flow;
      flow.comment = JSON.stringify([request.method, request.path, request.headers.has("x"), request.text, request.trailers, request.stream, flow.marked, flow.live, flow.response, flow.metadata.n]);
    }`, guest);
  t.is(realm.dispatch("request", 1, request(), [encode("old")]).status, 3);
  t.deepEqual(realm.dispatch("responseheaders", 1, []).value, [["flow.comment", JSON.stringify(["POST", "/p?q=1&r=%20", false, "old", null, false, "", true, null, 1])]]);
});

test("an addon sees its own changes in later events, and refers to the list as it then was", async (t) => {
  const realm = await guestRealm(`
    let first = true;
    export function requestheaders(flow) { flow.request.headers.set("accept", "z"); flow.request.method = "PUT"; }
    export function request(flow) { flow.request.headers.append("x-seen", flow.request.headers.get("accept") + flow.request.method); }`, guest);
  t.deepEqual(realm.dispatch("requestheaders", 1, request(), [encode("b")]).value, [["request.method", "PUT"], ["request.headers", [0, ["Accept", "z"], 3, 4, 5]]]);
  t.deepEqual(realm.dispatch("request", 1, []).value, [["request.headers", [0, 1, 2, 3, 4, ["x-seen", "zPUT"]]]]);
  t.deepEqual(realm.dispatch("request", 1, [part.request({}, [["Accept", "again"]])]).value, [["request.headers", [[0, 1], ["x-seen", "againGET"]]]]);
});

test("one flow is one object for as long as it lives", async (t) => {
  const realm = await guestRealm(`
    const known = new Map(); const weak = new WeakMap();
    export function request(flow) { known.set(flow, flow.request); weak.set(flow.request.headers, 1); flow.mine = 1; }
    export function response(flow) { flow.comment = [known.get(flow) === flow.request, weak.has(flow.request.headers), flow.mine, flow.clientConn === flow.clientConn, known.size].join(); }`, guest);
  realm.dispatch("request", 1, request(), [encode("b")]);
  realm.dispatch("request", 2, request(), [encode("b")]);
  t.deepEqual(realm.dispatch("response", 1, [part.response()]).value, [["flow.comment", "true,true,1,true,2"]]);
  t.deepEqual(realm.dispatch("response", 1, [...request(), part.response()], [encode("b")], "1,2").value, [["flow.comment", "false,false,,true,2"]]);
});

test("several handlers wait at once, each with its own draft", async (t) => {
  const realm = await guestRealm(`
    const waiting = [];
    export async function request(flow) { flow.request.method = "A" + flow.request.port; await new Promise((resolve) => waiting.push(resolve)); flow.request.path = "/after"; }
    export async function response(flow) { flow.comment = "half"; await null; throw new TypeError("late"); }
    export function tick() { for (const resolve of waiting.splice(0)) resolve(); }`, guest);
  const first = realm.dispatch("request", 1, [part.flow(), part.request({ port: 1 })]);
  const second = realm.dispatch("request", 2, [part.flow(), part.request({ port: 2 })]);
  t.deepEqual([first.status, second.status], [2, 2]);
  const third = realm.dispatch("response", 3, [part.flow(), part.response()]);
  t.is(third.status, 2);
  t.deepEqual({ ...(await realm.settled(3)).value as object, stack: "" }, { code: "threw", message: "TypeError: late", stack: "" });
  realm.dispatch("tick", 0, []);
  t.deepEqual((await realm.settled(1)).value, [["request.method", "A1"], ["request.path", "/after"]]);
  t.deepEqual((await realm.settled(2)).value, [["request.method", "A2"], ["request.path", "/after"]]);
  t.is(realm.posted.filter(({ kind }) => kind === "settled").length, 3, "each call settles once");
});

test("a hostile thenable settles once and cannot answer for another call", async (t) => {
  const realm = await guestRealm(`export function request() { return { then(resolve, reject) { resolve(1); reject(2); resolve(3); throw 4; } }; }`, guest);
  t.is(realm.dispatch("request", 1, request(), [encode("b")]).status, 2);
  t.is((await realm.settled()).raw, "0");
  t.is(realm.posted.length, 1);
});

test("outside its events a flow cannot be changed, and says so", async (t) => {
  const realm = await guestRealm(`
    let kept; const out = [];
    const attempt = (change) => { try { change(); return "done"; } catch (e) { return e.message; } };
    export function request(flow) { kept = flow; }
    export function tick() { console.log(attempt(() => { kept.request.path = "/x"; }), attempt(() => kept.kill()), attempt(() => kept.request.headers.set("a", "b")), kept.request.path); }`, guest);
  realm.dispatch("request", 1, request(), [encode("b")]);
  realm.dispatch("tick", 0, []);
  const { msg } = JSON.parse(realm.posted[0]?.text ?? "{}") as { msg: string };
  t.is(msg.match(/can only be changed while an event/g)?.length, 2, msg);
});

test("an intercepted flow may be resumed outside its events, once", async (t) => {
  const realm = await guestRealm(`
    let kept; export function request(flow) { kept = flow; flow.intercept(); }
    export function tick() { kept.resume(); kept.resume(); console.log(kept.intercepted); }`, guest);
  t.deepEqual(realm.dispatch("request", 7, request(), [encode("b")]).value, [["flow.intercept", true]]);
  t.is(realm.dispatch("tick", 0, []).raw, "0");
  t.deepEqual(realm.posted.map(({ text }) => JSON.parse(text) as unknown), [{ call: "flow.resume", key: 7 }, { call: "log", level: "info", msg: "false" }]);
});

test("changes of addons before this one are seen, not reported, and not rolled back", async (t) => {
  const realm = await guestRealm(`
    export function request(flow) { flow.request.headers.append("x", [flow.request.method, flow.request.headers.get("p"), flow.marked, flow.live].join()); }
    export function requestheaders(flow) { flow.request.method = "MINE"; throw 1; }
    export function error(flow) { flow.comment = flow.request.method + flow.response.statusCode + flow.response.text; }`, guest);
  const patch: Part = ["patch", JSON.stringify([[["request.method", "PUT"], ["request.headers", [1, ["p", "1"]]]], [["request.headers", [1, 0]], ["flow.marked", "m"], ["flow.kill", true]]])];
  t.deepEqual(realm.dispatch("request", 1, [...request(), patch], [encode("b")]).value, [["request.headers", [0, 1, ["x", "PUT,1,m,false"]]]]);
  t.is(realm.dispatch("requestheaders", 1, [["patch", JSON.stringify([[["request.method", "TWO"]]])]]).status, 3);
  const made: Part = ["patch", JSON.stringify([[["response.make", { statusCode: 201, reason: "", fields: [], body: 0, encode: false }]]])];
  t.deepEqual(realm.dispatch("error", 1, [made], [encode("made")]).value, [["flow.comment", "TWO201made"]]);
});

test("a response kept by the author may be given to many flows", async (t) => {
  const realm = await guestRealm(`
    import { Response } from "flowcell";
    const blocked = Response.make(403, "no", { a: "1" });
    export function request(flow) { flow.response = blocked; if (flow.response !== blocked) throw 1; }
    export function response(flow) { flow.response.headers.append("b", "2"); }`, guest);
  const made = [["response.make", { statusCode: 403, reason: "Forbidden", fields: [["a", "1"]], body: 0, encode: false }]];
  t.deepEqual(realm.dispatch("request", 1, request(), [encode("b")]).value, made);
  t.deepEqual(realm.dispatch("response", 1, []).value, [["response.headers", [0, ["b", "2"]]]]);
  t.deepEqual(realm.dispatch("request", 2, request(), [encode("b")]).value, made);
});

const layer = (name: string): readonly Part[] => [["layer", JSON.stringify({ name, dataClient: 0, clientHello: { sni: "s", alpnProtocols: ["h2"], cipherSuites: [1] } })], part.client(), part.server()];
for (const [body, expected] of [["return layers.tcp()", [["layer.replace", "tcp"]]], ["", null], ["return layers.close()", [["layer.replace", "close"]]], ["return {}", "illegal-change"], ["return 'tcp'", "illegal-change"], ["return null", "illegal-change"]] as const) {
  test(`next_layer: ${body || "nothing"}`, async (t) => {
    const answer = (await realmWith(body, "next_layer")).dispatch("next_layer", 3, layer("tls"), [encode("hello")]);
    if (typeof expected === "string") t.is(failure(answer).code, expected);
    else t.deepEqual(answer.value, expected);
  });
}

test("connections: addresses, via, kills, and reading", async (t) => {
  const realm = await guestRealm(`
    export function clientconnect(root) { root.serverConn.address = { host: "preset", port: 9 }; root.kill(); root.kill(); console.log(root.live, root.mode, root.clientConn.address.host); }
    export function serverconnect(server) { server.via = { scheme: "http", host: "up", port: 3128 }; server.kill(); if (server.address.port !== 80) throw 1; }
    export function next_layer(layer) { console.log(layer.name, layer.dataClient.length, layer.clientHello.sni); }
    export function clientdisconnect(root) { root.kill(); }`, guest);
  const root: Part = ["root", JSON.stringify({ mode: "regular", live: true })];
  t.deepEqual(realm.dispatch("clientconnect", 1, [root, part.client(), part.server({ address: null })]).value, [["server.address", { host: "preset", port: 9 }], ["client.kill", true]]);
  t.deepEqual(realm.dispatch("serverconnect", 2, [part.server()]).value, [["server.via", { scheme: "http", host: "up", port: 3128 }], ["server.kill", true]]);
  t.is(realm.dispatch("next_layer", 3, layer("tls"), [encode("hello")]).raw, "0");
  t.is(realm.dispatch("clientdisconnect", 1, []).raw, "0");
  t.deepEqual(realm.posted.map(({ text }) => (JSON.parse(text) as { msg: string }).msg), ["false regular 127.0.0.1", "tls 5 s"]);
});

test("tcp: history, the newest message can be changed, older ones not", async (t) => {
  const realm = await guestRealm(`
    export function tcp_start(flow) { if (flow.messages.length) throw 1; }
    export function tcp_message(flow) {
      const last = flow.messages.at(-1);
      if (last.text === "old") flow.messages[0].content = "no";
      last.content = last.text + flow.messages.length + last.fromClient;
    }`, guest);
  const message = (fromClient: boolean): Part => ["message", JSON.stringify({ fromClient, timestamp: 1, content: 0 })];
  realm.dispatch("tcp_start", 1, [part.flow({ type: "tcp" })]);
  t.deepEqual(realm.dispatch("tcp_message", 1, [message(true)], [encode("a")]).attachments.map(decode), ["a1true"]);
  t.deepEqual(realm.dispatch("tcp_message", 1, [message(false)], [encode("b")]).attachments.map(decode), ["b2false"]);
  t.regex(failure(realm.dispatch("tcp_message", 1, [message(false)], [encode("old")])).message, /newest/);
  for (let index = 0; index < 300; index++) realm.dispatch("tcp_message", 1, [message(true)], [encode("x")]);
  const kept = Number(/^y(\d+)true$/.exec(decode(realm.dispatch("tcp_message", 1, [message(true)], [encode("y")]).attachments[0]))?.[1]);
  t.true(kept >= 128 && kept <= 256, `history is bounded: ${kept}`);
});

for (const [body, chunks] of [["c => c", ["in"]], ["c => [c, 'x']", ["in", "x"]], ["c => null", []], ["c => {}", []], ["c => ''", [""]], ["async c => [c]", ["in"]], ["function* (c) { yield c; yield 'z'; }", ["in", "z"]], ["c => 5", null], ["c => { throw 1 }", null], ["true", ["in"]]] as const) {
  test(`stream: ${body}`, async (t) => {
    const realm = await realmWith(`flow.response.stream = ${body}`, "responseheaders");
    realm.dispatch("responseheaders", 1, [part.flow(), part.response()]);
    let answer = realm.dispatch("stream", 1, [["chunk", JSON.stringify({ of: "response", content: 0 })]], [encode("in")]);
    if (answer.status === 2) answer = await realm.settled();
    if (chunks === null) return t.is(answer.status, 3);
    t.deepEqual(answer.value, [["stream.chunks", chunks.map((_, index) => index)]]);
    t.deepEqual(answer.attachments.map(decode), [...chunks]);
  });
}

test("reading: every form of the parts", async (t) => {
  const realm = await guestRealm(`export function request({ request, clientConn, serverConn, ...rest }) { const r = request;
    console.log(JSON.stringify([r.url, r.prettyHost, r.prettyUrl, r.authority, r.httpVersion, r.headers.get("accept"), r.headers.getAll("accept"), [...r.query], [...r.cookies.keys()], r.body.length, r.json(), r.urlencodedForm.size, r.headers.has("x"), r.truncated])) }`, guest, { ...{ name: "n", file: "f" }, limits: { mutationBytes: 1e6, logLineBytes: 9_999 } });
  realm.dispatch("request", 1, request(), [encode(`{"a":1}`)]);
  const { msg } = JSON.parse(realm.posted[0]?.text ?? "{}") as { msg: string };
  t.deepEqual(JSON.parse(msg), ["http://example.com/p?q=1&r=%20", "example.com", "http://example.com/p?q=1&r=%20", "", "HTTP/1.1", "a, b", ["a", "b"], [["q", "1"], ["r", " "]], ["k", "l"], 7, { a: 1 }, 0, false, false]);
});

test("a multipart form is read", async (t) => {
  const realm = await realmWith(`console.log(JSON.stringify([...flow.request.multipartForm].map((p) => [p.name, p.filename, p.contentType, new TextDecoder().decode(p.content)])))`);
  const form = `--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\ntwo\r\n\r\n--B--\r\n`;
  realm.dispatch("request", 1, [part.flow(), part.request({}, [["Content-Type", "multipart/form-data; boundary=B"]]), part.body("request", { raw: 0 })], [encode(form)]);
  t.deepEqual(JSON.parse((JSON.parse(realm.posted[0]?.text ?? "{}") as { msg: string }).msg), [["a", null, null, "one"], ["f", "x.txt", "text/plain", "two\r\n"]]);
});
