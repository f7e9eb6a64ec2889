// What a cell does that its guest has taken over: a real runtime, whose replies for the hostile addon are replaced on their way to the host
// when they carry `lie:NAME` as the value of a request header. Loaded before the runtime, into a process of its own; it lies, and judges nothing.
import fs from "node:fs";
import { frameHeaderBytes, writeFrameHead } from "../../sandbox-api/wire/frame.ts";

const [hello, result, settled, hostCall, stat] = [65, 66, 67, 68, 69];
const realWrite = fs.writeSync.bind(fs);

interface Lied { readonly type?: number; readonly status?: number; readonly id?: number; readonly instance?: number; readonly cpuMicros?: number; readonly text?: string; readonly attachmentBytes?: readonly number[] }
/** What the honest cell was about to say. */
interface Truth { readonly id: number; readonly instance: number; readonly bytes: Buffer }

function frame({ type = result, status = 0, id = 0, instance = 0, cpuMicros = 0, text = "", attachmentBytes = [] }: Lied): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + 4 * attachmentBytes.length + text.length + attachmentBytes.reduce((sum, size) => sum + size, 0));
  const start = writeFrameHead(new DataView(bytes.buffer, bytes.byteOffset), 0, { type, status, id, instance, cpuMicros, words: [], textBytes: text.length, attachmentBytes });
  bytes.write(text, start, "latin1");
  return bytes;
}

function out(bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += realWrite(3, bytes, done, bytes.length - done);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) process.exit(0);
      sleep(1);
    }
  }
}

const say = (lied: Lied): void => out(frame(lied));
const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const patched = (bytes: Buffer, patch: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  patch(copy);
  return copy;
};
/** In place of the guest's changes, which the guest would not have let pass. */
const changes = (list: unknown, attachmentBytes: readonly number[] = []) => ({ id, instance }: Truth): void =>
  say({ id, instance, status: 1, text: typeof list === "string" ? list : JSON.stringify(list), attachmentBytes });
const headers = (...fields: readonly unknown[]): ((truth: Truth) => void) => changes([["request.headers", fields]]);
const log = (msg: string): string => JSON.stringify({ call: "log", level: "info", msg });

