// The pipe between host and cell against arbitrary bytes: reading never throws, never reads beyond what is there, and gives the same frames
// however the bytes are cut; what was written is read again as it was; texts of a cell are checked, never believed.
import test from "ava";
import fc from "fast-check";
import { FrameReader } from "../../host/cells/frame-reader.ts";
import { frameHeaderBytes, frameSize, mostAttachments, mostWords, readFrame, writeFrameHead } from "../../sandbox-api/wire/frame.ts";
import { parseFault, parseHello, parseHostCall, parseLoaded, parseStat } from "../../sandbox-api/wire/text-checks.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const message = fc.record({
  type: u8, status: u8, id: u32, instance: u32, cpuMicros: u32, words: fc.array(u32, { maxLength: 6 }),
  text: fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 60 }), attachments: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
});
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;
const largest = 4_096;

function write({ type, status, id, instance, cpuMicros, words, text, attachments }: Message): Buffer {
  const attachmentBytes = attachments.map(({ length }) => length);
  const bytes = Buffer.alloc(frameSize(words.length, text.length, attachmentBytes));
  let at = writeFrameHead(new DataView(bytes.buffer, bytes.byteOffset), 0, { type, status, id, instance, cpuMicros, words, textBytes: text.length, attachmentBytes });
  at += bytes.write(text, at, "latin1");
  for (const attachment of attachments) { bytes.set(attachment, at); at += attachment.length; }
  return bytes;
}

/** Everything that a reader gives for the bytes in these pieces, as one text. */
function transcribe(bytes: Buffer, sizes: readonly number[]): string {
  const seen: string[] = [];
  const reader = new FrameReader(largest, ({ type, status, id, instance, cpuMicros, words, textBytes, textStart, attachmentBytes, totalBytes }, from, start) => {
    seen.push(JSON.stringify([type, status, id, instance, cpuMicros, words, attachmentBytes, from.toString("latin1", start + textStart, start + textStart + textBytes), from.toString("hex", start + textStart + textBytes, start + totalBytes)]));
  });
  let lie: string | null = null;
  for (let at = 0, k = 0; at < bytes.length && lie === null; k++) {
    const size = sizes[k % sizes.length] ?? 1;
    lie = reader.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return [...seen, lie === null ? "" : `lie: ${lie}`].join("\n");
}

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 });

test("what was written is read, however it is cut", (t) => {
  fc.assert(fc.property(fc.array(message, { maxLength: 6 }), cuts, (messages, sizes) => {
    const expected = messages.map(({ type, status, id, instance, cpuMicros, words, text, attachments }) =>
      JSON.stringify([type, status, id, instance, cpuMicros, words, attachments.map(({ length }) => length), text, Buffer.concat(attachments).toString("hex")]));
    t.is(transcribe(Buffer.concat(messages.map(write)), sizes), [...expected, ""].join("\n"));
  }), { numRuns: 500 });
});

test("frames with a byte changed are read alike however they are cut, or refused, and no part lies outside", (t) => {
  fc.assert(fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.array(fc.tuple(fc.nat(400), u8), { minLength: 1, maxLength: 4 }), cuts, (messages, edits, sizes) => {
    const bytes = Buffer.concat(messages.map(write));
    for (const [at, value] of edits) bytes[at % bytes.length] = value;
    t.is(transcribe(bytes, sizes), transcribe(bytes, [bytes.length]));
  }), { numRuns: 1_500 });
});

test("any bytes: a frame that is found lies within them and adds up", (t) => {
  fc.assert(fc.property(fc.uint8Array({ minLength: frameHeaderBytes, maxLength: 200 }), fc.nat(60), (array, start) => {
    const view = new DataView(array.buffer, array.byteOffset, array.length);
    const available = array.length - Math.min(start, array.length);
    const result = readFrame(view, Math.min(start, array.length), available, largest);
    if (result.kind === "need-more") t.true(result.bytes > available && result.bytes <= largest);
    if (result.kind !== "frame") return;
    const { words, attachmentBytes, textBytes, totalBytes } = result.frame;
    t.true(totalBytes <= available && words.length <= mostWords && attachmentBytes.length <= mostAttachments);
    t.is(frameSize(words.length, textBytes, attachmentBytes), totalBytes);
  }), { numRuns: 3_000 });
});

// Half of the objects have the right keys, so that the checks behind the first one are reached as well.
const keyed = fc.record({
  code: fc.oneof(fc.constantFrom("threw", "cpu-limit", "constructor", "__proto__"), fc.anything()), message: fc.oneof(fc.string(), fc.anything()), stack: fc.anything(), field: fc.anything(), limit: fc.anything(),
  handlers: fc.oneof(fc.array(fc.string()), fc.anything()), warnings: fc.oneof(fc.array(fc.string()), fc.anything()), manifest: fc.anything(), contract: fc.anything(), node: fc.anything(), pid: fc.anything(),
  call: fc.oneof(fc.constantFrom("log", "timer.set", "timer.clear", "flow.resume", "__proto__", "toString"), fc.anything()), level: fc.constantFrom("info", "x"), msg: fc.oneof(fc.string(), fc.anything()), ms: fc.anything(), key: fc.anything(), id: fc.anything(),
  loads: fc.nat(), instances: fc.nat(), heapBytes: fc.anything(),
}, { requiredKeys: [] });

test("texts of a cell are parsed to what they should be, or to nothing", (t) => {
  const text = fc.oneof(fc.string(), fc.json(), keyed.map((value) => JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item)) ?? ""));
  fc.assert(fc.property(text, (said) => {
    const fault = parseFault(said);
    if (fault !== null) t.notRegex(fault.message, /[\0-\x1f\x7f-\x9f]/);
    const loaded = parseLoaded(said);
    if (loaded !== null) t.true(loaded.handlers.every((name) => typeof name === "string"));
    const call = parseHostCall(said, 10_000);
    if (call !== null) t.true(["log", "timer.set", "timer.clear", "flow.resume"].includes(call.call) || said.includes(call.call));
    const hello = parseHello(said);
    if (hello !== null) t.true(Number.isFinite(hello.pid));
    const stat = parseStat(said);
    if (stat !== null) t.true(Object.keys(stat.heapBytes).every((name) => /^\d+$/.test(name)));
    t.is(Object.getOwnPropertyDescriptor(Object.prototype, "polluted"), undefined);
  }), { numRuns: 3_000 });
});
