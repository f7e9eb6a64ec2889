// Claim: host, one cell and two standby cells idle in at most 220 MB; an addon more costs at most 4 MB and an idle connection at most 40 KB.
// Proportional memory (shared pages divided among the processes that map them); plain resident sums, which count Node's own code once for each
// process, stand beside it.
// Run: node bench/memory.ts [--full]   (--full also loads 1,000 addons)
import { Agent, request } from "node:http";
import { mostPerCell } from "../host/cells/placement.ts";
import { headerAddon, headerField } from "./harness/addons.ts";
import { figure, type Claim, type Figure } from "./harness/figures.ts";
import { sleep } from "./harness/one-request.ts";
import { descendantsOf, readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";
import { addonFile } from "./harness/subject.ts";

interface Weight { readonly proportionalMb: number; readonly residentMb: number; readonly processes: number }

const mebibyte = 1.048_576;
const settleMs = 2_500;
/** The host collects when it was quiet for twenty seconds (host/heap-rest.ts). */
const restMs = 29_000;
const fewConnections = 500;
const moreConnections = 1_500;
const busyMs = 8_000;

export const memory: Claim = {
  name: "memory",
  title: "memory idle, of each addon and of each idle connection",
  async run(effort) {
    const addons = await Promise.all(Array.from({ length: effort.name === "full" ? 1_000 : 40 }, (_, index) => headerAddon(index + 1)));
    const one = await weigh(addons.slice(0, 1));
    const forty = await weigh(addons.slice(0, 40));
    const figures: Figure[] = [
      figure([one.proportionalMb], { what: "idle with one addon", unit: "MB", budget: "memory-idle", beside: { "resident": one.residentMb, "processes": one.processes } }),
      figure([(forty.proportionalMb - one.proportionalMb) / 39], { what: "each addon more (of 40)", unit: "MB", budget: "memory-addon", beside: { "resident": (forty.residentMb - one.residentMb) / 39, "processes": forty.processes } }),
      await connections("http"), await connections("https"), await heldFlows(), await cells(addons), await busyCell(addons.slice(0, mostPerCell)),
    ];
    if (effort.name === "full") {
      const thousand = await weigh(addons);
      figures.push(figure([thousand.proportionalMb], { what: "1,000 addons", unit: "MB", budget: "thousand-addons", beside: { "resident": thousand.residentMb, "processes": thousand.processes } }));
    }
    return figures;
  },
};

function read(pid: number): Weight {
  const { proportionalMiB, residentMiB, processes } = readTree(pid, true);
  return { proportionalMb: (proportionalMiB ?? residentMiB) * mebibyte, residentMb: residentMiB * mebibyte, processes };
}

async function weigh(addons: readonly string[]): Promise<Weight> {
  await using stage = await Stage.open();
  const subject = await stage.flowcell("flowcell", addons);
  await sleep(settleMs);
  return read(subject.pid);
}

/** Connections that had one request each and then none, beyond some hundreds: V8's young generation grows with the first ones, which are not the reason. */
async function connections(scheme: "http" | "https"): Promise<Figure> {
  await using stage = await Stage.open();
  const subject = await stage.flowcell("flowcell", []);
  const weights: Weight[] = [];
  for (const count of [fewConnections, moreConnections]) {
    const load = await stage.load(subject, scheme, { connections: count });
    await load.run({ requests: count });
    await sleep(restMs);
    weights.push(read(subject.pid));
  }
  const [few, many] = weights;
  const kilobytes = ((many?.proportionalMb ?? Number.NaN) - (few?.proportionalMb ?? Number.NaN)) / moreConnections * 1_000;
  return figure([kilobytes], { what: `each idle ${scheme === "http" ? "plain" : "intercepted"} connection (client's and server's)`, unit: "KB", ...(scheme === "http" && { budget: "memory-connection" as const }) });
}

/** Requests that an addon holds back, of connections that were idle before. */
async function heldFlows(): Promise<Figure> {
  const count = 200;
  await using stage = await Stage.open();
  const holding = await addonFile("holding", `export const manifest = { permissions: { read: ["request"] } };
export async function request(flow) { if (flow.request.path.startsWith("/hold")) await new Promise((resolve) => setTimeout(resolve, 60_000)); }\n`);
  const subject = await stage.flowcell("flowcell", [holding], ["--wall-ms", "120000"]);
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const ask = (path: string): Promise<void> => new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port: subject.port, path: `http://localhost:${stage.origin.port}${path}`, agent }, (response) => response.resume().once("end", () => resolve()));
    // Held ones are cut at the end.
    sent.once("error", () => resolve()).end();
  });
  await Promise.all(Array.from({ length: count }, () => ask("/1k")));
  await sleep(settleMs);
  const idle = read(subject.pid);
  const held = Array.from({ length: count }, () => ask("/hold"));
  await sleep(settleMs);
  const busy = read(subject.pid);
  agent.destroy();
  await Promise.all(held);
  // With its connection to a server, which is there before the flow is.
  return figure([((busy.proportionalMb - idle.proportionalMb) / count) * 1_000], { what: `each flow held by an addon (of ${count})`, unit: "KB" });
}

/** Each addon with a cell of its own. */
async function cells(addons: readonly string[]): Promise<Figure> {
  const weights: Weight[] = [];
  for (const count of [1, 9]) {
    await using stage = await Stage.open();
    const subject = await stage.flowcell("flowcell", addons.slice(0, count), ["--cells", "per-addon"]);
    await sleep(settleMs);
    weights.push(read(subject.pid));
  }
  const [one, nine] = weights;
  const each = (of: (weight: Weight) => number): number => (one === undefined || nine === undefined ? Number.NaN : (of(nine) - of(one)) / 8);
  return figure([each(({ proportionalMb }) => proportionalMb)], { what: "each cell more, with one addon", unit: "MB", beside: { "resident": each(({ residentMb }) => residentMb) } });
}

/** A cell that is full of addons which all change every message of 64 connections: it must stay far from `cellMemoryMiB`. */
async function busyCell(addons: readonly string[]): Promise<Figure> {
  await using stage = await Stage.open();
  const subject = await stage.flowcell("flowcell", addons);
  const load = await stage.load(subject, "http", { expectedField: headerField(addons.length) });
  await load.run({ ms: busyMs });
  const largest = Math.max(...descendantsOf(subject.pid).map((pid) => readTree(pid, true).residentMiB));
  return figure([largest], { what: `a cell with ${addons.length} busy addons, resident`, unit: "MiB" });
}

if (import.meta.main) await runAlone(memory);
