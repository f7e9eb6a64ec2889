// What an option of an addon can be: its types, and the check that turns a manifest's `options` into declarations (spec: sandbox.md
// §3). Pure; values that an operator gives are read in host/addons/options.ts.
import { nearest } from "./near-miss.ts";

/** The types by name, each as messages call it. */
export const optionTypes = {
  "string": "a string",
  "number": "a number",
  "boolean": "true or false",
  "string[]": "a list of strings",
} as const satisfies Record<string, string>;

export type OptionType = keyof typeof optionTypes;
export type OptionValue = string | number | boolean | readonly string[] | null;

export interface OptionDeclaration {
  readonly type: OptionType;
  /** Null: none; the option is null until it is set. */
  readonly default: OptionValue;
  readonly help: string;
  /** The values that it can have, or each item of a list; null: any of its type. */
  readonly choices: readonly (string | number)[] | null;
}

/** LIMIT: options of one addon, characters of one text in a declaration, and choices of one option. */
export const mostOptions = 200;
export const longestOptionText = 16_384;
const longestHelp = 1_000;
const mostChoices = 200;

/** Letters, digits, `_` and `-`, no dot: a dot parts the addon's name from the option's. */
const nameSyntax = /^[A-Za-z][\w-]{0,99}$/;
const declarationKeys = ["type", "default", "help", "choices"] as const;

const isOptionType = (type: unknown): type is OptionType => typeof type === "string" && Object.hasOwn(optionTypes, type);

/** Whether `value` is one of an option of this type. */
export function isOptionValue(value: unknown, type: OptionType): value is Exclude<OptionValue, null> {
  if (type === "string[]") return Array.isArray(value) && value.every((item) => typeof item === "string");
  return typeof value === type && (type !== "number" || Number.isFinite(value));
}

/** Null: the value is one of the choices, if there are any. Else how the sentence goes on that begins with whatever has it. */
export function beyondChoices(value: OptionValue, choices: OptionDeclaration["choices"]): string | null {
  if (choices === null || value === null || typeof value === "boolean") return null;
  const items: readonly (string | number)[] = typeof value === "object" ? value : [value];
  const wrong = items.find((item) => !choices.includes(item));
  if (wrong === undefined) return null;
  const texts = choices.map(String);
  return `must be one of ${texts.map((text) => text.slice(0, 60)).join(", ").slice(0, 500)}, not ${JSON.stringify(String(wrong).slice(0, 60))}${nearest(String(wrong).slice(0, 60), texts)}`;
}

/** Reads a manifest's `options`, plain data of an addon. `say` takes each problem: where it is and how the sentence goes on. */
export function readDeclarations(value: unknown, say: (where: string, what: string) => void): ReadonlyMap<string, OptionDeclaration> {
  const options = new Map<string, OptionDeclaration>();
  if (value === undefined || value === null) return options;
  if (!isPlain(value)) { say("manifest.options", "must be an object"); return options; }
  const entries = Object.entries(value);
  if (entries.length > mostOptions) say("manifest.options", `has ${entries.length} options; ${mostOptions} are the most`);
  for (const [name, item] of entries.slice(0, mostOptions)) {
    const where = `manifest.options.${name.slice(0, 60)}`;
    if (!nameSyntax.test(name)) { say(where, "is not an option name (a letter, then letters, digits, _ and -)"); continue; }
    const declaration = readDeclaration(item, (place, what) => say(`${where}${place}`, what));
    if (declaration !== null) options.set(name, declaration);
  }
  return options;
}

const isPlain = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);

function readDeclaration(item: unknown, say: (place: string, what: string) => void): OptionDeclaration | null {
  if (!isPlain(item)) { say("", "must be an object such as { type: \"string\", default: \"hello\", help: \"…\" }"); return null; }
  // Without a prototype: what the addon did not write is not there.
  const plain: { readonly [key: string]: unknown } = Object.assign(Object.create(null), item);
  for (const key of Object.keys(plain)) if (!declarationKeys.some((known) => known === key)) say("", `has no key ${JSON.stringify(key.slice(0, 60))}${nearest(key.slice(0, 60), declarationKeys)}`);
  const { type, help } = plain;
  if (!isOptionType(type)) { say(".type", `must be ${Object.keys(optionTypes).map((name) => `"${name}"`).join(", ")}${typeof type === "string" ? nearest(type.slice(0, 60), Object.keys(optionTypes)) : ""}`); return null; }
  if (help !== undefined && help !== null && (typeof help !== "string" || help.length > longestHelp)) say(".help", `must be a string of at most ${longestHelp} characters`);
  const choices = readChoices(plain["choices"], type, say);
  const initial = plain["default"] ?? null;
  if (initial !== null && !isOptionValue(initial, type)) { say(".default", `is not ${optionTypes[type]}`); return null; }
  if (initial !== null && JSON.stringify(initial).length > longestOptionText) { say(".default", `is longer than ${longestOptionText} characters`); return null; }
  const beyond = beyondChoices(initial, choices);
  if (beyond !== null) say(".default", beyond);
  return { type, default: typeof initial === "object" && initial !== null ? Object.freeze([...initial]) : initial, help: typeof help === "string" ? help.slice(0, longestHelp) : "", choices };
}

function readChoices(value: unknown, type: OptionType, say: (place: string, what: string) => void): OptionDeclaration["choices"] {
  if (value === undefined || value === null) return null;
  const of = type === "string[]" ? "string" : type;
  if (of === "boolean") { say(".choices", "are not for an option that is true or false"); return null; }
  if (!Array.isArray(value) || value.length === 0 || value.length > mostChoices) { say(".choices", `must be a list of 1 to ${mostChoices} values`); return null; }
  const good: (string | number)[] = [];
  for (const item of value as readonly unknown[]) {
    if (isOptionValue(item, of) && (typeof item === "number" || (typeof item === "string" && item.length <= longestHelp))) good.push(item);
    else { say(".choices", `must hold only ${of}s of at most ${longestHelp} characters`); return null; }
  }
  return Object.freeze(good);
}
