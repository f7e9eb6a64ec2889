// Values as text for the log: bounded in depth, entries and length, with nothing of the addon's code run but the getters of `name`,
// `message` and `stack` of errors. Not for machines to read back.
import { inspectDepth, inspectEntries } from "../bounds.ts";
import { bareArray, bigintToString, dateIso, dateTime, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, isArray, isFunction, isNaN, isObject, mapForEach, mapSize, ownKeys, quote, regExpToString, setForEach, setSize, slice, symbolToString, typedArrayTag, typedLengthOf } from "../intrinsics.ts";
import { readMember } from "../iterate.ts";
import { flatten } from "../thrown.ts";

/** A string as it is, everything else as `inspect` shows it. */
export const inspectTop = (value: unknown): string => (typeof value === "string" ? value : inspect(value));

export function inspect(value: unknown, depth = 0): string {
  switch (typeof value) {
    case "string": return value.length > 10_000 ? `${quote(slice(value, 0, 10_000))}…` : quote(value);
    case "symbol": return symbolToString(value);
    case "bigint": return value > -(2n ** 256n) && value < 2n ** 256n ? `${bigintToString(value)}n` : "[huge bigint]";
    case "object": return value === null ? "null" : inspectObject(value, depth);
    case "function": return `[Function ${nameOf(value)}]`;
    default: return `${value as undefined | boolean | number}`;
  }
}

/** An own data property that is a string; no code runs. */
function nameOf(value: object): string {
  try {
    const name: unknown = getOwnPropertyDescriptor(value, "name")?.value;
    return typeof name === "string" && name !== "" ? slice(name, 0, 80) : "(anonymous)";
  } catch {
    // A proxy whose trap threw.
    return "(anonymous)";
  }
}

function inspectObject(value: object, depth: number): string {
  try {
    return special(value, depth) ?? plain(value, depth);
  } catch {
    // A hostile proxy or getter: it is shown as what it is.
    return "[Object that cannot be inspected]";
  }
}

/** What `read` gives; `null` when it throws, as getters of built-in classes do for other objects. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function special(value: object, depth: number): string | null {
  if (hasOwn(value, "stack") && hasOwn(value, "message")) {
    const { message, stack } = flatten(value);
    return stack === "" ? `[${message}]` : stack;
  }
  const tag = typedArrayTag(value);
  if (tag !== undefined) return inspectTyped(value as Uint8Array, tag);
  const time = attempt(() => dateTime(value));
  if (time !== null) return isNaN(time) ? "Invalid Date" : dateIso(value);
  if (attempt(() => mapSize(value)) !== null) return inspectMap(value as Map<unknown, unknown>, depth);
  if (attempt(() => setSize(value)) !== null) return inspectSet(value as Set<unknown>, depth);
  return classOf(value) === "RegExp" ? regExpToString(value) : null;
}

function inspectTyped(value: Uint8Array, tag: string): string {
  const length = typedLengthOf(value);
  let text = "";
  for (let index = 0; index < length && index < inspectEntries; index++) text += `${index > 0 ? ", " : ""}${value[index]!}`;
  return `${tag}(${length}) [${text}${length > inspectEntries ? ", …" : ""}]`;
}

function inspectMap(map: Map<unknown, unknown>, depth: number): string {
  const list = new Entries();
  if (depth < inspectDepth) mapForEach(map, (value, key) => { if (list.hasRoom()) list.add(`${inspect(key, depth + 1)} => ${inspect(value, depth + 1)}`); });
  return `Map(${mapSize(map)}) {${list.text()}}`;
}

function inspectSet(set: Set<unknown>, depth: number): string {
  const list = new Entries();
  if (depth < inspectDepth) setForEach(set, (value) => { if (list.hasRoom()) list.add(inspect(value, depth + 1)); });
  return `Set(${setSize(set)}) {${list.text()}}`;
}

/** A comma-separated list that stops growing. */
class Entries {
  #text = "";
  #count = 0;
  hasRoom(): boolean {
    return this.#count <= inspectEntries;
  }
  add(entry: string): void {
    this.#text += `${this.#count > 0 ? ", " : " "}${this.#count === inspectEntries ? "…" : entry}`;
    this.#count++;
  }
  text(): string {
    return this.#count === 0 ? "" : `${this.#text} `;
  }
}

function classOf(value: object): string {
  const prototype: unknown = getPrototypeOf(value);
  if (!isObject(prototype)) return "[null prototype]";
  const constructor: unknown = getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return isFunction(constructor) ? nameOf(constructor) : "";
}

function plain(value: object, depth: number): string {
  const name = classOf(value);
  const isList = isArray(value);
  if (depth >= inspectDepth) return isList ? "[Array]" : `[${name === "" ? "Object" : name}]`;
  const list = new Entries();
  const keys = isList ? indexKeys(value.length) : ownKeys(value);
  for (let index = 0; index < keys.length && list.hasRoom(); index++) {
    const key = keys[index]!;
    const descriptor = getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined || (!isList && descriptor.enumerable !== true)) continue;
    const shown = hasOwn(descriptor, "value") ? inspect(readMember(descriptor, "value"), depth + 1) : "[Getter]";
    list.add(isList ? shown : `${typeof key === "symbol" ? `[${symbolToString(key)}]` : key}: ${shown}`);
  }
  return isList ? `[${list.text()}]` : `${name === "Object" || name === "" ? "" : `${name} `}{${list.text()}}`;
}

function indexKeys(length: number): readonly string[] {
  const keys = bareArray<string>();
  for (let index = 0; index < length && index <= inspectEntries; index++) keys[index] = `${index}`;
  return keys;
}
