// Names of header fields as addons write them, judged once: addons name the same few again and again. Knows names only; what may
// stand in a list is decided in fields.ts.
import { hostOwnedFields, isFieldName } from "../schema/http.ts";
import { RealMap, mapGet, mapSet, mapSize, setHas, toLowerCase } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";

export interface FieldName {
  readonly name: string;
  /** In lower case. */
  readonly lower: string;
  /** What stands before a value of that name in lines in lower case; no line has it when it is no name. */
  readonly needle: string;
  readonly isLegal: boolean;
  /** The host sets it itself (events.md §1.9). */
  readonly isHostOwned: boolean;
}

// LIMIT: names kept, and the longest that is.
const mostNames = 256;
const longestName = 64;

/** One for each isolate; the keys are what an addon wrote. */
class FieldNames {
  #known = new RealMap<string, FieldName>();

  of(name: string): FieldName {
    const known = mapGet(this.#known, name);
    if (known !== undefined) return known;
    const lower = toLowerCase(name);
    const isLegal = isFieldName(name);
    // A line break in what is searched for could match across lines; two of them are in no text.
    const made: FieldName = { name, lower, needle: isLegal ? `\n${lower}: ` : "\n\n", isLegal, isHostOwned: setHas(hostOwnedFields, lower) };
    if (name.length > longestName) return made;
    if (mapSize(this.#known) >= mostNames) this.#known = new RealMap<string, FieldName>();
    mapSet(this.#known, name, made);
    return made;
  }
}

const names = new FieldNames();

/** Throws a refusal when it is no string. `what` is the list's name for messages. */
export function fieldName(what: string, name: unknown): FieldName {
  if (typeof name !== "string") throw refuse(what, `${what}: a field name must be a string`);
  return names.of(name);
}