/** Each lie by its name. */
const lies: { readonly [name: string]: (truth: Truth) => void } = {
  garbage: () => out(Buffer.alloc(5_000, "garbage ")),
  zeros: () => out(Buffer.alloc(4_096)),
  oversize: ({ bytes }) => out(patched(bytes, (copy) => copy.writeUInt32LE(0x7fff_ffff, 0))),
  "text-longer-than-frame": ({ bytes }) => out(patched(bytes, (copy) => copy.writeUInt32LE(0xffff_fff0, 24))),
  "too-many-attachments": ({ bytes }) => out(patched(bytes, (copy) => copy.writeUInt16LE(0xffff, 6))),
  "too-many-words": ({ bytes }) => out(patched(bytes, (copy) => copy.writeUInt16LE(0xffff, 20))),
  "reserved-bits": ({ bytes }) => out(patched(bytes, (copy) => copy.writeUInt16LE(1, 22))),
  truncated: ({ bytes }) => { out(bytes.subarray(0, bytes.length - 3)); process.exit(0); },
  quits: () => process.exit(3),
  aborts: () => process.kill(process.pid, "SIGKILL"),
  silent: () => sleep(600_000),
  stutters: ({ bytes }) => { for (const byte of bytes) { out(Buffer.of(byte)); sleep(100); } },
  "unknown-type": ({ id, instance }) => say({ type: 200, id, instance }),
  "host-type": ({ id, instance }) => say({ type: 2, id, instance }),
  "unknown-status": ({ id, instance }) => say({ id, instance, status: 77 }),
  "unknown-id": ({ id, instance }) => say({ id: id + 1_000, instance }),
  "foreign-instance": ({ id, instance }) => say({ id, instance: instance - 1 }),
  duplicate: ({ id, instance }) => { say({ id, instance }); say({ id, instance }); },
  "answers-ahead": ({ id, instance }) => { for (let next = id; next < id + 50; next++) say({ id: next, instance }); },
  skipped: ({ id, instance }) => say({ id, instance, status: 4 }),
  "changes-called-none": ({ id, instance }) => say({ id, instance, status: 0, text: "[]" }),
  "made-up-fault": ({ id, instance }) => say({ id, instance, status: 3, text: `{"code":"made-up","message":""}` }),
  "fault-without-text": ({ id, instance }) => say({ id, instance, status: 3 }),
  "fault-of-megabytes": ({ id, instance }) => say({ id, instance, status: 3, text: JSON.stringify({ code: "threw", message: "x".repeat(2_000_000) }) }),
  "settles-nothing": ({ id, instance }) => say({ type: settled, id: id + 7, instance }),
  "settles-foreign": ({ id, instance }) => say({ type: settled, id, instance: instance - 1 }),
  "pending-with-text": ({ id, instance }) => say({ id, instance, status: 2, text: "[]" }),
  "greets-again": ({ id }) => say({ type: hello, id, text: `{"contract":1,"node":"x","pid":1}` }),
  "reports-unasked": ({ id }) => say({ type: stat, id, text: `{"loads":1,"instances":1,"heapBytes":{}}` }),
  "call-exec": ({ instance }) => say({ type: hostCall, id: 1, instance, text: `{"call":"exec","command":"id"}` }),
  "call-proto": ({ instance }) => say({ type: hostCall, id: 1, instance, text: `{"call":"__proto__"}` }),
  "call-of-another": ({ instance }) => say({ type: hostCall, id: 1, instance: instance - 1, text: log("forged") }),
  "call-of-nobody": ({ instance }) => say({ type: hostCall, id: 1, instance: instance + 900, text: log("forged") }),
  "call-flood": ({ instance }) => { for (let n = 0; n < 100_000; n++) say({ type: hostCall, id: n, instance, text: log("") }); },
  "call-timer-negative": ({ instance }) => say({ type: hostCall, id: 1, instance, text: `{"call":"timer.set","ms":-1}` }),
  "call-timer-infinite": ({ instance }) => say({ type: hostCall, id: 1, instance, text: `{"call":"timer.set","ms":1e999}` }),
  "call-not-json": ({ instance }) => say({ type: hostCall, id: 1, instance, text: "{" }),
  "log-that-draws": ({ id, instance }) => { say({ type: hostCall, id: 1, instance, text: log("\u001b[2J\r\n{\"level\":\"error\"}") }); say({ id, instance }); },
  "resumes-foreign-flow": ({ id, instance }) => { for (let key = 0; key < 200; key++) say({ type: hostCall, id: key, instance, text: `{"call":"flow.resume","key":${key}}` }); say({ id, instance }); },
  "cpu-of-an-hour": ({ id, instance }) => say({ id, instance, cpuMicros: 0xffff_ffff }),
  "changes-not-json": changes("[[\"request.method\""),
  "changes-not-list": changes({ "request.method": "GET" }),
  "changes-deep": changes("[".repeat(100_000) + "]".repeat(100_000)),
  "changes-many": changes(Array.from({ length: 20_000 }, () => ["flow.marked", "x"])),
  "changes-too-large": changes([["request.body", 0]], [17 * 1024 * 1024]),
  "changes-proto-address": changes([["__proto__", 1]]),
  "changes-inherited-address": changes([["constructor", 1], ["toString", 1]]),
  "changes-response-of-request": changes([["response.statusCode", 500]]),
  "changes-missing-body": changes([["request.body", 4]]),
  "changes-fractional-body": changes([["request.body", 0.5]], [10]),
  "changes-proto-value": changes(`[["response.make",{"__proto__":{"statusCode":200},"statusCode":200,"reason":"","fields":[],"body":null,"encode":false}]]`),
  "fields-crlf": headers(0, 1, 2, ["x-a", "1\r\nx-smuggled: 2"]),
  "fields-name-crlf": headers(0, 1, 2, ["x-a: 1\r\nx-smuggled", "2"]),
  "fields-framing": headers(0, 1, 2, ["Transfer-Encoding", "chunked"]),
  "fields-two-hosts": headers(0, 1, 2, ["Host", "x-smuggled"]),
  "fields-twice": headers(0, 0, 0),
  "fields-not-there": headers(0, 1, 99),
  "path-crlf": changes([["request.path", "/a HTTP/1.1\r\nx-smuggled: 1\r\n\r\n"]]),
  "method-crlf": changes([["request.method", "GET /smuggled HTTP/1.1\r\n\r\nGET"]]),
  "host-crlf": changes([["request.host", "localhost\r\nx-smuggled: 1"]]),
  "port-huge": changes([["request.port", 1e9]]),
  "made-framing": changes([["response.make", { statusCode: 200, reason: "", fields: [["content-length", "1"]], body: null, encode: false }]]),
  "made-reason": changes([["response.make", { statusCode: 200, reason: "a\r\nx-escaped: 1", fields: [], body: null, encode: false }]]),
  "made-interim": changes([["response.make", { statusCode: 100, reason: "", fields: [], body: null, encode: false }]]),
};

function lieOf(bytes: Buffer): (() => void) | null {
  if (bytes.length < frameHeaderBytes || bytes[4] !== result || bytes[5] !== 1) return null;
  const name = /"lie:([a-z-]+)"/.exec(bytes.toString("latin1", frameHeaderBytes))?.[1];
  const lie = name === undefined ? undefined : lies[name];
  const truth = { id: bytes.readUInt32LE(8), instance: bytes.readUInt32LE(12), bytes: Buffer.from(bytes) };
  return lie === undefined ? null : () => lie(truth);
}

Object.defineProperty(fs, "writeSync", {
  value: (descriptor: number, bytes: Uint8Array, offset: number, length: number): number => {
    const lie = descriptor === 3 ? lieOf(Buffer.from(bytes.buffer, bytes.byteOffset + offset, length)) : null;
    if (lie === null) return realWrite(descriptor, bytes, offset, length);
    lie();
    return length;
  },
});
