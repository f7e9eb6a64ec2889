// Claim: what the host itself does for one event (write the view, note what was seen, judge a change list and merge it) costs little beside the
// hop into the cell (bench/cell-hop.ts). A request head of 20 fields, a new flow each time, as many alive as a busy proxy has; by turns, medians
// of rounds, in one process.
// Run: node bench/host-event.ts [--full]
import type { HeaderEdit } from "../sandbox-api/schema/edits.ts";
import { permissionNames, type PermissionName } from "../sandbox-api/schema/permissions.ts";
import { applyEdits } from "../host/flows/apply-edits.ts";
import { mergeChanges } from "../host/flows/merge.ts";
import { validateChanges } from "../host/flows/validate.ts";
import { SeenParts, ViewWriter } from "../host/flows/view.ts";
import { makeHttpFlow, makeRequest, type Pairs } from "../test/helpers/flows.ts";
import type { HttpFlow } from "../host/flows/flow.ts";
import { figure, type Claim, type Figure } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";

const batches = 100;
/** Flows that are alive at once: more would measure the collector, which copies what lives. */
const alive = 100;

const fields: Pairs = [["Host", "example.com"], ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"], ["Accept", "*/*"], ["Accept-Language", "en"], ...Array.from({ length: 16 }, (_, i) => [`X-Field-${i}`, `some value of ordinary length ${i}`] as const)];
const everything: ReadonlySet<PermissionName> = new Set(permissionNames);
const headsOnly: ReadonlySet<PermissionName> = new Set<PermissionName>(["read:request", "read:response", "write:request", "write:response"]);
const changes = JSON.stringify([["request.headers", [[0, fields.length], ["x-added", "1"]]]]);
const writer = new ViewWriter(1 << 20);
const none = new Set<never>();

function view(flow: HttpFlow, permissions: ReadonlySet<PermissionName>): number {
  const seen = new SeenParts();
  const { text } = writer.write("request", flow, permissions, [seen]);
  writer.note("request", flow, permissions, seen, none);
  return text.length;
}

function judge(flow: HttpFlow): number {
  const verdict = validateChanges({ event: "request", subject: flow, permissions: headsOnly, text: changes, attachments: [], mutationBytes: 1 << 20 });
  if (verdict.kind === "fault") throw new Error(verdict.fault.message);
  return mergeChanges(flow, verdict.changes, { addon: "bench", attachments: [], now: 1, streamFunction: () => () => Promise.resolve([]) }).changes.length;
}

const edits: readonly HeaderEdit[] = [{ kind: "set", name: "x-added", lower: "x-added", value: "1" }];

function declare(flow: HttpFlow): number {
  const outcome = applyEdits(flow, "request", edits, { addon: "bench", now: 1 });
  return outcome.kind === "changed" ? outcome.changes.length : 0;
}

const cases: Readonly<Record<string, (flow: HttpFlow) => number>> = {
  "view and note, heads only": (flow) => view(flow, headsOnly),
  "view and note, everything granted": (flow) => view(flow, everything),
  "validate and merge one header": judge,
  "carry out one declared edit": declare,
};

/** Microseconds of CPU for each turn; the making of the flows is not counted. */
function measure(run: (flow: HttpFlow) => number): number {
  let sum = 0;
  let micros = 0;
  for (let batch = 0; batch < batches; batch++) {
    const flows = Array.from({ length: alive }, () => makeHttpFlow(makeRequest(fields, Buffer.alloc(0))));
    const before = process.cpuUsage();
    for (const flow of flows) sum += run(flow);
    const { user, system } = process.cpuUsage(before);
    micros += user + system;
  }
  if (sum === 0) throw new Error("nothing was done");
  return micros / batches / alive;
}

export const hostEvent: Claim = {
  name: "host-event",
  title: "what the host itself does for one event (20 fields, in process)",
  run: (effort) => Promise.resolve(figures(effort.name === "quick" ? 5 : 15)),
};

function figures(rounds: number): readonly Figure[] {
  const samples = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const micros = measure(run);
      // The first round warms the compiler up.
      if (round > 0) samples.get(name)?.push(micros);
    }
  }
  return [...samples].map(([what, list]) => figure(list, { what, unit: "µs CPU" }));
}

if (import.meta.main) await runAlone(hostEvent);
