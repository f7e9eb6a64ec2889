// Values as Node's util.inspect shows them: quotes, braces, class names, circles, Maps, Sets, errors with their causes. Bounded in depth,
// entries and pieces. No code of the addon runs but traps of proxies and the getters of errors; whatever those throw is swallowed.
import { combine, type Layout } from "./inspect-layout.ts";
import { apply, bareArray, byteLengthOf, exec, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, isArray, isFunction, isObject, mapForEach, mapGet, mapSet, mapSize, min, ownKeys, RealMap, RealUint8Array, setForEach, setSize, slice, toStringTagSymbol, typedArrayTag, typedLengthOf, weakGet } from "./intrinsics.ts";
import { isBuffer } from "./bytes.ts";

/** LIMIT: entries of one value, characters of one string, pieces of everything together. */
const mostEntries = 100;
const mostChars = 10_000;
const mostPieces = 5_000;
const identifier = /^[a-zA-Z_][a-zA-Z_0-9]*$/;
const { symbolToString, bigintToString, functionToString, regExpToString, dateTime, dateIso, numberToString, repeat, indexOf } = $kernel.intrinsics;
const boxes = [[Number.prototype.valueOf, "Number"], [String.prototype.valueOf, "String"], [Boolean.prototype.valueOf, "Boolean"], [BigInt.prototype.valueOf, "BigInt"], [Symbol.prototype.valueOf, "Symbol"]] as const;
const { replace } = String.prototype;
const special = /[\x00-\x1f'\\\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const escapes: { readonly [char: string]: string } = { __proto__: null as never, "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\", "'": "\\'" };

interface Walk extends Layout { readonly most: number; readonly seen: object[]; readonly circles: Map<object, number>; pieces: number }

export function inspect(value: unknown, depth = 2): string {
  const walk: Walk = { indentation: 0, depth: 0, most: depth, seen: bareArray(), circles: new RealMap(), pieces: 0 };
  return show(walk, value, 0);
}

export function quoted(text: string): string {
  const cut = text.length > mostChars ? slice(text, 0, mostChars) : text;
  const mark = indexOf(cut, "'") < 0 ? "'" : indexOf(cut, '"') < 0 ? '"' : indexOf(cut, "`") < 0 && indexOf(cut, "${") < 0 ? "`" : "'";
  const body = apply(replace as never, cut, [special, (char: string) => (char === "'" && mark !== "'" ? char : escapes[char] ?? (char.length === 1 && char < "\xa0" ? `\\x${slice(`0${numberToString(char.charCodeAt(0), 16)}`, -2).toUpperCase()}` : `\\u${numberToString(char.charCodeAt(0), 16).toUpperCase()}`))]) as string;
  const more = text.length - cut.length;
  return `${mark}${body}${mark}${more > 0 ? `... ${more} more character${more > 1 ? "s" : ""}` : ""}`;
}

export function showPrimitive(value: unknown): string {
  switch (typeof value) {
    case "string": return quoted(value);
    case "number": return value === 0 && 1 / value < 0 ? "-0" : `${value}`;
    case "bigint": return value > -(2n ** 4096n) && value < 2n ** 4096n ? `${bigintToString(value)}n` : "[huge bigint]";
    case "symbol": return symbolToString(value);
    default: return `${value as string}`;
  }
}

function show(walk: Walk, value: unknown, level: number): string {
  if (!isObject(value)) return showPrimitive(value);
  for (let index = 0; index < walk.seen.length; index++) {
    if (walk.seen[index] !== value) continue;
    const known = mapGet(walk.circles, value) ?? mapSize(walk.circles) + 1;
    mapSet(walk.circles, value, known);
    return `[Circular *${known}]`;
  }
  if (++walk.pieces > mostPieces) return "...";
  try {
    return showObject(walk, value, level);
  } catch {
    // A hostile proxy or getter: it is shown as what it is.
    return "[Object that cannot be inspected]";
  }
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // Getters of built-ins throw for other objects.
    return null;
  }
}

