// Declared header edits on one head: what they make of its list of fields, as the same references a handler's changes come in, so that
// merging, history and framing are those of a handler's change. Knows no addons and no filters; nothing enters an isolate.
import type { FieldReference } from "../../sandbox-api/schema/changes.ts";
import type { HeaderEdit } from "../../sandbox-api/schema/edits.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { mostFields } from "../../sandbox-api/schema/http.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { invariant } from "../invariant.ts";
import type { HttpFlow, StreamFunction } from "./flow.ts";
import { mergeChanges, type MergeResult } from "./merge.ts";

export type EditOutcome =
  | { readonly kind: "unchanged" }
  | { readonly kind: "changed"; readonly changes: MergeResult["changes"] }
  /** The head as it is cannot be edited; nothing was. */
  | { readonly kind: "fault"; readonly fault: Fault };

const unchanged: EditOutcome = { kind: "unchanged" };
const noStream = (): StreamFunction => {
  invariant(false, "an edit sets no stream function");
};

/** Carries out edits that were checked and granted on the head of the request or the response, as the work of `addon`. `now`: seconds. */
export function applyEdits(flow: HttpFlow, side: "request" | "response", edits: readonly HeaderEdit[], { addon, now }: { readonly addon: string; readonly now: number }): EditOutcome {
  const message = flow[side];
  if (message === null || message.body.state === "streamed") return refused(side, message === null ? "there is no response yet" : `the ${side} has already been sent on`);
  const list = editedFields(message.headers, edits);
  if (list === "unchanged") return unchanged;
  if (list === "too many") return refused(side, `would have more than ${mostFields} fields`);
  const { changes } = mergeChanges(flow, [[side === "request" ? "request.headers" : "response.headers", list]], { addon, now, attachments: [], streamFunction: noStream });
  return { kind: "changed", changes };
}

const refused = (side: "request" | "response", why: string): EditOutcome => ({ kind: "fault", fault: { code: "illegal-change", message: `${side}.headers: ${why}`, field: `${side}.headers` } });

/** What the edits make of these fields, in order, as the guest's Headers would (sandbox-api/guest/fields.ts). */
export function editedFields(fields: HeaderFields, edits: readonly HeaderEdit[]): readonly FieldReference[] | "unchanged" | "too many" {
  const draft = new EditedList(fields);
  for (const edit of edits) {
    if (edit.kind === "append" || !draft.has(edit.lower)) {
      if (edit.kind === "remove") continue;
      if (draft.length >= mostFields) return "too many";
      draft.add(edit);
    } else if (edit.kind === "remove") draft.remove(edit.lower);
    else draft.set(edit);
  }
  return draft.references();
}

/** A field that was not there, or not with this value. */
type Made = Pick<HeaderEdit, "name" | "lower" | "value">;

class EditedList {
  readonly #fields: HeaderFields;
  /** Fields that stayed, by number and in their order, and made ones. Null: all stayed. PERF: most edits only add (bench/host-event). */
  #list: (number | Made)[] | null = null;
  readonly #added: Made[] = [];

  constructor(fields: HeaderFields) {
    this.#fields = fields;
  }

  get length(): number {
    return (this.#list?.length ?? this.#fields.length) + this.#added.length;
  }

  has(lower: string): boolean {
    if (this.#list === null ? this.#fields.has(lower) : this.#isIn(this.#list, lower)) return true;
    for (const { lower: known } of this.#added) if (known === lower) return true;
    return false;
  }

  add(field: Made): void {
    this.#added.push(field);
  }

  remove(lower: string): void {
    this.#replace(lower, () => null);
  }

  /** The first of that name keeps its place and spelling, and its bytes where the value is the same; the others go. */
  set({ lower, value }: Made): void {
    let isFirst = true;
    this.#replace(lower, (entry) => {
      if (!isFirst) return null;
      isFirst = false;
      const name = typeof entry === "number" ? this.#fields.name(entry) : entry.name;
      return (typeof entry === "number" ? this.#fields.value(entry) : entry.value) === value ? entry : { name, lower, value };
    });
  }

  references(): readonly FieldReference[] | "unchanged" {
    const { length } = this.#fields;
    const list = this.#list ?? (length === 0 ? [] : null);
    if (list === null && this.#added.length === 0) return "unchanged";
    if (list !== null && this.#added.length === 0 && list.length === length && list.every((entry) => typeof entry === "number")) return "unchanged";
    const references: FieldReference[] = list === null ? [[0, length]] : runs(list);
    for (const { name, value } of this.#added) references.push([name, value]);
    return references;
  }

  #replace(lower: string, by: (entry: number | Made) => number | Made | null): void {
    const list: (number | Made)[] = [];
    const isNamed = this.#namedAs(lower);
    for (const entry of [...(this.#list ?? Array.from({ length: this.#fields.length }, (_, at) => at)), ...this.#added]) {
      const kept = isNamed(entry) ? by(entry) : entry;
      if (kept !== null) list.push(kept);
    }
    this.#list = list;
    this.#added.length = 0;
  }

  #isIn(list: readonly (number | Made)[], lower: string): boolean {
    return list.some(this.#namedAs(lower));
  }

  /** To be asked about entries in their order: numbers only grow. */
  #namedAs(lower: string): (entry: number | Made) => boolean {
    let next = this.#fields.indexOf(lower);
    return (entry) => {
      if (typeof entry !== "number") return entry.lower === lower;
      while (next >= 0 && next < entry) next = this.#fields.indexOf(lower, next + 1);
      return next === entry;
    };
  }
}

/** Neighbours that stayed as one run. */
function runs(list: readonly (number | Made)[]): FieldReference[] {
  const references: FieldReference[] = [];
  let from = 0;
  let count = 0;
  const end = (): void => {
    if (count > 0) references.push([from, count]);
    count = 0;
  };
  for (const entry of list) {
    if (typeof entry === "number" && count > 0 && entry === from + count) { count++; continue; }
    end();
    if (typeof entry === "number") { from = entry; count = 1; }
    else references.push([entry.name, entry.value]);
  }
  end();
  return references;
}
