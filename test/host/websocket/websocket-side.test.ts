// One side of a WebSocket without sockets: what came out of frames however they were cut, what is refused and with which code, and how much
// is held for a reader that does not read.
import { deflateRawSync, constants } from "node:zlib";
import test from "ava";
import fc from "fast-check";
import type { Compression } from "../../../host/websocket/extensions.ts";
import { WebSocketSide, type WebSocketEvent } from "../../../host/websocket/websocket-side.ts";
import { MemoryPipe } from "../../helpers/memory-pipe.ts";
import { clientFrame, wsFrame } from "../../helpers/websocket.ts";

const deflate: Compression = { serverNoContextTakeover: false, clientNoContextTakeover: false, serverMaxWindowBits: null, clientMaxWindowBits: null };

interface Bench { readonly pipe: MemoryPipe; readonly side: WebSocketSide }

function bench(options: { readonly isClient?: boolean; readonly compression?: Compression; readonly messageBytes?: number } = {}): Bench {
  const pipe = new MemoryPipe();
  return { pipe, side: new WebSocketSide(pipe, { isClient: true, compression: null, messageBytes: 1_000_000, ...options }) };
}

/** The next event; waits for zlib. Null when nothing is to come for a while. */
async function next({ pipe, side }: Bench, patienceMs = 60_000): Promise<WebSocketEvent | null> {
  for (const deadline = Date.now() + patienceMs; ;) {
    const event = side.next();
    if (event !== null || Date.now() > deadline) return event;
    await new Promise<void>((resolve) => {
      // Nobody looks without news.
      const timer = setTimeout(resolve, deadline - Date.now());
      pipe.onNews = () => { clearTimeout(timer); resolve(); };
    });
  }
}

/** As RFC 7692 §7.2.1 wants it. */
const deflated = (data: Buffer | string): Buffer => deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

