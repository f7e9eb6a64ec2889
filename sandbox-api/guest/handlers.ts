// Finds an addon's handlers in what its module exports: named exports, or the default export (object, instance, or class, which
// is constructed once), methods of its prototypes included. Two spellings of one event are an error, a near miss is a warning
// (events.md §1.1, §7). Runs none of them.
import { eventNames, eventTable, type EventName } from "../schema/events.ts";
import { loadWarnings } from "./bounds.ts";
import { bareArray, charCodeAt, construct, functionPrototype, getPrototypeOf, hasOwn, isFunction, isObject, objectPrototype, ownKeys, slice, toLowerCase, min } from "./intrinsics.ts";
import { quoteList } from "./json-text.ts";
import { readMember } from "./iterate.ts";
import { refuse } from "./thrown.ts";

export interface Handler {
  readonly spelling: string;
  readonly run: (...args: readonly unknown[]) => unknown;
  /** `this` of the call; `undefined` for named exports. */
  readonly self: unknown;
}

/** Spelling → event, without a prototype. */
const eventBySpelling: { [spelling: string]: EventName | undefined } = { __proto__: null as never };
for (let index = 0; index < eventNames.length; index++) {
  const name = eventNames[index]!;
  eventBySpelling[name] = name;
  const { aliases } = eventTable[name];
  for (let alias = 0; alias < aliases.length; alias++) eventBySpelling[aliases[alias]!] = name;
}

export class Handlers {
  readonly #byEvent: { [event: string]: Handler | undefined } = { __proto__: null as never };
  readonly #warnings = bareArray<string>();

  get(event: string): Handler | undefined {
    return this.#byEvent[event];
  }

  /** Everything that `source` and its prototypes have. `self` of the handlers is `source` or, for a module's exports, nothing. */
  take(source: object, isModule: boolean): void {
    const seen: { [name: string]: true | undefined } = { __proto__: null as never };
    for (let object: object | null = source; object !== null && object !== objectPrototype && object !== functionPrototype; object = getPrototypeOf(object)) {
      const keys = ownKeys(object);
      for (let index = 0; index < keys.length; index++) {
        const name = keys[index]!;
        if (typeof name === "symbol" || seen[name] === true || isIgnored(name)) continue;
        seen[name] = true;
        this.#takeOne(source, name, isModule);
      }
    }
  }

  #takeOne(source: object, name: string, isModule: boolean): void {
    const event = eventBySpelling[name];
    const value = event === undefined && suggestion(name) === null ? undefined : readMember(source, name);
    if (event === undefined) {
      if (isFunction(value)) this.#warn(name);
      return;
    }
    if (!isFunction(value)) {
      this.#addWarning(`"${name}" is not a function, so it does not handle the event "${event}"`);
      return;
    }
    const present = this.#byEvent[event];
    if (present !== undefined) throw refuse("", `the event "${event}" is handled twice: by "${present.spelling}" and by "${name}"`, "load-failed");
    this.#byEvent[event] = { spelling: name, run: value, self: isModule ? undefined : source };
  }

  #warn(name: string): void {
    const meant = suggestion(name);
    if (meant !== null) this.#addWarning(`"${slice(name, 0, 80)}" is not an event; did you mean "${meant}"?`);
  }
  #addWarning(text: string): void {
    if (this.#warnings.length < loadWarnings) this.#warnings[this.#warnings.length] = text;
  }

  /** LoadedText; `manifest` is JSON already. */
  loadedText(manifest: string): string {
    const handled = bareArray<string>();
    for (let index = 0; index < eventNames.length; index++) if (this.#byEvent[eventNames[index]!] !== undefined) handled[handled.length] = eventNames[index]!;
    return `{"handlers":${quoteList(handled)},"warnings":${quoteList(this.#warnings)},"manifest":${manifest}}`;
  }
}

const isIgnored = (name: string): boolean => name === "default" || name === "manifest" || name === "__esModule" || name === "constructor";

/** Handlers of a module, from what it left in `module.exports`. */
export function handlersOfModule(exports: unknown): Handlers {
  const handlers = new Handlers();
  if (isFunction(exports)) {
    handlers.take(constructed(exports), false);
    return handlers;
  }
  if (!isObject(exports)) return handlers;
  handlers.take(exports, hasOwn(exports, "__esModule"));
  const byDefault = hasOwn(exports, "default") ? readMember(exports, "default") : undefined;
  if (byDefault === undefined) return handlers;
  if (!isObject(byDefault)) throw refuse("", "the default export must be an object or a class", "load-failed");
  handlers.take(isFunction(byDefault) ? constructed(byDefault) : byDefault, false);
  return handlers;
}

/** Handlers of an object that replaces the addon. */
export function handlersOfObject(object: object): Handlers {
  const handlers = new Handlers();
  handlers.take(isFunction(object) ? constructed(object) : object, false);
  return handlers;
}

function constructed(constructor: (...args: readonly unknown[]) => unknown): object {
  const instance: unknown = construct(constructor, []);
  if (!isObject(instance)) throw refuse("", "the default export must be an object or a class", "load-failed");
  return instance;
}

/** `onRequest`, `handle_request`, `REQUEST` → "request". */
function plainName(name: string): string {
  let plain = "";
  const lower = toLowerCase(name);
  for (let at = 0; at < lower.length; at++) if (lower[at] !== "_" && lower[at] !== "-" && lower[at] !== "$") plain += lower[at]!;
  for (let index = 0; index < prefixes.length; index++) {
    const prefix = prefixes[index]!;
    if (slice(plain, 0, prefix.length) === prefix && plain.length > prefix.length + 2) return slice(plain, prefix.length);
  }
  return plain;
}
const prefixes = ["handle", "on"] as const;

/** The event that a name probably means; `null` when none is near. */
function suggestion(name: string): string | null {
  if (name.length > 40) return null;
  const plain = plainName(name);
  let best: string | null = null;
  let bestDistance = 3;
  for (const spelling in eventBySpelling) {
    const distance = levenshtein(plain, plainName(spelling));
    if (distance < bestDistance && distance <= (spelling.length <= 5 ? 1 : 2)) {
      best = spelling;
      bestDistance = distance;
    }
  }
  return best;
}

function levenshtein(a: string, b: string): number {
  if (a.length - b.length > 2 || b.length - a.length > 2) return 3;
  let row = bareArray<number>();
  for (let column = 0; column <= b.length; column++) row[column] = column;
  for (let line = 1; line <= a.length; line++) {
    const next = bareArray<number>();
    next[0] = line;
    for (let column = 1; column <= b.length; column++) {
      const cost = charCodeAt(a, line - 1) === charCodeAt(b, column - 1) ? 0 : 1;
      next[column] = min(next[column - 1]! + 1, row[column]! + 1, row[column - 1]! + cost);
    }
    row = next;
  }
  return row[b.length]!;
}
