// `flowcell inspect` without its command: which combinations are warned of, and what of recorded traffic an addon would have seen.
import test from "ava";
import fc from "fast-check";
import { resolveGrants, type Grants } from "../../../host/addons/grants.ts";
import { inspectAsks, looksSecret } from "../../../host/addons/inspect.ts";
import { readHar } from "../../../host/flows/saved/har-read.ts";
import { OperatorError } from "../../../host/operator-error.ts";
import { inspectTraffic, type TrafficReport } from "../../../host/addons/inspect-traffic.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { checkManifest, type Manifest } from "../../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow } from "../../../sandbox-api/schema/permissions.ts";

const manifestOf = (value: unknown): Manifest => { const result = checkManifest(value); if (result.kind === "problems") throw new Error(result.problems.join()); return result.manifest; };
const grantsOf = (manifest: Manifest | null): Grants => resolveGrants(manifest, { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open" });

const combinations: readonly (readonly [manifest: unknown, warning: RegExp | null])[] = [
  [{ hosts: ["*.bank.example"], permissions: { read: ["request"], headers: ["cookie"], fetch: ["https://api.other.example"] } }, /^can read cookies and addresses of pages with their queries of \*\.bank\.example and send data to https:\/\/api\.other\.example$/],
  [{ permissions: { headers: ["cookie"], fetch: ["https://api.other.example"] } }, /^can send data to https:\/\/api\.other\.example$/],
  [{ permissions: { read: ["response.body"], fetch: ["https://a.example", "https://b.example"] } }, /^can read what servers answer of every host and send data to https:\/\/a\.example and https:\/\/b\.example$/],
  [{ permissions: { read: ["request"], act: ["redirect"] } }, /can send requests for every host to any other server, with the cookies/],
  [{ permissions: { read: ["request", "response.body"], write: ["request"] } }, /can read what servers answer and addresses .* and write it into requests/],
  [{ permissions: { read: ["request"], act: ["respond"] } }, /can put scripts into pages of every host/], [{ permissions: { write: ["response.body"] } }, /can put scripts/],
  [{ permissions: { read: ["response"], write: ["response"] } }, /Content-Security-Policy/], [{ permissions: { act: ["layer"] } }, /without being looked at/], [{ failure: "closed" }, /refused while it fails/],
  [{ permissions: { read: ["response"] } }, null], [{ hosts: ["a.example"], permissions: { read: ["request", "response", "response.body"] } }, null], [{}, null],
];
for (const [manifest, warning] of combinations) {
  test(`combination: ${JSON.stringify(manifest)}`, (t) => {
    const { warnings } = inspectAsks(manifestOf(manifest));
    if (warning === null) t.deepEqual(warnings, []);
    else t.true(warnings.some((each) => warning.test(each)), warnings.join("\n"));
  });
}

test("edits are told in words, and warned of like what a handler could do", (t) => {
  const { asks, edits, warnings } = inspectAsks(manifestOf({ permissions: { write: ["request", "response"] }, edits: [{ event: "responseheaders", remove: ["Content-Security-Policy"] }, { event: "requestheaders", filter: "~all", set: { "X-A": "a\"b" }, append: { "X-B": "x".repeat(100) } }] }));
  t.deepEqual(edits, ["every response: remove Content-Security-Policy", `requests of flows that match ~all: set X-A to "a\\"b", add X-B: "${"x".repeat(60)}…"`]);
  t.deepEqual(asks.slice(2), edits.map((words) => `have the proxy change ${words}`));
  t.true(warnings.some((each) => each.includes("Content-Security-Policy")));
});

test("without a manifest: everything, and said first", (t) => {
  const inspection = inspectAsks(null);
  t.false(inspection.hasManifest);
  t.regex(inspection.warnings[0] ?? "", /has no manifest/);
  t.is(inspection.asks.length, inspection.permissions.length);
});

const entry = (url: string, more: { readonly method?: string; readonly headers?: readonly object[]; readonly body?: string; readonly status?: number; readonly answer?: readonly object[]; readonly text?: string; readonly size?: number } = {}): object => ({
  request: { method: more.method ?? "GET", url, headers: more.headers ?? [], ...(more.body !== undefined && { postData: { text: more.body } }) },
  response: { status: more.status ?? 200, statusText: "", headers: more.answer ?? [], content: { size: more.size ?? more.text?.length ?? 0, ...(more.text !== undefined && { text: more.text }) } },
});
const har = (...entries: readonly unknown[]): string => JSON.stringify({ log: { version: "1.2", entries } });
const login = entry("https://www.bank.example/login?next=1", {
  method: "POST", body: "password=hunter2", text: "<p>hunter3", status: 302,
  headers: [{ name: ":authority", value: "www.bank.example" }, { name: "Cookie", value: "sid=hunter4" }, { name: "authorization", value: "Basic hunter5" }, { name: "X-CSRF-Token", value: "hunter6" }],
  answer: [{ name: "Set-Cookie", value: "sid=hunter7" }, { name: "content-type", value: "text/html" }],
});

/** Judges the text of a HAR file. */
function inspectHar(text: string, grants: Grants): Promise<TrafficReport> {
  let skipped = 0;
  return inspectTraffic(readHar(text, () => { skipped++; }, (sentence) => new OperatorError("ERR_SAVED_FLOWS", sentence)), grants, () => skipped);
}

test("counts by host what the grants show, names what is withheld, and holds no value", async (t) => {
  const grants = grantsOf(manifestOf({ hosts: ["*.bank.example"], permissions: { read: ["request", "request.body", "response"], headers: ["cookie"] } }));
  const report = await inspectHar(har(login, login, entry("https://news.example/"), entry("data:x"), null, { request: 1 }), grants);
  if (report.kind === "problem") return t.fail(report.message);
  t.is(report.skipped, 3);
  t.deepEqual(report.hosts[0], {
    host: "www.bank.example", flows: 2, ofFlows: 2, requests: 2, requestBodies: 2, queries: 2, responses: 2, responseBodies: 0,
    seenHeaders: { cookie: 2 }, withheldHeaders: { authorization: 2, "set-cookie": 2 }, suspectHeaders: { "x-csrf-token": 2 },
  });
  t.like(report.hosts[1], { host: "news.example", flows: 0, ofFlows: 1, requests: 0 });
  t.false(JSON.stringify(report).includes("hunter"));
});

test("a filter counts as in the proxy: on what the addon may see, when it knows it", async (t) => {
  const seen = async (filter: string, read: readonly string[]): Promise<unknown> => {
    const report = await inspectHar(har(login, entry("https://www.bank.example/style.css", { answer: [{ name: "Content-Type", value: "text/css" }] })), grantsOf(manifestOf({ filter, permissions: { read } })));
    return report.kind === "seen" ? [report.hosts[0]?.flows, report.hosts[0]?.requests, report.hosts[0]?.responses] : report.message;
  };
  t.deepEqual(await seen("~ts text/html", ["request", "response"]), [1, 1, 1]);
  t.deepEqual(await seen("~bs hunter3", ["request", "response"]), [0, 0, 0]);
  t.deepEqual(await seen("~bs hunter3", ["response", "response.body"]), [1, 0, 1]);
  t.deepEqual(await seen("~q & ~m post", ["request", "response"]), [1, 1, 0]);
  t.deepEqual(await seen("~hq hunter4", ["request"]), [0, 0, 0]);
});

for (const [text, message] of [["{", /not JSON/], ["[]", /no HAR file/], ['{"log":{}}', /no HAR file/], ['{"log":{"entries":{}}}', /no HAR file/]] as const) {
  test(`no HAR: ${text}`, async (t) => { const report = await inspectHar(text, grantsOf(null)); t.regex(report.kind === "problem" ? report.message : "", message); });
}

test("whatever a HAR holds is counted or skipped", async (t) => {
  const field = fc.record({ name: fc.oneof(fc.string(), fc.constantFrom("cookie", "__proto__", "host")), value: fc.oneof(fc.string({ unit: "binary" }), fc.integer()) });
  const entries = fc.array(fc.oneof(fc.json(), fc.record({ request: fc.record({ url: fc.oneof(fc.webUrl(), fc.string()), method: fc.string(), headers: fc.array(field) }), response: fc.record({ status: fc.integer(), headers: fc.array(field), content: fc.oneof(fc.string(), fc.record({ size: fc.integer(), text: fc.string(), encoding: fc.constantFrom("base64", "x") })) }) })));
  await fc.assert(fc.asyncProperty(entries, async (list) => (await inspectHar(har(...list), grantsOf(null))).kind === "seen"), { numRuns: 200 });
  t.pass();
});

for (const [name, is] of [["x-api-key", true], ["x-auth-token", true], ["x-csrf-token", true], ["x-amz-security-token", true], ["accept", false], ["author", false], ["x-session-id", true], ["cookie", false], ["tokenizer", false]] as const) test(`looks secret: ${name}`, (t) => t.is(looksSecret(name), is));
