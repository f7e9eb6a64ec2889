// Saved flows played over a gate: the events of live traffic in their order, and what addons make of a flow in what comes back.
import test from "ava";
import type { HttpFlow, TcpFlow } from "../../../../host/flows/flow.ts";
import { savedOfFlow } from "../../../../host/flows/saved/from-flow.ts";
import { playFlow } from "../../../../host/flows/saved/play.ts";
import { nothingLeftOut, type SavedFlow, type SavedWebSocket } from "../../../../host/flows/saved/saved-flow.ts";
import { objectKey } from "../../../../sandbox-api/schema/ids.ts";
import { recordingGate, kill, made, type Callbacks } from "../../../helpers/recording-gate.ts";
import { savedHttp, savedTcp } from "../../../helpers/saved-flows.ts";

interface Played { readonly events: readonly string[]; readonly flow: HttpFlow | TcpFlow; readonly seen: readonly unknown[] }

let keys = 1;
async function play(saved: SavedFlow, on: Callbacks = {}): Promise<Played> {
  const gate = recordingGate({ on });
  const flow = await playFlow(saved, gate, () => objectKey(keys++));
  return { events: gate.events, flow, seen: [gate.problems.filter((problem) => !problem.includes("after response")), gate.unreleased] };
}

const messages = [{ fromClient: true, type: "text" as const, content: Buffer.from("hi"), timestamp: 1, injected: false, dropped: false }, { fromClient: false, type: "binary" as const, content: Buffer.from([1]), timestamp: 2, injected: false, dropped: true }];
const websocket: SavedWebSocket = { messages, closeCode: 1000, closeReason: "bye", closedByClient: true, timestampEnd: 3, leftOut: nothingLeftOut };
const chat = savedHttp({ status: 101, answer: "", more: { websocket } });
const broken = savedHttp({ more: { error: { msg: "it broke off", timestamp: 9 } } });

const cases: readonly (readonly [what: string, saved: SavedFlow, on: Callbacks, events: string])[] = [
  ["an exchange", savedHttp(), {}, "requestheaders request responseheaders response"],
  ["one without an answer", savedHttp({ status: null }), {}, "requestheaders request error"],
  ["one that broke off", broken, {}, "requestheaders request responseheaders error"],
  ["killed in requestheaders", savedHttp(), { requestheaders: kill }, "requestheaders error"],
  ["killed in request", savedHttp(), { request: kill }, "requestheaders request error"],
  ["killed in responseheaders", savedHttp(), { responseheaders: kill }, "requestheaders request responseheaders error"],
  ["killed in response", savedHttp(), { response: kill }, "requestheaders request responseheaders response"],
  ["answered by an addon", savedHttp({ status: null }), { request: (flow) => { flow.response = made(418); } }, "requestheaders request responseheaders response"],
  ["a WebSocket", chat, {}, "requestheaders request websockets_handshake responseheaders response websocket_start websocket_message websocket_message websocket_end"],
  ["a WebSocket that is refused", chat, { websockets_handshake: (flow) => { flow.response = made(403); } }, "requestheaders request websockets_handshake responseheaders response"],
  ["a WebSocket that is killed", chat, { websocket_message: kill }, "requestheaders request websockets_handshake responseheaders response websocket_start websocket_message websocket_end"],
  ["TCP", savedTcp([true, "a"], [false, "b"]), {}, "tcp_start tcp_message tcp_message tcp_end"],
  ["TCP that is killed", savedTcp([true, "a"], [false, "b"]), { tcp_message: kill }, "tcp_start tcp_message tcp_end"],
  ["TCP that broke", { ...savedTcp([true, "a"]), error: { msg: "reset", timestamp: 1 } }, {}, "tcp_start tcp_message tcp_error tcp_end"],
];
for (const [what, saved, on, events] of cases) {
  test(`events of ${what}`, async (t) => {
    const played = await play(saved, on);
    t.is(played.events.join(" "), events);
    t.deepEqual(played.seen, [[], 0]);
    t.false(played.flow.live);
  });
}

test("bodies come where live traffic has them, and what addons change is in what comes back", async (t) => {
  const seen: unknown[] = [];
  const note = (event: string) => (flow: HttpFlow): void => void seen.push([event, flow.request.body.state, flow.response === null ? null : flow.response.body.state]);
  const { flow } = await play(savedHttp({ method: "POST", body: "question", answer: "answer" }), {
    requestheaders: note("requestheaders"), request: note("request"), responseheaders: note("responseheaders"),
    response: (each) => { note("response")(each); each.response?.body.complete(Buffer.from("changed")); each.marked = "!"; },
  });
  t.deepEqual(seen, [["requestheaders", "unread", null], ["request", "whole", null], ["responseheaders", "whole", "unread"], ["response", "whole", "whole"]]);
  const saved = savedOfFlow(flow, null);
  t.is(saved.marked, "!");
  t.deepEqual(saved.kind === "http" && saved.response?.body, { kind: "whole", bytes: Buffer.from("changed") });
});

test("a streamed body is not shown, goes through the stream function, and is saved as that made it", async (t) => {
  const { flow } = await play(savedHttp({ answer: "hello" }), {
    responseheaders: (each) => { if (each.response !== null) each.response.stream = (chunk) => Promise.resolve(chunk.length === 0 ? [Buffer.from("!")] : [Buffer.from(chunk.toString().toUpperCase())]); },
    response: (each) => void t.is(each.response?.body.state, "streamed"),
  });
  const saved = savedOfFlow(flow, null);
  t.deepEqual(saved.kind === "http" && saved.response?.body, { kind: "whole", bytes: Buffer.from("HELLO!") });
});

test("an exchange that nobody changes comes back as it was saved", async (t) => {
  for (const saved of [savedHttp({ method: "POST", body: "b" }), savedHttp({ status: null }), broken, savedHttp({ more: { isReplay: "request" } })]) t.deepEqual(savedOfFlow((await play(saved)).flow, null), saved);
});
