// Declared edits on one list of fields: places, spelling, duplicates, raw lines that stay, bounds, and what the history says.
import test from "ava";
import { applyEdits, editedFields } from "../../../host/flows/apply-edits.ts";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import type { HeaderEdit } from "../../../sandbox-api/schema/edits.ts";
import { mostFields } from "../../../sandbox-api/schema/http.ts";
import { linesOf, makeHttpFlow, makeRequest, makeResponse, type Pairs } from "../../helpers/flows.ts";

const edit = (kind: HeaderEdit["kind"], name: string, value = ""): HeaderEdit => ({ kind, name, lower: name.toLowerCase(), value });
const set = (name: string, value: string): HeaderEdit => edit("set", name, value);
const append = (name: string, value: string): HeaderEdit => edit("append", name, value);
const remove = (name: string): HeaderEdit => edit("remove", name);
const who = { addon: "tool", now: 5 };

const came: Pairs = [["Host", "example.com"], ["X-A", "1"], ["Accept", "*/*"], ["x-a", "2"], ["Content-Length", "0"]];
const cases: readonly (readonly [what: string, edits: readonly HeaderEdit[], lines: readonly string[] | "unchanged"])[] = [
  ["nothing", [], "unchanged"],
  ["set what is not there: at the end, as spelled", [set("X-New", "n")], ["Host: example.com", "X-A: 1", "Accept: */*", "x-a: 2", "Content-Length: 0", "X-New: n"]],
  ["set what is there: first place and spelling, the others go", [set("x-A", "3")], ["Host: example.com", "X-A: 3", "Accept: */*", "Content-Length: 0"]],
  ["set to the first one's value: only the others go", [set("x-a", "1")], ["Host: example.com", "X-A: 1", "Accept: */*", "Content-Length: 0"]],
  ["set to what it is", [set("accept", "*/*")], "unchanged"],
  ["set twice", [set("X-N", "1"), set("x-n", "2")], ["Host: example.com", "X-A: 1", "Accept: */*", "x-a: 2", "Content-Length: 0", "X-N: 2"]],
  ["set there and back", [set("Accept", "a"), set("accept", "*/*")], ["Host: example.com", "X-A: 1", "Accept: */*", "x-a: 2", "Content-Length: 0"]],
  ["append to what is there", [append("X-A", "3"), append("x-a", "4")], ["Host: example.com", "X-A: 1", "Accept: */*", "x-a: 2", "Content-Length: 0", "X-A: 3", "x-a: 4"]],
  ["remove all of a name", [remove("x-a")], ["Host: example.com", "Accept: */*", "Content-Length: 0"]],
  ["remove what is not there", [remove("x-b")], "unchanged"],
  ["append and remove again", [append("X-B", "1"), remove("x-b")], "unchanged"],
  ["remove, then set: at the end", [remove("x-a"), set("X-A", "9")], ["Host: example.com", "Accept: */*", "Content-Length: 0", "X-A: 9"]],
  ["set after a removal of something else", [remove("accept"), set("x-a", "9"), append("X-C", "c")], ["Host: example.com", "X-A: 9", "Content-Length: 0", "X-C: c"]],
  ["set Host", [set("HOST", "other:1")], ["Host: other:1", "X-A: 1", "Accept: */*", "x-a: 2", "Content-Length: 0"]],
];
for (const [what, edits, lines] of cases) {
  test(what, (t) => {
    const flow = makeHttpFlow(makeRequest(came));
    const outcome = applyEdits(flow, "request", edits, who);
    t.is(outcome.kind, lines === "unchanged" ? "unchanged" : "changed");
    t.deepEqual(linesOf(flow.request), lines === "unchanged" ? came.map(([name, value]) => `${name}: ${value}`) : lines);
    t.is(flow.request.version, lines === "unchanged" ? 0 : 1);
  });
}

test("an empty list", (t) => {
  t.is(editedFields(HeaderFields.from([]), [remove("x")]), "unchanged");
  t.deepEqual(editedFields(HeaderFields.from([]), [append("x", "1")]), [["x", "1"]]);
});

test("lines that nobody changed keep their bytes, and changed ones are told", (t) => {
  const block = "Host: a\r\nX-Odd:   spaced  \r\nX-B:b\r\n";
  const request = { ...makeRequest(), headers: HeaderFields.fromScan(block, [0, 4, 9, 14, 28, 31]) };
  const flow = makeHttpFlow(request);
  const outcome = applyEdits(flow, "request", [set("x-odd", "spaced"), set("x-b", "c"), append("X-N", "é")], who);
  t.is(flow.request.headers.toBlock(), "Host: a\r\nX-Odd:   spaced  \r\nX-B: c\r\nX-N: é\r\n");
  t.deepEqual(outcome, { kind: "changed", changes: [{ address: "request.headers", before: "X-B:b", after: "X-B: c; X-N: é" }] });
});

test("LIMIT: no head gets more fields than a handler could give it", (t) => {
  const full = makeRequest(Array.from({ length: mostFields }, (_, at) => [`x-${at}`, "1"] as const));
  const flow = makeHttpFlow(full);
  const outcome = applyEdits(flow, "request", [append("y", "1")], who);
  t.like(outcome, { kind: "fault", fault: { code: "illegal-change", field: "request.headers" } });
  t.is(flow.request.headers.length, mostFields);
  t.is(applyEdits(flow, "request", [remove("x-3"), append("y", "1")], who).kind, "changed");
});

test("a message that has left, or is not there, is not edited", (t) => {
  const flow = makeHttpFlow();
  t.is(applyEdits(flow, "response", [set("x", "1")], who).kind, "fault");
  flow.response = makeResponse();
  flow.response.body.passBy("streamed");
  t.is(applyEdits(flow, "response", [set("x", "1")], who).kind, "fault");
});

test("another coding: what was decoded by the old one is forgotten", (t) => {
  const flow = makeHttpFlow(makeRequest(), makeResponse([["Content-Encoding", "gzip"]], Buffer.from("raw")));
  if (flow.response !== null) flow.response.body.content = Buffer.from("decoded");
  applyEdits(flow, "response", [remove("content-encoding")], who);
  t.is(flow.response?.body.content, null);
  t.is(flow.response?.body.raw?.toString(), "raw");
});