/** The name of the class; null: there is no prototype. */
function classOf(value: object): string | null {
  for (let prototype: unknown = value, steps = 0; isObject(prototype) && steps < 50; prototype = getPrototypeOf(prototype), steps++) {
    const constructor: unknown = getOwnPropertyDescriptor(prototype, "constructor")?.value;
    const name: unknown = isFunction(constructor) ? getOwnPropertyDescriptor(constructor, "name")?.value : undefined;
    if (typeof name === "string" && name !== "") return slice(name, 0, 80);
  }
  return null;
}

function prefixOf(value: object, fallback: string, size = ""): string {
  const name = classOf(value);
  const tag: unknown = attempt(() => $kernel.readMember(value, toStringTagSymbol));
  const mark = typeof tag === "string" && tag !== "" && tag !== name ? ` [${slice(tag, 0, 80)}]` : "";
  return name === null ? `[${fallback}${size}: null prototype]${mark}` : `${name}${size}${mark}`;
}

/** What a value is made of: text before the braces, the braces, and what stands in them besides its properties. */
interface Shape { readonly prefix: string; readonly braces: readonly [string, string]; readonly entries: (level: number) => string[]; readonly isList: boolean; readonly numbers?: boolean; readonly keys: readonly PropertyKey[]; readonly alone?: boolean }

function showObject(walk: Walk, value: object, level: number): string {
  if (level > walk.most && isArray(value)) return value.length === 0 ? "[]" : "[Array]";
  const shape = shapeOf(walk, value);
  if (level > walk.most && shape.alone !== true && !(shape.entries === none && shape.keys.length === 0)) return `[${prefixOf(value, "Object")}]`;
  walk.seen[walk.seen.length] = value;
  // An empty value leaves no trace in how the ones around it are laid out.
  if (shape.entries !== none || shape.keys.length > 0) walk.depth = level;
  const pieces = shape.entries(level + 1);
  for (let index = 0; index < shape.keys.length && pieces.length <= mostEntries + 1; index++) pieces[pieces.length] = property(walk, value, shape.keys[index]!, level + 1);
  walk.seen.length--;
  const circle = mapGet(walk.circles, value);
  const mark = circle === undefined ? "" : `<ref *${circle}> `;
  if (pieces.length === 0) return mark + (shape.alone === true ? shape.prefix : `${shape.prefix === "" ? "" : `${shape.prefix} `}${shape.braces[0]}${shape.braces[1]}`);
  return mark + combine(walk, pieces, shape.prefix, shape.braces, level, shape.isList, shape.numbers === true);
}

const none = (): string[] => bareArray<string>();
const curly = ["{", "}"] as const;
const square = ["[", "]"] as const;

function shapeOf(walk: Walk, value: object): Shape {
  if (isArray(value)) return listShape(walk, value);
  const typed = typedArrayTag(value);
  if (typed !== undefined) return typedShape(walk, value as Uint8Array, typed);
  return builtInShape(walk, value) ?? plainShape(value);
}

function plainShape(value: object): Shape {
  const keys = keysOf(value);
  const name = classOf(value);
  const tag: unknown = attempt(() => $kernel.readMember(value, toStringTagSymbol));
  if (typeof value === "function") return { prefix: functionPrefix(value), braces: curly, entries: none, isList: false, keys, alone: true };
  const isKnown = weakGet($kernel.interfaces, getPrototypeOf(value) ?? value) !== undefined && name === "URL";
  if (isKnown) return { prefix: name, braces: curly, entries: () => { const list = none(); list[0] = `href: ${quoted(`${value as object as { toString(): string }}`)}`; return list; }, isList: false, keys: bareArray() };
  return { prefix: name === "Object" && (tag === undefined || tag === "") ? "" : prefixOf(value, "Object"), braces: curly, entries: none, isList: false, keys };
}

function functionPrefix(value: object): string {
  const text = attempt(() => functionToString(value)) ?? "";
  const name: unknown = getOwnPropertyDescriptor(value, "name")?.value;
  const shown = typeof name === "string" && name !== "" ? slice(name, 0, 80) : null;
  if (slice(text, 0, 5) === "class" && text[text.length - 1] === "}") {
    const parent: unknown = getPrototypeOf(value);
    const parentName: unknown = isFunction(parent) ? getOwnPropertyDescriptor(parent, "name")?.value : undefined;
    return `[class ${shown ?? "(anonymous)"}${typeof parentName === "string" && parentName !== "" ? ` extends ${slice(parentName, 0, 80)}` : ""}]`;
  }
  const kind = classOf(value) ?? "Function";
  return `[${kind}${shown === null ? " (anonymous)" : `: ${shown}`}]`;
}

