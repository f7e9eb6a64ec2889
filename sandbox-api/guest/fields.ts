// Lists of header fields as they go over the wire: byte strings, in order, with spelling and duplicates. Lists and fields are
// never changed in place: a change makes a new list, and a field that nobody touched stays the same object, which is how changes
// refer to it by index. Refuses what HTTP forbids and what only the host may set (events.md §1.9).
import { hostOwnedFields, isFieldValue, largestFieldValue, mostFields, withheldValue } from "../schema/http.ts";
import { bareArray, exec, setHas, slice, toLowerCase } from "./intrinsics.ts";
import { encodeText } from "./byte-string.ts";
import { fieldName } from "./field-name.ts";
import { quoteAscii } from "./json-text.ts";
import { refuse } from "./thrown.ts";

export class Field {
  readonly name: string;
  readonly value: string;
  /** Name in lower case. */
  readonly lower: string;
  constructor(name: string, value: string, lower: string = toLowerCase(name)) {
    this.name = name;
    this.value = value;
    this.lower = lower;
  }
}
export type Fields = readonly Field[];

/** Fields from parsed JSON pairs. */
export function fieldsOfPairs(pairs: readonly (readonly [name: string, value: string])[]): Fields {
  const fields = bareArray<Field>();
  for (let index = 0; index < pairs.length; index++) fields[index] = new Field(pairs[index]![0], pairs[index]![1]);
  return fields;
}

/** A new field from what an addon gave; `what` is the list's name for messages. Refuses illegal and host-owned ones. */
export function newField(what: string, name: unknown, value: unknown): Field {
  const field = legalField(what, name, value);
  if (isHostOwned(field.lower)) throw refuse(what, `${what}: ${field.name} is set by the proxy itself, from the final body and connection`);
  return field;
}

/** Likewise, but a field that the host owns is taken if the list has it just so already, and left out if not `isStrict`. */
export function copiedField(what: string, name: unknown, value: unknown, present: Fields, isStrict: boolean): Field | null {
  const field = legalField(what, name, value);
  if (!isHostOwned(field.lower)) return field;
  for (let at = findField(present, field.lower); at >= 0; at = findField(present, field.lower, at + 1)) if (present[at]!.value === field.value) return field;
  return isStrict ? newField(what, name, value) : null;
}

// PERF: a value in which this finds nothing needs no trimming, encoding or second look (bench/isolate-entry).
const unusual = /[^\t -~]|^[\t ]|[\t ]$|^$/;

function legalField(what: string, name: unknown, value: unknown): Field {
  const { name: text, lower, isLegal } = fieldName(what, name);
  if (typeof value === "string" && isLegal && value.length <= largestFieldValue && exec(unusual, value) === null) return new Field(text, value, lower);
  if (typeof value !== "string" && typeof value !== "number") throw refuse(what, `${what}: the value of ${text} must be a string`);
  const field = new Field(text, encodeText(trimmed(typeof value === "string" ? value : `${value}`)), lower);
  if (!isLegal) throw refuse(what, `${what}: ${quoteAscii(slice(text, 0, 80))} is not a field name (RFC 9110 token)`);
  if (!isFieldValue(field.value)) throw refuse(what, `${what}: the value of ${text} has characters that no field value may have, or is too long`);
  return field;
}

export const isHostOwned = (lower: string): boolean => setHas(hostOwnedFields, lower);

/** Without HTAB and SP at both ends, as fetch's Headers does. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && (value[start] === " " || value[start] === "\t")) start++;
  while (end > start && (value[end - 1] === " " || value[end - 1] === "\t")) end--;
  return start === 0 && end === value.length ? value : slice(value, start, end);
}

export function findField(fields: Fields, lower: string, from = 0): number {
  for (let index = from; index < fields.length; index++) {
    if (fields[index]!.lower === lower) return index;
  }
  return -1;
}

function checkWithheld(what: string, field: Field): void {
  if (field.value === withheldValue) throw refuse(what, `${what}: ${field.name} is withheld from this addon, so it cannot be changed`, "permission");
}

/** LIMIT: throws a refusal when a list would have that many. */
export function checkLength(what: string, length: number): void {
  if (length > mostFields) throw refuse(what, `${what}: more than ${mostFields} fields`);
}

function checkCount(what: string, fields: Fields): Fields {
  checkLength(what, fields.length);
  return fields;
}

export function withInserted(what: string, fields: Fields, at: number, field: Field): Fields {
  const list = bareArray<Field>();
  for (let index = 0; index < at; index++) list[index] = fields[index]!;
  list[at] = field;
  for (let index = at; index < fields.length; index++) list[index + 1] = fields[index]!;
  return checkCount(what, list);
}

/** Without the fields of that name. Fields that belong to the host stay: it derives them anew anyway. */
export function withoutName(what: string, fields: Fields, lower: string): Fields {
  if (findField(fields, lower) < 0 || isHostOwned(lower)) return fields;
  const list = bareArray<Field>();
  for (let index = 0, to = 0; index < fields.length; index++) {
    const field = fields[index]!;
    if (field.lower === lower) checkWithheld(what, field);
    else list[to++] = field;
  }
  return list;
}

/** With these fields of one name: they take the places and the spelling of those there were, further ones go to the end. */
export function withValues(what: string, fields: Fields, lower: string, values: Fields): Fields {
  const list = bareArray<Field>();
  let used = 0;
  let to = 0;
  for (let index = 0; index < fields.length; index++) {
    const present = fields[index]!;
    if (present.lower !== lower) { list[to++] = present; continue; }
    checkWithheld(what, present);
    const value = values[used++];
    if (value !== undefined) list[to++] = value.value === present.value ? present : new Field(present.name, value.value, lower);
  }
  for (; used < values.length; used++) list[to++] = values[used]!;
  return checkCount(what, list);
}

/**
 * A whole new list: fields equal to present ones keep their identity, and what belongs to the host stays even if left out.
 * Withheld ones cannot be left out.
 */
export function withAll(what: string, present: Fields, wanted: Fields): Fields {
  const left = bareArray<Field | null>();
  for (let index = 0; index < present.length; index++) left[index] = present[index]!;
  const list = bareArray<Field>();
  for (let index = 0; index < wanted.length; index++) {
    const field = wanted[index]!;
    list[index] = field;
    for (let other = 0; other < left.length; other++) {
      const candidate = left[other];
      if (candidate == null || candidate.name !== field.name || candidate.value !== field.value) continue;
      list[index] = candidate;
      left[other] = null;
      break;
    }
  }
  for (let index = 0; index < left.length; index++) {
    const field = left[index];
    if (field == null) continue;
    if (isHostOwned(field.lower)) list[list.length] = field;
    else checkWithheld(what, field);
  }
  return checkCount(what, list);
}
