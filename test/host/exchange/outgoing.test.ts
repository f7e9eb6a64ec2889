// What goes on the wire for a head, as a table: framing that follows the body, hop-by-hop fields, and nothing else.
import test from "ava";
import { outgoingRequest, outgoingResponse, sameBody, type RequestFacts, type ResponseFacts } from "../../../host/exchange/outgoing.ts";
import type { BodyFraming } from "../../../host/http/body-framing.ts";
import { HeaderFields } from "../../../host/http/header-fields.ts";

const fieldsOf = (text: string): HeaderFields => HeaderFields.from(text === "" ? [] : text.split("|").map((line): [string, string] => { const [name = "", value = ""] = line.split(": "); return [name, value]; }));
const textOf = (fields: HeaderFields): string => [...fields.entries()].map(([name, value]) => `${name}: ${value}`).join("|");
const length = (n: number) => ({ kind: "length", length: n }) as const;
const none = { kind: "none" } as const;
const chunked = { kind: "chunked" } as const;
const close = { kind: "close" } as const;

const request: RequestFacts = { framing: none, plan: sameBody, hasTrailers: false, isChanged: false, version: "1.1", authority: "", upgrade: [], host: "added.test", port: 80, scheme: "http" };
const requestCases: readonly (readonly [string, string, Partial<RequestFacts>, string, BodyFraming["kind"]])[] = [
  ["nothing to do", "Host: x|A: 1", {}, "Host: x|A: 1", "none"],
  ["keep-alive of the client is ours too", "Host: x|Connection: keep-alive|A: 1", {}, "Host: x|Connection: keep-alive|A: 1", "none"],
  ["close is the client's only", "Host: x|Connection: close|A: 1", {}, "Host: x|A: 1", "none"],
  ["hop-by-hop", "Proxy-Connection: keep-alive|Host: x|Keep-Alive: 5|Connection: foo|Foo: 1|A: 1", {}, "Host: x|A: 1", "none"],
  ["no Host", "A: 1", {}, "Host: added.test|A: 1", "none"],
  ["body changed", "Host: x|content-length: 5|A: 1", { framing: length(5), plan: { kind: "sized", bytes: 9 }, isChanged: true }, "Host: x|Content-Length: 9|A: 1", "length"],
  ["chunked body changed", "Host: x|Transfer-Encoding: chunked|A: 1", { framing: chunked, plan: { kind: "sized", bytes: 9 } }, "Host: x|Content-Length: 9|A: 1", "length"],
  ["chunked body changed, trailers", "Host: x|Transfer-Encoding: chunked|A: 1", { framing: chunked, plan: { kind: "sized", bytes: 9 }, hasTrailers: true }, "Host: x|Transfer-Encoding: chunked|A: 1", "chunked"],
  ["body added", "Host: x", { plan: { kind: "sized", bytes: 3 } }, "Host: x|Content-Length: 3", "length"],
  ["body emptied", "Host: x|Content-Length: 3", { framing: length(3), plan: { kind: "sized", bytes: 0 } }, "Host: x|Content-Length: 0", "length"],
  ["stream function", "Host: x|Content-Length: 3|A: 1", { framing: length(3), plan: { kind: "unknown" } }, "Host: x|Transfer-Encoding: chunked|A: 1", "chunked"],
  ["framing field taken away by a change", "Host: x", { framing: length(3), isChanged: true }, "Host: x|Content-Length: 3", "length"],
  ["framing fields multiplied by a change", "Content-Length: 1|Host: x|Transfer-Encoding: chunked|Content-Length: 3", { framing: length(3), isChanged: true }, "Content-Length: 3|Host: x", "length"],
  ["upgrade", "Host: x|Connection: keep-alive, Upgrade|Upgrade: websocket", { upgrade: ["websocket"] }, "Host: x|Connection: keep-alive, Upgrade|Upgrade: websocket", "none"],
  ["upgrade with other hop-by-hop", "Host: x|Connection: foo, Upgrade|Foo: 1|Upgrade: websocket", { upgrade: ["websocket"] }, "Host: x|Upgrade: websocket|Connection: Upgrade", "none"],
  ["over HTTP/2: a name, one cookie field, TE with its option, and a marked end", "cookie: a=1|te: trailers|b: 2|cookie: c=3", { version: "2", authority: "named.test", framing: chunked }, "Host: named.test|cookie: a=1; c=3|te: trailers|b: 2|connection: TE|Transfer-Encoding: chunked", "chunked"],
  ["over HTTP/2: a length makes room for trailers that are announced", "content-length: 3|host: own.test|trailer: x-sum", { version: "2", framing: length(3) }, "Transfer-Encoding: chunked|host: own.test|trailer: x-sum", "chunked"],
  ["over HTTP/2: a length stays", "content-length: 3|host: own.test", { version: "2", framing: length(3) }, "content-length: 3|host: own.test", "length"],
  ["h2c is not passed on", "Host: x|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AA", { upgrade: ["h2c"] }, "Host: x", "none"],
];

