// WebSockets through the proxy with events: messages of ws's clients and servers seen, changed, dropped and answered, compression agreed on
// with each side, closes and pings relayed, and bytes untouched where nobody looks.
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import type { HttpFlow } from "../../host/flows/flow.ts";
import { startProxy } from "../helpers/proxy.ts";
import { kill, recordingGate, type Callbacks, type RecordingGate } from "../helpers/recording-gate.ts";
import { echoMessages, Hearing, webSocketClient, webSocketOrigin } from "../helpers/websocket.ts";

/** A client that is slow to speak in its tunnel must not make it raw TCP. */
const timeouts = { peekMs: 30_000 };

const message = (flow: HttpFlow): NonNullable<NonNullable<HttpFlow["webSocket"]>["message"]> => {
  const { webSocket } = flow;
  if (webSocket?.message == null) throw new Error("an event without a message");
  return webSocket.message;
};

const seen = (flow: HttpFlow): string => {
  const { fromClient, type, content, injected } = message(flow);
  return `${fromClient ? ">" : "<"} ${type} ${content.toString()}${injected ? " (injected)" : ""}`;
};

/** `ended`: what `websocket_end` told, as [closeCode, closeReason, closedByClient, error]. */
interface Stage { readonly gate: RecordingGate; readonly port: number; readonly ended: Promise<readonly unknown[]> }

async function stage(t: ExecutionContext, on: Callbacks = {}): Promise<Stage> {
  const ended = Promise.withResolvers<readonly unknown[]>();
  const gate = recordingGate({ on: { ...on, websocket_end: ({ webSocket, error }) => ended.resolve([webSocket?.closeCode, webSocket?.closeReason, webSocket?.closedByClient, error?.msg ?? null]) } });
  const { port } = await startProxy(t, { gate, timeouts });
  t.teardown(() => { if (gate.problems.length > 0) throw new Error(gate.problems.join("; ")); });
  return { gate, port, ended: ended.promise };
}

const handshake = ["clientconnect", "next_layer(http1)", "http_connect", "next_layer(http1)", "requestheaders", "request", "websockets_handshake", "serverconnect", "responseheaders", "response"];

test("the whole sequence of events; messages arrive as they were sent", async (t) => {
  const messages: string[] = [];
  const { gate, port, ended } = await stage(t, { websocket_message: (flow) => void messages.push(seen(flow)) });
  const origin = await webSocketOrigin(t, echoMessages);
  const { socket, ...client } = await webSocketClient(t, port, origin.port).then((hearing) => ({ socket: hearing.socket, hearing }));
  socket.send("hé");
  socket.send(Buffer.from([0, 255]));
  socket.send("");
  t.deepEqual(await client.hearing.atLeast(3), ["text:hé", "binary:00ff", "text:"]);
  socket.close(4001, "enough");
  t.is((await client.hearing.untilClose()).at(-1), "close:4001:enough");
  await gate.seen("clientdisconnect");
  const [ping] = messages;
  t.is(ping, "> text hé");
  t.is(messages.length, 6);
  t.deepEqual(await ended, [4001, "enough", true, null]);
  t.deepEqual(gate.events, [...handshake, "websocket_start", ...messages.map(() => "websocket_message"), "websocket_end", "serverdisconnect", "clientdisconnect"]);
  t.is(gate.unreleased, 0);
});

