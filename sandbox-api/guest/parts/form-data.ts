// FormData (XMLHttpRequest §5): a list of names with texts or files. Writing and reading of multipart bodies is body-format.ts.
import { blobBytes, Blob, File } from "./file.ts";
import { describe, needs, wellFormed } from "./idl.ts";
import { RealTypeError, bareArray, isObject, ordinaryArray } from "./intrinsics.ts";
import { pairIterable } from "./pair-iterator.ts";

export type FormEntry = readonly [name: string, value: string | File];
const door: { entriesOf: (value: unknown) => FormEntry[] | null } = { entriesOf: () => null };
/** The entries of a FormData, live; null for whatever is none. */
export const formEntries = (value: unknown): FormEntry[] | null => door.entriesOf(value);

export class FormData {
  #entries = bareArray<FormEntry>();

  constructor(form?: unknown) {
    if (form !== undefined) throw new RealTypeError("there are no form elements here");
  }
  static {
    door.entriesOf = (value) => (isObject(value) && #entries in value ? value.#entries : null);
  }
  append(name: unknown, value: unknown, filename?: unknown): void {
    const entries = this.#entries;
    needs(2, arguments.length, "append");
    entries[entries.length] = entryOf(name, value, filename, arguments.length > 2);
  }
  set(name: unknown, value: unknown, filename?: unknown): void {
    const entries = this.#entries;
    needs(2, arguments.length, "set");
    const entry = entryOf(name, value, filename, arguments.length > 2);
    const list = bareArray<FormEntry>();
    let isPlaced = false;
    for (let index = 0; index < entries.length; index++) {
      if (entries[index]![0] !== entry[0]) list[list.length] = entries[index]!;
      else if (!isPlaced) {
        list[list.length] = entry;
        isPlaced = true;
      }
    }
    if (!isPlaced) list[list.length] = entry;
    this.#entries = list;
  }
  delete(name: unknown): void {
    const entries = this.#entries;
    needs(1, arguments.length, "delete");
    const wanted = wellFormed(name);
    const list = bareArray<FormEntry>();
    for (let index = 0; index < entries.length; index++) if (entries[index]![0] !== wanted) list[list.length] = entries[index]!;
    this.#entries = list;
  }
  get(name: unknown): string | File | null {
    const entries = this.#entries;
    needs(1, arguments.length, "get");
    const wanted = wellFormed(name);
    for (let index = 0; index < entries.length; index++) if (entries[index]![0] === wanted) return entries[index]![1];
    return null;
  }
  getAll(name: unknown): (string | File)[] {
    const entries = this.#entries;
    needs(1, arguments.length, "getAll");
    const wanted = wellFormed(name);
    const list = bareArray<string | File>();
    for (let index = 0; index < entries.length; index++) if (entries[index]![0] === wanted) list[list.length] = entries[index]![1];
    return ordinaryArray(list);
  }
  has(name: unknown): boolean {
    needs(1, arguments.length, "has");
    return this.get(name) !== null;
  }
}
pairIterable(FormData, "FormData", (self) => {
  const entries = formEntries(self);
  if (entries === null) throw new RealTypeError("no FormData");
  return entries;
});
describe(FormData, "FormData");

function entryOf(name: unknown, value: unknown, filename: unknown, isNamed: boolean): FormEntry {
  const entryName = wellFormed(name);
  if (blobBytes(value) === null) {
    if (isNamed) throw new RealTypeError("only a Blob can have a file name");
    return [entryName, wellFormed(value)];
  }
  if (value instanceof File && !isNamed) return [entryName, value];
  const blob = value as Blob;
  const lastModified = value instanceof File ? { lastModified: value.lastModified } : {};
  return [entryName, new File([blob], isNamed ? wellFormed(filename) : "blob", { type: blob.type, ...lastModified })];
}

/** One with these entries. */
export function newFormData(list: readonly FormEntry[]): FormData {
  const form = new FormData();
  const entries = formEntries(form)!;
  for (let index = 0; index < list.length; index++) entries[index] = list[index]!;
  return form;
}
