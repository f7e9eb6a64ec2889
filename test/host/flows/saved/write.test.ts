// Saving flows to files: batches, bounds, files that are there already, disks that refuse. What is on the disk is always readable.
import test from "ava";
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openFlowFile, type SavedOutput } from "../../../../host/flows/saved/flow-file-output.ts";
import { openHarFile } from "../../../../host/flows/saved/har-file-output.ts";
import { readFlows } from "../../../../host/flows/saved/read-flows.ts";
import { Saver } from "../../../../host/flows/saved/saver.ts";
import type { SavedFlow } from "../../../../host/flows/saved/saved-flow.ts";
import { makeLog, type LogRecord } from "../../../../host/log.ts";
import { parseFilter } from "../../../../sandbox-api/schema/filter-parse.ts";
import type { Filter } from "../../../../sandbox-api/schema/filter.ts";
import { savedHttp, savedTcp } from "../../../helpers/saved-flows.ts";
import { temporaryFolder } from "../../../helpers/temporary-folder.ts";

async function folder(): Promise<string> {
  const made = temporaryFolder("saver");
  return made;
}

async function read(file: string): Promise<{ readonly flows: readonly SavedFlow[]; readonly skipped: readonly (number | null)[] }> {
  const skipped: (number | null)[] = [];
  const flows: SavedFlow[] = [];
  for await (const flow of readFlows(file, ({ bytes }) => void skipped.push(bytes))) flows.push(flow);
  return { flows, skipped };
}

function saverOf(output: SavedOutput, more: { readonly filter?: Filter; readonly mostWaitingBytes?: number } = {}): { readonly saver: Saver; readonly log: readonly LogRecord[] } {
  const log: LogRecord[] = [];
  return { saver: new Saver({ output, filter: null, log: makeLog((record) => void log.push(record)), ...more }), log };
}

const numbered = (count: number): readonly SavedFlow[] => Array.from({ length: count }, (_, at) => savedHttp({ url: `http://example.com/${at}`, answer: Buffer.alloc(at * 37, at) }));

test("flows are saved in order; a second run writes over, or adds with +", async (t) => {
  const file = join(await folder(), "flows");
  const flows = [...numbered(300), savedTcp([true, "a"])];
  for (const name of [file, file, `+${file}`]) {
    const { saver, log } = saverOf(await openFlowFile(name));
    for (const flow of flows) saver.add(flow);
    await saver.close();
    t.like(log.at(-1)?.fields, { event: "saved", saved: 301, lost: 0 });
  }
  t.deepEqual(await read(file), { flows: [...flows, ...flows], skipped: [] });
  t.is((await stat(file)).mode & 0o777, 0o600);
});

test("what is added to a file that was torn comes after its last whole record", async (t) => {
  const file = join(await folder(), "flows");
  const first = saverOf(await openFlowFile(file));
  for (const flow of numbered(3)) first.saver.add(flow);
  await first.saver.close();
  const { size } = await stat(file);
  await truncate(file, size - 5);
  t.is((await read(file)).flows.length, 2);
  const again = await openFlowFile(`+${file}`);
  t.true(again.tornBytes > 0);
  const { saver } = saverOf(again);
  saver.add(savedTcp([true, "after"]));
  await saver.close();
  t.deepEqual(await read(file), { flows: [...numbered(3).slice(0, 2), savedTcp([true, "after"])], skipped: [] });
});

test("a HAR file is whole JSON after every batch, also when the next one is cut off", async (t) => {
  const file = join(await folder(), "t.har");
  const output = await openHarFile(file, "1");
  t.is((await read(file)).flows.length, 0);
  for (const [at, flow] of numbered(3).entries()) {
    await output.write((await output.encode(flow)) ?? []);
    t.is((await read(file)).flows.length, at + 1);
  }
  t.is(await output.encode(savedTcp()), null);
  await output.close();
  JSON.parse(await readFile(file, "utf8"));
});

