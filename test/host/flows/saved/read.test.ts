// Reading saved flows from files: what was written comes back equal, what was torn is measured and skipped, and what a stranger wrote
// costs no more than its size and gives a sentence.
import test from "ava";
import fc from "fast-check";
import { truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileHeader, fileHeaderBytes, recordHeader, recordHeaderBytes } from "../../../../host/flows/saved/frame.ts";
import { readFlows, type ReadProblem } from "../../../../host/flows/saved/read-flows.ts";
import { writeRecord } from "../../../../host/flows/saved/record.ts";
import type { SavedFlow } from "../../../../host/flows/saved/saved-flow.ts";
import { anySavedFlow, savedHttp, savedTcp } from "../../../helpers/saved-flows.ts";
import { temporaryFolder } from "../../../helpers/temporary-folder.ts";

async function fileOf(...pieces: readonly Buffer[]): Promise<string> {
  const folder = temporaryFolder("saved");
  const file = join(folder, "flows");
  await writeFile(file, Buffer.concat(pieces));
  return file;
}

const rawRecord = (head: Buffer, ...blobs: readonly Buffer[]): Buffer => Buffer.concat([recordHeader(head, blobs), head, ...blobs]);
const record = (flow: SavedFlow): Buffer => {
  const { head, blobs } = writeRecord(flow);
  return rawRecord(head, ...blobs);
};
const jsonRecord = (value: unknown, ...blobs: readonly Buffer[]): Buffer => rawRecord(Buffer.from(JSON.stringify(value)), ...blobs);

async function read(file: string): Promise<{ readonly flows: readonly SavedFlow[]; readonly problems: readonly ReadProblem[] }> {
  const problems: ReadProblem[] = [];
  const flows: SavedFlow[] = [];
  for await (const flow of readFlows(file, (problem) => void problems.push(problem))) flows.push(flow);
  return { flows, problems };
}

test("what is written is read: any flows", async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(anySavedFlow, { maxLength: 4 }), async (flows) => {
    const back = await read(await fileOf(fileHeader(), ...flows.map(record)));
    t.deepEqual(back, { flows, problems: [] });
  }), { numRuns: 60 });
});

test("a file cut anywhere gives every whole record and says how many bytes were skipped", async (t) => {
  const flows = [savedHttp(), savedTcp([true, "ping"], [false, "pong"]), savedHttp({ status: null })];
  const records = flows.map(record);
  const whole = Buffer.concat([fileHeader(), ...records]);
  const ends = records.map((_, at) => fileHeaderBytes + records.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0));
  for (let cut = fileHeaderBytes; cut <= whole.length; cut += 7) {
    const back = await read(await fileOf(whole.subarray(0, cut)));
    const kept = ends.filter((end) => end <= cut);
    t.deepEqual(back.flows, flows.slice(0, kept.length));
    const skipped = cut - (kept.at(-1) ?? fileHeaderBytes);
    t.deepEqual(back.problems.map(({ bytes }) => bytes), skipped === 0 ? [] : [skipped]);
  }
});

test("one damaged record is skipped, the next is read", async (t) => {
  const damaged = record(savedHttp());
  damaged[recordHeaderBytes + 30]! ^= 1;
  const back = await read(await fileOf(fileHeader(), damaged, record(savedTcp([true, "x"]))));
  t.deepEqual(back.flows, [savedTcp([true, "x"])]);
  t.regex(back.problems[0]?.message ?? "", /checksum/);
  t.is(back.problems[0]?.bytes, damaged.length);
});

const sound = JSON.parse(writeRecord(savedHttp()).head.toString()) as Record<string, unknown>;
const blobs = [Buffer.from(""), Buffer.from("hello")];
const request = sound["request"] as Record<string, unknown>;

