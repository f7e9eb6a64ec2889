// WebSocket peers that misbehave, over real sockets: both sides are told with the right code, addons hear of it, nothing grows without a
// bound, and other connections go on.
import { once } from "node:events";
import { createHash } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { constants, deflateRawSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { RawClient } from "../helpers/client.ts";
import { startProxy, type TestProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { recordingGate, type Callbacks, type RecordingGate } from "../helpers/recording-gate.ts";
import { clientFrame, echoMessages, rawWebSocket, webSocketClient, webSocketOrigin, wsFrame } from "../helpers/websocket.ts";

interface Stage { readonly proxy: TestProxy; readonly gate: RecordingGate; readonly ended: Promise<readonly unknown[]> }

async function stage(t: ExecutionContext, on: Callbacks = {}, options: TestProxyOptions = {}): Promise<Stage> {
  const ended = Promise.withResolvers<readonly unknown[]>();
  const gate = recordingGate({ on: { ...on, websocket_end: ({ webSocket, error }) => ended.resolve([webSocket?.closeCode, webSocket?.closedByClient, error?.msg ?? null]) } });
  const proxy = await startProxy(t, { gate, ...options, timeouts: { peekMs: 30_000, ...options.timeouts } });
  t.teardown(() => { if (gate.problems.length > 0) throw new Error(gate.problems.join("; ")); });
  return { proxy, gate, ended: ended.promise };
}

interface RawOrigin { readonly port: number; readonly opened: Promise<RawClient> }

/** A server that opens WebSockets without a library; frames are the test's. `fields`: more lines of its answer. */
async function rawOrigin(t: ExecutionContext, fields = ""): Promise<RawOrigin> {
  const opened = Promise.withResolvers<RawClient>();
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    t.teardown(() => { socket.destroy(); });
    socket.on("error", () => undefined);
    socket.once("data", (head: Buffer) => {
      const key = /^sec-websocket-key: *(\S+)/im.exec(head.toString("latin1"))?.[1] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const client = new RawClient(socket);
      client.send(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${fields}\r\n`);
      opened.resolve(client);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => { server.close(); });
  return { port: (server.address() as AddressInfo).port, opened: opened.promise };
}

/** Code of the close frame that is all that a side got; `isMasked`: by a server. */
function closeCode(bytes: Buffer, isMasked: boolean): number {
  if (bytes[0] !== 0x88 || bytes.length < (isMasked ? 8 : 4)) return -1;
  return isMasked ? bytes.readUInt16BE(6) ^ bytes.readUInt16BE(2) : bytes.readUInt16BE(2);
}

const deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
const bomb = deflateRawSync(Buffer.alloc(2_000_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

const faults: readonly (readonly [name: string, byClient: boolean, bytes: Buffer, code: number])[] = [
  ["a client's frame without a mask", true, wsFrame(0x81, "x"), 1002],
  ["a server's frame with a mask", false, clientFrame(0x81, "x"), 1002],
  ["a reserved bit", true, clientFrame(0xa1, "x"), 1002],
  ["an opcode that does not exist", false, wsFrame(0x83, "x"), 1002],
  ["a ping of 126 bytes", true, clientFrame(0x89, "x".repeat(126)), 1002],
  ["a close code that must not be sent", false, wsFrame(0x88, Buffer.from([0x03, 0xee])), 1002],
  ["text that is no UTF-8", true, clientFrame(0x81, Buffer.from([0xff])), 1007],
  ["a server's text that is no UTF-8", false, wsFrame(0x81, Buffer.from([0xc0, 0x80])), 1007],
  ["a frame beyond the limit", true, clientFrame(0x82, Buffer.alloc(200_000)), 1009],
  ["a server's bomb", false, wsFrame(0xc2, bomb), 1009],
  ["a client's bomb", true, clientFrame(0xc2, bomb), 1009],
  ["fragments without end", true, Buffer.concat([clientFrame(0x01, ""), ...Array.from({ length: 17_000 }, () => clientFrame(0x00, ""))]), 1008],
];

for (const [name, byClient, bytes, code] of faults) {
  test(`${name}: ${code} to both sides, and an error`, async (t) => {
    const { proxy, ended } = await stage(t, {}, { webSocketMessageBytes: 100_000 });
    const origin = await rawOrigin(t, deflate);
    const client = await rawWebSocket(proxy.port, origin.port, deflate);
    t.teardown(() => { client.close(); });
    const server = await origin.opened;
    (byClient ? client : server).send(bytes);
    await Promise.all([client.untilEnd(), server.untilEnd()]);
    t.is(closeCode(client.bytes, false), code);
    t.is(closeCode(server.bytes, true), code);
    const [told, toldByClient, error] = await ended;
    t.deepEqual([told, toldByClient], [code, byClient]);
    t.regex(String(error), byClient ? /^The client broke the WebSocket protocol: / : /^The server broke the WebSocket protocol: /);
  });
}

const answers: readonly (readonly [name: string, fields: string, message: RegExp])[] = [
  ["an extension that was not offered", "Sec-WebSocket-Extensions: x-private\r\n", /not offered \(x-private\)/],
  ["compression that was not offered", deflate, /without being offered it/],
  ["extensions that are none", "Sec-WebSocket-Extensions: ;;\r\n", /malformed/],
];

for (const [name, fields, message] of answers) {
  test(`a server that takes ${name}: 502 and an error event`, async (t) => {
    const errors: string[] = [];
    const { proxy, gate } = await stage(t, { error: (flow) => void errors.push(flow.error?.msg ?? "") });
    const origin = await rawOrigin(t, fields);
    await t.throwsAsync(rawWebSocket(proxy.port, origin.port), { message: /did not open: HTTP\/1\.1 502 / });
    t.regex(errors.join(), message);
    t.false(gate.events.includes("websocket_start"));
    t.false(gate.events.includes("response"));
  });
}

test("an extension that is not known is not offered where somebody looks, and nothing else of the opening changes", async (t) => {
  const { proxy } = await stage(t);
  const offered: unknown[] = [];
  const origin = await webSocketOrigin(t, (_socket, { headers }) => void offered.push(headers["sec-websocket-extensions"], headers["sec-websocket-key"]));
  const client = await rawWebSocket(proxy.port, origin.port, "Sec-WebSocket-Extensions: x-private; a=1, permessage-deflate\r\n");
  t.deepEqual(offered, ["permessage-deflate", "dGhlIHNhbXBsZSBub25jZQ=="]);
  client.close();
});

test("a reader that does not read stops the writer at the other end, and everything comes when it reads", async (t) => {
  const { proxy } = await stage(t);
  const size = 250_000;
  const count = 200;
  const sent = { messages: 0 };
  const origin = await webSocketOrigin(t, (socket) => {
    const send = (): void => {
      if (sent.messages === count) return;
      const place = sent.messages++;
      socket.send(Buffer.alloc(size, place), () => { send(); });
    };
    send();
  }, { perMessageDeflate: false });
  const client = await rawWebSocket(proxy.port, origin.port);
  client.socket.pause();
  // It comes to rest: what the kernel's buffers and the proxy's limits hold.
  let before = -1;
  while (before !== sent.messages) {
    before = sent.messages;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  t.true(sent.messages < count * 0.8, `${sent.messages} messages of ${size} bytes were taken`);
  let received = client.bytes.length;
  client.socket.removeAllListeners("data").on("data", (chunk: Buffer) => { received += chunk.length; });
  client.socket.resume();
  const whole = count * (size + 10);
  while (received < whole) await once(client.socket, "data");
  t.is(received, whole);
  client.close();
});

test("a flood of pings towards a server that does not read stops the client", async (t) => {
  const { proxy } = await stage(t);
  const origin = await rawOrigin(t);
  const client = await rawWebSocket(proxy.port, origin.port);
  const server = await origin.opened;
  server.socket.pause();
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(0x89, "p".repeat(100))));
  let sent = 0;
  while (sent < 400 && client.socket.write(flood) || sent < 400 && await Promise.race([once(client.socket, "drain").then(() => true), new Promise<false>((resolve) => setTimeout(() => resolve(false), 1_500))])) sent++;
  t.true(sent < 400, "40 MB of pings were taken");
  // Others are served meanwhile.
  const echo = await webSocketOrigin(t, echoMessages);
  const other = await webSocketClient(t, proxy.port, echo.port);
  other.socket.send("still");
  t.deepEqual(await other.atLeast(1), ["text:still"]);
  client.close();
});

test("an addon that puts in as much as it may waits for the reader", async (t) => {
  let events = 0;
  const { proxy } = await stage(t, {
    websocket_message: ({ webSocket }) => {
      events++;
      if (webSocket?.message?.injected === false) for (let i = 0; i < 100; i++) webSocket.injections.push({ index: -1, fromClient: false, type: "binary", content: Buffer.alloc(160_000), timestamp: 0, injected: true, dropped: false, version: 0 });
    },
  });
  const origin = await webSocketOrigin(t, () => undefined);
  const client = await rawWebSocket(proxy.port, origin.port);
  client.socket.pause();
  for (let i = 0; i < 20; i++) client.send(clientFrame(0x81, "more"));
  let before = -1;
  while (before !== events) {
    before = events;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  t.true(events < 1_000, `${events} events while nobody read`);
  client.close();
});

test("frames that never become messages end with the tunnel's deadline, and hold up nobody", async (t) => {
  const { proxy, ended } = await stage(t, {}, { timeouts: { tunnelMs: 1_500 } });
  const origin = await webSocketOrigin(t, echoMessages);
  const slow = await rawWebSocket(proxy.port, origin.port);
  slow.send(clientFrame(0x81, "x".repeat(1_000)).subarray(0, 500));
  const other = await webSocketClient(t, proxy.port, origin.port);
  other.socket.send("quick");
  t.deepEqual(await other.atLeast(1), ["text:quick"]);
  await slow.untilEnd();
  t.is((await ended)[0], 1006);
});
