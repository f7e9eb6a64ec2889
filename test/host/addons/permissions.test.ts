// Permissions with everything real behind the gate: what an addon was not granted it neither sees nor changes, by itself or through
// its neighbours in a chain, and every grant that a test takes away makes that test's deed fail.
import test from "ava";
import zlib from "node:zlib";
import { changeTable } from "../../../sandbox-api/schema/changes.ts";
import type { HeldEvent } from "../../../sandbox-api/schema/events.ts";
import { permissionNames, type PermissionName } from "../../../sandbox-api/schema/permissions.ts";
import type { GateSubject, SubjectOf } from "../../../host/flows/gate.ts";
import { useCells } from "../../helpers/addon-stage.ts";
import { linesOf, makeHttpFlow, makeLayer, makeRequest, makeResponse, makeRoot, makeServer, makeTcpFlow, makeWebSocketFlow } from "../../helpers/flows.ts";

const cells = useCells(test);
const asks = (...names: readonly PermissionName[]): string => {
  const of = (prefix: string): string => JSON.stringify(names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)));
  return `{ read: ${of("read:")}, write: ${of("write:")}, act: ${of("act:")}, headers: ${of("header:")} }`;
};
const addon = (permissions: readonly PermissionName[], body: string, extra = ""): string =>
  `import { Response, layers, flowfilter } from "flowcell"; export const manifest = { permissions: ${asks(...permissions)}, ${extra} };\n${body}`;

