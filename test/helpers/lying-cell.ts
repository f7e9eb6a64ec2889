// The entry of a process that stands in for a cell taken over by its guest: honest until the first event, then it does what its
// argument says. It imports nothing of ours, because a cell may read one file only.
import { readSync, writeSync } from "node:fs";

const mode = process.argv[2] ?? "honest";
const [hello, result, settled, hostCall, stat] = [65, 66, 67, 68, 69];
type Frame = { type?: number; status?: number; id?: number; instance?: number; text?: string; length?: number; words?: number };

function frame({ type = result, status = 0, id = 0, instance = 0, text = "", length, words = 0 }: Frame): Buffer {
  const bytes = Buffer.alloc(28 + text.length);
  bytes.writeUInt32LE(length ?? bytes.length - 4, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt8(status, 5);
  bytes.writeUInt32LE(id, 8);
  bytes.writeUInt32LE(instance, 12);
  bytes.writeUInt16LE(words, 20);
  bytes.writeUInt32LE(text.length, 24);
  bytes.write(text, 28, "latin1");
  return bytes;
}

/** Where the runtime says what it runs. */
const mark = (call: number, instance: number): void => void writeSync(5, Buffer.from(Uint32Array.of(call, instance).buffer), 0, 8, 0);
const say = (fields: Frame): void => void writeSync(3, frame(fields));

const lies: { readonly [mode: string]: (id: number, instance: number) => void } = {
  honest: (id, instance) => say({ id, instance }),
  garbage: () => void writeSync(3, Buffer.alloc(5_000, "garbage ")),
  oversize: (id, instance) => say({ id, instance, length: 0x7fff_ffff }),
  misfit: (id, instance) => say({ id, instance, words: 9 }),
  truncated: (id, instance) => { writeSync(3, frame({ id, instance, text: "x".repeat(100), status: 1 }).subarray(0, 60)); process.exit(0); },
  unknown: (id, instance) => say({ id: id + 1_000, instance }),
  foreign: (id, instance) => say({ id, instance: instance + 1 }),
  duplicate: (id, instance) => { say({ id, instance }); say({ id, instance }); },
  type: (id, instance) => say({ type: 200, id, instance }),
  status: (id, instance) => say({ id, instance, status: 77 }),
  skipped: (id, instance) => say({ id, instance, status: 4 }),
  changes: (id, instance) => say({ id, instance, status: 0, text: "[]" }),
  fault: (id, instance) => say({ id, instance, status: 3, text: `{"code":"made-up","message":""}` }),
  settled: (id, instance) => say({ type: settled, id, instance }),
  hello: (id) => say({ type: hello, id, text: `{"contract":1,"node":"x","pid":1}` }),
  stat: (id) => say({ type: stat, id, text: `{"loads":1,"instances":1,"heapBytes":{}}` }),
  call: (_, instance) => say({ type: hostCall, id: 1, instance, text: `{"call":"exec","command":"id"}` }),
  stranger: (_, instance) => say({ type: hostCall, id: 1, instance: instance + 1, text: `{"call":"log","level":"info","msg":""}` }),
  flood: (_, instance) => { for (let n = 0; n < 2_000; n++) say({ type: hostCall, id: n, instance, text: `{"call":"log","level":"info","msg":""}` }); },
  silent: () => undefined,
  quits: () => process.exit(3),
  "marks-nobody": (id) => { mark(id + 50, 77); process.exit(3); },
  "marks-too-much": () => { for (let at = 0; ; at += 512) writeSync(5, Buffer.alloc(512, 1), 0, 512, at); },
};

const greetings: { readonly [mode: string]: string } = { contract: `{"contract":99,"node":"x","pid":1}`, greeting: "hello" };

function onFrame(type: number, id: number, instance: number, firstWord: number): void {
  if (type === 7 && mode === "mute") return;
  if (type === 7 && mode === "dies") throw new Error("cannot find myself");
  if (type === 7) say({ type: hello, id, text: greetings[mode] ?? `{"contract":1,"node":"x","pid":1}` });
  else if (type === 1) say({ id, instance, status: 1, text: `{"handlers":["request"],"warnings":[],"manifest":null}` });
  else if (type === 5 && mode === "quits-at-release") process.exit(4);
  else if (type === 2) (lies[mode] ?? lies["honest"])?.(id, firstWord);
  else if (type === 4) say({ id, instance });
}

let bytes = Buffer.alloc(0);
const chunk = Buffer.alloc(65_536);
for (;;) {
  const count = readSync(3, chunk, 0, chunk.length, null);
  if (count === 0) process.exit(0);
  bytes = Buffer.concat([bytes, chunk.subarray(0, count)]);
  while (bytes.length >= 28 && bytes.length >= bytes.readUInt32LE(0) + 4) {
    const size = bytes.readUInt32LE(0) + 4;
    onFrame(bytes.readUInt8(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12), bytes.readUInt16LE(20) > 0 ? bytes.readUInt32LE(28) : 0);
    bytes = bytes.subarray(size);
  }
}
