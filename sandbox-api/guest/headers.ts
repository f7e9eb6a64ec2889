// `Headers` as addons see them: the names of the Fetch standard over a list that keeps order, spelling and duplicates, and
// `getAll`, `setAll`, `insert`, `fields`. Unlike the standard's: iteration gives every field as it stands, unsorted and not joined.
// One class for the headers and trailers of messages and for lists an addon makes; where the list lives is the source's affair.
import { decodeText } from "./byte-string.ts";
import { fieldName, type FieldName } from "./field-name.ts";
import { copiedField, findField, newField, withAll, withInserted, withoutName, withValues, type Field, type Fields } from "./fields.ts";
import { apply, bareArray, expose, freeze, isArray, isEnumerable, isInteger, isObject, ordinaryArray, ownKeys } from "./intrinsics.ts";
import { eachOf, isIterable, readMember } from "./iterate.ts";
import { refuse } from "./thrown.ts";

/** Where a list of fields lives. `what` names it in messages; `write` and `append` throw when it cannot be changed now. */
export abstract class FieldSource {
  readonly #isOurs = true;
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
  static is(value: unknown): value is FieldSource {
    return isObject(value) && #isOurs in value;
  }
  abstract read(): Fields;
  abstract write(fields: Fields): void;
  // PERF: a source that keeps lines may answer these three without a list.
  has({ lower }: FieldName): boolean {
    return findField(this.read(), lower) >= 0;
  }
  /** All values of that name as one byte string, joined with ", "; `null` when there is none. */
  value({ lower }: FieldName): string | null {
    const fields = this.read();
    let at = findField(fields, lower);
    if (at < 0) return null;
    let text = fields[at]!.value;
    while ((at = findField(fields, lower, at + 1)) >= 0) text += `, ${fields[at]!.value}`;
    return text;
  }
  /** A further field at the end. */
  append(field: Field): void {
    const fields = this.read();
    this.write(withInserted(this.what, fields, fields.length, field));
  }
}

/** What a list can be made of. */
export type HeadersInit = Headers | Iterable<readonly [name: string, value: string]> | { readonly [name: string]: string | readonly string[] };

/** A list of its own. */
class OwnFields extends FieldSource {
  #fields: Fields;
  constructor(what: string, fields: Fields) {
    super(what);
    this.#fields = fields;
  }
  read(): Fields {
    return this.#fields;
  }
  write(fields: Fields): void {
    this.#fields = fields;
  }
}

const noFields: Fields = freeze(bareArray<Field>());

/** How the rest of the guest reaches the private source of a Headers; the class fills it in, addon code never sees it. */
const door: { sourceOf: (value: unknown) => FieldSource | null } = { sourceOf: () => null };

/** Header fields, in order. Names are looked up in any case. Values are text; bytes that are not UTF-8 survive as lone surrogates. */
export class Headers {
  readonly #source: FieldSource;

  /** A list of your own, from another one, name-value pairs, or an object. */
  constructor(init?: HeadersInit | FieldSource) {
    this.#source = FieldSource.is(init) ? init : new OwnFields("headers", init === undefined ? noFields : fieldsOfInit("headers", init, noFields));
  }

