// WALL 5: what a cell may send for one call, and everything it may not. Each refusal names the field; a refused list changes nothing.
import test from "ava";
import fc from "fast-check";
import { changeTable } from "../../../sandbox-api/schema/changes.ts";
import type { EventName } from "../../../sandbox-api/schema/events.ts";
import { everythingOnTheFlow, type PermissionName } from "../../../sandbox-api/schema/permissions.ts";
import type { GateSubject } from "../../../host/flows/gate.ts";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { mergeChanges } from "../../../host/flows/merge.ts";
import { validateChanges, type Verdict } from "../../../host/flows/validate.ts";
import type { CallName } from "../../../sandbox-api/schema/view.ts";
import { makeHttpFlow, makeLayer, makeRequest, makeResponse, makeRoot, makeServer, makeTcpFlow, makeWebSocketFlow, makeWebSocketMessage } from "../../helpers/flows.ts";

const body = Buffer.from("body");
const fresh = (): ReturnType<typeof makeHttpFlow> => makeHttpFlow(makeRequest([["Host", "example.com"], ["Cookie", "secret"], ["Connection", "close"]], Buffer.from("x")), makeResponse(undefined, Buffer.from("y")));

interface Case { readonly event?: CallName; readonly subject?: GateSubject; readonly permissions?: ReadonlySet<PermissionName>; readonly bodies?: number; readonly limit?: number }
function judge(changes: unknown, { event = "request", subject = fresh(), permissions = everythingOnTheFlow, bodies = 0, limit = 100_000 }: Case = {}): Verdict {
  const text = typeof changes === "string" ? changes : JSON.stringify(changes);
  return validateChanges({ event, subject, permissions, text, attachments: Array.from({ length: bodies }, () => body), mutationBytes: limit });
}
const without = (...names: readonly PermissionName[]): ReadonlySet<PermissionName> => new Set([...everythingOnTheFlow].filter((name) => !names.includes(name)));

const made = { statusCode: 200, reason: "OK", fields: [["X", "1"]], body: null, encode: false };
const accepted: readonly (readonly [name: string, changes: unknown, Case?])[] = [
  ["nothing", []],
  ["method", [["request.method", "POST"]]],
  ["destination", [["request.scheme", "http"], ["request.host", "::1"], ["request.port", 8080]]],
  ["a run of fields, then a new one", [["request.headers", [[0, 3], ["X-New", "1"]]]]],
  ["runs reordered", [["request.headers", [[1, 2], 0]]]],
  ["fields reordered, kept and new", [["request.headers", [2, 1, 0, ["X-New", "v\u00e9"]]]]],
  ["trailers", [["request.trailers", [["X-Sum", "1"]]]]],
  ["bodies", [["request.body", 0], ["request.content", 1]], { bodies: 2 }],
  ["a made response and changes to it", [["response.make", made], ["response.headers", [0, ["Y", "2"]]], ["response.statusCode", 404]]],
  ["response in response", [["response.statusCode", 201], ["response.reason", ""], ["response.body", 0]], { event: "response", bodies: 1 }],
  ["streaming", [["response.stream", "function"]], { event: "responseheaders" }],
  ["flow", [["flow.kill", true], ["flow.intercept", true], ["flow.marked", "x"], ["flow.comment", "\u20ac\n"]]],
  ["chunks", [["stream.chunks", [0, 1, 0]]], { event: "stream", bodies: 2 }],
  ["layer", [["layer.replace", "passthrough"]], { event: "next_layer", subject: makeLayer() }],
  ["server", [["server.address", { host: "127.0.0.1", port: 1 }], ["server.via", { scheme: "http", host: "p", port: 3128 }], ["server.via", null], ["server.kill", true]], { event: "serverconnect", subject: makeServer() }],
  ["client", [["client.kill", true]], { event: "clientconnect", subject: makeRoot() }],
  ["message", [["message.content", 0]], { event: "tcp_message", subject: makeTcpFlow(), bodies: 1 }],
  ["a WebSocket message", [["websocket.content", 0], ["websocket.drop", true]], { event: "websocket_message", subject: makeWebSocketFlow(), bodies: 1 }],
  ["messages put in", [["websocket.inject", [{ toClient: true, type: "text", content: 0 }, { toClient: false, type: "binary", content: 1 }]]], { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 2 }],
];
for (const [name, changes, details] of accepted) {
  test(`takes ${name}`, (t) => {
    const verdict = judge(changes, details);
    t.deepEqual(verdict, { kind: "changes", changes: changes as never });
  });
}

