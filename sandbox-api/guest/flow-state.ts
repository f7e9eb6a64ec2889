// What flows of every protocol share: identity, life, marks, and what a call did to them. The faces are in http-flow.ts and
// tcp-flow.ts.
import type { FlowView } from "../schema/view.ts";
import { beginWrite, type Call, type Changes, type Draftable, type Owner } from "./draft.ts";
import { dateNow, freeze } from "./intrinsics.ts";
import { quoteAscii } from "./json-text.ts";
import { refuse } from "./thrown.ts";
import { ViewState } from "./connection.ts";

export interface FlowError { readonly msg: string; readonly timestamp: number }

interface FlowValues {
  readonly live: boolean;
  readonly error: FlowError | null;
  readonly intercepted: boolean;
  readonly marked: string;
  readonly comment: string;
  readonly isKilled: boolean;
}

export class FlowState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly #given = new ViewState<FlowView>();
  #values: FlowValues | null = null;
  #saved: FlowValues | null = null;

  constructor(owner: Owner) {
    this.owner = owner;
  }
  accept(text: string): void {
    this.#given.accept(text);
    this.#values = null;
  }
  assumeView(other: FlowState): void {
    this.#given.assumeView(other.#given);
    this.#values = other.values;
  }
  get view(): FlowView {
    return this.#given.view;
  }
  get values(): FlowValues {
    if (this.#values !== null) return this.#values;
    const { live, error, intercepted, marked, comment } = this.view;
    return (this.#values = freeze<FlowValues>({ live, error: error === null ? null : freeze<FlowError>({ msg: error.msg, timestamp: error.timestamp }), intercepted, marked, comment, isKilled: false }));
  }

  mark(text: string): void {
    if (typeof text !== "string") throw refuse("flow.marked", "flow.marked must be a string");
    if (text !== this.values.marked) this.#write("flow.marked", this.#with({ marked: text }));
  }
  note(text: string): void {
    if (typeof text !== "string") throw refuse("flow.comment", "flow.comment must be a string");
    if (text !== this.values.comment) this.#write("flow.comment", this.#with({ comment: text }));
  }
  /** A flow that is dead already stays so: harmless. */
  kill(): void {
    if (this.values.live) this.#write("flow.kill", this.#killed());
  }
  intercept(): void {
    if (!this.values.intercepted) this.#write("flow.intercept", this.#with({ intercepted: true }));
  }
  /** The one thing that an addon may do to a flow outside its events (from a timer, from another flow's handler). */
  resume(): void {
    if (!this.values.intercepted) return;
    const { call, resumeOutside } = this.owner;
    if (call !== null || resumeOutside === null) return this.#write("flow.resume", this.#with({ intercepted: false }));
    resumeOutside();
    this.#values = this.#with({ intercepted: false });
  }

  /** The work of an addon before this one. */
  assume(what: "kill" | "intercept" | "resume" | "marked" | "comment", text: string): void {
    switch (what) {
      case "kill": this.#values = this.#killed(); break;
      case "intercept": this.#values = this.#with({ intercepted: true }); break;
      case "resume": this.#values = this.#with({ intercepted: false }); break;
      case "marked": this.#values = this.#with({ marked: text }); break;
      case "comment": this.#values = this.#with({ comment: text }); break;
    }
  }

  #killed(): FlowValues {
    return this.#with({ live: false, error: freeze<FlowError>({ msg: "Connection killed", timestamp: dateNow() / 1_000 }), isKilled: true });
  }

  #with(change: { readonly [K in keyof FlowValues]?: FlowValues[K] }): FlowValues {
    return freeze<FlowValues>({ ...this.values, ...change });
  }

  #write(field: string, values: FlowValues): void {
    beginWrite(this.owner, this, "flow", field);
    this.#values = values;
  }

  save(): void {
    this.#saved = this.values;
  }
  collect(changes: Changes): void {
    const saved = this.#saved;
    const now = this.values;
    if (saved === null) return;
    if (now.marked !== saved.marked) changes.add("flow.marked", quoteAscii(now.marked));
    if (now.comment !== saved.comment) changes.add("flow.comment", quoteAscii(now.comment));
    if (now.intercepted !== saved.intercepted) changes.add(now.intercepted ? "flow.intercept" : "flow.resume", "true");
    if (now.isKilled && !saved.isKilled) changes.add("flow.kill", "true");
  }
  commit(): void {
    this.#saved = null;
  }
  revert(): void {
    this.#values = this.#saved;
    this.#saved = null;
  }
}
