// Lists of header fields as they go over the wire: byte strings, in order, with spelling and duplicates. Lists and fields are
// never changed in place: a change makes a new list, and a field that nobody touched stays the same object, which is how changes
// refer to it by index. Refuses what HTTP forbids and what only the host may set (events.md §1.9).
import { hostOwnedFields, isFieldName, isFieldValue, mostFields, withheldValue } from "../schema/http.ts";
import { bareArray, indexOf, setHas, slice, toLowerCase } from "./intrinsics.ts";
import { encodeText } from "./byte-string.ts";
import { quoteAscii } from "./json-text.ts";
import { refuse } from "./thrown.ts";

export class Field {
  readonly name: string;
  readonly value: string;
  #lower: string | null = null;
  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
  }
  /** Name in lower case. PERF: made when first compared. */
  get lower(): string {
    return (this.#lower ??= toLowerCase(this.name));
  }
}
export type Fields = readonly Field[];

/** Fields from the text of a part (schema/view.ts), beginning at `from`. */
export function parseFields(text: string, from: number): Fields {
  const fields = bareArray<Field>();
  for (let at = from, index = 0; at < text.length; index++) {
    const end = indexOf(text, "\n", at);
    const colon = indexOf(text, ": ", at);
    fields[index] = new Field(slice(text, at, colon), slice(text, colon + 2, end));
    at = end + 1;
  }
  return fields;
}

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

function legalField(what: string, name: unknown, value: unknown): Field {
  if (typeof name !== "string") throw refuse(what, `${what}: a field name must be a string`);
  if (typeof value !== "string" && typeof value !== "number") throw refuse(what, `${what}: the value of ${name} must be a string`);
  const field = new Field(name, encodeText(trimmed(typeof value === "string" ? value : `${value}`)));
  if (!isFieldName(name)) throw refuse(what, `${what}: ${quoteAscii(slice(name, 0, 80))} is not a field name (RFC 9110 token)`);
  if (!isFieldValue(field.value)) throw refuse(what, `${what}: the value of ${name} has characters that no field value may have, or is too long`);
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
    const field = fields[index]!;
    // PERF: most names differ in length already.
    if (field.name.length === lower.length && field.lower === lower) return index;
  }
  return -1;
}

function checkWithheld(what: string, field: Field): void {
  if (field.value === withheldValue) throw refuse(what, `${what}: ${field.name} is withheld from this addon, so it cannot be changed`, "permission");
}

function checkCount(what: string, fields: Fields): Fields {
  if (fields.length > mostFields) throw refuse(what, `${what}: more than ${mostFields} fields`);
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
    if (present.name.length !== lower.length || present.lower !== lower) { list[to++] = present; continue; }
    checkWithheld(what, present);
    const value = values[used++];
    if (value !== undefined) list[to++] = value.value === present.value ? present : new Field(present.name, value.value);
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

/** The new list as FieldReferences to the list that the addon saw; `null` when it is the same. */
export function referencesText(now: Fields, seen: Fields): string | null {
  if (now === seen) return null;
  let text = "";
  let next = 0;
  let isSame = now.length === seen.length;
  for (let index = 0; index < now.length; index++) {
    const field = now[index]!;
    const place = seen[next] === field ? next : placeOf(seen, field);
    if (place !== index) isSame = false;
    if (place >= 0) next = place + 1;
    text += `${index > 0 ? "," : ""}${place >= 0 ? `${place}` : `[${quoteAscii(field.name)},${quoteAscii(field.value)}]`}`;
  }
  return isSame ? null : `[${text}]`;
}

function placeOf(seen: Fields, field: Field): number {
  for (let index = 0; index < seen.length; index++) if (seen[index] === field) return index;
  return -1;
}
