// Reads the words of a command that says only plain things, by the same table that yargs is given, without loading yargs. It
// understands a part of what yargs understands, in the same way, and leaves everything else to it: help, mistakes, odd spellings.
import { parseArgs } from "node:util";
import type { InferredOptionTypes, Options } from "yargs";

export type OptionTable = Readonly<Record<string, Options>>;

export interface PlainWords<T extends OptionTable> {
  /** Under the names of the table, defaults included. */
  readonly options: InferredOptionTypes<T>;
  readonly positionals: readonly string[];
}

type Value = string | number | boolean | readonly string[] | undefined;

/** Null where anything is not plain: ask yargs. */
export function readPlainWords<const T extends OptionTable>(words: readonly string[], table: T): PlainWords<T> | null {
  const parsed = parse(words, table);
  if (parsed === null || !parsed.positionals.every(isPlain)) return null;
  const options: Record<string, Value> = {};
  for (const [name, row] of Object.entries(table)) {
    const value = valueOf(row, parsed.values[name] ?? []);
    if (value === odd) return null;
    options[name] = value;
  }
  // Each value was made from its row of the table.
  return { options: options as InferredOptionTypes<T>, positionals: parsed.positionals };
}

interface Parsed {
  readonly values: Readonly<Record<string, readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

function parse(words: readonly string[], table: OptionTable): Parsed | null {
  // What follows "--" is yargs's business.
  if (words.includes("--")) return null;
  const options = Object.fromEntries(Object.entries(table).map(([name, { type, alias }]) => [name, {
    type: type === "boolean" ? "boolean" as const : "string" as const, multiple: true as const, ...(typeof alias === "string" && { short: alias }),
  }]));
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, allowNegative: true, strict: true });
  } catch {
    // Not plain; yargs says what is wrong with it, if anything is.
    return null;
  }
}

/** yargs takes quotes off, makes numbers and booleans of words that look like one, and complains of empty ones. */
const isPlain = (word: string): boolean => /^[A-Za-z_/.@*]/.test(word) && !/^\.\d/.test(word) && word !== "true" && word !== "false";

const odd = Symbol("odd");

/** What the row makes of the values that were given, or `odd`. */
function valueOf(row: Options, given: readonly (string | boolean)[]): Value | typeof odd {
  if (row.array === true) return listOf(given);
  const [first] = given;
  if (first === undefined) return defaultOf(row);
  // Given twice: yargs makes a list of it.
  if (given.length > 1) return odd;
  if (typeof first === "boolean") return row.type === "boolean" ? first : odd;
  if (row.type === "number") return /^\d{1,9}$/.test(first) ? Number(first) : odd;
  if (row.choices !== undefined) return row.choices.includes(first) ? first : odd;
  return isPlain(first) || /^[\d:]+[\d.:a-f]*$/.test(first) ? first : odd;
}

function listOf(given: readonly (string | boolean)[]): Value | typeof odd {
  const texts = given.filter((value) => typeof value === "string" && isPlain(value));
  if (texts.length < given.length) return odd;
  return texts.length === 0 ? undefined : texts.map(String);
}

function defaultOf({ default: value }: Options): Value | typeof odd {
  return value === undefined || typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : odd;
}
