// Which recorded response answers which request, what is moved to now, and what becomes of requests that nothing recorded fits.
import test from "ava";
import { ServerReplay, type ServerReplayRules } from "../../../../host/flows/saved/server-replay.ts";
import { refreshed } from "../../../../host/flows/saved/refresh.ts";
import type { SavedFlow } from "../../../../host/flows/saved/saved-flow.ts";
import { httpFlowOf } from "../../../../host/flows/saved/to-flow.ts";
import { openGate } from "../../../../host/flows/gate.ts";
import { makeLog } from "../../../../host/log.ts";
import { objectKey } from "../../../../sandbox-api/schema/ids.ts";
import { savedHttp, savedTcp } from "../../../helpers/saved-flows.ts";

const plain: ServerReplayRules = { reuse: false, killExtra: false, refresh: false, ignoreHost: false, ignorePort: false, ignoreContent: false, ignoreParams: [], ignorePayloadParams: [], useHeaders: [] };

type Wishes = Parameters<typeof savedHttp>[0];

/** What the requests get, by the bodies of the recorded responses; null: nothing, "killed". */
async function answers(rules: Partial<ServerReplayRules>, recorded: readonly SavedFlow[], requests: readonly Wishes[]): Promise<readonly (string | null)[]> {
  const replay = new ServerReplay({ ...plain, ...rules }, makeLog(() => {}));
  for (const flow of recorded) replay.add(flow);
  const gate = replay.around(openGate);
  const got: (string | null)[] = [];
  for (const wishes of requests) {
    const flow = { ...httpFlowOf(savedHttp({ ...wishes, status: null }), () => objectKey(1)), error: null, live: true };
    await gate.held("request", flow);
    got.push(flow.killedBy !== null ? "killed" : flow.response?.body.raw?.toString() ?? null);
  }
  return got;
}

const form: Wishes = { method: "POST", requestHeaders: [["Host", "example.com"], ["Content-Type", "application/x-www-form-urlencoded"]], body: "user=a&token=1" };
const url = "http://example.com/p?a=1&b=2";

const cases: readonly (readonly [what: string, rules: Partial<ServerReplayRules>, recorded: readonly SavedFlow[], requests: readonly Wishes[], got: readonly (string | null)[]])[] = [
  ["each once, in order, then the server", {}, [savedHttp({ answer: "1" }), savedHttp({ answer: "2" })], [{}, {}, {}], ["1", "2", null]],
  ["reuse: the first for ever", { reuse: true }, [savedHttp({ answer: "1" }), savedHttp({ answer: "2" })], [{}, {}], ["1", "1"]],
  ["kill-extra", { killExtra: true }, [savedHttp({ answer: "1" })], [{}, {}], ["1", "killed"]],
  ["method, path, query, port, host and scheme count", {}, [savedHttp({ url, answer: "1" })], [
    { url, method: "POST" }, { url: "http://example.com/q?a=1&b=2" }, { url: "http://example.com/p?a=1&b=3" }, { url: "http://example.com:81/p?a=1&b=2" }, { url: "http://example.org/p?a=1&b=2" }, { url: "https://example.com:80/p?a=1&b=2" }, { url },
  ], [null, null, null, null, null, null, "1"]],
  ["ignored params", { ignoreParams: ["b"] }, [savedHttp({ url, answer: "1" })], [{ url: "http://example.com/p?a=1&b=77" }], ["1"]],
  ["ignored host and port", { ignoreHost: true, ignorePort: true }, [savedHttp({ url, answer: "1" })], [{ url: "http://other.example:8080/p?a=1&b=2" }], ["1"]],
  ["the host that the client named counts, not the address", {}, [savedHttp({ url: "http://192.0.2.1/", requestHeaders: [["Host", "a.example"]], answer: "1" })], [{ url: "http://192.0.2.9/", requestHeaders: [["host", "A.example:80"]] }], ["1"]],
  ["bodies count", {}, [savedHttp({ ...form, answer: "1" })], [{ ...form, body: "user=b&token=1" }, form], [null, "1"]],
  ["ignored bodies", { ignoreContent: true }, [savedHttp({ ...form, answer: "1" })], [{ ...form, body: "anything" }], ["1"]],
  ["ignored payload params", { ignorePayloadParams: ["token"] }, [savedHttp({ ...form, answer: "1" })], [{ ...form, body: "user=b&token=1" }, { ...form, body: "token=9&user=a" }], [null, "1"]],
  ["headers that count", { useHeaders: ["Accept"] }, [savedHttp({ requestHeaders: [["Host", "example.com"], ["Accept", "text/html"]], answer: "1" })], [{}, { requestHeaders: [["Host", "example.com"], ["accept", "text/html"]] }], [null, "1"]],
  ["nothing to answer with", {}, [
    savedTcp([true, "x"]), savedHttp({ status: null }), savedHttp({ status: 101 }), savedHttp({ more: { error: { msg: "broke", timestamp: 1 } } }),
    savedHttp({ more: { response: { ...savedHttp().response!, body: { kind: "missing", why: "too-large", size: 9 } } } }),
  ], [{}], [null]],
];
for (const [what, rules, recorded, requests, got] of cases) test(`server replay: ${what}`, async (t) => t.deepEqual(await answers(rules, recorded, requests), got));

test("an addon's own answer stays, and a replayed request goes out", async (t) => {
  const replay = new ServerReplay({ ...plain, killExtra: true }, makeLog(() => {}));
  replay.add(savedHttp());
  const answered = { ...httpFlowOf(savedHttp({ answer: "own" }), () => objectKey(1)), live: true };
  await replay.around(openGate).held("request", answered);
  t.is(answered.response?.body.raw?.toString(), "own");
  t.is(answered.response?.isReplayed, undefined);
  const again = { ...httpFlowOf(savedHttp({ status: null, more: { isReplay: "request" } }), () => objectKey(1)), live: true };
  await replay.around(openGate).held("request", again);
  t.is(again.killedBy, null);
});

test("dates and cookies are moved by the time that has passed, and nothing else is", (t) => {
  const at = "Thu, 01 Jan 2026 00:00:00 GMT";
  const later = "Thu, 01 Jan 2026 01:00:00 GMT";
  t.deepEqual(refreshed([["Date", at], ["expires", at], ["Last-Modified", at], ["X-Date", at], ["Expires", "0"], ["Expires", "never"], ["Age", "3"]], 3_600), [["Date", later], ["expires", later], ["Last-Modified", later], ["X-Date", at], ["Expires", "0"], ["Expires", "never"], ["Age", "3"]]);
  t.deepEqual(refreshed([["Set-Cookie", `a=1; Expires=${at}; Path=/`], ["set-cookie", "b=expires=x; Max-Age=9"], ["Set-Cookie", "c=1; expires=Thu, 01-Jan-2026 00:00:00 GMT"]], 3_600), [["Set-Cookie", `a=1; Expires=${later}; Path=/`], ["set-cookie", "b=expires=x; Max-Age=9"], ["Set-Cookie", `c=1; expires=${later}`]]);
  t.deepEqual(refreshed([["Date", at]], 1e300), [["Date", at]]);
});
