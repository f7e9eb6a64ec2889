// The cell's end of the pipe: frames come out as they were put in however they were cut, what lies beside them is lent until the next
// read, and answers leave whole and in order. A file stands for the pipe, where reading and writing come one after the other.
import test from "ava";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCellLink, type ReceivedFrame } from "../../runtime/link.ts";
import { frameSize, readFrame, writeFrameHead } from "../../sandbox-api/wire/frame.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const folder = temporaryFolder("link");

/** A frame as the host writes it. */
function frame(id: number, text: string, bodies: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(frameSize(0, text.length, []) + 4 * bodies.length);
  const start = writeFrameHead(new DataView(head.buffer, head.byteOffset), 0, { type: 1, status: 0, id, instance: 0, cpuMicros: 0, words: [], textBytes: text.length, attachmentBytes: bodies.map(({ length }) => length) });
  head.write(text, start, "latin1");
  return Buffer.concat([head, ...bodies]);
}

const body = (id: number, size: number): Buffer => Buffer.alloc(size, `body of ${id}, `);

test("frames of every size come out as they were put in, also those that lie across two reads", (t) => {
  const sizes = [0, 1, 100_000, 150_000, 20, 300_000, 0, 1_000_000, 5, 262_144, 7];
  const file = join(folder, "in");
  writeFileSync(file, Buffer.concat(sizes.map((size, id) => frame(id + 1, `text ${id + 1}`, size === 0 ? [] : [body(id + 1, size), body(99, 3)]))));
  const descriptor = openSync(file, "r");
  const link = makeCellLink(descriptor);
  const seen: number[] = [];
  let kept: readonly ReceivedFrame[] = [];
  for (;;) {
    const frames = link.receive();
    if (frames === null) break;
    for (const { id, text, attachments } of frames) {
      const size = sizes[id - 1] ?? -1;
      t.is(text, `text ${id}`);
      t.deepEqual(attachments.map((bytes) => bytes.length), size === 0 ? [] : [size, 3]);
      t.true(attachments.length === 0 || attachments[0]?.equals(body(id, size)), `${id}`);
      seen.push(id);
    }
    if (frames.length > 0) kept = frames;
  }
  closeSync(descriptor);
  t.deepEqual(seen, sizes.map((_, id) => id + 1));
  t.true(kept.length > 0);
});

test("answers leave whole and in order, with bodies that are copied and bodies that are not", (t) => {
  const file = join(folder, "out");
  const descriptor = openSync(file, "w");
  const link = makeCellLink(descriptor);
  const sizes = [[], [1], [16_384, 16_385], [300_000], [0], [16_000, 16_000, 16_000], [5]];
  for (let id = 1; id <= 40; id++) {
    link.add({ type: 2, status: 1, id, instance: 3, cpuMicros: 4, text: `answer ${id}`, attachments: (sizes[id % sizes.length] ?? []).map((size) => new Uint8Array(body(id, size)).buffer) });
  }
  link.flush();
  closeSync(descriptor);
  const written = readFileSync(file);
  const view = new DataView(written.buffer, written.byteOffset, written.length);
  let at = 0;
  for (let id = 1; id <= 40; id++) {
    const result = readFrame(view, at, written.length - at, 1_000_000);
    if (result.kind !== "frame") return t.fail(`answer ${id}`);
    const wanted = sizes[id % sizes.length] ?? [];
    t.deepEqual([result.frame.id, result.frame.attachmentBytes], [id, wanted]);
    let from = at + result.frame.textStart;
    t.is(written.toString("latin1", from, from + result.frame.textBytes), `answer ${id}`);
    from += result.frame.textBytes;
    for (const size of wanted) {
      t.true(written.subarray(from, from + size).equals(body(id, size)), `${id}, ${size}`);
      from += size;
    }
    at += result.frame.totalBytes;
  }
  t.is(at, written.length);
});
