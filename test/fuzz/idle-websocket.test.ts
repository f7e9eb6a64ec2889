// Whatever two WebSocket peers say to each other arrives as it was said, with an addon in an isolate that looks at everything and touches
// nothing: random messages in random fragments, compressed or not on terms of their own, pings between them, and a random close.
import { once } from "node:events";
import test from "ava";
import fc from "fast-check";
import type { ServerOptions, WebSocket } from "ws";
import { useCells } from "../helpers/addon-stage.ts";
import { startProxy } from "../helpers/proxy.ts";
import { Hearing, webSocketClient, webSocketOrigin } from "../helpers/websocket.ts";

const cells = useCells(test);
const idleAddon = `
export function websockets_handshake(flow: any) { void flow.request.headers; }
export function websocket_start(flow: any) { flow.metadata.seen = flow.websocket.messages.length; }
export function websocket_message(flow: any) { const m = flow.websocket.messages.at(-1); void m.text; void m.content.length; m.content = m.content; flow.metadata.seen++; }
export function websocket_end(flow: any) { if (flow.websocket.messages.length > 0 && flow.metadata.seen === 0) throw new Error("none seen"); }
`;

interface Said { readonly fromClient: boolean; readonly isText: boolean; readonly content: Buffer; readonly cuts: readonly number[]; readonly isCompressed: boolean; readonly ping: string | null }

const content = fc.oneof(fc.constant(Buffer.alloc(0)), fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), fc.tuple(fc.constantFrom(125, 126, 65_535, 65_536, 100_000), fc.nat(255)).map(([length, byte]) => Buffer.alloc(length, byte)));
const said: fc.Arbitrary<Said> = fc.record({
  fromClient: fc.boolean(), isText: fc.boolean(), content, cuts: fc.array(fc.nat(100_000), { maxLength: 4 }), isCompressed: fc.boolean(), ping: fc.option(fc.string({ unit: "binary-ascii", maxLength: 100 }), { nil: null }),
}).map((one) => (one.isText ? { ...one, content: Buffer.from(one.content.toString("latin1")) } : one));
const terms = fc.oneof(fc.constant(false), fc.record({ serverNoContextTakeover: fc.constant(true), clientNoContextTakeover: fc.constant(true), serverMaxWindowBits: fc.integer({ min: 8, max: 15 }), clientMaxWindowBits: fc.integer({ min: 8, max: 15 }) }, { requiredKeys: [] }));
/** What a server of ws can agree on with any of these clients. */
const serverTerms = fc.constantFrom<ServerOptions["perMessageDeflate"]>(false, true, { serverNoContextTakeover: true }, { clientNoContextTakeover: true });
const closing = fc.constantFrom([1000, ""], [1001, "é"], [4999, "x".repeat(123)], [1011, "no"]) as fc.Arbitrary<[number, string]>;

function say(socket: WebSocket, { isText, content: bytes, cuts, isCompressed, ping }: Said): void {
  if (ping !== null) socket.ping(ping);
  const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  for (let i = 0; i + 1 < places.length; i++) socket.send(bytes.subarray(places[i], places[i + 1]), { binary: !isText, compress: isCompressed, fin: i + 2 === places.length });
}

const line = ({ isText, content: bytes }: Said): string => (isText ? `text:${bytes.toString()}` : `binary:${bytes.toString("hex")}`);
const heardFrom = (list: readonly Said[], fromClient: boolean): readonly string[] => list.filter((one) => one.fromClient === fromClient).flatMap((one) => [...(one.ping === null ? [] : [`ping:${one.ping}`]), line(one)]);

test("messages, pings and closes arrive byte for byte", async (t) => {
  const { host, records } = await cells.stage(t, { idle: idleAddon });
  const { port } = await startProxy(t, { gate: host.gate, timeouts: { peekMs: 60_000 } });
  await fc.assert(fc.asyncProperty(fc.array(said, { maxLength: 8 }), terms, serverTerms, closing, fc.boolean(), async (list, ofClient, ofServer = false, [code, reason], byClient) => {
    const opened = Promise.withResolvers<Hearing>();
    const owner = { cleanups: [] as (() => void)[], teardown(clean: () => void) { this.cleanups.push(clean); } };
    try {
      const origin = await webSocketOrigin(owner, (socket) => opened.resolve(new Hearing(socket)), { perMessageDeflate: ofServer });
      const client = await webSocketClient(owner, port, origin.port, { perMessageDeflate: ofClient });
      const server = await opened.promise;
      for (const one of list) say(one.fromClient ? client.socket : server.socket, one);
      const [toServer, toClient] = [heardFrom(list, true), heardFrom(list, false)];
      const isData = (text: string): boolean => !text.startsWith("pong:");
      while (server.all.filter(isData).length < toServer.length) await server.atLeast(server.all.length + 1);
      while (client.all.filter(isData).length < toClient.length) await client.atLeast(client.all.length + 1);
      (byClient ? client : server).socket.close(code, reason);
      await Promise.all([client.untilClose(), server.untilClose()]);
      t.deepEqual(server.all.filter(isData), [...toServer, `close:${code}:${reason}`]);
      t.deepEqual(client.all.filter(isData), [...toClient, `close:${code}:${reason}`]);
    } finally {
      for (const clean of owner.cleanups) clean();
    }
  }), { numRuns: 25, interruptAfterTimeLimit: 60_000 });
  t.deepEqual(records.filter(({ fields }) => fields["fault"] !== undefined).map(({ msg }) => msg), []);
});

test("what follows a large message follows it", async (t) => {
  const { host } = await cells.stage(t, { idle: idleAddon });
  const { port } = await startProxy(t, { gate: host.gate, timeouts: { peekMs: 60_000 } });
  // The kernel took such a message whole about one time in ten, and no "drain" told that there was room again.
  for (let round = 0; round < 50; round++) {
    const opened = Promise.withResolvers<Hearing>();
    const origin = await webSocketOrigin(t, (socket) => opened.resolve(new Hearing(socket)));
    const client = await webSocketClient(t, port, origin.port, { perMessageDeflate: false });
    const server = await opened.promise;
    for (const text of ["one", "Ç".repeat(100_000), "two"]) client.socket.send(text);
    t.is((await server.atLeast(3)).at(-1), "text:two");
    client.socket.terminate();
  }
});

test("a proxy that shuts down says so to both sides", async (t) => {
  const { host } = await cells.stage(t, { idle: idleAddon });
  const { port, proxy } = await startProxy(t, { gate: host.gate, timeouts: { peekMs: 60_000 } });
  const opened = Promise.withResolvers<Hearing>();
  const origin = await webSocketOrigin(t, (socket) => opened.resolve(new Hearing(socket)));
  const client = await webSocketClient(t, port, origin.port);
  const server = await opened.promise;
  client.socket.send("one");
  t.deepEqual(await server.atLeast(1), ["text:one"]);
  const closed = proxy.close(20_000);
  t.is((await client.untilClose()).at(-1), "close:1001:the proxy is shutting down");
  t.is((await server.untilClose()).at(-1), "close:1001:the proxy is shutting down");
  await closed;
  if (client.socket.readyState !== 3) await once(client.socket, "close");
});