  static {
    door.sourceOf = (value) => (isObject(value) && #source in value ? value.#source : null);
  }

  /** All values of that name, joined with ", "; `null` when there is none. */
  get(name: string): string | null {
    const text = this.#source.value(fieldName(this.#source.what, name));
    return text === null ? null : decodeText(text);
  }

  /** Each value of that name. */
  getAll(name: string): string[] {
    const fields = this.#source.read();
    const { lower } = fieldName(this.#source.what, name);
    const values = bareArray<string>();
    for (let at = findField(fields, lower); at >= 0; at = findField(fields, lower, at + 1)) values[values.length] = decodeText(fields[at]!.value);
    return ordinaryArray(values);
  }

  /** Whether there is a field of that name. */
  has(name: string): boolean {
    return this.#source.has(fieldName(this.#source.what, name));
  }

  /** One field with this value: in the place and spelling of the first of that name, the others go; at the end if there was none. */
  set(name: string, value: string): void {
    const { what } = this.#source;
    const field = newField(what, name, value);
    if (!this.#source.has(fieldName(what, name))) return this.#source.append(field);
    const list = bareArray<Field>();
    list[0] = field;
    this.#source.write(withValues(what, this.#source.read(), field.lower, list));
  }

  /** As many fields of that name as there are values; those there were keep their places. */
  setAll(name: string, values: Iterable<string>): void {
    const { what } = this.#source;
    const list = bareArray<Field>();
    eachOf(what, values, (value) => { list[list.length] = newField(what, name, value); });
    if (list.length === 0) this.#remove(name);
    else this.#source.write(withValues(what, this.#source.read(), list[0]!.lower, list));
  }

  /** A further field at the end. */
  append(name: string, value: string): void {
    this.#source.append(newField(this.#source.what, name, value));
  }

  /** A further field before the one at `index` (0: first). */
  insert(index: number, name: string, value: string): void {
    const { what } = this.#source;
    const fields = this.#source.read();
    if (!isInteger(index) || index < 0 || index > fields.length) throw refuse(what, `${what}: insert needs an index from 0 to ${fields.length}`);
    this.#source.write(withInserted(what, fields, index, newField(what, name, value)));
  }

  /** Removes all fields of that name. Fields that the proxy owns (Content-Length and the like) stay: they are made anew anyway. */
  delete(name: string): void {
    this.#remove(name);
  }
  #remove(name: string): void {
    const { what } = this.#source;
    const known = fieldName(what, name);
    if (this.#source.has(known)) this.#source.write(withoutName(what, this.#source.read(), known.lower));
  }

  /** Each Set-Cookie value, as `getAll("set-cookie")`. */
  getSetCookie(): string[] {
    return this.getAll("set-cookie");
  }

  /** A copy of the list: `[name, value]` in order, spelling as on the wire. Assign to replace the whole list. */
  get fields(): readonly (readonly [name: string, value: string])[] {
    const fields = this.#source.read();
    const pairs = bareArray<readonly [string, string]>();
    for (let index = 0; index < fields.length; index++) pairs[index] = freeze<[string, string]>([fields[index]!.name, decodeText(fields[index]!.value)]);
    return freeze(ordinaryArray(pairs));
  }
  set fields(init: HeadersInit) {
    replaceFields(this.#source, init);
  }

  forEach(visit: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    const fields = this.#source.read();
    for (let index = 0; index < fields.length; index++) apply(visit, self, [decodeText(fields[index]!.value), fields[index]!.name, this]);
  }

  /** `[name, value]` of each field as it stands: in order, spelled as on the wire, duplicates apart. */
  *entries(): IterableIterator<[name: string, value: string]> {
    for (let index = 0; index < this.#source.read().length; index++) {
      const field = this.#source.read()[index]!;
      yield [field.name, decodeText(field.value)];
    }
  }
  /** The name of each field, duplicates too. */
  *keys(): IterableIterator<string> {
    for (let index = 0; index < this.#source.read().length; index++) yield this.#source.read()[index]!.name;
  }
  /** The value of each field. */
  *values(): IterableIterator<string> {
    for (let index = 0; index < this.#source.read().length; index++) yield decodeText(this.#source.read()[index]!.value);
  }
  /** As `entries`. */
  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }
}
expose(Headers, "Headers");

/** Fields from whatever a list can be made of; `present` is the list that they shall replace. */
export function fieldsOfInit(what: string, init: unknown, present: Fields): Fields {
  const list = bareArray<Field>();
  const add = (name: unknown, value: unknown, isStrict: boolean): void => {
    const field = copiedField(what, name, value, present, isStrict);
    if (field !== null) list[list.length] = field;
  };
  const source = door.sourceOf(init);
  if (source !== null) {
    const fields = source.read();
    for (let index = 0; index < fields.length; index++) add(fields[index]!.name, decodeText(fields[index]!.value), false);
  } else if (isIterable(init)) eachOf(what, init, (pair) => addPair(what, pair, add));
  else if (isObject(init)) addMembers(what, init, add);
  else throw refuse(what, `${what} must be Headers, a list of [name, value], or an object`);
  return list;
}

type Add = (name: unknown, value: unknown, isStrict: boolean) => void;

function addPair(what: string, pair: unknown, add: Add): void {
  const both = bareArray<unknown>();
  eachOf(what, pair, (value, index) => { both[index] = value; }, 2);
  if (both.length !== 2) throw refuse(what, `${what}: each element must be [name, value]`);
  add(both[0], both[1], true);
}

function addMembers(what: string, init: object, add: Add): void {
  const keys = ownKeys(init);
  for (let index = 0; index < keys.length; index++) {
    const name = keys[index]!;
    if (!isEnumerable(init, name)) continue;
    const value = readMember(init, name);
    if (isArray(value)) eachOf(what, value, (each) => add(name, each, true));
    else add(name, value, true);
  }
}

/** Makes the list in `source` the one that `init` describes. */
export function replaceFields(source: FieldSource, init: unknown): void {
  const present = source.read();
  source.write(withAll(source.what, present, fieldsOfInit(source.what, init, present)));
}
