// One call to one instance outside of a chain: `start`, `configure`, told events, chunks of streams, `done`. It pays for what was used
// and keeps or undoes what was written; what a failure means is the caller's business.
import type { CellCall, Outcome } from "../cells/cell.ts";
import type { EventView } from "../flows/view.ts";
import type { Instance } from "./instance.ts";

type Changed = Extract<Outcome, { readonly kind: "changed" }>;

/**
 * One call to one instance. What it wrote to its storage is kept if it succeeded and `isGood` finds nothing wrong with its changes; if
 * that is not possible, the call has failed.
 */
export async function callOne(instance: Instance, view: EventView, startup: boolean, isGood: (outcome: Changed) => boolean = () => true): Promise<Outcome> {
  const { startupMs } = instance.version.grants.limits;
  const entry = startup ? { ...instance.chainEntry, cpuMs: startupMs } : instance.chainEntry;
  const call: CellCall = { text: view.text, attachments: view.attachments, chain: [entry], startup };
  instance.addon.counters.calls++;
  const outcome = (await instance.residence.cell.call(call))[0] ?? { kind: "lost" };
  if ("cpuMicros" in outcome) {
    const { budget, now } = instance.addon;
    if (startup) budget.spendAlone(outcome.cpuMicros, now());
    else budget.spend(outcome.cpuMicros, now());
    instance.addon.counters.cpuMicros += outcome.cpuMicros;
  }
  const refusal = instance.endCall(call, outcome.kind === "unchanged" || (outcome.kind === "changed" && isGood(outcome)));
  return refusal === null || !("cpuMicros" in outcome) ? outcome : { kind: "failed", cpuMicros: outcome.cpuMicros, fault: { code: "storage", message: refusal } };
}
