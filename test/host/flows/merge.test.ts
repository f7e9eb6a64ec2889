// What accepted changes make of a flow: fields in place, framing kept, destinations followed by Host, bodies and versions.
import test from "ava";
import type { Change } from "../../../sandbox-api/schema/changes.ts";
import type { GateSubject } from "../../../host/flows/gate.ts";
import { mergeChanges, type MergeResult } from "../../../host/flows/merge.ts";
import { linesOf, makeHttpFlow, makeLayer, makeRequest, makeResponse, makeRoot, makeServer, makeTcpFlow } from "../../helpers/flows.ts";

const merge = (subject: GateSubject, changes: readonly Change[], attachments: readonly Buffer[] = []): MergeResult =>
  mergeChanges(subject, changes, { addon: "a", attachments, now: 42, streamFunction: (side) => async (chunk) => [Buffer.from(side), chunk] });

test("a field list: untouched lines stay byte for byte, in the order asked for", (t) => {
  const flow = makeHttpFlow(makeRequest([["host", "example.com"], ["X-One", "1"], ["x-two", "2"]]));
  const { version } = flow.request;
  const result = merge(flow, [["request.headers", [2, ["New", "n"], 0]]]);
  t.deepEqual(linesOf(flow.request), ["x-two: 2", "New: n", "host: example.com"]);
  t.is(flow.request.version, version + 1);
  t.deepEqual(result.changes, [{ address: "request.headers", before: "X-One: 1", after: "New: n" }]);
  t.false(result.hasDiverged);
});

test("framing fields that a list leaves out stay where they were, and the chain learns that the list is another", (t) => {
  const flow = makeHttpFlow(makeRequest([["Host", "h"], ["Content-Length", "5"], ["X", "1"], ["Connection", "close"]]));
  const result = merge(flow, [["request.headers", [0, 2]]]);
  t.deepEqual(linesOf(flow.request), ["Host: h", "Content-Length: 5", "X: 1", "Connection: close"]);
  t.true(result.hasDiverged);
  t.deepEqual([...result.derived], ["request"]);
});

const destinations: readonly (readonly [changes: readonly Change[], host: string, authority: string])[] = [
  [[["request.host", "other.example"]], "other.example", "other.example"],
  [[["request.host", "::1"]], "[::1]", "[::1]"],
  [[["request.port", 8443]], "example.com:8443", "example.com:8443"],
  [[["request.scheme", "http"], ["request.port", 80]], "example.com", "example.com"],
  [[["request.scheme", "http"]], "example.com:443", "example.com:443"],
  [[["request.host", "other"], ["request.headers", [1, ["Host", "chosen"]]]], "chosen", "other"],
];
for (const [changes, host, authority] of destinations) {
  test(`Host follows ${JSON.stringify(changes)}`, (t) => {
    const flow = makeHttpFlow();
    flow.request.authority = "example.com";
    merge(flow, changes);
    t.is(flow.request.headers.get("host"), host);
    t.is(flow.request.authority, authority);
  });
}

test("without a Host field none is made", (t) => {
  const flow = makeHttpFlow(makeRequest([["X", "1"]]));
  merge(flow, [["request.host", "other"]]);
  t.deepEqual(linesOf(flow.request), ["X: 1"]);
});

test("bodies: raw stands at once, content waits for its encoding", (t) => {
  const flow = makeHttpFlow(makeRequest(undefined, Buffer.from("old")));
  merge(flow, [["request.body", 0]], [Buffer.from("new")]);
  t.is(flow.request.body.raw?.toString(), "new");
  merge(flow, [["request.content", 0]], [Buffer.from("content")]);
  t.is(flow.request.body.raw, null);
  t.is(flow.request.body.content?.toString(), "content");
});

test("another Content-Encoding makes the decoded content stale", (t) => {
  const flow = makeHttpFlow(makeRequest(), makeResponse([["Content-Encoding", "gzip"]], Buffer.from("raw")));
  const body = flow.response?.body;
  if (body === undefined) return t.fail();
  body.content = Buffer.from("decoded");
  merge(flow, [["response.headers", [["Content-Encoding", "br"]]]]);
  t.like(body, { content: null, state: "whole" });
  t.is(body.raw?.toString(), "raw");
});

test("trailers come, change and go", (t) => {
  const flow = makeHttpFlow();
  merge(flow, [["request.trailers", [["X-Sum", "1"]]]]);
  t.is(flow.request.trailers?.get("x-sum"), "1");
  merge(flow, [["request.trailers", []]]);
  t.is(flow.request.trailers, null);
  t.is(flow.request.trailersVersion, 2);
});

test("a made response replaces the one that came; later changes are to it", (t) => {
  const flow = makeHttpFlow(makeRequest(), makeResponse());
  merge(flow, [["response.make", { statusCode: 201, reason: "Made", fields: [["X", "1"]], body: 0, encode: false }], ["response.statusCode", 202]], [Buffer.from("b")]);
  t.like(flow.response, { statusCode: 202, reason: "Made", made: true });
  t.is(flow.response?.body.raw?.toString(), "b");
});

test("kill, intercept, marks", (t) => {
  const flow = makeHttpFlow();
  merge(flow, [["flow.kill", true], ["flow.kill", true], ["flow.intercept", true], ["flow.marked", "!"], ["flow.comment", "c"]]);
  t.like(flow, { live: false, killedBy: "a", intercepted: true, marked: "!", comment: "c", error: { msg: "Connection killed", timestamp: 42 } });
  t.is(flow.version, 5);
});

test("connections, layers, messages", (t) => {
  const [server, root, layer, tcp] = [makeServer(), makeRoot(), makeLayer(), makeTcpFlow()];
  merge(server, [["server.address", { host: "x", port: 1 }], ["server.via", { scheme: "http", host: "p", port: 2 }]]);
  t.deepEqual([server.address, server.via], [{ host: "x", port: 1 }, { scheme: "http", host: "p", port: 2 }]);
  merge(server, [["server.kill", true]]);
  t.true(server.killed);
  merge(root, [["server.address", { host: "preset", port: 3 }], ["client.kill", true]]);
  t.deepEqual([root.server.address, root.killed], [{ host: "preset", port: 3 }, true]);
  merge(layer, [["layer.replace", "passthrough"]]);
  t.is(layer.replacement, "passthrough");
  merge(tcp, [["message.content", 0]], [Buffer.from("new")]);
  t.is(tcp.message?.content.toString(), "new");
});

test("streaming functions come from the context", async (t) => {
  const flow = makeHttpFlow();
  merge(flow, [["request.stream", "function"]]);
  const { stream } = flow.request;
  t.deepEqual(typeof stream === "function" ? (await stream(Buffer.from("x"))).map(String) : [], ["request", "x"]);
  merge(flow, [["request.stream", true]]);
  t.true(flow.request.stream);
});

test("histories are cut", (t) => {
  const flow = makeHttpFlow();
  const { changes } = merge(flow, [["flow.comment", "x".repeat(4_000)]]);
  t.true((changes[0]?.after.length ?? 0) < 300);
});