interface Deed {
  readonly event: HeldEvent;
  readonly does: string;
  readonly needs: PermissionName;
  /** What else it takes, e.g. to be told of the event. */
  readonly with: readonly PermissionName[];
  readonly subject: () => GateSubject;
  readonly isDone: (subject: never) => boolean;
}
const http = (): ReturnType<typeof makeHttpFlow> => makeHttpFlow(makeRequest(undefined, Buffer.from("question")), makeResponse(undefined, Buffer.from("answer")));
const asked = (): ReturnType<typeof makeHttpFlow> => makeHttpFlow(makeRequest(undefined, Buffer.from("question")));
type Http = ReturnType<typeof makeHttpFlow>;
const deeds: readonly Deed[] = [
  { event: "request", does: "flow.request.method = 'PUT'", needs: "write:request", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.request.method === "PUT" },
  { event: "request", does: "flow.request.headers.set('x', 'y')", needs: "write:request", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.request.headers.has("x") },
  { event: "request", does: "flow.request.body = new Uint8Array(3)", needs: "write:request.body", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.request.body.raw?.length === 3 },
  { event: "request", does: "flow.request.text = 'new'", needs: "write:request.body", with: ["read:request.body"], subject: asked, isDone: (flow: Http) => flow.request.body.raw?.toString() === "new" },
  { event: "request", does: "flow.request.host = 'other.example'", needs: "act:redirect", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.request.host === "other.example" },
  { event: "request", does: "flow.response = Response.make(204)", needs: "act:respond", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.response?.statusCode === 204 },
  { event: "request", does: "flow.kill()", needs: "act:kill", with: ["read:request"], subject: asked, isDone: (flow: Http) => !flow.live },
  { event: "requestheaders", does: "flow.request.stream = true", needs: "write:request.body", with: ["read:request"], subject: () => makeHttpFlow(), isDone: (flow: Http) => flow.request.stream === true },
  { event: "requestheaders", does: "flow.request.stream = (chunk) => chunk", needs: "read:request.body", with: ["read:request", "write:request.body"], subject: () => makeHttpFlow(), isDone: (flow: Http) => typeof flow.request.stream === "function" },
  { event: "response", does: "flow.response.statusCode = 404", needs: "write:response", with: ["read:response"], subject: http, isDone: (flow: Http) => flow.response?.statusCode === 404 },
  { event: "response", does: "flow.response.content = 'new'", needs: "write:response.body", with: ["read:response.body"], subject: http, isDone: (flow: Http) => flow.response?.body.raw?.toString() === "new" },
  { event: "responseheaders", does: "flow.response.stream = (chunk) => chunk", needs: "read:response.body", with: ["read:response", "write:response.body"], subject: () => makeHttpFlow(makeRequest(), makeResponse()), isDone: (flow: Http) => typeof flow.response?.stream === "function" },
  { event: "request", does: "flow.intercept(); setTimeout(() => flow.resume(), 20)", needs: "act:intercept", with: ["read:request"], subject: asked, isDone: (flow: Http) => flow.history.some(({ changes }) => changes.some(({ address }) => address === "flow.intercept")) },
  { event: "tcp_message", does: "flow.messages.at(-1).content = 'new'", needs: "write:tcp", with: ["read:tcp"], subject: () => makeTcpFlow(), isDone: (flow: ReturnType<typeof makeTcpFlow>) => flow.message?.content.toString() === "new" },
  { event: "websocket_message", does: "flow.websocket.messages.at(-1).content = 'new'", needs: "write:websocket", with: ["read:websocket"], subject: () => makeWebSocketFlow(), isDone: (flow: Http) => flow.webSocket?.message?.content.toString() === "new" },
  { event: "websocket_message", does: "flow.websocket.messages.at(-1).drop()", needs: "write:websocket", with: ["read:websocket"], subject: () => makeWebSocketFlow(), isDone: (flow: Http) => flow.webSocket?.message?.dropped === true },
  { event: "websocket_message", does: "flow.websocket.inject(true, 'new')", needs: "act:inject", with: ["read:websocket"], subject: () => makeWebSocketFlow(), isDone: (flow: Http) => flow.webSocket?.injections.length === 1 },
  { event: "serverconnect", does: "flow.address = { host: '127.0.0.9', port: 9 }", needs: "act:redirect", with: ["read:connection"], subject: () => makeServer(), isDone: (server: ReturnType<typeof makeServer>) => server.address?.port === 9 },
  { event: "serverconnect", does: "flow.via = { scheme: 'http', host: 'proxy.example', port: 3128 }", needs: "act:redirect", with: ["read:connection"], subject: () => makeServer(), isDone: (server: ReturnType<typeof makeServer>) => server.via !== null },
  { event: "serverconnect", does: "flow.kill()", needs: "act:kill", with: ["read:connection"], subject: () => makeServer(), isDone: (server: ReturnType<typeof makeServer>) => server.killed },
  { event: "clientconnect", does: "flow.kill()", needs: "act:kill", with: ["read:connection"], subject: () => makeRoot(), isDone: (root: ReturnType<typeof makeRoot>) => root.killed },
  { event: "next_layer", does: "return layers.close()", needs: "act:layer", with: ["read:connection"], subject: () => makeLayer(), isDone: (layer: ReturnType<typeof makeLayer>) => layer.replacement === "close" },
];
deeds.forEach((deed, index) => {
  test.serial(`${deed.event}: ${deed.does} needs ${deed.needs}`, async (t) => {
    const source = (permissions: readonly PermissionName[]): string => addon(permissions, `export function ${deed.event}(flow) { ${deed.does} }`);
    const run = async (permissions: readonly PermissionName[]): Promise<{ readonly isDone: boolean; readonly msg: string }> => {
      const { host, records } = await cells.stage(t, { [`deed${index}`]: source(permissions) });
      const subject = deed.subject();
      await host.gate.held(deed.event, subject as SubjectOf<typeof deed.event>);
      await host.close();
      return { isDone: deed.isDone(subject as never), msg: records.filter(({ fields }) => fields["fault"] !== undefined).map(({ msg }) => msg).join("\n") };
    };
    t.deepEqual(await run([...deed.with, deed.needs]), { isDone: true, msg: "" });
    const without = await run(deed.with);
    t.false(without.isDone);
    t.regex(without.msg, new RegExp(`did something it was not granted: .*${deed.needs.replace(".", "\\.")}`));
  });
});

test("every change that needs a permission is tried above", (t) => {
  const tried = new Set(deeds.map(({ needs }) => needs));
  t.deepEqual([...new Set(Object.values(changeTable).flatMap(({ needs }) => (needs === null ? [] : [needs])))].filter((name) => !tried.has(name)), []);
});

