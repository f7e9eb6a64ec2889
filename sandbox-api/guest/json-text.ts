// JSON made by hand, ASCII only, so that no `toJSON`, getter of a prototype or replaced `JSON.stringify` of the addon has a say in
// what leaves the isolate. Also copies an addon's plain data (its manifest): own enumerable data of objects and arrays, bounded
// in depth and size; functions, symbols, bigints, cycles and other classes of objects are refused.
import { apply, charCodeAt, exec, getPrototypeOf, isArray, isEnumerable, isFinite, numberToString, objectPrototype, ownKeys, quote, slice, RealTypeError } from "./intrinsics.ts";
import { dataDepth, dataValues } from "./bounds.ts";

const beyondAscii = /[\x7f-\uffff]/;
const escaped = /[^ !#-[\]-~]/;
const hexDigits = (unit: number): string => slice(`000${numberToString(unit, 16)}`, -4);

/** A JSON string literal with everything outside printable ASCII escaped; lone surrogates stay what they are. */
export function quoteAscii(text: string): string {
  // PERF: nearly all texts are what they are (bench/isolate-entry).
  if (exec(escaped, text) === null) return `"${text}"`;
  const quoted = quote(text);
  if (exec(beyondAscii, quoted) === null) return quoted;
  let ascii = "";
  let start = 0;
  for (let at = 0; at < quoted.length; at++) {
    const unit = charCodeAt(quoted, at);
    if (unit < 0x7f) continue;
    ascii += `${slice(quoted, start, at)}\\u${hexDigits(unit)}`;
    start = at + 1;
  }
  return ascii + slice(quoted, start);
}

/** A list of strings as JSON. */
export function quoteList(list: readonly string[]): string {
  let text = "";
  for (let index = 0; index < list.length; index++) text += (index > 0 ? "," : "") + quoteAscii(list[index]!);
  return `[${text}]`;
}

interface Walk { values: number; readonly charsMost: number; chars: number; readonly what: string }

/** Plain data of the addon as JSON text. Getters run (the call is timed). Throws a TypeError that names the place. */
export function plainDataText(value: unknown, what: string, charsMost: number): string {
  return dataText(value, what, 0, { values: 0, chars: 0, charsMost, what });
}

function dataText(value: unknown, path: string, depth: number, walk: Walk): string {
  if (++walk.values > dataValues) throw new RealTypeError(`${walk.what} has more than ${dataValues} values`);
  if (typeof value === "object" && value !== null) return objectText(value, path, depth, walk);
  return counted(primitiveText(value, path), walk);
}

function counted(text: string, walk: Walk): string {
  walk.chars += text.length;
  if (walk.chars > walk.charsMost) throw new RealTypeError(`${walk.what} is larger than ${walk.charsMost} characters`);
  return text;
}

function primitiveText(value: unknown, path: string): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return quoteAscii(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number" && isFinite(value)) return `${value}`;
  throw new RealTypeError(`${path} must be plain data, not ${typeof value === "number" ? `${value}` : `a ${typeof value}`}`);
}

function objectText(value: object, path: string, depth: number, walk: Walk): string {
  if (depth >= dataDepth) throw new RealTypeError(`${path} is nested more than ${dataDepth} deep`);
  if (isArray(value)) return arrayText(value, path, depth, walk);
  const prototype: unknown = getPrototypeOf(value);
  if (prototype !== null && prototype !== objectPrototype) throw new RealTypeError(`${path} must be plain data, not an object of a class`);
  const keys = ownKeys(value);
  let text = "";
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if (typeof key === "symbol") throw new RealTypeError(`${path} has a key that is a symbol`);
    if (!isEnumerable(value, key)) continue;
    const member: unknown = apply(readProperty, undefined, [value, key]);
    if (member !== undefined) text += `${text === "" ? "" : ","}${counted(quoteAscii(key), walk)}:${dataText(member, `${path}.${key}`, depth + 1, walk)}`;
  }
  return `{${text}}`;
}

const readProperty = (object: { readonly [key: string]: unknown }, key: string): unknown => object[key];

function arrayText(list: readonly unknown[], path: string, depth: number, walk: Walk): string {
  const length = list.length;
  if (length > dataValues) throw new RealTypeError(`${path} has more than ${dataValues} values`);
  let text = "";
  for (let index = 0; index < length; index++) text += (index > 0 ? "," : "") + dataText(list[index], `${path}[${index}]`, depth + 1, walk);
  return `[${text}]`;
}
