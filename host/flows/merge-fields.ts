// Lists of fields that an addon has made from those it saw: what frames a message stays the host's (events.md §1.9), and how they differ, in words. Pure.
import { isFieldRun, type FieldReference } from "../../sandbox-api/schema/changes.ts";
import { hostOwnedFields } from "../../sandbox-api/schema/http.ts";
import type { HeaderFields } from "../http/header-fields.ts";

/** The list with every framing field of the old one that it left out, put back where it stood (before the next field that stayed). */
export function keepFraming(fields: HeaderFields, list: readonly FieldReference[]): readonly FieldReference[] {
  const named = namedIn(list, fields.length);
  let kept: FieldReference[] | null = null;
  for (let i = 0; i < fields.length; i++) {
    if (named[i] === 1 || !hostOwnedFields.has(fields.name(i).toLowerCase())) continue;
    kept ??= list.flatMap(spelledOut);
    const next = kept.findIndex((entry) => typeof entry === "number" && entry > i);
    kept.splice(next < 0 ? kept.length : next, 0, i);
  }
  return kept ?? list;
}

export const fieldLine = ([name, value]: readonly [string, string]): string => `${name}: ${value}`;
/** A new field. */
export const isPair = (entry: FieldReference): entry is readonly [string, string] => typeof entry !== "number" && !isFieldRun(entry);

/** A run as the indexes that it stands for. */
const spelledOut = (entry: FieldReference): readonly FieldReference[] =>
  typeof entry === "number" || !isFieldRun(entry) ? [entry] : Array.from({ length: entry[1] }, (_, at) => entry[0] + at);

/** Only what differs: the lines that went and the lines that came. */
export function renderFields(before: HeaderFields, list: readonly FieldReference[]): readonly [gone: string, come: string] {
  const named = namedIn(list, before.length);
  const gone: string[] = [];
  const come: string[] = [];
  for (let i = 0; i < before.length; i++) if (named[i] === 0) gone.push(before.line(i));
  for (const entry of list) if (isPair(entry)) come.push(fieldLine(entry));
  return [gone.join("; "), come.join("; ")];
}

/** For each of `length` fields: 1 where the list keeps it. PERF: a set of numbers costs ten times as much (bench/host-event). */
function namedIn(list: readonly FieldReference[], length: number): Uint8Array {
  const named = new Uint8Array(length);
  for (const entry of list) {
    if (typeof entry === "number") named[entry] = 1;
    else if (isFieldRun(entry)) named.fill(1, entry[0], entry[0] + entry[1]);
  }
  return named;
}