function listShape(walk: Walk, list: readonly unknown[]): Shape {
  const name = classOf(list);
  const prefix = name === "Array" ? "" : prefixOf(list, "Array", `(${list.length})`);
  const entries = (level: number): string[] => {
    const pieces = none();
    let at = 0;
    for (; at < list.length && pieces.length < mostEntries; at++) {
      if (hasOwn(list, `${at}`)) { pieces[pieces.length] = property(walk, list, at, level, true); continue; }
      const start = at;
      while (at + 1 < list.length && at - start < 1e5 && !hasOwn(list, `${at + 1}`)) at++;
      pieces[pieces.length] = `<${at - start + 1} empty item${at > start ? "s" : ""}>`;
    }
    if (at < list.length) pieces[pieces.length] = more(list.length - at);
    return pieces;
  };
  let numbers = true;
  for (let at = 0; at < list.length && at < mostEntries && numbers; at++) {
    const each: unknown = getOwnPropertyDescriptor(list, at)?.value;
    numbers = typeof each === "number" || typeof each === "bigint";
  }
  return { prefix, braces: square, entries, isList: true, numbers, keys: keysOf(list, true, list.length) };
}

const more = (count: number): string => `... ${count} more item${count > 1 ? "s" : ""}`;

function typedShape(walk: Walk, value: Uint8Array, tag: string): Shape {
  const length = typedLengthOf(value);
  void walk;
  const entries = (): string[] => {
    const pieces = none();
    for (let at = 0; at < min(length, mostEntries); at++) pieces[at] = showPrimitive(value[at]);
    if (length > mostEntries) pieces[pieces.length] = more(length - mostEntries);
    return pieces;
  };
  return { prefix: prefixOf(value, tag, `(${length})`), braces: square, entries, isList: true, numbers: true, keys: keysOf(value, true, length) };
}

function builtInShape(walk: Walk, value: object): Shape | null {
  if (isErrorLike(value)) return { prefix: errorPrefix(walk, value), braces: curly, entries: (level) => causes(walk, value, level), isList: false, keys: errorKeys(value), alone: true };
  const time = attempt(() => dateTime(value));
  const alone = (prefix: string): Shape => ({ prefix, braces: curly, entries: none, isList: false, keys: keysOf(value), alone: true });
  if (time !== null) return alone(time === time ? dateIso(value) : "Invalid Date");
  if (attempt(() => mapSize(value)) !== null) return { prefix: prefixOf(value, "Map", `(${mapSize(value)})`), braces: curly, entries: (level) => mapEntries(walk, value as Map<unknown, unknown>, level), isList: false, keys: keysOf(value) };
  if (attempt(() => setSize(value)) !== null) return { prefix: prefixOf(value, "Set", `(${setSize(value)})`), braces: curly, entries: (level) => setEntries(walk, value as Set<unknown>, level), isList: false, keys: keysOf(value) };
  if (classOf(value) === "RegExp" && attempt(() => regExpToString(value)) !== null) return alone(regExpToString(value));
  if (isBuffer(value)) return { prefix: prefixOf(value, "ArrayBuffer"), braces: curly, entries: () => bufferEntries(value), isList: false, keys: keysOf(value) };
  for (let index = 0; index < boxes.length; index++) {
    const [method, name] = boxes[index]!;
    const inner = attempt((): unknown => apply(method as never, value, []));
    if (inner !== null) return { ...alone(`[${name}: ${showPrimitive(inner)}]`), keys: name === "String" ? keysOf(value, true) : keysOf(value) };
  }
  return null;
}

function mapEntries(walk: Walk, map: Map<unknown, unknown>, level: number): string[] {
  const pieces = none();
  walk.indentation += 2;
  mapForEach(map, (each, key) => { if (pieces.length < mostEntries) pieces[pieces.length] = `${show(walk, key, level)} => ${show(walk, each, level)}`; });
  walk.indentation -= 2;
  if (mapSize(map) > mostEntries) pieces[pieces.length] = more(mapSize(map) - mostEntries);
  return pieces;
}

