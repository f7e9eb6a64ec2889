// The options of addons: values that the operator gave in several places, read by what manifests declare, cut to what each addon may
// see: its own. Pure; who is told of changes, and rollback, are reconfigure.ts's business, files that of options-file.ts.
import { nearest } from "../../sandbox-api/schema/near-miss.ts";
import { beyondChoices, isOptionValue, optionTypes, type OptionDeclaration, type OptionValue } from "../../sandbox-api/schema/options.ts";

export type OptionSnapshot = { readonly [name: string]: OptionValue };
/** Where a value was given, the strongest first. `run time`: by a call into the running proxy. */
export const optionSources = ["run time", "command line", "environment", "file"] as const;
export type OptionSource = (typeof optionSources)[number];

/** A value as it was given: a text that is to be read by the declared type, or one that has a type of its own. */
export interface GivenOption {
  readonly value: Exclude<OptionValue, null>;
  readonly isText: boolean;
  /** How messages call the place: `--set count`. */
  readonly by: string;
}

/** By `NAME` or `ADDON.NAME`; of the environment by what stands after `FLOWCELL_SET_`. */
export type GivenLayer = ReadonlyMap<string, GivenOption>;

/** What an addon declares: `unknown`: no version of it could be loaded; `anything`: a script without a manifest. */
export type Declares = ReadonlyMap<string, OptionDeclaration> | "unknown" | "anything";
export interface OptionOwner { readonly name: string; readonly declares: Declares }

export interface ReadOptions {
  /** Without a prototype, so that a name can be anything. Where there are problems, defaults stand in. */
  readonly values: OptionSnapshot;
  /** Who gave what is not the default. */
  readonly sources: ReadonlyMap<string, OptionSource>;
  /** Sentences. */
  readonly problems: readonly string[];
}

export const environmentPrefix = "FLOWCELL_SET_";
const upper = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9]/g, "_");

/** `isAmbiguous`: another addon's name is the same in the environment. */
interface Found { readonly given: GivenOption; readonly source: OptionSource; readonly isQualified: boolean; readonly isAmbiguous: boolean }

/** Whom a variable of the environment names, as this addon sees it: itself, another, itself and another whose name is written alike, or nobody. The longest name counts. */
function namedBy(key: string, addon: string, neighbours: readonly string[]): "own" | "other" | "both" | "nobody" {
  // PERF: most name nobody, and there may be a thousand neighbours.
  if (!key.includes("__")) return "nobody";
  const lengthOf = (name: string): number => (key.startsWith(`${upper(name)}__`) ? name.length : 0);
  const [own, other] = [lengthOf(addon), Math.max(0, ...neighbours.map(lengthOf))];
  if (own === 0 && other === 0) return "nobody";
  return own === other ? "both" : own > other ? "own" : "other";
}

/** All values that were given. Never changed: `with` makes another. */
export class GivenOptions {
  readonly #layers: ReadonlyMap<OptionSource, GivenLayer>;

  constructor(layers: ReadonlyMap<OptionSource, GivenLayer>) {
    this.#layers = layers;
  }