const looks: readonly (readonly [needs: PermissionName, expression: string, seen: string, given: readonly PermissionName[]])[] = [
  ["read:request", "flow.request.path", "/path", ["read:response"]], ["read:request", "flow.request.headers.get('host')", "example.com", ["read:response"]],
  ["read:request.body", "flow.request.text", "question", ["read:request", "read:response"]],
  ["read:response", "flow.response.statusCode", "200", ["read:request", "read:response.body"]], ["read:response.body", "flow.response.text", "answer", ["read:response"]],
  ["read:connection", "flow.clientConn.address.host", "127.0.0.1", ["read:response"]], ["read:connection", "flow.serverConn.address.host", "example.com", ["read:response"]], ["read:connection", "flow.serverConn.sni", "null", ["read:response"]],
  ["header:cookie", "flow.request.headers.get('cookie')", "c00kie", ["read:request", "read:response"]], ["header:authorization", "flow.request.headers.get('authorization')", "s3cret", ["read:request", "read:response"]],
  ["header:proxy-authorization", "flow.request.headers.get('proxy-authorization')", "pr0xy", ["read:request", "read:response"]], ["header:set-cookie", "flow.response.headers.getSetCookie().join()", "n3w", ["read:response"]],
];
test.serial("what is granted is seen, what is not is absent or withheld, in every way to look", async (t) => {
  const flow = (): Http => makeHttpFlow(
    makeRequest([["Host", "example.com"], ["Cookie", "c00kie"], ["Authorization", "s3cret"], ["Proxy-Authorization", "pr0xy"]], Buffer.from("question")), makeResponse([["Set-Cookie", "n3w"]], Buffer.from("answer")));
  for (const [needs, expression, seen, given] of looks) {
    const look = (permissions: readonly PermissionName[]): string => addon(permissions, `export function response(flow) { let seen; try { seen = String(${expression}); } catch (error) { seen = error.message; } console.log("saw " + seen + " in " + JSON.stringify(flow.copy() !== null)); }`);
    const { host, records } = await cells.stage(t, { granted: look([...given, needs]), denied: look(given) });
    await host.gate.held("response", flow());
    await host.close();
    const [granted = "", denied = ""] = ["granted", "denied"].map((name) => records.find(({ msg, fields }) => fields["addon"] === name && msg.includes("saw "))?.msg ?? "");
    t.true(granted.includes(`saw ${seen} in`), `${expression}: ${granted}`);
    t.false(denied.includes(seen) && seen !== "null", `${expression}: ${denied}`);
    t.regex(denied, needs.startsWith("header:") ? /\[withheld\]/ : needs.endsWith(".body") ? /saw null/ : /has not been granted read:/, expression);
  }
});

test.serial("events about nothing that is granted are not delivered, and the operator is told", async (t) => {
  const everything = ["clientconnect", "next_layer", "serverconnect", "http_connect", "requestheaders", "request", "responseheaders", "response", "error", "tcp_start", "tcp_message"];
  const { host, records } = await cells.stage(t, { deaf: addon(["read:response", "write:request", "act:kill"], everything.map((event) => `export function ${event}(flow) { console.log("${event}"); flow.kill?.(); }`).join("\n")) });
  t.deepEqual([...host.addons()[0]?.handlers ?? []].sort(), ["error", "response", "responseheaders"]);
  for (const event of ["clientconnect", "next_layer", "serverconnect", "request", "tcp_message"] as const) t.false(host.gate.wants(event, "example.com"), event);
  t.true(records.some(({ msg }) => /handles .*clientconnect.*tcp_message but may read nothing/.test(msg)), records.map(({ msg }) => msg).join("\n"));
});

test.serial("a withheld header keeps its value, its place and its number, whatever is tried", async (t) => {
  const tries = [
    "flow.request.headers.set('Cookie', 'mine')", "flow.request.headers.delete('cookie')", "flow.request.headers.append('COOKIE', 'more')", "flow.request.headers.insert(0, 'cookie', 'first')",
    "flow.request.headers = [['Host', 'example.com'], ['X', '1']]", "flow.request.headers = [...flow.request.headers, ['Cookie', '[withheld]']]", "flow.request.cookies.set('a', 'b')", "flow.request.headers.setAll('cookie', ['a', 'b'])",
  ];
  for (const deed of tries) {
    const { host, records } = await cells.stage(t, { thief: addon(["read:request", "write:request"], `export function request(flow) { flow.request.headers.set("x-mark", "1"); ${deed}; }`) });
    const flow = makeHttpFlow(makeRequest([["Host", "example.com"], ["Cookie", "k=real"], ["Accept", "*/*"]]));
    await host.gate.held("request", flow);
    await host.close();
    t.deepEqual(linesOf(flow.request), ["Host: example.com", "Cookie: k=real", "Accept: */*"], deed);
    t.true(records.some(({ fields }) => fields["fault"] === "permission"), deed);
  }
  const { host } = await cells.stage(t, { honest: addon(["read:request", "write:request"], `export function request(flow) { flow.request.headers = [...flow.request.headers].reverse(); flow.request.headers.set("accept", "text/html"); }`) });
  const flow = makeHttpFlow(makeRequest([["Host", "example.com"], ["cOOkie", "k=real"], ["Accept", "*/*"]]));
  await host.gate.held("request", flow);
  t.deepEqual(linesOf(flow.request), ["Accept: text/html", "cOOkie: k=real", "Host: example.com"]);
});

