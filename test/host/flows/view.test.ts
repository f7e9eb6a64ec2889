// What enters an isolate: exactly the parts that are granted, handled and new, with withheld values out of sight.
import test from "ava";
import { everythingOnTheFlow, permissionNames, type PermissionName } from "../../../sandbox-api/schema/permissions.ts";
import { plainView, SeenParts, viewClass, ViewWriter } from "../../../host/flows/view.ts";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { makeHttpFlow, makeLayer, makeRequest, makeResponse, makeTcpFlow } from "../../helpers/flows.ts";

const writer = (): ViewWriter => new ViewWriter(1_000);
const only = (...names: readonly PermissionName[]): ReadonlySet<PermissionName> => new Set(names);
const partsOf = (text: string): readonly string[] => (JSON.parse(text.split("\0")[0] ?? "{}") as { parts: string[] }).parts;

test("the request part: JSON of the line, then the fields as sent", (t) => {
  const flow = makeHttpFlow(makeRequest([["HOST", "example.com"], ["X-Raw", "caf\u00e9"]]));
  const { text, attachments } = writer().write("requestheaders", flow, everythingOnTheFlow, [new SeenParts()]);
  t.deepEqual(partsOf(text), ["flow", "client", "server", "request"]);
  const [line, count, ...fields] = text.split("\0")[4]?.split("\n") ?? [];
  t.like(JSON.parse(line ?? ""), { method: "GET", scheme: "https", host: "example.com", port: 443, path: "/path" });
  t.is(count, "2");
  t.deepEqual(fields, ["HOST: example.com\r", "X-Raw: caf\u00e9\r", ""]);
  t.is(attachments.length, 0);
  t.regex(text, /^[\0-\xff]*$/);
});

for (const [grant, parts] of [
  [[], ["flow"]], [["read:connection"], ["flow", "client", "server"]], [["read:request"], ["flow", "request"]],
  [["read:request.body"], ["flow", "request.body"]], [["read:response", "read:response.body"], ["flow", "response", "response.body"]],
] as const) {
  test(`with ${grant.join(", ") || "nothing"} granted`, (t) => {
    const flow = makeHttpFlow(makeRequest(undefined, Buffer.from("secret request")), makeResponse(undefined, Buffer.from("secret response")));
    const { text, attachments } = writer().write("response", flow, only(...grant), [new SeenParts()]);
    t.deepEqual(partsOf(text), [...parts]);
    t.is(attachments.some((body) => body.includes("request")), parts.includes("request.body" as never));
    t.is(attachments.some((body) => body.includes("response")), parts.includes("response.body" as never));
  });
}

test("sensitive fields are withheld without their grant, in trailers too", (t) => {
  const flow = makeHttpFlow(makeRequest([["Authorization", "s3cret"], ["COOKIE", "s3cret"], ["Proxy-Authorization", "s3cret"], ["X", "open"]]), makeResponse([["set-cookie", "s3cret"]]));
  flow.request.trailers = HeaderFields.from([["Cookie", "s3cret"]]);
  const none = new Set(permissionNames.filter((name) => !name.startsWith("header:")));
  const { text } = writer().write("response", flow, none, [new SeenParts()]);
  t.false(text.includes("s3cret"));
  t.is(text.split("[withheld]").length - 1, 5);
  t.true(text.includes("X: open"));
  const some = new Set([...none, "header:cookie" as const]);
  t.is(writer().write("response", flow, some, [new SeenParts()]).text.split("s3cret").length - 1, 2);
});

test("a body beyond the limit is not given but said to be truncated", (t) => {
  const flow = makeHttpFlow(makeRequest(undefined, Buffer.alloc(1_001)));
  const { text, attachments } = writer().write("request", flow, everythingOnTheFlow, [new SeenParts()]);
  t.is(attachments.length, 0);
  t.regex(text, /"raw":null,"content":null,"contentError":null,"truncated":true/);
});

