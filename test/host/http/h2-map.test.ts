// Header blocks ⇄ heads as tables: what is taken, what is refused with which code, what is sent.
import test from "ava";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { fieldsToObject, requestFromH2, requestToH2, responseFromH2, responseToH2, trailersFromH2 } from "../../../host/http/h2-map.ts";
import type { BodyFraming } from "../../../host/http/body-framing.ts";

/** "name: value|…" as a list by turns; pseudo-header names begin with a colon, so the separator is ": ". */
const raw = (text: string): string[] => (text === "" ? [] : text.split("|").flatMap((line) => {
  const at = line.indexOf(": ", 1);
  return at < 0 ? [line.replace(/:$/, ""), ""] : [line.slice(0, at), line.slice(at + 2)];
}));
const textOf = (fields: HeaderFields): string => [...fields.entries()].map(([name, value]) => `${name}: ${value}`).join("|");
const framingText = (framing: BodyFraming): string => (framing.kind === "length" ? `length ${framing.length}` : framing.kind);
const get = ":method: GET|:scheme: https|:authority: a.test|:path: /x";

const requests: readonly (readonly [what: string, block: string, endStream: boolean, outcome: string])[] = [
  ["a GET", get, true, "GET /x https a.test none []"],
  ["fields in order, duplicates apart", `${get}|b: 1|a: 2|b: 3|cookie: x=1|cookie: y=2`, true, "GET /x https a.test none [b: 1|a: 2|b: 3|cookie: x=1|cookie: y=2]"],
  ["Host alone", ":method: GET|:scheme: https|:path: /|host: a.test:8443", true, "GET / https  none [host: a.test:8443]"],
  ["Host and :authority alike", `${get}|host: A.test|b: 1`, true, "GET /x https a.test none [b: 1]"],
  ["a body of unknown length", get.replace("GET", "POST"), false, "POST /x https a.test chunked []"],
  ["a body of known length", `${get.replace("GET", "POST")}|content-length: 12`, false, "POST /x https a.test length 12 [content-length: 12]"],
  ["an empty POST", get.replace("GET", "POST"), true, "POST /x https a.test length 0 []"],
  ["OPTIONS *", ":method: OPTIONS|:scheme: http|:authority: a|:path: *", true, "OPTIONS * http a none []"],
  ["another scheme", get.replace("https", "coap"), true, "GET /x null a.test none []"],
  ["CONNECT", ":method: CONNECT|:authority: a.test:443", false, "CONNECT a.test:443 null a.test:443 chunked []"],
  ["bytes beyond ASCII", `${get}caf\xe9|a: \xe9`, true, "GET /xcaf\xe9 https a.test none [a: \xe9]"],
  ["te: trailers", `${get}|te: trailers`, true, "GET /x https a.test none [te: trailers]"],
  ["no :path", ":method: GET|:scheme: https|:authority: a", true, "! bad-pseudo-field"],
  ["no :scheme", ":method: GET|:path: /|:authority: a", true, "! bad-pseudo-field"],
  ["no :method", ":scheme: https|:path: /|:authority: a", true, "! bad-pseudo-field"],
  ["no server", ":method: GET|:scheme: https|:path: /", true, "! missing-host"],
  ["a pseudo-header field twice", `${get}|:path: /y`, true, "! bad-pseudo-field"],
  ["a pseudo-header field too late", `a: 1|${get}`, true, "! bad-pseudo-field"],
  ["an unknown one", `:x: 1|${get}`, true, "! bad-pseudo-field"],
  ["one of responses", `:status: 200|${get}`, true, "! bad-pseudo-field"],
  ["a method with a space", get.replace("GET", "GET /"), true, "! bad-method"],
  ["a path with a space", `${get} y`, true, "! bad-target"],
  ["a path with CR LF", `${get}\r\n`, true, "! bad-target"],
  ["a path with a fragment", `${get}#y`, true, "! bad-target"],
  ["a path that is an address", get.replace("/x", "http://b/"), true, "! bad-target"],
  ["a path that is far too long", `${get}${"x".repeat(20_000)}`, true, "! target-too-long"],
  ["an authority with a user", get.replace("a.test", "u@a.test"), true, "! bad-target"],
  ["an authority with a path", get.replace("a.test", "a.test/"), true, "! bad-target"],
  ["a different Host", `${get}|host: b.test`, true, "! authority-mismatch"],
  ["two Hosts", `${get}|host: a.test|host: a.test`, true, "! repeated-host"],
  ["upper case", `${get}|A: 1`, true, "! bad-field-name"],
  ["a colon in a name", `${get}|a:b: 1`, true, "! bad-field-name"],
  ["CR in a value", `${get}|a: 1\r`, true, "! bad-field-value"],
  ["NUL in a value", `${get}|a: 1\x00`, true, "! bad-field-value"],
  ["space around a value", `${get}|a: 1 `, true, "! bad-field-value"],
  ["connection", `${get}|connection: close`, true, "! connection-field"],
  ["transfer-encoding", `${get}|transfer-encoding: chunked`, true, "! connection-field"],
  ["te: gzip", `${get}|te: gzip`, true, "! connection-field"],
  ["two lengths", `${get}|content-length: 1|content-length: 1`, false, "! repeated-content-length"],
  ["a length list", `${get}|content-length: 1, 1`, false, "! repeated-content-length"],
  ["a length that is none", `${get}|content-length: -1`, false, "! bad-content-length"],
  ["a length and no body", `${get}|content-length: 1`, true, "! length-mismatch"],
  ["CONNECT with a path", `${get.replace("GET", "CONNECT")}`, false, "! bad-pseudo-field"],
  ["CONNECT with a length", ":method: CONNECT|:authority: a.test:443|content-length: 1", false, "! connect-with-body"],
  ["a large head", `${get}|a: ${"x".repeat(70_000)}`, true, "! head-too-large"],
  ["many fields", `${get}${"|a: 1".repeat(1_001)}`, true, "! too-many-fields"],
];