const broken: readonly (readonly [string, Buffer, number, { readonly isClient?: boolean; readonly compression?: Compression; readonly messageBytes?: number }?])[] = [
  ["RSV1 without an extension", clientFrame(0xc1, "a"), 1002],
  ["RSV2", clientFrame(0xa1, "a"), 1002],
  ["RSV3", clientFrame(0x91, "a"), 1002],
  ["RSV1 of a control frame", clientFrame(0xc9, "a"), 1002, { compression: deflate }],
  ["RSV1 of a later fragment", Buffer.concat([clientFrame(0x01, "a"), clientFrame(0xc0, "b")]), 1002, { compression: deflate }],
  ["opcode 3", clientFrame(0x83, "a"), 1002],
  ["opcode 11", clientFrame(0x8b, "a"), 1002],
  ["a continuation of nothing", clientFrame(0x80, "a"), 1002],
  ["a message inside another", Buffer.concat([clientFrame(0x01, "a"), clientFrame(0x81, "b")]), 1002],
  ["no mask from a client", wsFrame(0x81, "a"), 1002],
  ["a mask from a server", clientFrame(0x81, "a"), 1002, { isClient: false }],
  ["a ping in fragments", clientFrame(0x09, "a"), 1002],
  ["a ping of 126 bytes", clientFrame(0x89, "a".repeat(126)), 1002],
  ["a close of one byte", clientFrame(0x88, "a"), 1002],
  ["close code 999", clientFrame(0x88, Buffer.from([0x03, 0xe7])), 1002],
  ["close code 1005", clientFrame(0x88, Buffer.from([0x03, 0xed])), 1002],
  ["close code 1006", clientFrame(0x88, Buffer.from([0x03, 0xee])), 1002],
  ["close code 2999", clientFrame(0x88, Buffer.from([0x0b, 0xb7])), 1002],
  ["close code 5000", clientFrame(0x88, Buffer.from([0x13, 0x88])), 1002],
  ["a close reason that is no UTF-8", clientFrame(0x88, Buffer.from([0x03, 0xe8, 0xff])), 1007],
  ["text that is no UTF-8", clientFrame(0x81, Buffer.from([0xc3, 0x28])), 1007],
  ["text that is no UTF-8 across fragments", Buffer.concat([clientFrame(0x01, Buffer.from([0xc3])), clientFrame(0x80, "(")]), 1007],
  ["a surrogate", clientFrame(0x81, Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ["deflate that is none", clientFrame(0xc1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])), 1007, { compression: deflate }],
  ["a frame larger than the limit, by its head alone", clientFrame(0x82, Buffer.alloc(2_000)).subarray(0, 14), 1009, { messageBytes: 1_000 }],
  ["fragments larger than the limit", Buffer.concat([clientFrame(0x02, Buffer.alloc(600)), clientFrame(0x80, Buffer.alloc(600))]), 1009, { messageBytes: 1_000 }],
  ["a length of 2^62", Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ["a length beyond 2^63", Buffer.from([0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ["a bomb: 1 MB in 1 KB", clientFrame(0xc2, deflated(Buffer.alloc(1_000_000))), 1009, { compression: deflate, messageBytes: 100_000 }],
  ["a bomb in fragments", Buffer.concat([clientFrame(0x42, deflated(Buffer.alloc(1_000_000)).subarray(0, 500)), clientFrame(0x80, deflated(Buffer.alloc(1_000_000)).subarray(500))]), 1009, { compression: deflate, messageBytes: 100_000 }],
  ["20,000 fragments of nothing", Buffer.concat([clientFrame(0x01, ""), ...Array.from({ length: 20_000 }, () => clientFrame(0x00, ""))]), 1008],
];

for (const [name, bytes, code, options] of broken) {
  test(`refused: ${name}`, async (t) => {
    const stage = bench(options);
    stage.pipe.push(bytes, clientFrame(0x81, "what follows"));
    const event = await next(stage);
    t.is(event?.kind, "fault", JSON.stringify(event));
    if (event?.kind === "fault") t.true(event.code === code, `${event.code} ${event.message}`);
    t.is(stage.side.next(), null);
  });
}

test("a frame that comes byte by byte is a message in the end, and one that never does costs little", async (t) => {
  const stage = bench();
  for (const byte of clientFrame(0x81, "slowly")) {
    t.is(stage.side.next(), null);
    stage.pipe.push(Buffer.from([byte]));
  }
  t.deepEqual(await next(stage), { kind: "message", isText: true, data: Buffer.from("slowly"), isCompressed: false });
  stage.pipe.push(clientFrame(0x82, Buffer.alloc(1_000_000)).subarray(0, 14));
  for (let i = 0; i < 40_000; i++) stage.pipe.push(Buffer.from([0]));
  const event = await next(stage);
  t.is(event?.kind === "fault" ? event.code : 0, 1008);
});

// Serial: it measures memory.
test.serial("nothing is inflated while something waits, and nothing is read", async (t) => {
  const stage = bench({ compression: { ...deflate, clientNoContextTakeover: true } });
  const bomb = clientFrame(0xc2, deflated(Buffer.alloc(900_000)));
  stage.pipe.push(Buffer.concat(Array.from({ length: 12 }, () => bomb)), clientFrame(0x81, "end"));
  const before = process.memoryUsage().arrayBuffers;
  const first = await next(stage);
  t.is(first?.kind === "message" ? first.data.length : 0, 900_000);
  // Time for whatever would be inflated ahead.
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.true(process.memoryUsage().arrayBuffers - before < 8_000_000);
  t.is(stage.pipe.unread, 1);
  for (let i = 1; i < 12; i++) {
    const event = await next(stage);
    t.is(event?.kind === "message" ? event.data.length : 0, 900_000);
  }
  t.deepEqual(await next(stage), { kind: "message", isText: true, data: Buffer.from("end"), isCompressed: false });
});

test("an end is an event, and bytes after a close are none", async (t) => {
  const stage = bench();
  stage.pipe.push(clientFrame(0x88, Buffer.from([0x03, 0xe8, 0x6f, 0x6b])), clientFrame(0x81, "too late"), Buffer.from("garbage"));
  stage.pipe.finish();
  t.deepEqual(await next(stage), { kind: "close", code: 1000, reason: Buffer.from("ok") });
  t.deepEqual(await next(stage), { kind: "end" });
  t.is(stage.side.next(), null);
});

test("codes that must not be sent are not, and nothing follows a close", (t) => {
  for (const code of [1005, 1006]) {
    const { pipe, side } = bench();
    side.sendClose(code, Buffer.from("why"));
    side.sendClose(1000, Buffer.alloc(0));
    t.is(side.sendMessage(true, Buffer.from("late"), false), null);
    side.sendControl("ping", Buffer.from("late"));
    t.deepEqual(pipe.takeWritten(), Buffer.from([0x88, 0]));
  }
  const { pipe, side } = bench();
  side.sendClose(1002, Buffer.alloc(200, "x"));
  t.deepEqual(pipe.takeWritten(), wsFrame(0x88, Buffer.concat([Buffer.from([0x03, 0xea]), Buffer.alloc(123, "x")])));
});

test("what is disposed while zlib works for it gives its place back", async (t) => {
  // More than ws lets work at once, for all connections together.
  for (let i = 0; i < 30; i++) {
    const { pipe, side } = bench({ compression: deflate });
    pipe.push(clientFrame(0xc2, deflated(Buffer.alloc(100_000))));
    side.next();
    void side.sendMessage(false, Buffer.alloc(50_000), true);
    side.dispose();
  }
  const stage = bench({ compression: deflate });
  stage.pipe.push(clientFrame(0xc1, deflated("still works")));
  const event = await next(stage);
  t.is(event?.kind === "message" ? event.data.toString() : "", "still works");
});

const messages = fc.array(fc.record({ isText: fc.boolean(), text: fc.string({ unit: "binary", maxLength: 300 }), repeat: fc.integer({ min: 1, max: 100 }), isCompressed: fc.boolean(), ping: fc.option(fc.uint8Array({ maxLength: 125 }), { nil: null }) }), { maxLength: 12 });
const termsOf = fc.record({ serverNoContextTakeover: fc.boolean(), clientNoContextTakeover: fc.boolean(), serverMaxWindowBits: fc.option(fc.integer({ min: 8, max: 15 }), { nil: null }), clientMaxWindowBits: fc.option(fc.integer({ min: 8, max: 15 }), { nil: null }) });

test("whatever is sent through one side arrives at another, however it is cut", async (t) => {
  await fc.assert(fc.asyncProperty(messages, termsOf, fc.boolean(), fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }), async (list, terms, isClient, cuts) => {
    const sender = bench({ isClient: !isClient, compression: terms });
    const receiver = bench({ isClient, compression: terms });
    for (const { isText, text, repeat, isCompressed, ping } of list) {
      if (ping !== null) sender.side.sendControl("ping", Buffer.from(ping));
      await sender.side.sendMessage(isText, Buffer.from(text.repeat(repeat)), isCompressed);
    }
    sender.side.sendClose(1001, Buffer.from("é"));
    const wire = sender.pipe.takeWritten();
    for (let at = 0, cut = 0; at < wire.length; cut++) {
      const size = cuts[cut % cuts.length] ?? 1;
      receiver.pipe.push(Buffer.from(wire.subarray(at, at + size)));
      at += size;
    }
    receiver.pipe.finish();
    for (const { isText, text, repeat, isCompressed, ping } of list) {
      if (ping !== null) t.deepEqual(await next(receiver), { kind: "ping", data: Buffer.from(ping) });
      const event = await next(receiver);
      if (event?.kind !== "message") throw new Error(JSON.stringify(event));
      t.is(event.isText, isText);
      t.true(event.data.equals(Buffer.from(text.repeat(repeat))));
      t.is(event.isCompressed, isCompressed);
    }
    t.deepEqual(await next(receiver), { kind: "close", code: 1001, reason: Buffer.from("é") });
    t.deepEqual(await next(receiver), { kind: "end" });
    sender.side.dispose();
    receiver.side.dispose();
  }), { numRuns: 40 });
});

test("fragments, compressed or not, with pings between them, are joined", async (t) => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.array(fc.nat(3_000), { maxLength: 6 }), fc.boolean(), async (content, cuts, isCompressed) => {
    const stage = bench({ compression: deflate });
    const payload = isCompressed ? deflated(Buffer.from(content)) : Buffer.from(content);
    const places = [0, ...cuts.map((cut) => Math.min(cut, payload.length)).sort((a, b) => a - b), payload.length];
    for (let i = 0; i + 1 < places.length; i++) {
      const isLast = i + 2 === places.length;
      stage.pipe.push(clientFrame((i === 0 ? 2 | (isCompressed ? 0x40 : 0) : 0) | (isLast ? 0x80 : 0), payload.subarray(places[i], places[i + 1])), ...(isLast ? [] : [clientFrame(0x89, "p")]));
    }
    for (let i = 0; i + 2 < places.length; i++) t.deepEqual(await next(stage), { kind: "ping", data: Buffer.from("p") });
    t.deepEqual(await next(stage), { kind: "message", isText: false, data: Buffer.from(content), isCompressed });
    stage.side.dispose();
  }), { numRuns: 100 });
});