const refused: readonly (readonly [name: string, changes: unknown, message: RegExp, Case?])[] = [
  ["no JSON", "[", /^the list of changes is not one$/],
  ["no list", { a: 1 }, /not one/],
  ["no pair", [["request.method"]], /not a pair/],
  ["a WebSocket message before there is one", [["websocket.content", 0]], /there is no message/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["a drop before there is a message", [["websocket.drop", true]], /there is no message/, { event: "websocket_start", subject: makeWebSocketFlow(null) }],
  ["a WebSocket change where there is no WebSocket", [["websocket.inject", []]], /there is no WebSocket/, { event: "websocket_start", subject: fresh() }],
  ["a WebSocket change of a TCP flow", [["websocket.drop", true]], /there is no such message/, { event: "websocket_message", subject: makeTcpFlow() }],
  ["a WebSocket change in response", [["websocket.drop", true]], /cannot be changed in response/, { event: "response", subject: makeWebSocketFlow() }],
  ["a WebSocket change at the end", [["websocket.inject", []]], /cannot be changed in websocket_end/, { event: "websocket_end", subject: makeWebSocketFlow() }],
  ["a request change of a WebSocket", [["request.path", "/x"]], /cannot be changed in websocket_message/, { event: "websocket_message", subject: makeWebSocketFlow() }],
  ["a message put in after one that was", [["websocket.inject", []]], /look at message\.injected/, { event: "websocket_message", subject: makeWebSocketFlow(makeWebSocketMessage("x", { injected: true })) }],
  ["101 messages put in", [["websocket.inject", Array.from({ length: 101 }, () => ({ toClient: true, type: "text", content: 0 }))]], /at most 100/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["a message for nobody", [["websocket.inject", [{ toClient: 1, type: "text", content: 0 }]]], /toClient must be true or false/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["a ping put in", [["websocket.inject", [{ toClient: true, type: "ping", content: 0 }]]], /type must be/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["a message put in without its bytes", [["websocket.inject", [{ toClient: true, type: "text", content: 1 }]]], /was not sent/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["a message put in with more to it", [["websocket.inject", [{ toClient: true, type: "text", content: 0, fin: false }]]], /no property "fin"/, { event: "websocket_start", subject: makeWebSocketFlow(null), bodies: 1 }],
  ["an unknown address", [["request.colour", "red"]], /does not exist/],
  ["__proto__ as an address", '[["__proto__", {"a":1}]]', /does not exist/],
  ["constructor as an address", [["constructor", 1]], /does not exist/],
  ["CR in a value", [["request.headers", [["X", "a\rb"]]]], /^request\.headers: entry 0: the value of "X" may hold no CR, LF, NUL/],
  ["LF in a value", [["request.headers", [["X", "a\nSet-Cookie: b"]]]], /may hold no CR, LF, NUL/],
  ["NUL in a value", [["request.headers", [["X", "a\0"]]]], /may hold no CR, LF, NUL/],
  ["a value beyond bytes", [["request.headers", [["X", "\u20ac"]]]], /may hold no CR/],
  ["white space at the ends", [["request.headers", [["X", " a"]]]], /no white space at its ends/],
  ["CRLF in a name", [["request.headers", [["X\r\nY", "a"]]]], /is not a header name/],
  ["a space in a name", [["request.headers", [["X Y", "a"]]]], /is not a header name/],
  ["a colon in a name", [["request.headers", [[":authority", "a"]]]], /is not a header name/],
  ["an empty name", [["request.headers", [["", "a"]]]], /is not a header name/],
  ["a huge value", [["request.headers", [["X", "a".repeat(65_537)]]]], /at most 65,536/],
  ["too many fields", [["request.headers", Array.from({ length: 1_001 }, () => ["X", "1"])]], /at most 1000 are allowed/],
  ["Content-Length", [["request.headers", [0, 1, ["Content-Length", "5"]]]], /says how the message is framed/],
  ["Transfer-Encoding", [["request.headers", [0, 1, ["transfer-ENCODING", "chunked"]]]], /says how the message is framed/],
  ["Connection", [["request.headers", [0, 1, ["Connection", "x"]]]], /says how the message is framed/],
  ["Upgrade", [["response.headers", [["Upgrade", "x"]]]], /says how the message is framed/, { event: "response" }],
  ["two Hosts", [["request.headers", [0, 1, ["host", "evil"]]]], /more than one Host/],
  ["two Hosts by a second list", [["request.headers", [1, ["Host", "a"]]], ["request.headers", [1, ["host", "b"]]]], /more than one Host/],
  ["a field that the first list took away", [["request.headers", [0]], ["request.headers", [0, 1]]], /not there/],
  ["a Host that is none", [["request.headers", [1, ["Host", "a/b@c"]]]], /must be a host/],
  ["a field twice", [["request.headers", [0, 0]]], /refers to one field twice/],
  ["a field that is not there", [["request.headers", [3]]], /not there/],
  ["a run that ends beyond the last field", [["request.headers", [[1, 3]]]], /not there/],
  ["a run from before the first field", [["request.headers", [[-1, 2]]]], /not there/],
  ["a run of nothing", [["request.headers", [[1, 0]]]], /not there/],
  ["a run of less than nothing", [["request.headers", [[2, -1]]]], /not there/],
  ["half a run", [["request.headers", [[0, 1.5]]]], /not there/],
  ["a run over a field that is there already", [["request.headers", [1, [0, 2]]]], /refers to one field twice/],
  ["two runs that overlap", [["request.headers", [[0, 2], [1, 2]]]], /refers to one field twice/],
  ["a run without a length", [["request.headers", [[0]]]], /pair of name and value/],
  ["too many fields by a run", [["request.headers", [[0, 3], ...Array.from({ length: 998 }, () => ["X", "1"])]]], /at most 1000 are allowed/],
  ["two Hosts by a run", [["request.headers", [[0, 3], ["Host", "evil"]]]], /more than one Host/],
  ["a negative index", [["request.headers", [-1]]], /not there/],
  ["half an index", [["request.headers", [0.5]]], /not there/],
  ["a triple", [["request.headers", [["X", "1", "2"]]]], /pair of name and value/],
  ["a number as a value", [["request.headers", [["X", 1]]]], /must be strings/],
  ["an object as list", [["request.headers", { length: 0 }]], /must be a list/],
  ["a method with a space", [["request.method", "GET /x"]], /must be a method/],
  ["an empty method", [["request.method", ""]], /must be a method/],
  ["CONNECT", [["request.method", "CONNECT"]], /other than CONNECT/],
  ["a path with a space", [["request.path", "/ HTTP/1.1"]], /must begin with/],
  ["a path with CRLF", [["request.path", "/\r\nX: y"]], /must begin with/],
  ["a path without slash", [["request.path", "x"]], /must begin with/],
  ["a scheme", [["request.scheme", "ftp"]], /"http" or "https"/],
  ["a host with a slash", [["request.host", "a/b"]], /host name/],
  ["port 0", [["request.port", 0]], /1 to 65535/],
  ["port as text", [["request.port", "80"]], /1 to 65535/],
  ["status 99", [["response.statusCode", 99]], /200 to 599/, { event: "response" }],
  ["status 101", [["response.statusCode", 101]], /200 to 599/, { event: "response" }],
  ["status 600", [["response.statusCode", 600]], /200 to 599/, { event: "response" }],
  ["status 200.5", [["response.statusCode", 200.5]], /200 to 599/, { event: "response" }],
  ["status null", [["response.statusCode", null]], /200 to 599/, { event: "response" }],
  ["a reason with LF", [["response.reason", "a\nb"]], /may hold no CR/, { event: "response" }],
  ["a body that was not sent", [["request.body", 1]], /not sent/, { bodies: 1 }],
  ["a body as text", [["request.body", "hello"]], /not sent/],
  ["kill: 1", [["flow.kill", 1]], /must be true/],
  ["a comment of 5000", [["flow.comment", "x".repeat(5_000)]], /at most 4096/],
  ["response before there is one", [["response.statusCode", 200]], /no response yet/, { subject: makeHttpFlow() }],
  ["a made response with status 700", [["response.make", { ...made, statusCode: 700 }]], /status code must be/],
  ["a made response with framing", [["response.make", { ...made, fields: [["Content-Length", "3"]] }]], /framed/],
  ["a made response with an extra key", [["response.make", { ...made, evil: 1 }]], /has no property "evil"/],
  ["a made response with __proto__", '[["response.make", {"__proto__": {"statusCode": 200}, "statusCode": 200, "reason": "", "fields": [], "body": null, "encode": false}]]', /has no property "__proto__"/],
  ["a made response lacking keys", [["response.make", { statusCode: 200 }]], /lacks the property/],
  ["an address with __proto__", '[["server.address", {"__proto__": 1, "host": "a", "port": 1}]]', /has no property "__proto__"/, { event: "serverconnect", subject: makeServer() }],
  ["a request change in response", [["request.method", "PUT"]], /cannot be changed in response/, { event: "response" }],
  ["a flow change in a notice", [["flow.kill", true]], /cannot be changed in tcp_end/, { event: "tcp_end", subject: makeTcpFlow() }],
  ["chunks in an event", [["stream.chunks", []]], /cannot be changed in request/],
  ["a layer that is none", [["layer.replace", "quic"]], /must be one of/, { event: "next_layer", subject: makeLayer() }],
  ["streaming too late", [["request.stream", true]], /in requestheaders only/],
  ["content-type as trailer", [["request.trailers", [["Content-Type", "x"]]]], /cannot be a trailer/],
  ["1,001 changes", Array.from({ length: 1_001 }, () => ["flow.comment", ""]), /at most 1000/],
  ["a change without its permission", [["request.method", "PUT"]], /needs the permission write:request/, { permissions: without("write:request") }],
  ["a kill without its permission", [["flow.kill", true]], /needs the permission act:kill/, { permissions: without("act:kill") }],
  ["a withheld field left out of the runs", [["request.headers", [[0, 1], [2, 1]]]], /"cookie" is withheld/, { permissions: without("header:cookie") }],
  ["a withheld field removed", [["request.headers", [0, 2]]], /"cookie" is withheld/, { permissions: without("header:cookie") }],
  ["a withheld field removed by a second list", [["request.headers", [1, 0, 2]], ["request.headers", [1, 2]]], /"cookie" is withheld/, { permissions: without("header:cookie") }],
  ["a withheld field set", [["request.headers", [0, 1, 2, ["Cookie", "x"]]]], /needs the permission header:cookie/, { permissions: without("header:cookie") }],
  ["a withheld field in a made response", [["response.make", { ...made, fields: [["Set-Cookie", "x"]] }]], /header:set-cookie/, { permissions: without("header:set-cookie") }],
];
for (const [name, changes, message, details] of refused) {
  test(`refuses ${name}`, (t) => {
    const verdict = judge(changes, details);
    t.is(verdict.kind, "fault");
    if (verdict.kind !== "fault") return;
    t.regex(verdict.fault.message, message);
    t.truthy(verdict.fault.field);
    t.notRegex(verdict.fault.message, /[\0-\x1f]/);
    t.is(verdict.fault.code, /permission|withheld/.test(verdict.fault.message) ? "permission" : "illegal-change");
  });
}

test("text and bodies together are bounded", (t) => {
  const verdict = judge([["request.body", 0]], { bodies: 3, limit: 25 });
  t.is(verdict.kind === "fault" && verdict.fault.code, "mutation-too-large");
  t.deepEqual(verdict.kind === "fault" ? verdict.fault.limit : null, { name: "mutationBytes", value: 25, used: 32, unit: "bytes" });
});

test("a streamed message can no longer be changed", (t) => {
  const flow = fresh();
  flow.request.body.passBy("streamed");
  flow.response?.body.passBy("streamed");
  t.regex(JSON.stringify(judge([["request.path", "/x"]], { subject: flow })), /already been sent on/);
  t.regex(JSON.stringify(judge([["response.make", made]], { subject: flow, event: "response" })), /already been sent on/);
});

const events: readonly EventName[] = ["requestheaders", "request", "responseheaders", "response", "error", "http_connect", "websocket_message", "tcp_message", "next_layer", "serverconnect", "clientconnect"];
const subjects = { websocket_message: () => makeWebSocketFlow(), tcp_message: makeTcpFlow, next_layer: makeLayer, serverconnect: makeServer, clientconnect: makeRoot } as const;
const subjectFor = (event: EventName): GateSubject => (event in subjects ? subjects[event as keyof typeof subjects]() : fresh());
/** A likeness of the object that shows every change; keys are by construction, so they may differ. */
const likeness = (subject: GateSubject): string => JSON.stringify(subject, (key, value: unknown) => (key === "key" ? 0 : value instanceof HeaderFields ? value.toBlock() : value));

const anything = fc.oneof(fc.anything({ maxDepth: 3 }), fc.constantFrom(true, "x", "/x", "tcp", "http", 0, 1, 200, 8080, { host: "a", port: 1 }, made), fc.array(fc.oneof(fc.nat(4), fc.tuple(fc.string(), fc.string()), fc.constant(["X-Y", "z"])), { maxLength: 5 }));
const someChange = fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(changeTable)), fc.string()), anything);

test("whatever a cell sends: no throw, a refused list changes nothing, an accepted one can be merged", (t) => {
  fc.assert(fc.property(fc.constantFrom(...events), fc.array(someChange, { maxLength: 4 }), fc.nat(2), (event, changes, bodies) => {
    const subject = subjectFor(event);
    const before = likeness(subject);
    let text: string;
    try { text = JSON.stringify(changes) ?? "null"; } catch { return; } // BigInt and the like cannot be written as JSON at all.
    const attachments = Array.from({ length: bodies }, () => body);
    const verdict = validateChanges({ event, subject, permissions: everythingOnTheFlow, text, attachments, mutationBytes: 100_000 });
    t.is(likeness(subject), before);
    if (verdict.kind === "fault") return void t.truthy(verdict.fault.message);
    mergeChanges(subject, verdict.changes, { addon: "a", attachments, now: 1, streamFunction: () => async () => [] });
    if (subject.kind === "http") t.notRegex(subject.request.headers.toBlock().replaceAll("\r\n", ""), /[\r\n\0]/);
  }), { numRuns: 1_500 });
});

test("random text never throws", (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    const verdict = judge(text);
    t.true(verdict.kind === "fault" || verdict.changes.length >= 0);
  }), { numRuns: 500 });
});

test("text of a WebSocket must be UTF-8, bytes need not be", (t) => {
  const attachments = [Buffer.from([0xff, 0xfe])];
  const judged = (event: EventName, change: unknown, subject: GateSubject): Verdict => validateChanges({ event, subject, permissions: everythingOnTheFlow, text: JSON.stringify([change]), attachments, mutationBytes: 1_000 });
  const inject = (type: string): unknown => ["websocket.inject", [{ toClient: true, type, content: 0 }]];
  t.is(judged("websocket_message", ["websocket.content", 0], makeWebSocketFlow()).kind, "fault");
  t.is(judged("websocket_message", ["websocket.content", 0], makeWebSocketFlow(makeWebSocketMessage(Buffer.from("bytes")))).kind, "changes");
  t.is(judged("websocket_message", inject("text"), makeWebSocketFlow()).kind, "fault");
  t.is(judged("websocket_message", inject("binary"), makeWebSocketFlow()).kind, "changes");
});