test("messages are changed, dropped and put in; what is put in is seen too", async (t) => {
  const messages: string[] = [];
  const { port } = await stage(t, {
    websocket_start: (flow) => void flow.webSocket?.injections.push({ index: -1, fromClient: false, type: "text", content: Buffer.from("welcome"), timestamp: 0, injected: true, dropped: false, version: 0 }),
    websocket_message: (flow) => {
      messages.push(seen(flow));
      const newest = message(flow);
      if (newest.content.toString() === "drop me") newest.dropped = true;
      if (newest.content.toString() === "change me") newest.content = Buffer.from("changed");
      if (newest.fromClient && newest.content.toString() === "answer me") flow.webSocket?.injections.push({ index: -1, fromClient: false, type: "binary", content: Buffer.from([1, 2]), timestamp: 0, injected: true, dropped: false, version: 0 });
    },
  });
  const origin = await webSocketOrigin(t, echoMessages);
  const client = await webSocketClient(t, port, origin.port);
  for (const text of ["drop me", "change me", "answer me", "last"]) client.socket.send(text);
  // The server's echoes come in their own time; each direction keeps its order.
  const heard = await client.atLeast(5);
  t.is(heard[0], "text:welcome");
  t.deepEqual(heard.filter((line) => line.startsWith("text:")), ["text:welcome", "text:changed", "text:answer me", "text:last"]);
  t.true(heard.includes("binary:0102"));
  t.is(messages[0], "< text welcome (injected)");
  t.true(messages.includes("< binary \u0001\u0002 (injected)"));
  client.socket.close();
  t.is((await client.untilClose()).at(-1), "close:1005:");
});

