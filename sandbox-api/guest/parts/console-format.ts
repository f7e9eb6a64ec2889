// Part "inspect": what the console of an addon prints, as Node prints it: format specifiers (WHATWG Console §2.2), inspected values,
// tables. Loaded by the first value that is not a plain string, number or the like.
import { attempt, widthOf } from "./inspect-names.ts";
import { inspect, showPrimitive } from "./inspect.ts";
import { bareArray, hasOwn, indexOf, isArray, isFunction, isObject, mapForEach, mapSize, ownKeys, setForEach, setSize, slice, charCodeAt, getOwnPropertyDescriptor, getPrototypeOf } from "./intrinsics.ts";

export { inspect } from "./inspect.ts";

const top = (value: unknown): string => (typeof value === "string" ? value : inspect(value));

/** All arguments of one call as one text. */
export function format(args: readonly unknown[]): string {
  let text = "";
  let used = 0;
  if (typeof args[0] === "string" && args.length > 1) {
    const first = args[0];
    used = 1;
    let start = 0;
    for (let at = 0; at + 1 < first.length; at++) {
      if (charCodeAt(first, at) !== 37) continue;
      const verb = first[at + 1]!;
      if (verb !== "%" && (used >= args.length || !isVerb(verb))) continue;
      text += slice(first, start, at) + (verb === "%" ? "%" : verbatim(verb, args[used++]));
      start = at + 2;
      at++;
    }
    text += slice(first, start);
  }
  for (; used < args.length; used++) text += (used > 0 ? " " : "") + top(args[used]);
  return text;
}

const isVerb = (verb: string): boolean => verb === "s" || verb === "d" || verb === "i" || verb === "f" || verb === "j" || verb === "o" || verb === "O" || verb === "c";
const { parseInt, parseFloat } = Number;

function verbatim(verb: string, value: unknown): string {
  switch (verb) {
    case "s": return asText(value);
    case "d": return typeof value === "bigint" ? showPrimitive(value) : isObject(value) || typeof value === "symbol" ? "NaN" : showPrimitive(Number(value));
    case "i": return typeof value === "bigint" ? showPrimitive(value) : isObject(value) || typeof value === "symbol" ? "NaN" : showPrimitive(parseInt(`${value as string}`));
    case "f": return typeof value === "symbol" || isObject(value) ? "NaN" : showPrimitive(parseFloat(`${value as string}`));
    case "c": return "";
    case "j": return jsonOf(value);
    default: return verb === "o" ? inspect(value, 4, true) : inspect(value);
  }
}

const { stringify } = JSON;
function jsonOf(value: unknown): string {
  try {
    return `${stringify(value)}`;
  } catch (thrown) {
    // A circle, a bigint, or a toJSON that throws.
    return indexOf($kernel.flatten(thrown).message, "circular") < 0 ? inspect(value, 0) : "[Circular]";
  }
}

const builtIns = ["Object", "Function", "Error", "Date", "RegExp", "Array", "String", "Number", "Boolean", "BigInt", "Symbol"] as const;

/** Objects by their toString, where their class has one of its own. */
function asText(value: unknown): string {
  if (typeof value === "string") return value;
  if (!isObject(value)) return showPrimitive(value);
  if (!isFunction(value) && hasBuiltInText(value)) return inspect(value, 0);
  try {
    return `${value as object as { toString(): string }}`;
  } catch {
    // Its toString throws: it is inspected instead.
    return inspect(value, 0);
  }
}

function hasBuiltInText(value: object): boolean {
  for (let holder: unknown = value, steps = 0; isObject(holder) && steps < 50; holder = getPrototypeOf(holder), steps++) {
    if (!hasOwn(holder, "toString")) continue;
    const constructor: unknown = holder === value ? undefined : getOwnPropertyDescriptor(holder, "constructor")?.value;
    const name: unknown = isFunction(constructor) ? getOwnPropertyDescriptor(constructor, "name")?.value : undefined;
    return typeof name === "string" && indexIn(builtIns, name) >= 0;
  }
  return true;
}

/** LIMIT: rows and columns of a table. */
const mostRows = 200;
const mostColumns = 20;

interface Table { readonly columns: string[]; readonly rows: { readonly index: string; readonly cells: { [column: string]: string }; readonly value: string | null }[] }
const cell = (value: unknown): string => inspect(value, isArray(value) ? (value.length > 10 ? -1 : 0) : isObject(value) && ownKeys(value).length > 2 ? -1 : 0);