test("fragments and pings between them in one piece", async (t) => {
  const stage = bench({ compression: deflate });
  const payload = deflated("in three pieces");
  stage.pipe.push(Buffer.concat([clientFrame(0x41, payload.subarray(0, 4)), clientFrame(0x89, "p"), clientFrame(0x00, payload.subarray(4, 6)), clientFrame(0x80, payload.subarray(6)), clientFrame(0xc1, payload), clientFrame(0x81, "end")]));
  const kinds: unknown[] = [];
  for (let event = await next(stage); event !== null; event = kinds.length < 4 ? await next(stage) : null) kinds.push("data" in event ? event.data.toString() : event.kind);
  t.deepEqual(kinds, ["p", "in three pieces", "in three pieces", "end"]);
});

test("random bytes end in events or nothing, never in an exception", async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 20 }), fc.boolean(), async (chunks, isClient) => {
    const stage = bench({ isClient, compression: deflate, messageBytes: 10_000 });
    stage.pipe.push(...chunks.map((chunk) => Buffer.from(chunk)));
    stage.pipe.finish();
    for (let event = await next(stage, 200); event !== null && event.kind !== "end" && event.kind !== "fault"; event = await next(stage, 200));
    stage.side.dispose();
    t.pass();
  }), { numRuns: 100 });
});
