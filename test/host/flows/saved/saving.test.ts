// What the saving gate hands on of live traffic through a real proxy: bodies that nobody wants as they pass and within the bound, what
// addons made of a flow, messages, and nothing that is not a flow. It holds up no stream.
import test, { type ExecutionContext } from "ava";
import type { Gate } from "../../../../host/flows/gate.ts";
import { openGate } from "../../../../host/flows/gate.ts";
import type { SavedFlow, SavedHttpFlow } from "../../../../host/flows/saved/saved-flow.ts";
import { readRecord, writeRecord } from "../../../../host/flows/saved/record.ts";
import { savingGate } from "../../../../host/flows/saved/saving-gate.ts";
import { rawClient, tunnelClient } from "../../../helpers/client.ts";
import { rawOrigin } from "../../../helpers/origin.ts";
import { startProxy, type TestProxy } from "../../../helpers/proxy.ts";
import { recordingGate } from "../../../helpers/recording-gate.ts";
import { clientFrame, echoMessages, rawWebSocket, webSocketOrigin } from "../../../helpers/websocket.ts";

interface Stage { readonly proxy: TestProxy; readonly saved: readonly SavedFlow[]; until(count: number): Promise<readonly SavedFlow[]> }

const keepBytes = 1_000;

async function stage(t: ExecutionContext, inner: Gate = openGate): Promise<Stage> {
  const saved: SavedFlow[] = [];
  let news = (): void => {};
  const proxy = await startProxy(t, { gate: savingGate(inner, keepBytes, (flow) => { t.deepEqual(readBack(flow), flow); saved.push(flow); news(); }), keepPassedBytes: keepBytes });
  return {
    proxy, saved,
    until: async (count) => {
      while (saved.length < count) await new Promise<void>((resolve) => { news = resolve; });
      return saved;
    },
  };
}

/** What a file would give. */
function readBack(flow: SavedFlow): unknown {
  const { head, blobs } = writeRecord(flow);
  return readRecord(Buffer.concat([head, ...blobs]), head.length);
}

const http = (flow: SavedFlow | undefined): SavedHttpFlow => { if (flow?.kind !== "http") throw new Error("no HTTP flow"); return flow; };
const shown = ({ response, request }: SavedHttpFlow): unknown => [request.body, response?.body].map((body) => (body === undefined ? null : body.kind === "whole" ? body.bytes.toString() : [body.why, body.size]));

test("a server-sent event passes before the response ends, and is saved when it has", async (t) => {
  let finish = (): void => {};
  const origin = await rawOrigin((socket) => socket.on("data", () => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n");
    finish = () => socket.write("8\r\ndata: 2\n\r\n0\r\n\r\n");
  }));
  t.teardown(() => origin.close());
  const { proxy, saved, until } = await stage(t);
  const client = await rawClient(proxy.port);
  client.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n\r\n`);
  await client.until(/data: 1/);
  t.is(saved.length, 0);
  finish();
  await client.until(/data: 2/);
  t.deepEqual(shown(http((await until(1))[0])), ["", "data: 1\ndata: 2\n"]);
});

const answers: readonly (readonly [what: string, request: string, response: string, saved: unknown])[] = [
  ["a body within the bound", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ["abc", "ok"]],
  ["bodies beyond it", `POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n${"a".repeat(1_001)}`, `HTTP/1.1 200 OK\r\nContent-Length: 1500\r\n\r\n${"b".repeat(1_500)}`, [["too-large", 1_001], ["too-large", 1_500]]],
  ["an empty chunked body", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ["", ""]],
  ["no body", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", ["", ""]],
  ["what is long and odd", `GET /${"p".repeat(15_000)}\xe4?"'<>\\^ HTTP/1.1\r\nX-Long: ${"v".repeat(30_000)}\xff\r\nX-Empty:\r\n\r\n`, `HTTP/1.1 299 ${"r".repeat(30_000)}\xe4\r\nContent-Length: 0\r\n!#$%&'*+.^_\`|~: \t odd \t\r\n\r\n`, ["", ""]],
  ["HEAD", "HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", ["", ""]],
];
for (const [what, request, response, expected] of answers) {
  test(`saved as it passed: ${what}`, async (t) => {
    const [head = "", ...rest] = request.split("\r\n");
    const origin = await rawOrigin((socket) => { let got = ""; socket.on("data", (chunk: Buffer) => { got += chunk.toString("latin1"); if (/\r\n\r\n/.test(got) && got.length >= request.length - 20) socket.end(response, "latin1"); }); });
    t.teardown(() => origin.close());
    const { proxy, until } = await stage(t);
    const client = await rawClient(proxy.port);
    client.send([head.replace(" /", ` http://127.0.0.1:${origin.port}/`), `Host: 127.0.0.1:${origin.port}`, ...rest].join("\r\n"));
    t.deepEqual(shown(http((await until(1))[0])), expected);
    client.close();
  });
}