function setEntries(walk: Walk, set: Set<unknown>, level: number): string[] {
  const pieces = none();
  walk.indentation += 2;
  setForEach(set, (each) => { if (pieces.length < mostEntries) pieces[pieces.length] = show(walk, each, level); });
  walk.indentation -= 2;
  if (setSize(set) > mostEntries) pieces[pieces.length] = more(setSize(set) - mostEntries);
  return pieces;
}

function bufferEntries(buffer: ArrayBuffer): string[] {
  const bytes = new RealUint8Array(buffer);
  let hex = "";
  for (let at = 0; at < min(byteLengthOf(bytes), 50); at++) hex += `${at > 0 ? " " : ""}${slice(`0${numberToString(bytes[at]!, 16)}`, -2)}`;
  const left = byteLengthOf(bytes) - 50;
  const pieces = none();
  pieces[0] = `[Uint8Contents]: <${hex}${left > 0 ? ` ... ${left} more byte${left > 1 ? "s" : ""}` : ""}>`;
  pieces[1] = `[byteLength]: ${byteLengthOf(bytes)}`;
  return pieces;
}

const isErrorLike = (value: object): boolean => hasOwn(value, "stack") && (hasOwn(value, "message") || attempt(() => typeof $kernel.readMember(value, "name") === "string" && typeof $kernel.readMember(value, "message") === "string") === true);

function errorPrefix(walk: Walk, error: object): string {
  const { message, stack } = $kernel.flatten(error);
  const text = stack === "" ? message : stack;
  const shown = indexOf(text, "\n    at") < 0 ? `[${text}]` : text;
  if (walk.indentation === 0) return shown;
  return apply(replace as never, shown, [/\n/g, `\n${repeat(" ", walk.indentation)}`]) as string;
}

function errorKeys(error: object): readonly PropertyKey[] {
  const keys = keysOf(error);
  const kept = bareArray<PropertyKey>();
  for (let index = 0; index < keys.length; index++) if (keys[index] !== "stack" && keys[index] !== "message" && keys[index] !== "cause" && keys[index] !== "errors") kept[kept.length] = keys[index]!;
  return kept;
}

function causes(walk: Walk, error: object, level: number): string[] {
  const pieces = none();
  for (const name of ["cause", "errors"] as const) {
    const descriptor = getOwnPropertyDescriptor(error, name);
    if (descriptor === undefined || !hasOwn(descriptor, "value")) continue;
    walk.indentation += 2;
    pieces[pieces.length] = `[${name}]: ${show(walk, descriptor.value, level)}`;
    walk.indentation -= 2;
  }
  return pieces;
}

const isIndex = /^(?:0|[1-9]\d*)$/;
/** LIMIT: lists longer than this are shown without their other properties: their indexes alone would fill the heap. */
const mostListed = 10_000;
function keysOf(value: object, isList = false, length = 0): readonly PropertyKey[] {
  if (isList && length > mostListed) return bareArray();
  const all = ownKeys(value);
  const kept = bareArray<PropertyKey>();
  for (let index = 0; index < all.length && kept.length <= mostEntries; index++) {
    const key = all[index]!;
    if (isList && typeof key === "string" && exec(isIndex, key) !== null) continue;
    if (getOwnPropertyDescriptor(value, key)?.enumerable === true) kept[kept.length] = key;
  }
  return kept;
}

function property(walk: Walk, owner: object, key: PropertyKey, level: number, isElement = false): string {
  const descriptor = getOwnPropertyDescriptor(owner, key);
  walk.indentation += 2;
  const shown = descriptor === undefined ? "undefined" : hasOwn(descriptor, "value") ? show(walk, descriptor.value, level)
    : descriptor.get !== undefined ? (descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]") : "[Setter]";
  walk.indentation -= 2;
  if (isElement) return shown;
  const name = typeof key === "symbol" ? symbolToString(key) : exec(identifier, `${key}`) !== null ? `${key}` : quoted(`${key}`);
  return `${name}: ${shown}`;
}
