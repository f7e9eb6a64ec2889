// The options of addons as a list for people and programs: type, default, help, present value and where that comes from. Pure.
import type { OptionDeclaration, OptionType, OptionValue } from "../../sandbox-api/schema/options.ts";
import type { OptionSource, ReadOptions } from "./options.ts";

export interface ListedOption {
  readonly addon: string;
  readonly name: string;
  readonly type: OptionType;
  readonly choices: OptionDeclaration["choices"];
  readonly help: string;
  readonly default: OptionValue;
  readonly value: OptionValue;
  readonly source: OptionSource | "default";
  /** False: a script without a manifest is given it and may not look at it. */
  readonly isDeclared: boolean;
}

/** What one addon declares (null: it has no manifest), with the values that were read for it. */
export function listOptions(addon: string, declared: ReadonlyMap<string, OptionDeclaration> | null, { values, sources }: ReadOptions): readonly ListedOption[] {
  const sourceOf = (name: string): ListedOption["source"] => sources.get(name) ?? "default";
  if (declared !== null) return [...declared].map(([name, option]) => ({ addon, name, ...option, value: values[name] ?? null, source: sourceOf(name), isDeclared: true }));
  return Object.entries(values).map(([name, value]) => ({ addon, name, type: typeOf(value), choices: null, help: "", default: null, value, source: sourceOf(name), isDeclared: false }));
}

function typeOf(value: OptionValue): OptionType {
  return typeof value === "number" ? "number" : typeof value === "boolean" ? "boolean" : typeof value === "string" || value === null ? "string" : "string[]";
}