for (const [what, block, endStream, outcome] of requests) {
  test(`request: ${what}`, (t) => {
    const request = requestFromH2(raw(block), endStream);
    if (request.kind === "fault") return t.is(`! ${request.fault.code}`, outcome);
    const { head, scheme, authority } = request;
    t.is(`${head.method} ${head.target} ${scheme} ${authority} ${framingText(head.framing)} [${textOf(head.headers)}]`, outcome);
    t.is(head.version, "2");
    t.is(head.endStream, endStream);
  });
}

const responses: readonly (readonly [what: string, block: string, method: string, endStream: boolean, outcome: string])[] = [
  ["a body of unknown length", ":status: 200|a: 1", "GET", false, "200 chunked [a: 1]"],
  ["a body of known length", ":status: 200|content-length: 3", "GET", false, "200 length 3 [content-length: 3]"],
  ["no body", ":status: 200", "GET", true, "200 none [] end"],
  ["HEAD keeps its length", ":status: 200|content-length: 3", "HEAD", true, "200 none [content-length: 3] end"],
  ["204", ":status: 204", "GET", true, "204 none [] end"],
  ["304 with a length", ":status: 304|content-length: 3", "GET", true, "304 none [content-length: 3] end"],
  ["interim", ":status: 103|link: </a>", "GET", false, "103 none [link: </a>] interim"],
  ["a large status", ":status: 799", "GET", true, "799 none [] end"],
  ["no status", "a: 1", "GET", true, "! bad-status"],
  ["a status that is none", ":status: 2x0", "GET", true, "! bad-status"],
  ["101", ":status: 101", "GET", false, "! bad-status"],
  ["an interim end", ":status: 100", "GET", true, "! interim-with-body"],
  ["a length and no body", ":status: 200|content-length: 3", "GET", true, "! length-mismatch"],
  ["transfer-encoding", ":status: 200|transfer-encoding: chunked", "GET", false, "! connection-field"],
  ["a pseudo-header field of requests", ":status: 200|:path: /", "GET", false, "! bad-pseudo-field"],
];

for (const [what, block, method, endStream, outcome] of responses) {
  test(`response: ${what}`, (t) => {
    const head = responseFromH2(raw(block), method, endStream);
    if (head.kind === "fault") return t.is(`! ${head.fault.code}`, outcome);
    t.is(`${head.status} ${framingText(head.framing)} [${textOf(head.headers)}]${head.interim ? " interim" : ""}${head.endStream ? " end" : ""}`, outcome);
  });
}

test("trailers: fields pass, what frames or routes does not", (t) => {
  const trailers = trailersFromH2(raw("grpc-status: 0|x: 1"), "server");
  t.is("kind" in trailers ? trailers.fault.code : textOf(trailers), "grpc-status: 0|x: 1");
  for (const [block, code] of [["content-length: 1", "forbidden-trailer"], ["host: x", "forbidden-trailer"], [":path: /", "bad-pseudo-field"], ["transfer-encoding: chunked", "connection-field"]] as const) {
    const refused = trailersFromH2(raw(block), "client");
    t.is("kind" in refused ? refused.fault.code : "taken", code);
  }
});

const h1 = HeaderFields.from([["Host", "own.test"], ["X-A", "1"], ["Connection", "keep-alive, x-hop"], ["X-Hop", "1"], ["Keep-Alive", "5"], ["Proxy-Connection", "x"], ["Cookie", "a=1; b=2"], ["Transfer-Encoding", "chunked"], ["TE", "trailers"], ["Upgrade", "h2c"], ["HTTP2-Settings", "AA"], ["x-a", "2"]]);

test("what goes out: pseudo-header fields first, lower case, nothing of an HTTP/1 connection, cookies apart where they came together", (t) => {
  const line = { method: "GET", scheme: "https", authority: "named.test", path: "/p" } as const;
  const head = [":method", "GET", ":scheme", "https", ":authority", "named.test", ":path", "/p"];
  t.deepEqual(requestToH2(line, h1, true), [...head, "x-a", "1", "cookie", "a=1", "cookie", "b=2", "te", "trailers", "x-a", "2"]);
  t.deepEqual(requestToH2(line, HeaderFields.from([["cookie", "a=1; b=2"]]), false), [...head, "cookie", "a=1; b=2"]);
  t.deepEqual(responseToH2(200, HeaderFields.from([["Set-Cookie", "a"], ["Connection", "close"], ["B", "1"], ["Set-Cookie", "b"]])), [":status", "200", "set-cookie", "a", "b", "1", "set-cookie", "b"]);
  t.deepEqual(fieldsToObject(HeaderFields.from([["B", "1"], ["__proto__", "x"], ["b", "2"]])), Object.fromEntries([["b", ["1", "2"]], ["__proto__", ["x"]]]));
});

test("what goes out comes in again as it was", (t) => {
  const fields = HeaderFields.from([["a", "1"], ["b", "\xe9"], ["a", "2"], ["cookie", "x"]]);
  const request = requestFromH2(requestToH2({ method: "PUT", scheme: "http", authority: "a:1", path: "/" }, fields, false), false);
  t.is(request.kind === "request" ? textOf(request.head.headers) : "fault", textOf(fields));
  const response = responseFromH2(responseToH2(201, fields), "GET", false);
  t.is(response.kind === "response-head" ? textOf(response.headers) : "fault", textOf(fields));
});