  /** Likewise, but with these values of one source. */
  with(source: OptionSource, layer: GivenLayer): GivenOptions {
    return new GivenOptions(new Map([...this.#layers, [source, layer]]));
  }

  layer(source: OptionSource): GivenLayer {
    return this.#layers.get(source) ?? noLayer;
  }

  /** The value that counts for this option of this addon: of the strongest source; there, the one that names the addon. `neighbours`: the other addons' names. */
  find(addon: string, name: string, neighbours: readonly string[]): Found | null {
    for (const source of optionSources) {
      const found = source === "environment" ? this.#findVariable(addon, name, neighbours) : this.#findNamed(source, addon, name);
      if (found !== null) return found;
    }
    return null;
  }

  #findNamed(source: OptionSource, addon: string, name: string): Found | null {
    const qualified = this.layer(source).get(`${addon}.${name}`);
    const given = qualified ?? this.layer(source).get(name);
    return given === undefined ? null : { given, source, isQualified: qualified !== undefined, isAmbiguous: false };
  }

  #findVariable(addon: string, name: string, neighbours: readonly string[]): Found | null {
    for (const key of [`${upper(addon)}__${upper(name)}`, upper(name)]) {
      const given = this.layer("environment").get(key);
      if (given === undefined) continue;
      const whose = namedBy(key, addon, neighbours);
      if (whose !== "other") return { given, source: "environment", isQualified: whose !== "nobody", isAmbiguous: whose === "both" };
    }
    return null;
  }
}

const noLayer: GivenLayer = new Map();

/** The layer with another value for that name; null: with none. */
export function withOption(layer: GivenLayer, name: string, value: OptionValue): GivenLayer {
  const changed = new Map(layer);
  changed.delete(name);
  return value === null ? changed : changed.set(name, { value, isText: typeof value === "string", by: name });
}

/** `--set` values as a layer. */
export const commandLineLayer = (pairs: ReadonlyMap<string, string>): GivenLayer => new Map([...pairs].map(([name, value]) => [name, { value, isText: true, by: `--set ${name}` }]));

/** The variables `FLOWCELL_SET_…` of an environment as a layer, by what follows, in upper case. */
export function environmentLayer(environment: { readonly [name: string]: string | undefined }): GivenLayer {
  const layer = new Map<string, GivenOption>();
  for (const [name, value] of Object.entries(environment)) {
    if (name.length > environmentPrefix.length && name.startsWith(environmentPrefix) && value !== undefined) layer.set(upper(name.slice(environmentPrefix.length)), { value, isText: true, by: name });
  }
  return layer;
}

/** The options of `owner` as given. `others`: names that other addons declare; a value that names no addon is for nobody of several. `neighbours`: the other addons' names. */
export function readOptions(given: GivenOptions, { name: addon, declares }: OptionOwner, others: ReadonlySet<string>, neighbours: readonly string[] = []): ReadOptions {
  if (declares === "unknown") return { values: Object.freeze(Object.create(null)), sources: new Map(), problems: [] };
  if (declares === "anything") return readFreely(given, addon, others, neighbours);
  const values: { [name: string]: OptionValue } = Object.create(null);
  const sources = new Map<string, OptionSource>();
  const problems: string[] = [];
  for (const [name, declaration] of declares) {
    values[name] = declaration.default;
    const found = given.find(addon, name, neighbours);
    if (found === null) continue;
    const { given: { by }, source, isQualified, isAmbiguous } = found;
    if (isAmbiguous) {
      problems.push(`${by} ${ambiguousWords(addon)}`);
      continue;
    }
    if (!isQualified && others.has(name)) {
      problems.push(`${by} is an option of addon "${addon}" and of another; say whose you mean: ${source === "environment" ? `${environmentPrefix}${upper(addon)}__${upper(name)}` : `"${addon}.${name}"`}`);
      continue;
    }
    const reading = readGiven(found.given, declaration);
    if (reading.kind === "problem") problems.push(`${by} ${reading.problem} (option "${name}" of addon "${addon}")`);
    else {
      values[name] = reading.value;
      sources.set(name, source);
    }
  }
  return { values: Object.freeze(values), sources, problems };
}

const ambiguousWords = (addon: string): string => `is for addon "${addon}" and for another whose name is written alike in the environment; give it by --set ${addon}.NAME or in the file`;

/** A script without a manifest declares nothing: it sees what names it, and what names no addon and is not declared by another. */
function readFreely(given: GivenOptions, addon: string, others: ReadonlySet<string>, neighbours: readonly string[]): ReadOptions {
  const values: { [name: string]: OptionValue } = Object.create(null);
  const sources = new Map<string, OptionSource>();
  const problems: string[] = [];
  const taken = new Set([...others].map(upper));
  for (const source of [...optionSources].reverse()) {
    const isEnvironment = source === "environment";
    const prefix = isEnvironment ? `${upper(addon)}__` : `${addon}.`;
    const own: [string, GivenOption][] = [];
    for (const [key, option] of given.layer(source)) {
      const whose = isEnvironment ? namedBy(key, addon, neighbours) : key.startsWith(prefix) ? "own" : key.includes(".") ? "other" : "nobody";
      if (whose === "own") own.push([key.slice(prefix.length), option]);
      else if (whose === "both") problems.push(`${option.by} ${ambiguousWords(addon)}`);
      else if (whose === "nobody" && !(isEnvironment ? taken : others).has(key)) own.unshift([key, option]);
    }
    for (const [key, option] of own) {
      const name = isEnvironment ? key.toLowerCase() : key;
      values[name] = option.value;
      sources.set(name, source);
    }
  }
  return { values: Object.freeze(values), sources, problems };
}

type Reading = { readonly kind: "value"; readonly value: OptionValue } | { readonly kind: "problem"; readonly problem: string };

function readGiven({ value, isText }: GivenOption, { type, choices }: OptionDeclaration): Reading {
  const read = isText && typeof value === "string" ? readText(value, type) : isOptionValue(value, type) ? value : null;
  if (read === null) return { kind: "problem", problem: `must be ${optionTypes[type]}, not ${JSON.stringify(value).slice(0, 80)}` };
  const beyond = beyondChoices(read, choices);
  return beyond === null ? { kind: "value", value: read } : { kind: "problem", problem: beyond };
}

/** A value given as text; null when it is none of that type. A list is separated by commas, or written as JSON. */
export function readText(text: string, type: OptionDeclaration["type"]): OptionValue {
  switch (type) {
    case "string": return text;
    case "number": return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
    case "boolean": return text === "true" || text === "yes" || text === "1" ? true : text === "false" || text === "no" || text === "0" ? false : null;
    case "string[]": return text.startsWith("[") ? readList(text) : text === "" ? [] : text.split(",");
  }
}

function readList(text: string): OptionValue {
  try {
    const list: unknown = JSON.parse(text);
    return isOptionValue(list, "string[]") ? list : null;
  } catch {
    return null; // Not JSON: the caller says what is wanted.
  }
}

export interface UnknownOptions {
  /** Nobody has such an option. */
  readonly problems: readonly string[];
  /** Likewise, of the environment, which may be meant for another run. */
  readonly warnings: readonly string[];
}

/** Values that no addon takes, with the likely name. What an addon that could not be loaded may have declared is not judged. */
export function unknownOptions(given: GivenOptions, owners: readonly OptionOwner[]): UnknownOptions {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const source of optionSources) {
    for (const [key, { by }] of given.layer(source)) {
      const why = source === "environment" ? unknownVariable(key, owners) : unknownName(key, source, owners);
      if (why !== null) (source === "environment" ? warnings : problems).push(`${by}: ${why}`);
    }
  }
  return { problems, warnings };
}