const taken: readonly (readonly [what: string, open: (file: string) => Promise<unknown>, content: string])[] = [
  ["something else, by a flow file", openFlowFile, "precious"], ["something else, by an added flow file", (file) => openFlowFile(`+${file}`), "precious"],
  ["something else, by a HAR file", (file) => openHarFile(file, "1"), "precious"], ["a newer version, by an added flow file", (file) => openFlowFile(`+${file}`), "\x89FLOWCELL\r\n\x1a\n\x07\0\0"],
];
for (const [what, openIt, content] of taken) {
  test(`a file is not written over: ${what}`, async (t) => {
    const file = join(await folder(), "file");
    await writeFile(file, content, "latin1");
    await t.throwsAsync(openIt(file), { code: "ERR_CANNOT_WRITE", message: /another name/ });
    t.is(await readFile(file, "latin1"), content);
  });
}

test("a folder, and a file in a folder that is not there, are refused with a sentence", async (t) => {
  const place = await folder();
  for (const openIt of [openFlowFile, (name: string) => openHarFile(name, "1")]) {
    await t.throwsAsync(openIt(place), { code: "ERR_CANNOT_WRITE", message: /is not a file/ });
    await t.throwsAsync(openIt(join(place, "no", "file")), { code: "ERR_CANNOT_WRITE", message: /ENOENT/ });
  }
});

test("a filter says what is saved, bodies decoded and messages included", async (t) => {
  const { gzipSync } = await import("node:zlib");
  const flows = [savedHttp({ answer: "needle" }), savedHttp({ answer: gzipSync("a needle"), responseHeaders: [["Content-Encoding", "gzip"]] }), savedHttp({ answer: "hay" }), savedTcp([true, "x"], [false, "needle"], [true, "y"])].map((flow, at) => ({ ...flow, id: String(at) }));
  const saved = async (expression: string): Promise<readonly number[]> => {
    const parsed = parseFilter(expression);
    if (parsed.kind === "problem") throw new Error(parsed.message);
    const file = join(await folder(), "flows");
    const { saver } = saverOf(await openFlowFile(file), { filter: parsed.filter });
    for (const flow of flows) saver.add(flow);
    await saver.close();
    const { flows: kept } = await read(file);
    return kept.map(({ id }) => Number(id));
  };
  t.deepEqual(await saved("~b needle"), [0, 1, 3]);
  t.deepEqual(await saved("~bq needle"), []);
  t.deepEqual(await saved("~tcp | ~b hay"), [2, 3]);
  t.deepEqual(await saved("~d example.com & ~c 200"), [0, 1, 2]);
});

test("a slow disk loses flows beyond the bound, says so once, and counts them", async (t) => {
  let release = (): void => {};
  const written: number[] = [];
  const slow: SavedOutput = {
    path: "slow", encode: () => [Buffer.alloc(1)], close: () => Promise.resolve(),
    write: (pieces) => { written.push(pieces.length); return new Promise((resolve) => { release = resolve; }); },
  };
  const { saver, log } = saverOf(slow, { mostWaitingBytes: 20_000 });
  for (const flow of numbered(10)) saver.add(flow);
  t.true(saver.counts.lost > 0);
  t.is(log.length, 1);
  t.regex(log[0]?.msg ?? "", /flows are not saved in slow: flows come faster than they can be written/);
  while (written.length === 0) await new Promise(setImmediate);
  release();
  await saver.close();
  t.is(saver.counts.saved + saver.counts.lost, 10);
  t.like(log.at(-1), { level: "warn", fields: { event: "saved", saved: saver.counts.saved, lost: saver.counts.lost } });
});

test("a disk that refuses loses that batch and is asked again for the next", async (t) => {
  let isFull = true;
  const output: SavedOutput = {
    path: "disk", encode: () => [Buffer.alloc(1)], close: () => Promise.resolve(), write: () => (isFull ? Promise.reject(new Error("ENOSPC: no space left on device, write")) : Promise.resolve()),
  };
  const { saver, log } = saverOf(output);
  saver.add(savedHttp());
  await saver.flush();
  isFull = false;
  saver.add(savedHttp());
  await saver.close();
  t.deepEqual(saver.counts, { saved: 1, lost: 1 });
  t.regex(log[0]?.msg ?? "", /not saved in disk: ENOSPC/);
});
