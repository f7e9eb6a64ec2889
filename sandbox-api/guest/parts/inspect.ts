// Values as Node's util.inspect shows them: quotes, braces, class names, circles, Maps, Sets, errors with their causes. Bounded in depth,
// entries and pieces. No code of the addon runs but traps of proxies and the getters of errors; whatever those throw is swallowed.
import { errorKeys, errorText, isErrorLike } from "./inspect-errors.ts";
import { combine, breakLength, type Layout } from "./inspect-layout.ts";
import { attempt, classOf, prefixOf, tagOf } from "./inspect-names.ts";
import { apply, bareArray, byteLengthOf, dataViewBuffer, dataViewByteLength, dataViewByteOffset, exec, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, isArray, isFunction, isObject, mapForEach, mapGet, mapSet, mapSize, min, ownKeys, RealMap, RealUint8Array, setForEach, setSize, slice, typedArrayTag, typedLengthOf, weakGet } from "./intrinsics.ts";
import { isBuffer } from "./bytes.ts";

/** LIMIT: entries of one value, characters of one string, pieces of everything together. */
const mostEntries = 100;
const mostChars = 10_000;
const mostPieces = 5_000;
/** Shorter strings stay on one line, whatever is in them. */
const leastSplit = 16;
const identifier = /^[a-zA-Z_][a-zA-Z_0-9]*$/;
const { symbolToString, bigintToString, functionToString, regExpToString, dateTime, dateIso, numberToString, repeat, indexOf } = $kernel.intrinsics;
const boxes = [[Number.prototype.valueOf, "Number"], [String.prototype.valueOf, "String"], [Boolean.prototype.valueOf, "Boolean"], [BigInt.prototype.valueOf, "BigInt"], [Symbol.prototype.valueOf, "Symbol"]] as const;
const { replace } = String.prototype;
const special = /[\x00-\x1f'\\\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const escapes: { readonly [char: string]: string } = { __proto__: null as never, "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\", "'": "\\'" };

/** `hidden`: properties that are not enumerable are shown, too. */
interface Walk extends Layout { readonly most: number; readonly hidden: boolean; readonly seen: object[]; readonly circles: Map<object, number>; pieces: number }

export function inspect(value: unknown, depth = 2, hidden = false): string {
  const walk: Walk = { indentation: 0, depth: 0, most: depth, hidden, seen: bareArray(), circles: new RealMap(), pieces: 0 };
  return show(walk, value, 0);
}

export function quoted(text: string): string {
  const cut = text.length > mostChars ? slice(text, 0, mostChars) : text;
  const mark = indexOf(cut, "'") < 0 ? "'" : indexOf(cut, '"') < 0 ? '"' : indexOf(cut, "`") < 0 && indexOf(cut, "${") < 0 ? "`" : "'";
  const body = apply(replace as never, cut, [special, (char: string) => (char === "'" && mark !== "'" ? char : escapes[char] ?? (char.length === 1 && char < "\xa0" ? `\\x${slice(`0${numberToString(char.charCodeAt(0), 16)}`, -2).toUpperCase()}` : `\\u${numberToString(char.charCodeAt(0), 16)}`))]) as string;
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

/** As quoted, but a long one has a line for each of its own. */
function quotedLines(walk: Walk, text: string): string {
  if (text.length <= leastSplit || text.length <= breakLength - walk.indentation - 4 || text.length > mostChars) return quoted(text);
  const line = `\n${repeat(" ", walk.indentation + 2)}`;
  let shown = "";
  for (let start = 0; start < text.length;) {
    const end = indexOf(text, "\n", start) + 1 || text.length;
    shown += (start > 0 ? ` +${line}` : "") + quoted(slice(text, start, end));
    start = end;
  }
  return shown;
}

function show(walk: Walk, value: unknown, level: number): string {
  if (!isObject(value)) return typeof value === "string" ? quotedLines(walk, value) : showPrimitive(value);
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

/** What a value is made of: text before the braces, the braces, and what stands in them besides its properties. */
interface Shape { readonly prefix: string; readonly braces: readonly [string, string]; readonly entries: (level: number) => string[]; readonly isList: boolean; readonly numbers?: boolean; readonly keys: readonly PropertyKey[]; readonly alone?: boolean }

function showObject(walk: Walk, value: object, level: number): string {
  if (level > walk.most && isArray(value)) return value.length === 0 ? "[]" : "[Array]";
  const shape = shapeOf(walk, value);
  if (level > walk.most && !(shape.entries === none && shape.keys.length === 0)) return isRegExp(value) ? shape.prefix : `[${prefixOf(value, "Object")}]`;
  walk.seen[walk.seen.length] = value;
  // An empty value leaves no trace in how the ones around it are laid out.
  if (shape.entries !== none || shape.keys.length > 0) walk.depth = level;
  const pieces = shape.entries(level + 1);
  for (let index = 0; index < shape.keys.length && pieces.length <= mostEntries + 1; index++) pieces[pieces.length] = property(walk, value, shape.keys[index]!, level + 1);
  walk.seen.length--;
  const circle = mapGet(walk.circles, value);
  const mark = circle === undefined ? "" : `<ref *${circle}> `;
  if (pieces.length === 0) return mark + (shape.alone === true ? shape.prefix : `${shape.prefix === "" ? "" : `${shape.prefix} `}${shape.braces[0]}${shape.braces[1]}`);
  return mark + combine(walk, pieces, shape.alone === true || shape.prefix === "" ? shape.prefix : `${shape.prefix} `, shape.braces, level, shape.isList, shape.numbers === true);
}

const none = (): string[] => bareArray<string>();
const curly = ["{", "}"] as const;
const square = ["[", "]"] as const;

function shapeOf(walk: Walk, value: object): Shape {
  if (isArray(value)) return listShape(walk, value);
  const typed = typedArrayTag(value);
  if (typed !== undefined) return typedShape(walk, value as Uint8Array, typed);
  return builtInShape(walk, value) ?? plainShape(walk, value);
}

function plainShape(walk: Walk, value: object): Shape {
  const keys = keysOf(walk.hidden, value);
  const name = classOf(value);
  const tag = tagOf(value, name);
  if (typeof value === "function") return { prefix: functionPrefix(value), braces: curly, entries: none, isList: false, keys, alone: true };
  if (tag === "" && name === "Object" && isArguments(value)) return { prefix: "[Arguments]", braces: curly, entries: none, isList: false, keys };
  const isKnown = weakGet($kernel.interfaces, getPrototypeOf(value) ?? value) !== undefined && name === "URL";
  if (isKnown) return { prefix: name, braces: curly, entries: () => { const list = none(); list[0] = `href: ${quoted(`${value as object as { toString(): string }}`)}`; return list; }, isList: false, keys: bareArray() };
  return { prefix: name === "Object" && tag === "" ? "" : prefixOf(value, "Object"), braces: curly, entries: none, isList: false, keys };
}

const { toString: objectToString } = Object.prototype;
const isArguments = (value: object): boolean => apply(objectToString, value, []) === "[object Arguments]";

function functionPrefix(value: object): string {
  const text = attempt(() => functionToString(value)) ?? "";
  const name: unknown = getOwnPropertyDescriptor(value, "name")?.value;
  const shown = typeof name === "string" && name !== "" ? slice(name, 0, 80) : null;
  if (slice(text, 0, 5) === "class" && text[text.length - 1] === "}") {
    const parent: unknown = getPrototypeOf(value);
    const parentName: unknown = isFunction(parent) ? getOwnPropertyDescriptor(parent, "name")?.value : undefined;
    return `[class ${shown ?? "(anonymous)"}${typeof parentName === "string" && parentName !== "" ? ` extends ${slice(parentName, 0, 80)}` : ""}]`;
  }
  const type = classOf(value);
  const kind = type !== null && isFunctionClass(type) ? type : "Function";
  return `[${kind}${type === null ? " (null prototype)" : ""}${shown === null ? " (anonymous)" : `: ${shown}`}]${type === null || type === kind ? "" : ` ${type}`}`;
}

const isFunctionClass = (name: string): boolean => name === "Function" || name === "AsyncFunction" || name === "GeneratorFunction" || name === "AsyncGeneratorFunction";

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
  return { prefix, braces: square, entries, isList: true, numbers, keys: keysOf(walk.hidden, list, true, list.length) };
}

const more = (count: number): string => `... ${count} more item${count > 1 ? "s" : ""}`;

function typedShape(walk: Walk, value: Uint8Array, tag: string): Shape {
  const length = typedLengthOf(value);
  const entries = (): string[] => {
    const pieces = none();
    for (let at = 0; at < min(length, mostEntries); at++) pieces[at] = showPrimitive(value[at]);
    if (length > mostEntries) pieces[pieces.length] = more(length - mostEntries);
    return pieces;
  };
  return { prefix: prefixOf(value, tag, `(${length})`), braces: square, entries: length === 0 ? none : entries, isList: true, numbers: true, keys: keysOf(walk.hidden, value, true, length) };
}

function builtInShape(walk: Walk, value: object): Shape | null {
  if (isErrorLike(value)) return { prefix: errorText(value, walk.indentation), braces: curly, entries: none, isList: false, keys: errorKeys(value, enumerableKeys(value)), alone: true };
  const time = attempt(() => dateTime(value));
  const alone = (prefix: string): Shape => ({ prefix, braces: curly, entries: none, isList: false, keys: keysOf(walk.hidden, value), alone: true });
  if (time !== null) return alone(named(value, "Date", time === time ? dateIso(value) : "Invalid Date"));
  if (attempt(() => mapSize(value)) !== null) return { prefix: prefixOf(value, "Map", `(${mapSize(value)})`), braces: curly, entries: mapSize(value) === 0 ? none : (level) => mapEntries(walk, value as Map<unknown, unknown>, level), isList: false, keys: keysOf(walk.hidden, value) };
  if (attempt(() => setSize(value)) !== null) return { prefix: prefixOf(value, "Set", `(${setSize(value)})`), braces: curly, entries: setSize(value) === 0 ? none : (level) => setEntries(walk, value as Set<unknown>, level), isList: false, keys: keysOf(walk.hidden, value) };
  if (isRegExp(value)) return alone(named(value, "RegExp", regExpToString(value)));
  if (isWeak(value)) return { prefix: prefixOf(value, "WeakMap"), braces: curly, entries: () => listOf("<items unknown>"), isList: false, keys: keysOf(walk.hidden, value) };
  const viewed = attempt(() => dataViewBuffer(value));
  if (viewed !== null) return { prefix: prefixOf(value, "DataView"), braces: curly, entries: (level) => viewEntries(walk, value, viewed, level), isList: false, keys: keysOf(walk.hidden, value) };
  if (isBuffer(value)) return { prefix: prefixOf(value, "ArrayBuffer"), braces: curly, entries: () => bufferEntries(value), isList: false, keys: keysOf(walk.hidden, value) };
  for (let index = 0; index < boxes.length; index++) {
    const [method, name] = boxes[index]!;
    const inner = attempt((): unknown => apply(method as never, value, []));
    if (inner !== null) return { ...alone(`[${name}: ${showPrimitive(inner)}]`), keys: name === "String" ? keysOf(walk.hidden, value, true) : keysOf(walk.hidden, value) };
  }
  return null;
}

const regExpPrototype = RegExp.prototype;
const regExpSource = getOwnPropertyDescriptor(RegExp.prototype, "source")?.get as () => string;
const isRegExp = (value: object): boolean => value !== regExpPrototype && attempt(() => apply(regExpSource, value, [])) !== null;
const weakHas = [WeakMap.prototype.has, WeakSet.prototype.has] as const;
const isWeak = (value: object): boolean => attempt(() => apply(weakHas[0] as never, value, [weakHas])) !== null || attempt(() => apply(weakHas[1] as never, value, [weakHas])) !== null;

/** Its class before it, where that is one of its own. */
function named(value: object, kind: string, text: string): string {
  const prefix = prefixOf(value, kind);
  return prefix === kind ? text : `${prefix} ${text}`;
}

function listOf(...given: readonly string[]): string[] {
  const pieces = none();
  for (let index = 0; index < given.length; index++) pieces[index] = given[index]!;
  return pieces;
}

function viewEntries(walk: Walk, view: object, buffer: unknown, level: number): string[] {
  walk.indentation += 2;
  const shown = show(walk, buffer, level);
  walk.indentation -= 2;
  return listOf(`[byteLength]: ${dataViewByteLength(view)}`, `[byteOffset]: ${dataViewByteOffset(view)}`, `[buffer]: ${shown}`);
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
  for (let at = 0; at < min(byteLengthOf(bytes), mostEntries); at++) hex += `${at > 0 ? " " : ""}${slice(`0${numberToString(bytes[at]!, 16)}`, -2)}`;
  const left = byteLengthOf(bytes) - mostEntries;
  const pieces = none();
  pieces[0] = `[Uint8Contents]: <${hex}${left > 0 ? ` ... ${left} more byte${left > 1 ? "s" : ""}` : ""}>`;
  pieces[1] = `[byteLength]: ${byteLengthOf(bytes)}`;
  return pieces;
}

const isIndex = /^(?:0|[1-9]\d*)$/;
/** LIMIT: lists longer than this are shown without their other properties: their indexes alone would fill the heap. */
const mostListed = 10_000;
function keysOf(hidden: boolean, value: object, isList = false, length = 0): readonly PropertyKey[] {
  if (isList && length > mostListed) return bareArray();
  const all = ownKeys(value);
  const kept = bareArray<PropertyKey>();
  for (let index = 0; index < all.length && kept.length <= mostEntries; index++) {
    const key = all[index]!;
    if (isList && typeof key === "string" && exec(isIndex, key) !== null) continue;
    if (hidden || getOwnPropertyDescriptor(value, key)?.enumerable === true) kept[kept.length] = key;
  }
  return kept;
}
const enumerableKeys = (value: object): readonly PropertyKey[] => keysOf(false, value);

function property(walk: Walk, owner: object, key: PropertyKey, level: number, isElement = false): string {
  const descriptor = getOwnPropertyDescriptor(owner, key);
  walk.indentation += 2;
  const shown = descriptor === undefined ? "undefined" : hasOwn(descriptor, "value") ? show(walk, descriptor.value, level)
    : descriptor.get !== undefined ? (descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]") : "[Setter]";
  walk.indentation -= 2;
  if (isElement) return shown;
  const name = typeof key === "symbol" ? symbolToString(key) : key === "__proto__" ? "['__proto__']" : descriptor?.enumerable === false ? `[${key}]` : exec(identifier, `${key}`) !== null ? `${key}` : quoted(`${key}`);
  return `${name}: ${shown}`;
}
