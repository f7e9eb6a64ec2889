// Headers (WHATWG Fetch §5.1): names in lower case, sorted when iterated, values joined but those of Set-Cookie. Not the Headers of the
// module "flowcell", which keep order and spelling. No names are forbidden here: what may be sent, the host decides.
import { byteText, describe, needs } from "./idl.ts";
import { RealTypeError, bareArray, exec, getOwnPropertyDescriptor, isFunction, isObject, iteratorSymbol, ordinaryArray, ownKeys, slice, charCodeAt, toLowerCase } from "./intrinsics.ts";
import { pairIterable, type PairList } from "./pair-iterator.ts";

/** A field as it was given; `lower` is its name for comparing. */
export interface HeaderField { readonly lower: string; readonly value: string }

class HeaderList {
  fields = bareArray<HeaderField>();
  isImmutable = false;
  /** What iteration sees, until something changes. */
  sorted: PairList | null = null;
}

const door: { listOf: (value: unknown) => HeaderList | null } = { listOf: () => null };
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const badValue = /[\0\r\n]/;

function nameOf(value: unknown): string {
  const name = byteText(value, "a header name");
  if (exec(token, name) === null) throw new RealTypeError(`"${slice(name, 0, 60)}" is not the name of a header`);
  return toLowerCase(name);
}

const isBlank = (unit: number): boolean => unit === 32 || unit === 9 || unit === 10 || unit === 13;
function valueOf(value: unknown): string {
  const given = byteText(value, "a header value");
  let start = 0;
  let end = given.length;
  while (start < end && isBlank(charCodeAt(given, start))) start++;
  while (end > start && isBlank(charCodeAt(given, end - 1))) end--;
  const trimmed = slice(given, start, end);
  if (exec(badValue, trimmed) !== null) throw new RealTypeError("a header value has a line break or a zero in it");
  return trimmed;
}

function listFor(self: unknown): HeaderList {
  const list = door.listOf(self);
  if (list === null) throw new RealTypeError("no Headers");
  return list;
}

function changeable(self: unknown): HeaderList {
  const list = listFor(self);
  list.sorted = null;
  return list;
}
function refuseIfImmutable(list: HeaderList): void {
  if (list.isImmutable) throw new RealTypeError("these headers cannot be changed");
}

export class Headers {
  readonly #list = new HeaderList();