const hostile: readonly (readonly [what: string, record: Buffer, message: RegExp])[] = [
  ["no JSON", rawRecord(Buffer.from("{")), /holds no JSON/],
  ["JSON that is no object", jsonRecord([1]), /the record is no object/],
  ["deep JSON", rawRecord(Buffer.from("[".repeat(500_000))), /holds no JSON/],
  ["deep JSON that is sound", rawRecord(Buffer.from(`{"kind":"http","blobs":[],"id":${"[".repeat(200_000)}${"]".repeat(200_000)}}`)), /id is no text/],
  ["an unknown kind", jsonRecord({ ...sound, kind: "udp" }, ...blobs), /kind is none of http, tcp/],
  ["lengths that lie", jsonRecord({ ...sound, blobs: [4_000_000_000, 5] }, ...blobs), /a length of blobs/],
  ["lengths below zero", jsonRecord({ ...sound, blobs: [-1, 6] }, ...blobs), /a length of blobs/],
  ["bytes beyond the blobs", jsonRecord({ ...sound, blobs: [] }, ...blobs), /do not add up/],
  ["a blob that is not there", jsonRecord({ ...sound, request: { ...request, body: { kind: "whole", bytes: 9 } } }, ...blobs), /request.body.bytes/],
  ["a header that would be two", jsonRecord({ ...sound, request: { ...request, headers: [["X", "a\r\nY: b"]] } }, ...blobs), /request.headers/],
  ["a header without a name", jsonRecord({ ...sound, request: { ...request, headers: [["", "a"]] } }, ...blobs), /request.headers/],
  ["characters that are no bytes", jsonRecord({ ...sound, request: { ...request, headers: [["X", "\u20ac"]] } }, ...blobs), /request.headers/],
  ["a path with a space", jsonRecord({ ...sound, request: { ...request, path: "/ HTTP/1.1" } }, ...blobs), /path/],
  ["a method with a line", jsonRecord({ ...sound, request: { ...request, method: "GET\n" } }, ...blobs), /method/],
  ["a port beyond", jsonRecord({ ...sound, request: { ...request, port: 65_536 } }, ...blobs), /port/],
  ["a time that is none", jsonRecord({ ...sound, timestampCreated: 1e300 }, ...blobs), /timestampCreated/],
  ["too many fields", jsonRecord({ ...sound, request: { ...request, headers: Array.from({ length: 10_001 }, () => ["a", "b"]) } }, ...blobs), /10001 items/],
  ["a prototype", rawRecord(Buffer.from('{"__proto__":{"kind":"http"},"blobs":[]}')), /kind is none/],
];
for (const [what, bytes, message] of hostile) {
  test(`hostile record, skipped alone: ${what}`, async (t) => {
    const back = await read(await fileOf(fileHeader(), bytes, record(savedTcp([true, "x"]))));
    t.deepEqual(back.flows, [savedTcp([true, "x"])]);
    t.is(back.problems.length, 1);
    t.regex(back.problems[0]?.message ?? "", message);
  });
}

test("garbage after the header is one problem, and a length beyond the file costs nothing", async (t) => {
  const huge = recordHeader(Buffer.alloc(0), []);
  huge.writeUInt32BE(0xffff_ffff, 4);
  for (const tail of [Buffer.alloc(100_000, 0xa5), huge, Buffer.from("FLWR")]) {
    const back = await read(await fileOf(fileHeader(), record(savedHttp()), tail));
    t.is(back.flows.length, 1);
    t.deepEqual(back.problems.map(({ bytes }) => bytes), [tail.length]);
  }
});

test("random bytes never throw anything but a sentence", async (t) => {
  const mutated = fc.tuple(fc.constant(Buffer.concat([fileHeader(), record(savedHttp()), record(savedTcp([true, "a"]))])), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 10 }));
  await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated.map(([base, edits]) => {
    const bytes = Buffer.from(base);
    for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
    return bytes;
  })), async (bytes) => {
    const file = await fileOf(Buffer.from(bytes));
    const outcome = await read(file).catch((error: unknown) => error);
    t.true(!(outcome instanceof Error) || ("code" in outcome && outcome.code === "ERR_SAVED_FLOWS"), String(outcome));
  }), { numRuns: 200 });
});

const refused: readonly (readonly [what: string, bytes: Buffer, message: RegExp])[] = [
  ["an empty file", Buffer.alloc(0), /is empty/],
  ["another version", Buffer.from(fileHeader().map((byte, at) => (at === 13 ? 9 : byte))), /is of version 9 of the format/],
  ["a text", Buffer.from("hello"), /neither a flow file of Flowcell nor a HAR file/],
  ["a flow file of mitmproxy", Buffer.from("1234:4:type;4:http;"), /mitmproxy.*HAR/],
  ["JSON that is no HAR", Buffer.from("{}"), /no HAR file/],
  ["half a HAR", Buffer.from('{"log":{"entries":['), /is not JSON/],
];
for (const [what, bytes, message] of refused) {
  test(`refused with a sentence: ${what}`, async (t) => {
    await t.throwsAsync(async () => read(await fileOf(bytes)), { code: "ERR_SAVED_FLOWS", message });
  });
}

test("a HAR file too large to be read as a whole is refused before it is", async (t) => {
  const file = await fileOf(Buffer.from("{"));
  await truncate(file, 401 * 1024 * 1024);
  await t.throwsAsync(read(file), { code: "ERR_SAVED_FLOWS", message: /is a HAR file of \d+ bytes; at most \d+ are read/ });
});

test("what is not there, or is no file, is said", async (t) => {
  await t.throwsAsync(read("/nonexistent/flows"), { code: "ERR_SAVED_FLOWS", message: /cannot be read: ENOENT/ });
  await t.throwsAsync(read(tmpdir()), { code: "ERR_SAVED_FLOWS", message: /is not a file/ });
});
