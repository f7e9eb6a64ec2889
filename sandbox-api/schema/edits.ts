// A manifest's `edits`: changes to header fields that an addon describes once, as data, and that the host carries out without entering
// its isolate. The shape, and the check of what came out of an isolate. It applies nothing (host/flows/apply-edits.ts) and grants
// nothing (host/addons/declared-edits.ts).
import { changeTable } from "./changes.ts";
import { filterTexts, type Filter } from "./filter.ts";
import { parseFilter } from "./filter-parse.ts";
import { hostOwnedFields, isFieldName, isFieldValue, isHostField, sensitiveFields } from "./http.ts";
import { nearest } from "./near-miss.ts";
import type { PermissionName } from "./permissions.ts";

/**
 * When edits take place, and on which head. Before the body: an edit needs none, so none is collected for it, and a body that streams
 * by does not make it too late.
 */
export const editEvents = { requestheaders: "request", responseheaders: "response" } as const satisfies { readonly [event: string]: "request" | "response" };
export type EditEvent = keyof typeof editEvents;
export const isEditEvent = (event: unknown): event is EditEvent => typeof event === "string" && Object.hasOwn(editEvents, event);

/** One operation, as `headers.delete`, `set` and `append` of a handler. `value` is a byte string; "" for a removal. */
export interface HeaderEdit {
  readonly kind: "remove" | "set" | "append";
  /** As the author spelled it. */
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

/** A rule whose text has been checked. */
export interface EditRule {
  readonly event: EditEvent;
  /** Known to be a flow filter that looks at no body; null: every flow. */
  readonly filter: string | null;
  /** In the order in which they take place: removals, settings, additions. */
  readonly operations: readonly HeaderEdit[];
}

/** LIMIT: rules of one addon, and operations of all of them together. LIMIT mutationBytes bounds their size (host/addons/declared-edits.ts). */
export const mostEditRules = 100;
export const mostEditOperations = 500;
const longestText = 1_000;
const ruleKeys = ["event", "filter", "remove", "set", "append"] as const;

type Plain = { readonly [key: string]: unknown };
type Say = (where: string, what: string) => void;

/** Reads a manifest's `edits`, plain data of an addon. `say` takes each problem: where it is and how the sentence goes on. */
export function readEdits(value: unknown, permissions: ReadonlySet<PermissionName>, say: Say): readonly EditRule[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > mostEditRules) { say("manifest.edits", `must be a list of at most ${mostEditRules} rules`); return []; }
  const rules = (value as readonly unknown[]).map((item, at) => new RuleReader(`manifest.edits[${at}]`, say).read(item)).filter((rule) => rule !== null);
  const count = rules.reduce((sum, { operations }) => sum + operations.length, 0);
  if (count > mostEditOperations) say("manifest.edits", `has ${count} operations; ${mostEditOperations} are the most`);
  for (const need of new Set(rules.flatMap(needsOf))) if (!permissions.has(need)) say("manifest.edits", `needs ${placeOf(need)}, which the manifest does not ask for`);
  return rules;
}

/** What a rule needs to be carried out whole: to change that head and its sensitive fields, and to see what its filter looks at. */
export function needsOf({ event, filter, operations }: EditRule): readonly PermissionName[] {
  const side = editEvents[event];
  const sensitive = sensitiveFields.filter((name) => operations.some(({ lower }) => lower === name)).map((name): PermissionName => `header:${name}`);
  return [changeTable[`${side}.headers`].needs, ...sensitive, ...(filter === null ? [] : filterNeeds(filter))];
}

/** In words, for whoever decides to run it: `every request: set X-A to "1"`. Values are cut. */
export function editWords({ event, filter, operations }: EditRule): string {
  const shown = (value: string): string => JSON.stringify(value.length > 60 ? `${textOf(value).slice(0, 60)}…` : textOf(value));
  const words = operations.map(({ kind, name, value }) => (kind === "remove" ? `remove ${name}` : kind === "set" ? `set ${name} to ${shown(value)}` : `add ${name}: ${shown(value)}`));
  return `${filter === null ? `every ${editEvents[event]}` : `${editEvents[event]}s of flows that match ${filter}`}: ${words.join(", ")}`;
}

function placeOf(need: PermissionName): string {
  const [kind, word] = need.split(":");
  return `permissions.${kind === "header" ? "headers" : kind ?? ""} "${word ?? ""}"`;
}

/** What a filter must be allowed to see, or it would match nothing, or by "!" everything. */
function filterNeeds(text: string): readonly PermissionName[] {
  const parsed = parseFilter(text);
  if (parsed.kind === "problem") return [];
  const needs = new Set<PermissionName>();
  for (const of of filterTexts(parsed.filter)) {
    if (of.startsWith("response.")) needs.add("read:response");
    else if (of.startsWith("request.") || of === "host" || of === "url" || of === "method") needs.add("read:request");
    else if (of === "source" || of === "destination") needs.add("read:connection");
  }
  if (asksForStatus(parsed.filter)) needs.add("read:response");
  return [...needs];
}

function asksForStatus(filter: Filter): boolean {
  if (filter.kind === "not") return asksForStatus(filter.of);
  return filter.kind === "and" || filter.kind === "or" ? filter.of.some(asksForStatus) : filter.kind === "code";
}

