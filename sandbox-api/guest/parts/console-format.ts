// Part "inspect": what the console of an addon prints, as Node prints it: format specifiers (WHATWG Console §2.2), inspected values,
// tables. Loaded by the first value that is not a plain string, number or the like.
import { inspect, showPrimitive } from "./inspect.ts";
import { bareArray, hasOwn, isArray, isFunction, isObject, mapForEach, mapSize, ownKeys, setForEach, setSize, slice, charCodeAt, getOwnPropertyDescriptor, getPrototypeOf, objectPrototype } from "./intrinsics.ts";

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
    default: return inspect(value, verb === "o" ? 4 : 2);
  }
}

const { stringify } = JSON;
function jsonOf(value: unknown): string {
  try {
    return `${stringify(value)}`;
  } catch {
    // A circle, or a toJSON that throws.
    return "[Circular]";
  }
}

/** Objects by their own toString, where their class has one. */
function asText(value: unknown): string {
  if (typeof value === "string") return value;
  if (!isObject(value)) return showPrimitive(value);
  if (isFunction(value) || hasOwn(value, "stack")) return inspect(value, 0);
  for (let holder: unknown = value, steps = 0; isObject(holder) && holder !== objectPrototype && steps < 50; holder = getPrototypeOf(holder), steps++) {
    const method: unknown = getOwnPropertyDescriptor(holder, "toString")?.value;
    const isBuiltIn = holder === Array.prototype || holder === Date.prototype || holder === Error.prototype || holder === RegExp.prototype;
    if (!isFunction(method) || isBuiltIn) continue;
    try {
      return `${value as object as { toString(): string }}`;
    } catch {
      // Its toString throws: it is inspected instead.
      return inspect(value, 0);
    }
  }
  return inspect(value, 0);
}

/** LIMIT: rows and columns of a table. */
const mostRows = 200;
const mostColumns = 20;

interface Table { readonly columns: string[]; readonly rows: { readonly index: string; readonly cells: { [column: string]: string }; readonly value: string | null }[] }
const cell = (value: unknown): string => inspect(value, isArray(value) ? (value.length > 10 ? -1 : 0) : isObject(value) && ownKeys(value).length > 2 ? -1 : 0);

/** `console.table`; null where the data is no table. */
export function table(data: unknown, only: unknown): string | null {
  if (!isObject(data)) return null;
  const found: Table = { columns: bareArray(), rows: bareArray() };
  let first = "(index)";
  const size = sizeOf(data);
  if (size !== null) first = "(iteration index)";
  eachRow(data, size, (index, value) => addRow(found, index, value, only));
  const heads = bareArray<string>();
  heads[0] = first;
  for (let at = 0; at < found.columns.length; at++) heads[at + 1] = found.columns[at]!;
  let hasValues = false;
  for (let at = 0; at < found.rows.length; at++) hasValues ||= found.rows[at]!.value !== null;
  if (hasValues) heads[heads.length] = "Values";
  return render(heads, found, hasValues);
}

function sizeOf(data: object): number | null {
  try {
    return mapSize(data);
  } catch {
    // No Map; perhaps a Set.
  }
  try {
    return setSize(data);
  } catch {
    // Neither.
    return null;
  }
}

function eachRow(data: object, size: number | null, visit: (index: string, value: unknown) => void): void {
  if (size === null) {
    const keys = ownKeys(data);
    for (let at = 0, rows = 0; at < keys.length && rows < mostRows; at++) {
      const key = keys[at]!;
      const descriptor = getOwnPropertyDescriptor(data, key);
      if (typeof key === "symbol" || descriptor?.enumerable !== true) continue;
      rows++;
      visit(key, hasOwn(descriptor, "value") ? descriptor.value : undefined);
    }
    return;
  }
  let row = 0;
  const next = (value: unknown): void => { if (row < mostRows) visit(`${row++}`, value); };
  try {
    mapForEach(data as Map<unknown, unknown>, (value, key) => next({ Key: key, Value: value }));
  } catch {
    // No Map, so a Set.
    setForEach(data as Set<unknown>, next);
  }
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

function render(heads: readonly string[], { columns, rows }: Table, hasValues: boolean): string {
  const lines = bareArray<readonly string[]>();
  lines[0] = heads;
  for (let at = 0; at < rows.length; at++) {
    const { index, cells, value } = rows[at]!;
    const line = bareArray<string>();
    line[0] = index;
    for (let column = 0; column < columns.length; column++) line[column + 1] = cells[columns[column]!] ?? "";
    if (hasValues) line[line.length] = value ?? "";
    lines[lines.length] = line;
  }
  const widths = bareArray<number>();
  for (let at = 0; at < lines.length; at++) for (let column = 0; column < heads.length; column++) widths[column] = Math.max(widths[column] ?? 0, lines[at]![column]!.length + 2);
  const rule = (left: string, middle: string, right: string): string => {
    let text = left;
    for (let column = 0; column < widths.length; column++) text += (column > 0 ? middle : "") + bar(widths[column]!);
    return text + right;
  };
  let text = rule("\u250c", "\u252c", "\u2510");
  for (let at = 0; at < lines.length; at++) {
    text += "\n\u2502";
    for (let column = 0; column < widths.length; column++) text += ` ${lines[at]![column]!}${$kernel.intrinsics.repeat(" ", widths[column]! - lines[at]![column]!.length - 1)}\u2502`;
    if (at === 0) text += `\n${rule("\u251c", "\u253c", "\u2524")}`;
  }
  return `${text}\n${rule("\u2514", "\u2534", "\u2518")}`;
}