for (const [name, before, facts, after, framing] of requestCases) {
  test(`request: ${name}`, (t) => {
    const fields = fieldsOf(before);
    const out = outgoingRequest(fields, { ...request, ...facts });
    t.is(textOf(out.headers), after);
    t.is(out.framing.kind, framing);
    t.is(textOf(fields), before, "the flow's own fields are never written to");
  });
}

const response: ResponseFacts = { status: 200, requestMethod: "GET", requestVersion: "1.1", framing: length(2), plan: sameBody, hasTrailers: false, isChanged: false, mayPersist: true };
const responseCases: readonly (readonly [string, string, Partial<ResponseFacts>, string, BodyFraming["kind"], boolean])[] = [
  ["nothing to do", "Content-Length: 2|A: 1", {}, "Content-Length: 2|A: 1", "length", true],
  ["the last one", "Content-Length: 2", { mayPersist: false }, "Content-Length: 2|Connection: close", "length", false],
  ["a close of the server's, where we go on", "Connection: close|Content-Length: 2", {}, "Content-Length: 2", "length", true],
  ["a close of the server's, where we close too", "Connection: close|Content-Length: 2", { mayPersist: false }, "Connection: close|Content-Length: 2", "length", false],
  ["a keep-alive of the server's", "Connection: keep-alive|Content-Length: 2", {}, "Connection: keep-alive|Content-Length: 2", "length", true],
  ["its parameters", "Connection: keep-alive|Keep-Alive: timeout=5|Content-Length: 2", {}, "Content-Length: 2", "length", true],
  ["until the end", "A: 1", { framing: close }, "A: 1|Connection: close", "close", false],
  ["chunks to 1.0", "Transfer-Encoding: chunked|A: 1", { framing: chunked, requestVersion: "1.0" }, "A: 1|Connection: close", "close", false],
  ["length to 1.0 with keep-alive", "Content-Length: 2", { requestVersion: "1.0" }, "Content-Length: 2|Connection: keep-alive", "length", true],
  ["HEAD", "Content-Length: 2000", { framing: none, requestMethod: "HEAD" }, "Content-Length: 2000", "none", true],
  ["HEAD, head changed", "Content-Length: 2000|A: 2", { framing: none, requestMethod: "HEAD", isChanged: true }, "Content-Length: 2000|A: 2", "none", true],
  ["304", "Content-Length: 2000", { framing: none, status: 304 }, "Content-Length: 2000", "none", true],
  ["204 made of a 200", "Content-Length: 2", { status: 204, isChanged: true }, "", "none", true],
  ["200 made of a 204", "A: 1", { framing: none, isChanged: true, plan: { kind: "sized", bytes: 4 } }, "A: 1|Content-Length: 4", "length", true],
  ["body changed", "Transfer-Encoding: chunked|A: 1", { framing: chunked, plan: { kind: "sized", bytes: 4 } }, "Content-Length: 4|A: 1", "length", true],
  ["stream function", "Content-Length: 2", { plan: { kind: "unknown" } }, "Transfer-Encoding: chunked", "chunked", true],
  ["stream function to 1.0", "Content-Length: 2", { plan: { kind: "unknown" }, requestVersion: "1.0" }, "Connection: close", "close", false],
  ["an offer to upgrade is the server's", "Upgrade: h2c|Connection: Upgrade|Content-Length: 2", {}, "Content-Length: 2", "length", true],
  ["426 keeps it", "Upgrade: foo|Content-Length: 2", { status: 426 }, "Upgrade: foo|Content-Length: 2", "length", true],
];

for (const [name, before, facts, after, framing, persists] of responseCases) {
  test(`response: ${name}`, (t) => {
    const fields = fieldsOf(before);
    const out = outgoingResponse(fields, { ...response, ...facts });
    t.is(textOf(out.headers), after);
    t.is(out.framing.kind, framing);
    t.is(out.persists, persists);
    t.is(textOf(fields), before, "the flow's own fields are never written to");
  });
}