  constructor(init?: unknown) {
    if (init !== undefined) fill(this.#list, init);
  }
  static {
    door.listOf = (value) => (isObject(value) && #list in value ? value.#list : null);
  }
  append(name: unknown, value: unknown): void {
    const list = changeable(this);
    needs(2, arguments.length, "append");
    add(list, name, value);
  }
  delete(name: unknown): void {
    const list = changeable(this);
    needs(1, arguments.length, "delete");
    const lower = nameOf(name);
    refuseIfImmutable(list);
    list.fields = without(list.fields, lower, null);
  }
  get(name: unknown): string | null {
    const { fields } = listFor(this);
    needs(1, arguments.length, "get");
    return joined(fields, nameOf(name));
  }
  getSetCookie(): string[] {
    const { fields } = listFor(this);
    const values = bareArray<string>();
    for (let index = 0; index < fields.length; index++) if (fields[index]!.lower === "set-cookie") values[values.length] = fields[index]!.value;
    return ordinaryArray(values);
  }
  has(name: unknown): boolean {
    const { fields } = listFor(this);
    needs(1, arguments.length, "has");
    return joined(fields, nameOf(name)) !== null;
  }
  set(name: unknown, value: unknown): void {
    const list = changeable(this);
    needs(2, arguments.length, "set");
    const lower = nameOf(name);
    const trimmed = valueOf(value);
    refuseIfImmutable(list);
    list.fields = without(list.fields, lower, { lower, value: trimmed });
  }
}
pairIterable(Headers, "Headers", (self) => {
  const list = listFor(self);
  return (list.sorted ??= sortedPairs(list.fields));
});
describe(Headers, "Headers");
$kernel.intrinsics.define(Headers, "length", 0, false);

function add(list: HeaderList, name: unknown, value: unknown): void {
  const lower = nameOf(name);
  const trimmed = valueOf(value);
  refuseIfImmutable(list);
  list.fields[list.fields.length] = { lower, value: trimmed };
}

function joined(fields: readonly HeaderField[], lower: string): string | null {
  let value: string | null = null;
  for (let index = 0; index < fields.length; index++) if (fields[index]!.lower === lower) value = value === null ? fields[index]!.value : `${value}, ${fields[index]!.value}`;
  return value;
}

/** The fields of other names; `instead` takes the place of the first of this name, or comes last. */
function without(fields: readonly HeaderField[], lower: string, instead: HeaderField | null): HeaderField[] {
  const kept = bareArray<HeaderField>();
  let left = instead;
  for (let index = 0; index < fields.length; index++) {
    if (fields[index]!.lower !== lower) kept[kept.length] = fields[index]!;
    else if (left !== null) {
      kept[kept.length] = left;
      left = null;
    }
  }
  if (left !== null) kept[kept.length] = left;
  return kept;
}

/** Sorted by name, joined, but each Set-Cookie by itself. Merge sort: a list may be long. */
function sortedPairs(fields: readonly HeaderField[]): PairList {
  const names = bareArray<string>();
  const seen = new $kernel.intrinsics.RealSet<string>();
  for (let index = 0; index < fields.length; index++) {
    const { lower } = fields[index]!;
    if ($kernel.intrinsics.setHas(seen, lower)) continue;
    $kernel.intrinsics.setAdd(seen, lower);
    names[names.length] = lower;
  }
  const order = mergeSort(names);
  const byName = new $kernel.intrinsics.RealMap<string, string>();
  for (let index = 0; index < fields.length; index++) {
    const { lower, value } = fields[index]!;
    const before = $kernel.intrinsics.mapGet(byName, lower);
    $kernel.intrinsics.mapSet(byName, lower, before === undefined ? value : `${before}, ${value}`);
  }
  const pairs = bareArray<readonly [string, string]>();
  for (let index = 0; index < order.length; index++) {
    const name = order[index]!;
    if (name !== "set-cookie") pairs[pairs.length] = [name, $kernel.intrinsics.mapGet(byName, name) ?? ""];
    else for (let at = 0; at < fields.length; at++) if (fields[at]!.lower === name) pairs[pairs.length] = [name, fields[at]!.value];
  }
  return pairs;
}

function mergeSort(list: readonly string[]): readonly string[] {
  if (list.length < 2) return list;
  const middle = list.length >> 1;
  const halves = [bareArray<string>(), bareArray<string>()] as const;
  for (let index = 0; index < list.length; index++) {
    const half = halves[index < middle ? 0 : 1];
    half[half.length] = list[index]!;
  }
  const left = mergeSort(halves[0]);
  const right = mergeSort(halves[1]);
  const merged = bareArray<string>();
  for (let a = 0, b = 0; a < left.length || b < right.length;) merged[merged.length] = b >= right.length || (a < left.length && left[a]! <= right[b]!) ? left[a++]! : right[b++]!;
  return merged;
}

/** From Headers, a list of pairs, or an object. */
function fill(list: HeaderList, init: unknown): void {
  if (!isObject(init)) throw new RealTypeError("headers must be Headers, a list of [name, value], or an object");
  const open = $kernel.readMember(init, iteratorSymbol);
  if (open !== undefined && open !== null) {
    if (!isFunction(open)) throw new RealTypeError("headers: the iterator is no function");
    $kernel.iterate(init, (pair) => {
      const both = bareArray<unknown>();
      $kernel.iterate(pair, (value) => { both[both.length] = value; });
      if (both.length !== 2) throw new RealTypeError("headers: each element must be [name, value]");
      add(list, both[0], both[1]);
    });
    return;
  }
  const keys = ownKeys(init);
  const record = bareArray<readonly [string, string]>();
  for (let index = 0; index < keys.length; index++) {
    const name = keys[index]!;
    if (getOwnPropertyDescriptor(init, name)?.enumerable !== true) continue;
    if (typeof name === "symbol") throw new RealTypeError("headers: a symbol is no name");
    record[record.length] = [byteText(name, "a header name"), byteText($kernel.readMember(init, name), "a header value")];
  }
  for (let index = 0; index < record.length; index++) add(list, record[index]![0], record[index]![1]);
}

/** For requests and responses. */
export const headerFields = (headers: Headers): readonly HeaderField[] => listFor(headers).fields;
export const headerValue = (headers: Headers, lower: string): string | null => joined(listFor(headers).fields, lower);
export function makeImmutable(headers: Headers): void {
  listFor(headers).isImmutable = true;
}
/** From fields as they came from the wire; what is no header of the standard is left out. */
export function receivedHeaders(fields: readonly (readonly [name: string, value: string])[]): Headers {
  const headers = new Headers();
  const list = listFor(headers);
  for (let index = 0; index < fields.length; index++) {
    try {
      add(list, fields[index]![0], fields[index]![1]);
    } catch {
      // A name or value that the standard's Headers cannot hold.
    }
  }
  list.isImmutable = true;
  return headers;
}