const namesOf = (declares: Declares): readonly string[] => (typeof declares === "string" ? [] : [...declares.keys()]);
const mayTake = (declares: Declares, name: string): boolean => typeof declares === "string" || declares.has(name);

function unknownName(key: string, source: OptionSource, owners: readonly OptionOwner[]): string | null {
  if (owners.some(({ declares }) => mayTake(declares, key) && !(key.includes(".") && declares === "anything"))) return null;
  const dot = key.lastIndexOf(".");
  if (dot < 0) {
    const known = owners.flatMap(({ declares }) => namesOf(declares));
    return `no addon has an option "${key.slice(0, 100)}"${nearest(key, known)}; flowcell run --options ADDONS lists them`;
  }
  const [addon, name] = [key.slice(0, dot), key.slice(dot + 1)];
  const owner = owners.find((each) => each.name === addon);
  // A file serves many runs, each with addons of its own.
  if (owner === undefined) return source === "file" ? null : `there is no addon "${addon.slice(0, 100)}"${nearest(addon, owners.map((each) => each.name))}`;
  return mayTake(owner.declares, name) ? null : `addon "${addon}" has no option "${name.slice(0, 100)}"${nearest(name, namesOf(owner.declares))}`;
}

function unknownVariable(key: string, owners: readonly OptionOwner[]): string | null {
  const known = owners.flatMap(({ name, declares }) => namesOf(declares).flatMap((option) => [upper(option), `${upper(name)}__${upper(option)}`]));
  if (known.includes(key) || owners.some(({ declares }) => typeof declares === "string")) return null;
  return `no addon has this option${nearest(key, known)}`;
}