test("a request that cannot be read is a flow, too, and comes back from a file", async (t) => {
  const { proxy, until } = await stage(t);
  const client = await rawClient(proxy.port);
  client.send("GET http://a.example/ HTTP/1.1\r\nHost : a.example\r\n\r\n");
  const flow = http((await until(1))[0]);
  t.truthy(flow.error);
  client.close();
});

test("a response that breaks off says so, and so does its error", async (t) => {
  const origin = await rawOrigin((socket) => socket.on("data", () => { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"); setImmediate(() => socket.destroy()); }));
  t.teardown(() => origin.close());
  const { proxy, until } = await stage(t);
  const client = await rawClient(proxy.port);
  client.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n\r\n`);
  const flow = http((await until(1))[0]);
  t.deepEqual(shown(flow), ["", ["broken-off", 4]]);
  t.truthy(flow.error);
});

test("what addons made of a flow is what is saved, with their marks; CONNECT is none, what is inside is", async (t) => {
  const origin = await rawOrigin((socket) => socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")));
  t.teardown(() => origin.close());
  const gate = recordingGate({ on: { response: (flow) => { flow.response?.body.complete(Buffer.from("changed")); flow.comment = "by an addon"; flow.request.headers.set("X-Own", "1"); } } });
  const { proxy, until } = await stage(t, gate);
  const client = await tunnelClient(proxy.port, `127.0.0.1:${origin.port}`);
  client.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n`);
  await client.until(/changed/);
  client.close();
  const flow = http((await until(1))[0]);
  t.deepEqual(shown(flow), ["", "changed"]);
  t.is(flow.comment, "by an addon");
  t.deepEqual(flow.request.headers.map(([name]) => name), ["Host", "X-Own"]);
  await gate.seen("clientdisconnect");
  t.is((await until(1)).length, 1);
});

test("messages of a WebSocket are saved, decided by addons or not, up to the bound", async (t) => {
  const origin = await webSocketOrigin(t, echoMessages);
  for (const inner of [openGate, recordingGate({ on: { websocket_message: ({ webSocket }) => { if (webSocket?.message?.content.toString() === "drop me") webSocket.message.dropped = true; } } })]) {
    const { proxy, until } = await stage(t, inner);
    const client = await rawWebSocket(proxy.port, origin.port);
    client.send(Buffer.concat([clientFrame(0x81, "drop me"), clientFrame(0x82, "x".repeat(600))]));
    await client.until(/x{600}/);
    client.send(clientFrame(0x88, Buffer.from([0x03, 0xe8])));
    await client.untilEnd();
    client.close();
    const { websocket } = http((await until(1))[0]);
    const isDropped = inner !== openGate;
    t.deepEqual(websocket?.messages.map(({ fromClient, type, content, dropped }) => [fromClient, type, content.length, dropped]), isDropped
      ? [[true, "text", 7, true], [true, "binary", 600, false]] : [[true, "text", 7, false], [true, "binary", 600, false], [false, "text", 7, false]]);
    t.deepEqual(websocket?.leftOut, { messages: 1, bytes: 600 });
    t.is(websocket?.closeCode, 1000);
  }
});
