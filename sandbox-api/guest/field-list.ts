// The fields of a head as one value: the lines that came, unread, and what was put after them. Most addons ask for one name or add a
// field; both are answered from the text, so that no field is made of a line that nobody looks at (PERF: bench/isolate-entry). Never
// changed in place. Knows no rules of single fields (fields.ts).
import type { FieldName } from "./field-name.ts";
import { Field, findField, type Fields } from "./fields.ts";
import { bareArray, indexOf, slice, toLowerCase } from "./intrinsics.ts";
import { quoteAscii } from "./json-text.ts";

/** Lines `Name: value CRLF` as they came, after one LF. */
class FieldText {
  readonly text: string;
  readonly count: number;
  #lower = "";
  #fields: Fields | null = null;
  constructor(text: string, count: number) {
    this.text = text;
    this.count = count;
  }

  /** In lower case; names are where they are in `text`. */
  get lower(): string {
    return this.#lower === "" ? (this.#lower = toLowerCase(this.text)) : this.#lower;
  }

  get fields(): Fields {
    return (this.#fields ??= this.#parse());
  }

  #parse(): Fields {
    const { text, lower, count } = this;
    const fields = bareArray<Field>();
    for (let at = 1, index = 0; index < count; index++) {
      const end = indexOf(text, "\r", at);
      const colon = indexOf(text, ":", at);
      fields[index] = new Field(slice(text, at, colon), slice(text, colon + 2, end), slice(lower, at, colon));
      at = end + 2;
    }
    return fields;
  }
}

export class FieldList {
  /** `null`: `added` is all there is. */
  readonly #came: FieldText | null;
  readonly #added: Fields;
  #fields: Fields | null = null;

  private constructor(came: FieldText | null, added: Fields) {
    this.#came = came;
    this.#added = added;
  }

  /** From the text of a head (schema/view.ts): `count` lines after the LF at `from`. */
  static ofText(text: string, from: number, count: number): FieldList {
    return new FieldList(new FieldText(slice(text, from), count), noFields);
  }
  static of(fields: Fields): FieldList {
    return new FieldList(null, fields);
  }

  get length(): number {
    return (this.#came?.count ?? 0) + this.#added.length;
  }

  /** All of them, in order. */
  get fields(): Fields {
    if (this.#came === null) return this.#added;
    return (this.#fields ??= this.#added.length === 0 ? this.#came.fields : joined(this.#came.fields, this.#added));
  }

  has({ lower, needle }: FieldName): boolean {
    return (this.#came !== null && indexOf(this.#came.lower, needle) >= 0) || findField(this.#added, lower) >= 0;
  }

  /** The values of that name, joined with ", "; `null`: none. Byte string. */
  value({ lower, needle }: FieldName): string | null {
    let text: string | null = null;
    if (this.#came !== null) {
      for (let at = indexOf(this.#came.lower, needle); at >= 0; at = indexOf(this.#came.lower, needle, at + 1)) {
        const start = at + needle.length;
        const value = slice(this.#came.text, start, indexOf(this.#came.text, "\r", start));
        text = text === null ? value : `${text}, ${value}`;
      }
    }
    for (let at = findField(this.#added, lower); at >= 0; at = findField(this.#added, lower, at + 1)) {
      text = text === null ? this.#added[at]!.value : `${text}, ${this.#added[at]!.value}`;
    }
    return text;
  }

  /** With a further field at the end. */
  with(field: Field): FieldList {
    const added = bareArray<Field>();
    const { length } = this.#added;
    for (let index = 0; index < length; index++) added[index] = this.#added[index]!;
    added[length] = field;
    return new FieldList(this.#came, added);
  }
  /** Likewise with several. */
  withAll(fields: Fields): FieldList {
    return new FieldList(this.#came, this.#added.length === 0 ? fields : joined(this.#added, fields));
  }

  /** The fields that the list has and `seen` had not, if all of them stand at its end; else `null`. */
  addedTo(seen: FieldList): Fields | null {
    return this.#came !== null && this.#came === seen.#came && seen.#added.length === 0 ? this.#added : null;
  }

  /** This list as FieldReferences to the one that the addon saw; `null` when it is the same. */
  references(seen: FieldList): string | null {
    if (this === seen) return null;
    const added = this.addedTo(seen);
    if (added === null) return referencesText(this.fields, seen.fields);
    if (added.length === 0) return null;
    let text = seen.length === 0 ? "" : `[0,${seen.length}]`;
    for (let index = 0; index < added.length; index++) text += `${text === "" ? "" : ","}${pairText(added[index]!)}`;
    return `[${text}]`;
  }
}

const noFields: Fields = bareArray<Field>();

function joined(first: Fields, rest: Fields): Fields {
  const list = bareArray<Field>();
  for (let index = 0; index < first.length; index++) list[index] = first[index]!;
  for (let index = 0; index < rest.length; index++) list[first.length + index] = rest[index]!;
  return list;
}

const pairText = (field: Field): string => `[${quoteAscii(field.name)},${quoteAscii(field.value)}]`;

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
    text += `${index > 0 ? "," : ""}${place >= 0 ? `${place}` : pairText(field)}`;
  }
  return isSame ? null : `[${text}]`;
}

function placeOf(seen: Fields, field: Field): number {
  for (let index = 0; index < seen.length; index++) if (seen[index] === field) return index;
  return -1;
}
