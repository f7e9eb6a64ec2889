// From a hostile cell's text to the wire: whatever list of changes is accepted leaves a flow whose heads are read by our own strict decoder
// as exactly one message with exactly those fields. Nothing that is accepted can end a head early or start a second message.
import test from "ava";
import fc from "fast-check";
import { mergeChanges } from "../../host/flows/merge.ts";
import { validateChanges } from "../../host/flows/validate.ts";
import { RequestDecoder, ResponseDecoder } from "../../host/http/h1-decoder.ts";
import { encodeRequestHead, encodeResponseHead } from "../../host/http/h1-encoder.ts";
import type { HttpEvent } from "../../host/http/http-event.ts";
import { changeTable } from "../../sandbox-api/schema/changes.ts";
import { everythingOnTheFlow } from "../../sandbox-api/schema/permissions.ts";
import { linesOf, makeHttpFlow, makeRequest, makeResponse } from "../helpers/flows.ts";

const spice = fc.constantFrom("\r\n", "\n", "\r", "\0", " ", "\t", ":", "\u010a", "\u010d", "\x85", "\u2028", "x", "chunked", "Content-Length", "Host", "/", "#", "?", "\x7f", "\xff", "0");
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.array(spice, { maxLength: 5 }).map((parts) => parts.join("")), fc.constantFrom("x-a", "Host", "GET", "POST", "/a?b", "example.com", "", "ok"));
const fieldName = fc.oneof(fc.constantFrom("X-A", "host", "Cookie", "transfer-encoding", "Content-Length", "Connection", "x_b", "Te", "Trailer"), text);
const run = fc.tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 4 }));
const field = fc.oneof(fc.integer({ min: -1, max: 4 }), run, fc.tuple(fieldName, text), fc.anything());
const fields = fc.oneof({ weight: 6, arbitrary: fc.array(field, { maxLength: 6 }) }, { weight: 1, arbitrary: fc.anything() });
const values = fc.oneof(text, fields, fc.integer({ min: -1, max: 700 }), fc.boolean(), fc.anything(),
  fc.record({ statusCode: fc.integer({ min: 99, max: 600 }), reason: text, fields: fc.array(fc.tuple(fieldName, text), { maxLength: 4 }), body: fc.constantFrom(null, 0, 1), encode: fc.boolean() }));
const addresses = fc.constantFrom(...Object.keys(changeTable), "__proto__", "constructor", "request.__proto__");
const made = fc.record({ statusCode: fc.integer({ min: 199, max: 300 }), reason: text, fields: fc.array(fc.tuple(fieldName, text), { maxLength: 3 }), body: fc.constantFrom(null, 0), encode: fc.boolean() });
const fieldList = fc.array(fc.oneof(fc.integer({ min: 0, max: 2 }), run, fc.tuple(fieldName, text)), { maxLength: 4 });
const fitting = fc.oneof(
  fc.tuple(fc.constantFrom("request.method", "request.path", "request.host", "response.reason"), text), fc.tuple(fc.constantFrom("request.headers", "request.trailers", "response.headers", "response.trailers"), fieldList),
  fc.tuple(fc.constant("response.statusCode"), fc.integer({ min: 199, max: 600 })), fc.tuple(fc.constant("response.make"), made), fc.tuple(fc.constantFrom("request.body", "response.body"), fc.constant(0)),
);
const lists = fc.array(fc.oneof({ weight: 4, arbitrary: fitting }, { weight: 1, arbitrary: fc.tuple(addresses, values) }), { minLength: 1, maxLength: 3 });
const asText = (list: unknown): string => JSON.stringify(list, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item)) ?? "";

const freshFlow = (): ReturnType<typeof makeHttpFlow> =>
  makeHttpFlow(makeRequest([["Host", "example.com"], ["Cookie", "secret"], ["X-A", "1"]], Buffer.from("x")), makeResponse([["Content-Type", "a"], ["X-B", "2"]], Buffer.from("y")));

/** All events of one message that ends where its bytes do. */
function events(decoder: RequestDecoder | ResponseDecoder, head: string): HttpEvent[] {
  const seen: HttpEvent[] = [];
  decoder.push(Buffer.from(head, "latin1"));
  decoder.eof();
  for (let event = decoder.next(); event !== null; event = decoder.next()) seen.push(event);
  return seen;
}

test("what is accepted goes out as one message with those fields", (t) => {
  let accepted = 0;
  fc.assert(fc.property(lists, fc.constantFrom("request" as const, "response" as const), (list, event) => {
    const flow = freshFlow();
    const attachments = [Buffer.from("one")];
    const verdict = validateChanges({ event, subject: flow, permissions: everythingOnTheFlow, text: asText(list), attachments, mutationBytes: 1_000_000 });
    if (verdict.kind === "fault") return;
    accepted += list.length;
    mergeChanges(flow, verdict.changes, { addon: "a", attachments, now: 1, streamFunction: () => async (chunk) => [chunk] });
    checkRequest(flow);
    if (flow.response !== null) checkResponse(flow.response);
  }), { numRuns: 6_000 });
  t.true(accepted > 200, `only ${accepted} changes were accepted`);

  function checkRequest({ request }: ReturnType<typeof makeHttpFlow>): void {
    // As an exchange does for a request that has lost its Host.
    if (!request.headers.has("host")) request.headers.insert(0, "Host", "example.com");
    const head = encodeRequestHead({ method: request.method, target: request.path, headers: request.headers });
    const [first, ...rest] = events(new RequestDecoder(), head);
    if (first?.kind !== "request-head") return void t.fail(JSON.stringify([head, first]));
    t.deepEqual([...first.headers.entries()].map(([name, value]) => `${name}: ${value}`), linesOf(request));
    t.is(first.method, request.method);
    t.deepEqual(rest.map(({ kind }) => kind), ["end"], head);
  }

  function checkResponse(response: NonNullable<ReturnType<typeof makeHttpFlow>["response"]>): void {
    const head = encodeResponseHead({ status: response.statusCode, reason: response.reason, headers: response.headers });
    const decoder = new ResponseDecoder();
    decoder.expect("HEAD");
    const [first] = events(decoder, head);
    if (first?.kind !== "response-head") return void t.fail(JSON.stringify([head, first]));
    t.deepEqual([...first.headers.entries()].map(([name, value]) => `${name}: ${value}`), linesOf(response));
    t.is(first.status, response.statusCode);
  }
});