test.serial("a response of an addon's own cannot set a withheld header", async (t) => {
  const { host, records } = await cells.stage(t, { setter: addon(["read:request", "act:respond"], `export function request(flow) { flow.response = Response.make(200, "x", { "Set-Cookie": "a=b" }); }`) });
  const flow = asked();
  await host.gate.held("request", flow);
  t.is(flow.response, null);
  t.true(records.some(({ msg }) => /header:set-cookie/.test(msg)));
});

test.serial("a chain never tells an addon what another made of a part that it may not see", async (t) => {
  const spy = "export function request(flow) { let text = ''; for (const look of [() => flow.request.host, () => flow.request.path, () => flow.response?.statusCode, () => flow.response?.text, () => flow.request.headers.get('cookie'), () => flow.clientConn.sni, () => flow.request.text]) { try { text += String(look()) + '|'; } catch { text += 'absent|'; } } console.log('saw ' + text); }";
  const everything = permissionNames.map((name) => name);
  const { host, records } = await cells.stage(t, {
    first: addon(["read:request.body", "write:request", "act:redirect", "act:respond"], "export function request(flow) { flow.response = Response.make(299, 'secret-body'); }"),
    second: addon(["read:request.body"], spy),
    third: addon(everything, "export function request(flow) { flow.request.headers.set('cookie', 'secret-cookie'); flow.request.path = '/seen'; }"),
    fourth: addon(["read:request"], spy),
  });
  const flow = asked();
  await host.gate.held("request", flow);
  const saw = (name: string): string => records.find(({ msg, fields }) => fields["addon"] === name && msg.includes("saw "))?.msg ?? "";
  t.true(saw("second").includes("saw absent|absent|undefined|undefined|absent|absent|question|"), saw("second"));
  t.true(saw("fourth").includes("saw example.com|/seen|undefined|undefined|[withheld]|absent|null|"), saw("fourth"));
  t.is(flow.response?.statusCode, 299);
  t.deepEqual(flow.history.map(({ addon: name, failed }) => [name, failed]), [["first", null], ["third", null]]);
});

test.serial("hosts and filter are looked at as those before left the flow", async (t) => {
  const mark = (name: string): string => `export function request(flow) { flow.request.headers.append("x-by", "${name}"); }`;
  const all: readonly PermissionName[] = ["read:request", "write:request", "act:redirect"];
  const { host } = await cells.stage(t, {
    mover: addon(all, "export function request(flow) { if (flow.request.path === '/move') { flow.request.host = 'b.example'; flow.request.path = '/moved'; } flow.request.headers.append('x-by', 'mover'); }"),
    onlyA: addon(all, mark("a"), 'hosts: ["example.com"]'), onlyB: addon(all, mark("b"), 'hosts: ["b.example"]'),
    moved: addon(all, mark("moved"), 'filter: "~u /moved$"'), post: addon(all, mark("post"), 'filter: "~m ^post$ & ! ~d b.example"'),
  });
  const through = async (path: string, method: string): Promise<readonly string[]> => {
    const flow = makeHttpFlow();
    flow.request.path = path;
    flow.request.method = method;
    await host.gate.held("request", flow);
    return flow.request.headers.getAll("x-by");
  };
  t.deepEqual(await through("/stay", "GET"), ["mover", "a"]);
  t.deepEqual(await through("/move", "GET"), ["mover", "b", "moved"]);
  t.deepEqual(await through("/stay", "POST"), ["mover", "a", "post"]);
});

