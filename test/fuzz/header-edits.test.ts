// Random edits of a header list, made by an addon through the guest as it ships, checked and merged by the host: the flow ends with exactly
// the fields that a plain list with the documented meaning of each verb ends with; untouched lines keep their bytes; refused edits change nothing.
import test from "ava";
import fc from "fast-check";
import { mergeChanges } from "../../host/flows/merge.ts";
import { validateChanges } from "../../host/flows/validate.ts";
import { everythingOnTheFlow } from "../../sandbox-api/schema/permissions.ts";
import { linesOf, makeHttpFlow, makeRequest } from "../helpers/flows.ts";
import { bundleGuest, guestRealm, sampleParts as part, type Part } from "../helpers/guest-realm.ts";

type Field = [name: string, value: string];
const name = fc.constantFrom("X-A", "x-a", "X-B", "Accept", "ACCEPT", "Cookie", "x-new");
const value = fc.constantFrom("1", "2", "a, b", "", "\xe4", "x=y; z");
const bad = fc.constantFrom("a\r\nx: 1", "a\nb", "\0", "\u20ac\r\n");
const edit = fc.oneof(
  fc.tuple(fc.constant("set" as const), name, value), fc.tuple(fc.constant("append" as const), name, value), fc.tuple(fc.constant("delete" as const), name),
  fc.tuple(fc.constant("insert" as const), fc.nat(4), name, value), fc.tuple(fc.constantFrom("set" as const, "append" as const), name, bad), fc.tuple(fc.constant("append" as const), bad, value),
  fc.tuple(fc.constantFrom("set" as const, "append" as const), fc.constantFrom("Content-Length", "transfer-encoding", "Connection"), value),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const isIllegal = (fieldName: string, content: string): boolean => /[\0-\x1f:]|\u20ac/.test(fieldName) || /[\r\n\0]/.test(content) || /^(content-length|transfer-encoding|connection)$/i.test(fieldName);

/** What the documentation says that an edit does. */
function model(fields: readonly Field[], [verb, ...args]: Edit): readonly Field[] {
  const is = (wanted: unknown) => ([known]: Field): boolean => known.toLowerCase() === String(wanted).toLowerCase();
  if (verb === "delete") return fields.filter((item) => !is(args[0])(item));
  if (verb === "insert") {
    const [at, fieldName, content] = args as [number, string, string];
    if (at > fields.length) return fields;
    return [...fields.slice(0, at), [fieldName, content], ...fields.slice(at)];
  }
  const [fieldName, content] = args as [string, string];
  if (isIllegal(fieldName, content)) return fields;
  const first = fields.findIndex(is(fieldName));
  if (verb === "append" || first < 0) return [...fields, [fieldName, content]];
  return fields.flatMap((item, index): Field[] => (index === first ? [[item[0], content]] : is(fieldName)(item) ? [] : [item]));
}

test("edits of headers end as documented, from the guest to the flow", async (t) => {
  const guest = await bundleGuest();
  const realm = await guestRealm(`export const request = (flow) => { for (const [verb, ...args] of JSON.parse(flow.comment)) { try { flow.request.headers[verb](...args); } catch { /* refused */ } } };`, guest);
  let key = 1;
  const start = fc.array(fc.tuple(name, value.filter((text) => text !== "\xe4")), { maxLength: 5 });
  fc.assert(fc.property(start, fc.array(edit, { maxLength: 8 }), (fields, edits) => {
    const initial: Field[] = [["Host", "example.com"], ...fields];
    const parts: readonly Part[] = [part.flow({ comment: JSON.stringify(edits) }), part.client(), part.server(), part.request({}, initial), part.body("request")];
    const answer = realm.dispatch("request", key++, parts);
    t.true(answer.status === 0 || answer.status === 1, answer.raw);
    const flow = makeHttpFlow(makeRequest(initial, Buffer.alloc(0)));
    const verdict = validateChanges({ event: "request", subject: flow, permissions: everythingOnTheFlow, text: JSON.stringify(answer.value ?? []), attachments: [], mutationBytes: 1_000_000 });
    if (verdict.kind === "fault") return void t.fail(JSON.stringify([verdict.fault, initial, edits]));
    mergeChanges(flow, verdict.changes, { addon: "a", attachments: [], now: 1, streamFunction: () => async (chunk) => [chunk] });
    const expected = edits.reduce<readonly Field[]>(model, initial).map(([fieldName, content]) => `${fieldName}: ${Buffer.from(content, fields.some((item) => item[1] === content) ? "latin1" : "utf8").toString("latin1")}`);
    t.deepEqual(linesOf(flow.request), expected, JSON.stringify(edits));
  }), { numRuns: 1_500 });
});
