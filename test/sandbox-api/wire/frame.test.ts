// The frame codec and the reader on top of it: what goes in comes out, however the bytes are cut, and nonsense is refused before
// anything is allocated for it.
import test from "ava";
import fc from "fast-check";
import { FrameReader } from "../../../host/cells/frame-reader.ts";
import { type FrameHead, frameHeaderBytes, frameSize, mostAttachments, mostWords, readFrame, writeFrameHead } from "../../../sandbox-api/wire/frame.ts";

interface Message { readonly type: number; readonly status: number; readonly id: number; readonly instance: number; readonly cpuMicros: number; readonly words: readonly number[]; readonly text: string; readonly attachments: readonly Uint8Array[] }

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const message: fc.Arbitrary<Message> = fc.record({
  type: fc.integer({ min: 0, max: 255 }), status: fc.integer({ min: 0, max: 255 }), id: u32, instance: u32, cpuMicros: u32,
  words: fc.array(u32, { maxLength: 6 }), text: fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 60 }),
  attachments: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
});

function encode(message: Message): Buffer {
  const attachmentBytes = message.attachments.map(({ length }) => length);
  const bytes = Buffer.alloc(frameSize(message.words.length, message.text.length, attachmentBytes));
  const head: FrameHead = { ...message, textBytes: message.text.length, attachmentBytes };
  const textStart = writeFrameHead(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, head);
  bytes.write(message.text, textStart, "latin1");
  let at = textStart + message.text.length;
  for (const part of message.attachments) { bytes.set(part, at); at += part.length; }
  return bytes;
}

function decoder(largest = 1_000_000): { readonly reader: FrameReader; readonly messages: Message[] } {
  const messages: Message[] = [];
  const reader = new FrameReader(largest, (frame, bytes, start) => {
    const { type, status, id, instance, cpuMicros, words } = frame;
    let at = start + frame.textStart + frame.textBytes;
    const attachments = frame.attachmentBytes.map((size) => { at += size; return Uint8Array.from(bytes.subarray(at - size, at)); });
    messages.push({ type, status, id, instance, cpuMicros, words: [...words], text: bytes.toString("latin1", start + frame.textStart, start + frame.textStart + frame.textBytes), attachments });
  });
  return { reader, messages };
}

const plain = ({ attachments, ...rest }: Message): object => ({ ...rest, attachments: attachments.map((part) => [...part]) });

test("messages survive, however the stream is cut", (t) => {
  fc.assert(fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (sent, cuts) => {
    const stream = Buffer.concat(sent.map(encode));
    const { reader, messages } = decoder();
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const next = at + (cuts[turn % cuts.length] ?? 1);
      if (reader.push(stream.subarray(at, next)) !== null) return false;
      at = next;
    }
    t.deepEqual(messages.map(plain), sent.map(plain));
    return true;
  }), { numRuns: 300 });
});

test("two frames cut at every byte", (t) => {
  const one: Message = { type: 66, status: 1, id: 7, instance: 3, cpuMicros: 12, words: [1, 2], text: "[[\"a\",\"\u00ff\"]]", attachments: [Uint8Array.of(1, 2, 3), new Uint8Array(0)] };
  const stream = Buffer.concat([encode(one), encode({ ...one, id: 8 })]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const { reader, messages } = decoder();
    t.is(reader.push(stream.subarray(0, cut)), null);
    t.is(reader.push(stream.subarray(cut)), null);
    t.deepEqual(messages.map(({ id }) => id), [7, 8]);
    t.deepEqual(plain(messages[0] ?? one), plain(one));
  }
});

test("random and damaged bytes are refused or wait for more; they never throw", (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const { reader } = decoder(10_000);
    const lie = reader.push(Buffer.from(bytes));
    return lie === null || typeof lie === "string";
  }), { numRuns: 2_000 });
  fc.assert(fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, where, flip) => {
    const bytes = encode(sent);
    const at = where % frameHeaderBytes;
    bytes[at] = (bytes[at] ?? 0) ^ flip;
    const { reader, messages } = decoder(100_000);
    const lie = reader.push(bytes);
    return lie !== null || messages.length <= 1;
  }), { numRuns: 2_000 });
  t.pass();
});

test("sizes are checked before they are believed", (t) => {
  const head: FrameHead = { type: 1, status: 0, id: 1, instance: 1, cpuMicros: 0, words: [], textBytes: 10, attachmentBytes: [] };
  const view = new DataView(new ArrayBuffer(100));
  writeFrameHead(view, 0, head);
  const read = (): string => { const result = readFrame(view, 0, 100, 1_000); return result.kind === "lie" ? result.message : result.kind; };
  t.is(read(), "frame");
  view.setUint32(24, 11, true);
  t.is(read(), "frame shorter than its parts");
  view.setUint32(24, 9, true);
  t.is(read(), "frame whose parts do not add up to its length");
  view.setUint32(24, 10, true);
  view.setUint16(22, 1, true);
  t.is(read(), "frame with too many parts");
  view.setUint16(22, 0, true);
  view.setUint32(0, 997, true);
  t.is(read(), "frame of 1001 bytes, at most 1000 allowed");
  view.setUint32(0, 996, true);
  t.is(readFrame(view, 0, 27, 1_000).kind, "need-more");
  t.throws(() => writeFrameHead(view, 0, { ...head, words: new Array<number>(mostWords + 1).fill(0) }));
  t.throws(() => writeFrameHead(view, 0, { ...head, attachmentBytes: new Array<number>(mostAttachments + 1).fill(0) }));
});