/** `console.table`; null where the data is no table. */
export function table(data: unknown, only: unknown): string | null {
  if (!isObject(data)) return null;
  const entries = entriesOf(data);
  if (entries !== null) return render(entries);
  const found: Table = { columns: bareArray(), rows: bareArray() };
  const keys = ownKeys(data);
  for (let at = 0; at < keys.length && found.rows.length < mostRows; at++) {
    const key = keys[at]!;
    const descriptor = getOwnPropertyDescriptor(data, key);
    if (typeof key !== "symbol" && descriptor?.enumerable === true) addRow(found, key, hasOwn(descriptor, "value") ? descriptor.value : undefined, only);
  }
  return render(linesOf(found));
}

type Lines = (readonly string[])[];
function line(...cells: readonly string[]): readonly string[] {
  const list = bareArray<string>();
  for (let at = 0; at < cells.length; at++) list[at] = cells[at]!;
  return list;
}

/** Of a Map or Set: a line for each entry; null for anything else. */
function entriesOf(data: object): Lines | null {
  const lines: Lines = bareArray();
  const isMap = attempt(() => mapSize(data)) !== null;
  if (!isMap && attempt(() => setSize(data)) === null) return null;
  lines[0] = isMap ? line("(iteration index)", "Key", "Values") : line("(iteration index)", "Values");
  if (isMap) mapForEach(data as Map<unknown, unknown>, (value, key) => { if (lines.length <= mostRows) lines[lines.length] = line(`${lines.length - 1}`, cell(key), cell(value)); });
  else setForEach(data as Set<unknown>, (value) => { if (lines.length <= mostRows) lines[lines.length] = line(`${lines.length - 1}`, cell(value)); });
  return lines;
}

function linesOf({ columns, rows }: Table): Lines {
  let hasValues = false;
  for (let at = 0; at < rows.length; at++) hasValues ||= rows[at]!.value !== null;
  const heads = bareArray<string>();
  heads[0] = "(index)";
  for (let at = 0; at < columns.length; at++) heads[at + 1] = columns[at]!;
  if (hasValues) heads[heads.length] = "Values";
  const lines: Lines = bareArray();
  lines[0] = heads;
  for (let at = 0; at < rows.length; at++) {
    const { index, cells, value } = rows[at]!;
    const each = bareArray<string>();
    each[0] = index;
    for (let column = 0; column < columns.length; column++) each[column + 1] = cells[columns[column]!] ?? "";
    if (hasValues) each[each.length] = value ?? "";
    lines[lines.length] = each;
  }
  return lines;
}

function addRow({ columns, rows }: Table, index: string, value: unknown, only: unknown): void {
  const cells: { [column: string]: string } = { __proto__: null as never };
  if (!isObject(value) || isFunction(value)) {
    rows[rows.length] = { index, cells, value: cell(value) };
    return;
  }
  const keys: readonly PropertyKey[] = isArray(only) ? (only as string[]) : ownKeys(value);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!;
    const descriptor = getOwnPropertyDescriptor(value, key);
    if (typeof key === "symbol" || (only === undefined && descriptor?.enumerable !== true)) continue;
    const column = `${key}`;
    if (indexIn(columns, column) < 0) {
      if (columns.length >= mostColumns) continue;
      columns[columns.length] = column;
    }
    if (descriptor !== undefined) cells[column] = hasOwn(descriptor, "value") ? cell(descriptor.value) : "[Getter]";
  }
  rows[rows.length] = { index, cells, value: null };
}

function indexIn(list: readonly string[], text: string): number {
  for (let at = 0; at < list.length; at++) if (list[at] === text) return at;
  return -1;
}

const bar = (times: number): string => $kernel.intrinsics.repeat("\u2500", times);

function render(lines: Lines): string {
  const widths = bareArray<number>();
  for (let at = 0; at < lines.length; at++) for (let column = 0; column < lines[0]!.length; column++) widths[column] = Math.max(widths[column] ?? 0, widthOf(lines[at]![column]!) + 2);
  const rule = (left: string, middle: string, right: string): string => {
    let text = left;
    for (let column = 0; column < widths.length; column++) text += (column > 0 ? middle : "") + bar(widths[column]!);
    return text + right;
  };
  let text = rule("\u250c", "\u252c", "\u2510");
  for (let at = 0; at < lines.length; at++) {
    text += "\n\u2502";
    for (let column = 0; column < widths.length; column++) text += ` ${lines[at]![column]!}${$kernel.intrinsics.repeat(" ", widths[column]! - widthOf(lines[at]![column]!) - 1)}\u2502`;
    if (at === 0) text += `\n${rule("\u251c", "\u253c", "\u2524")}`;
  }
  return `${text}\n${rule("\u2514", "\u2534", "\u2518")}`;
}
