// Claim: saving a flow costs the proxy some tens of microseconds of CPU beside the traffic, and never waits for the disk. What the main thread
// and the threads of the pool use together, for each flow, from its release to the file; by turns, medians of rounds, in one process.
// Run: node bench/saving.ts
import { rmSync } from "node:fs";
import path from "node:path";
import { openFlowFile, type SavedOutput } from "../host/flows/saved/flow-file-output.ts";
import { openHarFile } from "../host/flows/saved/har-file-output.ts";
import { readFlows } from "../host/flows/saved/read-flows.ts";
import { Saver } from "../host/flows/saved/saver.ts";
import { savingGate } from "../host/flows/saved/saving-gate.ts";
import { openGate, type Gate } from "../host/flows/gate.ts";
import { makeLog } from "../host/log.ts";
import { makeHttpFlow, makeRequest, makeResponse, type Pairs } from "../test/helpers/flows.ts";
import type { HttpFlow } from "../host/flows/flow.ts";
import { median } from "./harness/figures.ts";
import { temporaryFolder } from "../test/helpers/temporary-folder.ts";

const rounds = 7;
const turns = 2_000;
/** Flows that end in one turn of the loop. */
const atOnce = 20;

const fields: Pairs = [["Host", "example.com"], ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"], ...Array.from({ length: 10 }, (_, i) => [`X-Field-${i}`, `some value of ordinary length ${i}`] as const)];
const folder = temporaryFolder("bench");
const log = makeLog(() => {});

async function play(gate: Gate, flows: readonly HttpFlow[], flush: () => Promise<void>): Promise<void> {
  for (let at = 0; at < flows.length; at += atOnce) {
    for (const flow of flows.slice(at, at + atOnce)) gate.release(flow);
    await new Promise(setImmediate);
    // A proxy is slower than this loop.
    if (at % 400 === 0) await flush();
  }
  await flush();
}

interface Case { readonly bodyBytes: number; readonly open: ((file: string) => Promise<SavedOutput>) | null }
const cases: Readonly<Record<string, Case>> = {
  "nothing saved": { bodyBytes: 1_024, open: null },
  "own form, 1 KB": { bodyBytes: 1_024, open: openFlowFile }, "own form, 100 KB": { bodyBytes: 102_400, open: openFlowFile },
  "HAR, 1 KB": { bodyBytes: 1_024, open: (file) => openHarFile(file, "0") }, "HAR, 100 KB": { bodyBytes: 102_400, open: (file) => openHarFile(file, "0") },
};

/** Microseconds of CPU for each flow. */
async function measure({ bodyBytes, open }: Case): Promise<number> {
  const flows = Array.from({ length: turns }, () => makeHttpFlow(makeRequest(fields, Buffer.alloc(0)), makeResponse(fields, Buffer.alloc(bodyBytes, "text "))));
  const saver = open === null ? null : new Saver({ output: await open(path.join(folder, "flows")), filter: null, log, mostWaitingBytes: 2 ** 31 });
  const gate = saver === null ? openGate : savingGate(openGate, 2 ** 24, (flow) => saver.add(flow));
  const before = process.cpuUsage();
  await play(gate, flows, () => saver?.flush() ?? Promise.resolve());
  const { user, system } = process.cpuUsage(before);
  await saver?.close();
  if (saver !== null && saver.counts.saved !== turns) throw new Error("not every flow was saved");
  rmSync(path.join(folder, "flows"), { force: true });
  return (user + system) / turns;
}

/** Microseconds for each flow that is read again. */
async function measureReading(): Promise<number> {
  const saver = new Saver({ output: await openFlowFile(path.join(folder, "flows")), filter: null, log, mostWaitingBytes: 2 ** 31 });
  const gate = savingGate(openGate, 2 ** 24, (flow) => saver.add(flow));
  for (let at = 0; at < turns; at++) gate.release(makeHttpFlow(makeRequest(fields, Buffer.alloc(0)), makeResponse(fields, Buffer.alloc(1_024))));
  await saver.close();
  const before = process.cpuUsage();
  let count = 0;
  for await (const flow of readFlows(path.join(folder, "flows"))) count += flow.id.length > 0 ? 1 : 0;
  const { user, system } = process.cpuUsage(before);
  rmSync(path.join(folder, "flows"), { force: true });
  return (user + system) / count;
}

const samples = new Map<string, number[]>([...Object.keys(cases), "read again, 1 KB"].map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const [name, list] of samples) {
    const one = cases[name];
    const micros = one === undefined ? await measureReading() : await measure(one);
    // The first round warms the compiler up.
    if (round > 0) list.push(micros);
  }
}
for (const [name, list] of samples) process.stdout.write(`${name.padEnd(20)} ${median(list).toFixed(1).padStart(7)} µs CPU (${Math.min(...list).toFixed(1)}–${Math.max(...list).toFixed(1)})\n`);
rmSync(folder, { recursive: true });