/** Whether a filter looks at a body, which has not come when edits take place. */
export const readsBodies = (filter: Filter): boolean => {
  const texts = filterTexts(filter);
  return texts.has("request.body") || texts.has("response.body");
};

const isPlain = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);
/** Without a prototype: what the addon did not write is not there. */
const bare = (value: object): Plain => Object.assign(Object.create(null), Object.fromEntries(Object.entries(value)));
/** UTF-8, a char for each byte, as the guest writes values. */
const byteString = (text: string): string => encodeURIComponent(text).replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** The other way round. */
const textOf = (bytes: string): string => decodeURIComponent(bytes.replace(/[%\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16)}`));

class RuleReader {
  readonly #where: string;
  readonly #say: Say;
  #side: "request" | "response" = "request";

  constructor(where: string, say: Say) {
    this.#where = where;
    this.#say = say;
  }

  read(item: unknown): EditRule | null {
    if (!isPlain(item)) { this.#problem("", 'must be an object such as { event: "requestheaders", set: { "X-A": "1" } }'); return null; }
    const rule = bare(item);
    for (const key of Object.keys(rule)) if (!ruleKeys.some((known) => known === key)) this.#problem("", `has no key ${JSON.stringify(key.slice(0, 60))}${nearest(key.slice(0, 60), ruleKeys)}`);
    const { event } = rule;
    if (!isEditEvent(event)) { this.#problem(".event", `must be "requestheaders" or "responseheaders"${event === "request" || event === "response" ? ": edits take place before the body" : ""}`); return null; }
    this.#side = editEvents[event];
    const operations = [...this.#removals(rule["remove"]), ...this.#values("set", rule["set"]), ...this.#values("append", rule["append"])];
    if (operations.length === 0) this.#problem("", 'changes nothing: it has neither "remove" nor "set" nor "append"');
    return { event, filter: this.#filter(rule["filter"]), operations };
  }

  #problem(key: string, what: string): void {
    this.#say(`${this.#where}${key}`, what);
  }

  #filter(value: unknown): string | null {
    if (value === undefined) return null;
    if (typeof value !== "string" || value.length > longestText) { this.#problem(".filter", `must be a string of at most ${longestText} characters`); return null; }
    const parsed = parseFilter(value);
    if (parsed.kind === "problem") this.#problem(".filter", `is not a filter: ${parsed.message} (column ${parsed.column})`);
    else if (parsed.operators.includes("meta")) this.#problem(".filter", 'cannot ask for "~meta", which only the addon itself knows');
    else if (readsBodies(parsed.filter)) this.#problem(".filter", "cannot look at bodies: edits take place before they have come");
    return value;
  }

  #removals(value: unknown): readonly HeaderEdit[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length > mostEditOperations) { this.#problem(".remove", `must be a list of at most ${mostEditOperations} names`); return []; }
    return (value as readonly unknown[]).map((name): HeaderEdit | null => (this.#isName(".remove", name) ? { kind: "remove", name, lower: name.toLowerCase(), value: "" } : null)).filter((edit) => edit !== null);
  }

  #values(kind: "set" | "append", value: unknown): readonly HeaderEdit[] {
    if (value === undefined) return [];
    if (!isPlain(value)) { this.#problem(`.${kind}`, 'must be an object of names and values such as { "X-A": "1" }'); return []; }
    const entries = Object.entries(value);
    if (entries.length > mostEditOperations) { this.#problem(`.${kind}`, `must have at most ${mostEditOperations} names`); return []; }
    return entries.flatMap(([name, given]: readonly [string, unknown]) => {
      if (!this.#isName(`.${kind}`, name)) return [];
      const isList = kind === "append" && Array.isArray(given) && given.length <= mostEditOperations;
      const texts: readonly unknown[] = isList ? given : [given];
      return texts.flatMap((text) => this.#field(kind, name, text));
    });
  }

  #field(kind: "set" | "append", name: string, text: unknown): readonly HeaderEdit[] {
    const shown = JSON.stringify(name);
    if (typeof text !== "string" || !text.isWellFormed()) { this.#problem(`.${kind}`, `gives ${shown} a value that is no text`); return []; }
    const lower = name.toLowerCase();
    const value = byteString(text.replace(/^[\t ]+|[\t ]+$/g, ""));
    if (!isFieldValue(value)) { this.#problem(`.${kind}`, `gives ${shown} a value that no field can have: no CR, LF, NUL or other control characters, at most 65,536 bytes`); return []; }
    if (lower === "host" && !isHostField(value)) { this.#problem(`.${kind}`, `gives ${shown} a value that is not a host with an optional port`); return []; }
    // RFC 9112 §3.2: two Host fields are what two parsers disagree about.
    if (lower === "host" && kind === "append" && this.#side === "request") { this.#problem(`.${kind}`, `cannot add ${shown}, which a request has once; set it`); return []; }
    return [{ kind, name, lower, value }];
  }

  #isName(key: string, name: unknown): name is string {
    if (typeof name !== "string" || !isFieldName(name)) this.#problem(key, `holds ${typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : `a ${typeof name}`}, which is not a header name (a token of RFC 9110 §5.6.2, at most 256 bytes)`);
    else if (hostOwnedFields.has(name.toLowerCase())) this.#problem(key, `holds ${JSON.stringify(name)}, which says how the message is framed or belongs to one connection; the proxy sets it`);
    else return true;
    return false;
  }
}