test.serial("a filter sees no more than the addon, decoded bodies included, and costs nothing where it does not match", async (t) => {
  const say = (events: readonly string[]): string => events.map((event) => `export function ${event}() { console.log("called"); }`).join("\n");
  const all = permissionNames.map((name) => name);
  const { host, records } = await cells.stage(t, {
    body: addon(all, say(["response"]), 'filter: "~bs secret-word"'), blind: addon(["read:response"], say(["response"]), 'filter: "~bs secret-word"'),
    cookie: addon(["read:request"], say(["request"]), 'filter: "~hq c00kie"'), type: addon(["read:response", "read:request"], say(["request", "response"]), 'filter: "~ts text/html"'),
    source: addon(["read:request"], say(["request"]), 'filter: "~src 127"'),
  });
  const flow = makeHttpFlow(makeRequest([["Host", "example.com"], ["Cookie", "c00kie"]]));
  t.is(host.gate.held("request", flow), null);
  flow.response = makeResponse([["Content-Type", "text/html"], ["Content-Encoding", "gzip"]], zlib.gzipSync("a secret-word"));
  await host.gate.held("response", flow);
  t.deepEqual(records.filter(({ msg }) => msg.includes("called")).map(({ fields }) => fields["addon"]), ["body", "type"]);
  const other = makeHttpFlow(makeRequest(), makeResponse([["Content-Type", "text/css"]], Buffer.from("nothing")));
  t.is(host.gate.held("response", other), null);
});

test.serial("a filter that takes too long is given up, by the addon's failure policy, and is paid from its budget", async (t) => {
  const { host, records } = await cells.stage(t, {
    slow: addon(permissionNames.map((name) => name), "export function response() {}", `filter: "~bs 'a(?:a|b){250}c'", failure: "closed"`),
  });
  let text = "";
  for (let index = 0, seed = 1; index < 100_000; index++, seed = (seed * 48_271) % 2_147_483_647) text += seed % 3 === 0 ? "a" : "b";
  const flow = makeHttpFlow(makeRequest(), makeResponse(undefined, Buffer.from(text)));
  const began = performance.now();
  await host.gate.held("response", flow);
  t.true(performance.now() - began < 10_000);
  t.is(flow.refusal?.fault.code, "cpu-budget");
  t.true(records.some(({ msg }) => msg.includes("its filter takes too long")));
});

test.serial("flowfilter inside the isolate means what a manifest's filter means", async (t) => {
  const { host, records } = await cells.stage(t, {
    asks: addon(permissionNames.map((name) => name), `const of = (text) => { try { return flowfilter.parse(text); } catch (error) { return { matches: () => error.message }; } };
      export function response(flow) { flow.metadata.note = "mine"; console.log(["~d example.com$", "~u https://example.com/path", "~c 200 & ~m get", "~bs answer ~bq question", "~ts html", "~src 127 | ~dst nothing", "~meta mine", "~q", "~s", "~http", "!~tcp", "~hs ^content-type:.text", "~u a[b"].map((text) => of(text).matches(flow)).join()); }`),
  });
  await host.gate.held("response", http());
  t.true(records.some(({ msg }) => msg.includes("true,true,true,true,false,true,true,false,true,true,true,true,flowfilter.parse: there is a \"[\" without \"]\" (column 5)")), records.map(({ msg }) => msg).join("\n"));
});

test.serial("the operator's rules narrow and widen what a manifest asks for", async (t) => {
  const grants = new Map([["narrow", [{ kind: "remove", permissions: ["write:request"] }] as const], ["wide", [{ kind: "add", permissions: ["write:request"] }] as const], ["none", [{ kind: "none" }] as const], ["there", [{ kind: "host", pattern: "other.example" }] as const]]);
  const mark = "export function request(flow) { flow.request.headers.append('x-by', 'me'); }";
  const count = async (name: string, source: string): Promise<number> => {
    const { host } = await cells.stage(t, { [name]: source }, { grants });
    const flow = makeHttpFlow();
    await host.gate.held("request", flow);
    await host.close();
    return flow.request.headers.getAll("x-by").length;
  };
  t.is(await count("narrow", addon(["read:request", "write:request"], mark)), 0);
  t.is(await count("wide", addon(["read:request"], mark)), 1);
  t.is(await count("none", mark), 0);
  t.is(await count("there", mark), 0);
});
