// Header edits that an addon's manifest declares (sandbox-api/schema/edits.ts): compiled under its grants once, admitted like a call and
// carried out here, without its isolate. WALL 5: what was not granted is left out when they are compiled, rule by rule. Who comes before
// whom is the pipeline's affair.
import { editEvents, editWords, isEditEvent, needsOf, type EditEvent, type EditRule, type HeaderEdit } from "../../sandbox-api/schema/edits.ts";
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { matchesFilter, type Filter } from "../../sandbox-api/schema/filter.ts";
import { parseFilter } from "../../sandbox-api/schema/filter-parse.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import { applyEdits } from "../flows/apply-edits.ts";
import { filterSubject } from "../flows/filter-subject.ts";
import type { GateSubject } from "../flows/gate.ts";
import { addHistory } from "../flows/history.ts";
import { invariant } from "../invariant.ts";
import type { Addon } from "./addon.ts";
import { microsPerStep, mostFilterSteps } from "./filter-cost.ts";

interface CompiledRule { readonly filter: Filter | null; readonly edits: readonly HeaderEdit[]; readonly cpuMicros: number }

/** What is granted of one addon's edits for one event. */
export interface CompiledEdits {
  readonly rules: readonly CompiledRule[];
  /** All edits of all rules, where no rule has a filter. PERF: then nothing is collected for a flow. */
  readonly all: CompiledRule | null;
}

export interface GrantedEdits {
  readonly byEvent: ReadonlyMap<EventName, CompiledEdits>;
  /** Rules that are not carried out, each as a sentence. */
  readonly leftOut: readonly string[];
  /** LIMIT mutationBytes: names and values of all edits of an event together, the larger of both events. */
  readonly bytes: number;
}

/** What an edit is charged with against the addon's CPU budget: it runs in the host, which measures no single one. */
const microsPerEdit = 0.3;
const microsPerByte = 0.001;

/** The rules that these permissions allow, each whole or not at all. Pure. */
export function compileEdits(rules: readonly EditRule[], permissions: ReadonlySet<PermissionName>): GrantedEdits {
  const byEvent = new Map<EventName, CompiledRule[]>();
  const leftOut: string[] = [];
  for (const rule of rules) {
    const missing = needsOf(rule).filter((need) => !permissions.has(need));
    if (missing.length > 0) leftOut.push(`the edit of ${editWords(rule)} is not carried out: it needs ${missing.join(", ")}`);
    else byEvent.set(rule.event, [...(byEvent.get(rule.event) ?? []), compileRule(rule)]);
  }
  const compiled = new Map([...byEvent].map(([event, list]): [EventName, CompiledEdits] => [event, { rules: list, all: list.every(({ filter }) => filter === null) ? joined(list) : null }]));
  return { byEvent: compiled, leftOut, bytes: Math.max(0, ...[...byEvent.values()].map((list) => joined(list).edits.reduce((sum, edit) => sum + sizeOf(edit), 0))) };
}

/** Why a version with these edits cannot run; null: it can. */
export function editsFault({ bytes }: GrantedEdits, mutationBytes: number): Fault | null {
  if (bytes <= mutationBytes) return null;
  return { code: "mutation-too-large", message: `manifest.edits: changes of ${bytes} bytes, at most ${mutationBytes} are allowed`, limit: { name: "mutationBytes", value: mutationBytes, used: bytes, unit: "bytes" } };
}

const sizeOf = ({ name, value }: HeaderEdit): number => name.length + value.length + 4;

function compileRule({ filter, operations }: EditRule): CompiledRule {
  const parsed = filter === null ? null : parseFilter(filter);
  // Without its filter a rule would be for every flow.
  invariant(parsed?.kind !== "problem", "the filter of an edit was not checked");
  return {
    filter: parsed?.filter ?? null, edits: operations,
    cpuMicros: operations.reduce((sum, edit) => sum + microsPerEdit + sizeOf(edit) * microsPerByte, 0),
  };
}

const joined = (rules: readonly CompiledRule[]): CompiledRule => ({ filter: null, edits: rules.flatMap(({ edits }) => edits), cpuMicros: rules.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) });

/** What a flow's own version of the addon declares for this event, if anything. */
export const editsOf = (addon: Addon, event: EventName, subject: GateSubject): CompiledEdits | undefined =>
  (addon.instanceFor(subject.key)?.version ?? addon.version)?.grants.edits.byEvent.get(event);

/** Carries out edits that were admitted: a call that nothing enters an isolate for. Gives why they could not be; then nothing has changed. */
export function carryOut(addon: Addon, event: EventName, subject: GateSubject, edits: CompiledEdits): Fault | null {
  if (subject.kind !== "http" || !isEditEvent(event)) return null;
  const now = addon.now();
  addon.counters.calls++;
  const chosen = edits.all ?? choose(addon, subject, edits.rules);
  if ("code" in chosen) return chosen;
  if (chosen.edits.length === 0) return null;
  const cpuMicros = Math.ceil(chosen.cpuMicros);
  addon.budget.spend(cpuMicros, now);
  addon.counters.cpuMicros += cpuMicros;
  const outcome = applyEdits(subject, editEvents[event satisfies EditEvent], chosen.edits, { addon: addon.name, now: now / 1_000 });
  if (outcome.kind === "fault") return outcome.fault;
  if (outcome.kind === "changed") addHistory(subject.history, { addon: addon.name, event, changes: outcome.changes, cpuMicros, failed: null });
  return null;
}

/** The rules whose filters match the flow as the addons before left it, cut to what this addon may see. */
function choose(addon: Addon, subject: GateSubject, rules: readonly CompiledRule[]): CompiledRule | Fault {
  const budget = { steps: mostFilterSteps };
  const grants = (addon.instanceFor(subject.key)?.version ?? addon.version)?.grants;
  const seen = filterSubject(subject, grants?.permissions ?? new Set());
  const chosen = rules.filter(({ filter }) => filter === null || (budget.steps >= 0 && matchesFilter(filter, seen, budget)));
  addon.budget.spend((mostFilterSteps - budget.steps) * microsPerStep, addon.now());
  return budget.steps < 0 ? { code: "cpu-budget", message: "the filters of its edits take too long to search this flow" } : joined(chosen);
}
