// Private copies of everything of the realm that the guest bridge uses, taken before any addon code exists. WALL 1: an addon may
// patch every prototype it likes; the bridge calls only these copies, loops by index, keeps its lists in arrays without a
// prototype and never uses `for…of`, spread or a method of a built-in object. Nothing here is reachable by addon code.

type Uncurry = <S, A extends readonly unknown[], R>(method: (this: S, ...args: A) => R) => (self: S, ...args: A) => R;

// WALL 1: the one place where a type is asserted; `bind` of `call` is what makes `self` the first argument.
const uncurry = Function.prototype.bind.bind(Function.prototype.call) as Uncurry;

export const { apply, construct, ownKeys } = Reflect;
export const { assign, freeze, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;
export const objectPrototype = Object.prototype;
export const functionPrototype = Function.prototype;
export const { isArray } = Array;
export const { floor, min, max, ceil, random } = Math;
export const { isInteger, isFinite, isNaN } = Number;
export const { parse: jsonParse } = JSON;
export const dateNow = Date.now;
export const { fromCharCode } = String;
export const RealTypeError = TypeError;
export const RealRangeError = RangeError;
export const RealError = Error;
export const RealMap = Map;
export const RealSet = Set;
export const RealWeakMap = WeakMap;
export const RealPromise = Promise;
export const RealDate = Date;
export const RealRegExp = RegExp;
export const RealUint8Array = Uint8Array;
export const RealArrayBuffer = ArrayBuffer;
export const iteratorSymbol: typeof Symbol.iterator = Symbol.iterator;
export const toStringTagSymbol: typeof Symbol.toStringTag = Symbol.toStringTag;

const stringify = JSON.stringify;
/** JSON of one string; with a string, JSON.stringify runs no code of anybody. */
export const quote = (text: string): string => stringify(text);

export const indexOf = uncurry<string, [search: string, from?: number], number>(String.prototype.indexOf);
export const lastIndexOf = uncurry<string, [search: string], number>(String.prototype.lastIndexOf);
export const slice = uncurry<string, [from: number, to?: number], string>(String.prototype.slice);
export const charCodeAt = uncurry<string, [index: number], number>(String.prototype.charCodeAt);
export const toLowerCase = uncurry<string, [], string>(String.prototype.toLowerCase);
export const toUpperCase = uncurry<string, [], string>(String.prototype.toUpperCase);
/** PERF: a string of one-byte characters is one at once. */
export const isWellFormed = uncurry<string, [], boolean>(String.prototype.isWellFormed);
export const trim = uncurry<string, [], string>(String.prototype.trim);
export const repeat = uncurry<string, [times: number], string>(String.prototype.repeat);
export const numberToString = uncurry<number, [radix: number], string>(Number.prototype.toString);
/** RegExp.prototype.exec itself reads nothing but the pattern's own `lastIndex`. */
export const exec = uncurry<RegExp, [text: string], RegExpExecArray | null>(RegExp.prototype.exec);
export const hasOwn = uncurry<object, [key: PropertyKey], boolean>(Object.prototype.hasOwnProperty);
export const isEnumerable = uncurry<object, [key: PropertyKey], boolean>(Object.prototype.propertyIsEnumerable);
export const functionToString = uncurry<object, [], string>(Function.prototype.toString);

export const mapGet: <K, V>(map: Map<K, V>, key: K) => V | undefined = uncurry(Map.prototype.get);
export const mapSet: <K, V>(map: Map<K, V>, key: K, value: V) => unknown = uncurry(Map.prototype.set);
export const mapHas: <K, V>(map: Map<K, V>, key: K) => boolean = uncurry(Map.prototype.has);
export const mapDelete: <K, V>(map: Map<K, V>, key: K) => boolean = uncurry(Map.prototype.delete);
export const mapForEach: <K, V>(map: Map<K, V>, visit: (value: V, key: K) => void) => void = uncurry(Map.prototype.forEach);
export const setAdd: <V>(set: Set<V>, value: V) => unknown = uncurry(Set.prototype.add);
export const setHas: <V>(set: ReadonlySet<V>, value: V) => boolean = uncurry<ReadonlySet<unknown>, [value: unknown], boolean>(Set.prototype.has as (this: ReadonlySet<unknown>, value: unknown) => boolean);
export const setForEach: <V>(set: Set<V>, visit: (value: V) => void) => void = uncurry(Set.prototype.forEach);
export const weakGet: <K extends WeakKey, V>(map: WeakMap<K, V>, key: K) => V | undefined = uncurry(WeakMap.prototype.get);
export const weakSet: <K extends WeakKey, V>(map: WeakMap<K, V>, key: K, value: V) => unknown = uncurry(WeakMap.prototype.set);
/** Not granted to addons: what it tells is when the collector runs. */
export const RealWeakRef = WeakRef;
export const deref: <T extends WeakKey>(reference: WeakRef<T>) => T | undefined = uncurry(WeakRef.prototype.deref) as <T extends WeakKey>(reference: WeakRef<T>) => T | undefined;

type Getter<S, R> = (self: S) => R;
function getterOf<S, R>(prototype: object, name: PropertyKey): Getter<S, R> {
  const get = getOwnPropertyDescriptor(prototype, name)?.get;
  if (get === undefined) throw new RealError(`no getter ${String(name)}`);
  return uncurry<S, [], R>(get);
}

const typedArrayPrototype: object = getPrototypeOf(Uint8Array.prototype);
/** "Uint8Array", "Float64Array", …; `undefined` for whatever is no typed array. Cannot be forged. */
export const typedArrayTag = getterOf<unknown, string | undefined>(typedArrayPrototype, Symbol.toStringTag);
export const byteLengthOf = getterOf<ArrayBufferView, number>(typedArrayPrototype, "byteLength");
export const byteOffsetOf = getterOf<ArrayBufferView, number>(typedArrayPrototype, "byteOffset");
export const bufferOf = getterOf<ArrayBufferView, ArrayBuffer>(typedArrayPrototype, "buffer");
export const typedLengthOf = getterOf<ArrayBufferView, number>(typedArrayPrototype, "length");
export const bufferByteLength = getterOf<unknown, number>(ArrayBuffer.prototype, "byteLength");
export const dataViewByteLength = getterOf<unknown, number>(DataView.prototype, "byteLength");
export const dataViewByteOffset = getterOf<unknown, number>(DataView.prototype, "byteOffset");
export const dataViewBuffer = getterOf<unknown, ArrayBuffer>(DataView.prototype, "buffer");
export const mapSize = getterOf<unknown, number>(Map.prototype, "size");
export const setSize = getterOf<unknown, number>(Set.prototype, "size");
export const copyInto = uncurry<Uint8Array, [source: Uint8Array, offset?: number], void>(Uint8Array.prototype.set);
export const dateTime = uncurry<unknown, [], number>(Date.prototype.getTime);
export const dateIso = uncurry<unknown, [], string>(Date.prototype.toISOString);
export const regExpToString = uncurry<unknown, [], string>(RegExp.prototype.toString);
export const symbolToString = uncurry<symbol, [], string>(Symbol.prototype.toString);
export const bigintToString = uncurry<bigint, [], string>(BigInt.prototype.toString);

const arrayFrom = Array.from;
const RealArray = Array;
/** An array of our own: no prototype, so that neither accessors on Array.prototype nor iterators are ever asked. */
export function bareArray<T>(): T[] {
  const array: T[] = [];
  setPrototypeOf(array, null);
  return array;
}
/** An ordinary array for addon code, with the same elements. */
export const ordinaryArray = <T>(list: readonly T[]): T[] => apply(arrayFrom, RealArray, [list]) as T[];

/** A data property, whatever Object.prototype says about descriptors. */
export function define(target: object, key: PropertyKey, value: unknown, isEnumerableToo = true, isFixed = false): void {
  defineProperty(target, key, { __proto__: null, value, writable: !isFixed, enumerable: isEnumerableToo, configurable: !isFixed } as PropertyDescriptor);
}
export function defineGetter(target: object, key: PropertyKey, get: () => unknown, set?: (value: unknown) => void): void {
  defineProperty(target, key, { __proto__: null, get, set, enumerable: false, configurable: false } as PropertyDescriptor);
}

const freezeAny: (value: object) => void = freeze;
/** WALL 1: gives a class its name again (the bundle is minified) and freezes it with its prototype. */
export function expose(constructor: { readonly prototype: object }, name: string): void {
  define(constructor, "name", name, false, true);
  define(constructor.prototype, toStringTagSymbol, name, false, true);
  freezeAny(constructor.prototype);
  freezeAny(constructor);
}

export const isObject = (value: unknown): value is object => (typeof value === "object" && value !== null) || typeof value === "function";
export const isFunction = (value: unknown): value is (...args: readonly unknown[]) => unknown => typeof value === "function";
