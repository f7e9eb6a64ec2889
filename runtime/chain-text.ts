// The text of one event as each instance of a chain gets it: as it came for the first, then with what those before it changed. Fields
// that were put after those of a head stand in the head itself; other changes follow as the part "patch" (schema/view.ts). PERF: so
// the twentieth addon reads a head and not nineteen lists (bench/chain). Pure. Believes nothing of a list of changes but what it
// checks here: whether the changes may be made, the host decides.
import { keepsAll } from "../sandbox-api/schema/changes.ts";
import { isFieldName, isFieldValue } from "../sandbox-api/schema/http.ts";
import { partSeparator } from "../sandbox-api/schema/view.ts";

/** LIMIT: a longer list is not looked into, it travels as it is. */
const longestReadChars = 16_384;

type Pairs = readonly (readonly [name: string, value: string])[];
interface Extension { readonly part: string; readonly count: number; readonly pairs: Pairs }
interface Part { readonly name: string; text: string }

export class ChainText {
  /** What the next instance gets; latin1. */
  text: string;
  #envelope: { readonly parts: readonly string[] } | null = null;
  #parts: readonly Part[] = [];
  /** Lists of changes, as text or read; neighbours that put fields after the same head are one. */
  readonly #patches: (string | Extension)[] = [];

  constructor(text: string) {
    this.text = text;
  }

  /** An instance has changed the object: `changes` is its JSON list, as text. */
  add(changes: string): void {
    if (this.#envelope === null) this.#split();
    const extension = changes.length > longestReadChars ? null : readExtension(changes);
    const part = extension === null ? undefined : this.#parts.find(({ name }) => name === extension.part);
    // After other changes to come first, the head alone would tell them in the wrong order.
    const head = extension === null || part === undefined || this.#patches.length > 0 ? null : extended(part.text, extension);
    if (head !== null && part !== undefined) part.text = head;
    else this.#addPatch(extension ?? changes);
    this.text = this.#joined();
  }

  #addPatch(patch: string | Extension): void {
    const last = this.#patches.at(-1);
    const isNext = typeof patch === "object" && typeof last === "object" && patch.part === last.part && patch.count === last.count + last.pairs.length;
    if (isNext) this.#patches.splice(-1, 1, { ...last, pairs: [...last.pairs, ...patch.pairs] });
    else this.#patches.push(patch);
  }

  #split(): void {
    const [envelope = "{}", ...texts] = this.text.split(partSeparator);
    const parsed: { readonly parts: readonly string[] } = JSON.parse(envelope);
    this.#envelope = parsed;
    this.#parts = parsed.parts.map((name, at) => ({ name, text: texts[at] ?? "" }));
  }

  #joined(): string {
    const parts = this.#parts.map(({ text }) => partSeparator + text).join("");
    const { parts: names = [], ...rest } = this.#envelope ?? { parts: [] };
    if (this.#patches.length === 0) return JSON.stringify({ ...rest, parts: names }) + parts;
    return `${JSON.stringify({ ...rest, parts: [...names, "patch"] })}${parts}${partSeparator}[${this.#patches.map(patchText).join(",")}]`;
  }
}

const patchText = (patch: string | Extension): string =>
  typeof patch === "string" ? patch : JSON.stringify([[`${patch.part}.headers`, [[0, patch.count], ...patch.pairs]]]);

/** Changes that do nothing but put legal fields after all those of one head. */
function readExtension(changes: string): Extension | null {
  let list: unknown;
  try {
    list = JSON.parse(changes);
  } catch {
    return null; // The host refuses it.
  }
  if (!Array.isArray(list) || list.length !== 1) return null;
  const change: unknown = list[0];
  if (!Array.isArray(change) || change.length !== 2) return null;
  const [address, references]: readonly unknown[] = change;
  const part = address === "request.headers" ? "request" : address === "response.headers" ? "response" : null;
  if (part === null || !Array.isArray(references)) return null;
  const [run, ...rest]: readonly unknown[] = references;
  const count: unknown = Array.isArray(run) ? run[1] : undefined;
  if (typeof count !== "number" || !keepsAll(references, count)) return null;
  const pairs = rest.filter(isLegalPair);
  return pairs.length === rest.length ? { part, count, pairs } : null;
}

const isLegalPair = (item: unknown): item is readonly [string, string] =>
  Array.isArray(item) && item.length === 2 && typeof item[0] === "string" && typeof item[1] === "string" && isFieldName(item[0]) && isFieldValue(item[1]);

/** The head with these fields; null when it is not the one that the list was made of. */
function extended(head: string, { count, pairs }: Extension): string | null {
  const start = head.indexOf("\n") + 1;
  const end = head.indexOf("\n", start);
  if (start === 0 || end < 0 || head.slice(start, end) !== String(count)) return null;
  let lines = "";
  for (const [name, value] of pairs) lines += `${name}: ${value}\r\n`;
  return `${head.slice(0, start)}${count + pairs.length}${head.slice(end)}${lines}`;
}
