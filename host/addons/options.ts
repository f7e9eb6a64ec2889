// The options of addons: values as the operator gave them (`--set NAME=VALUE`), read by the type that a manifest declares, handed to
// every addon as a frozen snapshot. Pure state; who is told of changes, and rollback, are lifecycle's business.
import type { OptionDeclaration, OptionType, OptionValue } from "../../sandbox-api/schema/manifest.ts";

export type OptionSnapshot = { readonly [name: string]: OptionValue };

export class Options {
  /** As text; declarations may come later. */
  readonly #given: Map<string, string>;
  readonly #declared = new Map<string, OptionDeclaration>();

  constructor(given: ReadonlyMap<string, string>) {
    this.#given = new Map(given);
  }

  /** An addon's manifest names these. A later declaration of the same name wins. Gives what is wrong with values given so far. */
  declare(options: ReadonlyMap<string, OptionDeclaration>): readonly string[] {
    const problems: string[] = [];
    for (const [name, declaration] of options) {
      this.#declared.set(name, declaration);
      const given = this.#given.get(name);
      if (given !== undefined && readOption(given, declaration.type) === null) problems.push(`option ${name}=${given} is not a ${declaration.type}`);
    }
    return problems;
  }

  /** The text given for a name; undefined: the default applies. */
  given(name: string): string | undefined {
    return this.#given.get(name);
  }

  /** Sets or (undefined) resets an option. Gives a sentence when the value does not fit its declared type; nothing is changed then. */
  set(name: string, text: string | undefined): string | null {
    const declaration = this.#declared.get(name);
    if (text !== undefined && declaration !== undefined && readOption(text, declaration.type) === null) return `option ${name}=${text} is not a ${declaration.type}`;
    if (text === undefined) this.#given.delete(name);
    else this.#given.set(name, text);
    return null;
  }

  /** Every option with its value. The object has no prototype, so a name can be anything. */
  snapshot(): OptionSnapshot {
    const values: { [name: string]: OptionValue } = Object.create(null);
    for (const [name, { default: initial }] of this.#declared) values[name] = initial;
    for (const [name, text] of this.#given) values[name] = readOption(text, this.#declared.get(name)?.type ?? "string") ?? values[name] ?? null;
    return Object.freeze(values);
  }
}

/** A value given as text; null when it is none of that type. Lists are separated by commas. */
export function readOption(text: string, type: OptionType): OptionValue {
  switch (type) {
    case "string": return text;
    case "number": return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
    case "boolean": return text === "true" || text === "yes" || text === "1" ? true : text === "false" || text === "no" || text === "0" ? false : null;
    case "strings": return text === "" ? [] : text.split(",");
  }
}