test("raw and decoded content are two bodies", (t) => {
  const flow = makeHttpFlow(makeRequest(undefined, Buffer.from("raw")));
  flow.request.body.content = Buffer.from("content");
  const { attachments } = writer().write("request", flow, everythingOnTheFlow, [new SeenParts()]);
  t.deepEqual(attachments.map(String), ["raw", "content"]);
});

test("what all have seen is left out; what one lacks is sent; replaced records are new", (t) => {
  const [one, two] = [new SeenParts(), new SeenParts()];
  const pen = writer();
  const flow = makeHttpFlow();
  pen.note("request", flow, everythingOnTheFlow, one, new Set());
  t.deepEqual(partsOf(pen.write("request", flow, everythingOnTheFlow, [one]).text), []);
  t.is(partsOf(pen.write("request", flow, everythingOnTheFlow, [one, two]).text).length, 5);
  pen.note("request", flow, everythingOnTheFlow, two, new Set(["request"]));
  t.deepEqual(partsOf(pen.write("request", flow, everythingOnTheFlow, [one, two]).text), ["request"]);
  flow.request.version++;
  flow.version++;
  t.deepEqual(partsOf(pen.write("request", flow, everythingOnTheFlow, [one]).text), ["flow", "request"]);
  flow.response = makeResponse();
  pen.note("response", flow, everythingOnTheFlow, one, new Set());
  flow.response = makeResponse();
  t.deepEqual(partsOf(pen.write("response", flow, everythingOnTheFlow, [one]).text), ["response", "response.trailers"]);
  one.clear();
  t.is(partsOf(pen.write("response", flow, everythingOnTheFlow, [one]).text).length, 7);
});

test("layers and TCP messages carry their bytes beside the text", (t) => {
  const layer = writer().write("next_layer", makeLayer(), everythingOnTheFlow, [new SeenParts()]);
  t.deepEqual([partsOf(layer.text), layer.attachments.map(String)], [["layer", "client", "server"], ["hello"]]);
  const tcp = writer().write("tcp_message", makeTcpFlow(), everythingOnTheFlow, [new SeenParts()]);
  t.deepEqual([partsOf(tcp.text), tcp.attachments.map(String)], [["flow", "client", "server", "message"], ["data"]]);
  t.deepEqual(partsOf(writer().write("tcp_message", makeTcpFlow(), only("read:connection"), [new SeenParts()]).text), ["flow", "client", "server"]);
});

test("view classes are about reading only", (t) => {
  t.is(viewClass(only("read:request", "write:request")), viewClass(only("read:request", "act:kill")));
  t.not(viewClass(only("read:request")), viewClass(only("read:request", "header:cookie")));
});

test("plain views are ASCII", (t) => {
  t.is(plainView("log", 0, [["entry", { msg: "\u20ac\0", level: "info" }]]).text, '{"event":"log","key":0,"parts":["entry"]}\0{"msg":"\\u20ac\\u0000","level":"info"}');
});

test("trailers: none are not spoken of until an instance was told of some, or nobody knows what it holds", (t) => {
  const flow = makeHttpFlow(makeRequest(), makeResponse());
  const { request } = flow;
  const [told, fresh] = [new SeenParts(), new SeenParts()];
  const shown = (...seen: readonly SeenParts[]): boolean => {
    const isShown = partsOf(writer().write("response", flow, only("read:request"), seen).text).includes("request.trailers");
    for (const one of seen) writer().note("response", flow, only("read:request"), one, new Set());
    return isShown;
  };
  t.false(shown(told));
  request.trailers = HeaderFields.from([["X-Sum", "1"]]);
  request.trailersVersion++;
  t.true(shown(told));
  request.trailers = null;
  request.trailersVersion++;
  t.false(shown(fresh));
  t.true(shown(told), "it holds the old ones");
  told.clear();
  t.true(shown(told));
});