const deflateCases: readonly (readonly [string, object | boolean, object | boolean])[] = [
  ["off on both sides", false, false],
  ["offered, not taken", true, false],
  ["taken", true, true],
  ["without context takeover of the server", { serverNoContextTakeover: true }, true],
  ["without context takeover of either", { serverNoContextTakeover: true, clientNoContextTakeover: true }, { serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ["with small windows", { clientMaxWindowBits: 9 }, { serverMaxWindowBits: 10, clientMaxWindowBits: 9 }],
  ["with the smallest windows", { serverMaxWindowBits: 8, clientMaxWindowBits: 8 }, { serverMaxWindowBits: 8, clientMaxWindowBits: 8 }],
];

for (const [name, ofClient, ofServer] of deflateCases) {
  test(`permessage-deflate ${name}: compressed messages are seen whole and arrive as they were`, async (t) => {
    const sizes: number[] = [];
    const { port } = await stage(t, { websocket_message: (flow) => void sizes.push(message(flow).content.length) });
    const thresholds = (options: object | boolean): object | boolean => (typeof options === "boolean" ? (options ? { threshold: 0 } : false) : { ...options, threshold: 0 });
    const extensions: string[] = [];
    const origin = await webSocketOrigin(t, (socket) => { extensions.push(socket.extensions); echoMessages(socket); }, { perMessageDeflate: thresholds(ofServer) });
    const client = await webSocketClient(t, port, origin.port, { perMessageDeflate: thresholds(ofClient) });
    const texts = ["", "a", "a".repeat(70_000), "again and again ".repeat(500), "again and again ".repeat(500), randomBytes(40_000).toString("hex")];
    for (const text of texts) client.socket.send(text);
    t.deepEqual(await client.atLeast(texts.length), texts.map((text) => `text:${text}`));
    t.is(client.socket.extensions, extensions[0] ?? "none");
    t.deepEqual([...sizes].sort((a, b) => a - b), [...texts, ...texts].map(({ length }) => length).sort((a, b) => a - b));
    client.socket.close(1000);
    await client.untilClose();
  });
}

test("pings and pongs pass with their payloads, in order with messages", async (t) => {
  const { port } = await stage(t);
  const servers: Hearing[] = [];
  const origin = await webSocketOrigin(t, (socket) => void servers.push(new Hearing(socket)), { autoPong: true });
  const client = await webSocketClient(t, port, origin.port);
  client.socket.send("one");
  client.socket.ping("two");
  client.socket.send("three");
  await client.atLeast(1);
  t.deepEqual(client.all, ["pong:two"]);
  t.deepEqual(await servers[0]?.atLeast(3), ["text:one", "ping:two", "text:three"]);
  servers[0]?.socket.ping("four");
  t.is((await servers[0]?.atLeast(4))?.at(-1), "pong:four");
});

for (const [code, reason] of [[1000, ""], [1001, "going"], [3000, "é".repeat(61)], [4999, "x"]] as const) {
  test(`close ${code} of the server arrives with its reason`, async (t) => {
    const { port, ended } = await stage(t);
    const origin = await webSocketOrigin(t, (socket) => socket.close(code, reason));
    const client = await webSocketClient(t, port, origin.port);
    t.deepEqual(await client.untilClose(), [`close:${code}:${reason}`]);
    t.deepEqual(await ended, [code, reason, false, null]);
  });
}

test("both sides close at once", async (t) => {
  const { gate, port } = await stage(t);
  const origin = await webSocketOrigin(t, (socket) => socket.on("message", () => socket.close(4002, "server")));
  const client = await webSocketClient(t, port, origin.port);
  client.socket.send("now");
  client.socket.close(4003, "client");
  t.regex((await client.untilClose()).at(-1) ?? "", /^close:400[23]:/);
  await gate.seen("websocket_end");
});

test("a server that goes away without a close is 1006 to the client and to addons", async (t) => {
  const { port, ended } = await stage(t);
  const origin = await webSocketOrigin(t, (socket) => socket.on("message", () => socket.terminate()));
  const client = await webSocketClient(t, port, origin.port);
  client.socket.send("die");
  t.deepEqual(await client.untilClose(), ["close:1006:"]);
  t.deepEqual(await ended, [1006, "", false, null]);
});

test("kill cuts both sides; websocket_end is told", async (t) => {
  const servers: Hearing[] = [];
  const { gate, port } = await stage(t, { websocket_message: kill });
  const origin = await webSocketOrigin(t, (socket) => void servers.push(new Hearing(socket)));
  const client = await webSocketClient(t, port, origin.port);
  client.socket.send("secret");
  t.deepEqual(await client.untilClose(), ["close:1006:"]);
  t.deepEqual(await servers[0]?.untilClose(), ["close:1006:"]);
  await gate.seen("websocket_end");
});

test("an addon that refuses ends both sides with 1011 and an error", async (t) => {
  const servers: Hearing[] = [];
  const { port, ended } = await stage(t, {
    websocket_message: (flow) => { flow.refusal = { addon: "guard", event: "websocket_message", fault: { code: "threw", message: "it broke" } }; },
  });
  const origin = await webSocketOrigin(t, (socket) => void servers.push(new Hearing(socket)));
  const client = await webSocketClient(t, port, origin.port);
  client.socket.send("secret");
  t.deepEqual(await client.untilClose(), ["close:1011:refused by the proxy"]);
  t.deepEqual(await servers[0]?.untilClose(), ["close:1011:refused by the proxy"]);
  t.deepEqual(await ended, [1011, "refused by the proxy", false, 'The addon "guard" failed in websocket_message: it broke']);
});

test("where nobody takes its events a WebSocket is relayed as it is, extensions and all", async (t) => {
  const gate = recordingGate({ wants: (event) => !event.startsWith("websocket_") });
  const { port } = await startProxy(t, { gate, timeouts });
  const origin = await webSocketOrigin(t, echoMessages, { perMessageDeflate: true });
  const client = await webSocketClient(t, port, origin.port, { headers: { "Sec-WebSocket-Extensions": "x-unknown, permessage-deflate; client_max_window_bits" } });
  client.socket.send("still here");
  t.deepEqual(await client.atLeast(1), ["text:still here"]);
  client.socket.close(1000);
  await client.untilClose();
  t.deepEqual(gate.events.filter((event) => event.startsWith("websocket")), ["websockets_handshake"]);
});

test("many messages while an addon is slow: order holds and nothing is lost", async (t) => {
  let count = 0;
  const { port } = await stage(t, { websocket_message: () => (++count % 50 === 0 ? new Promise((resolve) => setTimeout(resolve, 5)) : undefined) });
  const origin = await webSocketOrigin(t, echoMessages);
  const client = await webSocketClient(t, port, origin.port);
  const texts = Array.from({ length: 500 }, (_, i) => `message ${i}`);
  for (const text of texts) client.socket.send(text);
  t.deepEqual(await client.atLeast(500), texts.map((text) => `text:${text}`));
  client.socket.terminate();
  await once(client.socket, "close");
});
