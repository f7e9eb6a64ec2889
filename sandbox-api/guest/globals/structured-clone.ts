// structuredClone for what addons keep: primitives, plain objects and arrays, Map, Set, Date, ArrayBuffer and
// typed arrays, with cycles and shared references kept. Everything else throws; `transfer` is not available.
import { dataDepth } from "../bounds.ts";
import { RealArrayBuffer, RealDate, RealError, RealMap, RealSet, RealUint8Array, bufferByteLength, bufferOf, byteLengthOf, byteOffsetOf, copyInto, dateTime, define, getPrototypeOf, isArray, isEnumerable, isObject, mapForEach, mapGet, mapSet, mapSize, objectPrototype, ownKeys, setAdd, setForEach, setSize, typedArrayTag, construct } from "../intrinsics.ts";
import { readMember } from "../iterate.ts";

function notCloneable(what: string): Error {
  const error = new RealError(`${what} cannot be cloned`);
  define(error, "name", "DataCloneError", false);
  return error;
}

/** What `read` gives; `undefined` when it throws, as getters of built-in classes do for other objects. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export type TypedArrays = { readonly [tag: string]: (new (buffer: ArrayBuffer) => object) | undefined };

export class Cloner {
  readonly #seen = new RealMap<object, object>();
  readonly #typed: TypedArrays;
  constructor(typed: TypedArrays) {
    this.#typed = typed;
  }

  clone(value: unknown, depth = 0): unknown {
    if (typeof value === "function" || typeof value === "symbol") throw notCloneable(`a ${typeof value}`);
    if (!isObject(value)) return value;
    if (depth > 8 * dataDepth) throw notCloneable("a value nested this deep");
    return mapGet(this.#seen, value) ?? this.#cloneObject(value, depth + 1);
  }

  #keep<T extends object>(original: object, copy: T): T {
    mapSet(this.#seen, original, copy);
    return copy;
  }

  #cloneObject(value: object, depth: number): object {
    if (isArray(value)) return this.#cloneMembers(value, this.#keep(value, emptyArray(value.length)), depth);
    const tag = typedArrayTag(value);
    if (tag !== undefined) return this.#cloneTyped(value as Uint8Array, tag);
    const time = attempt(() => dateTime(value));
    if (time !== undefined) return this.#keep(value, new RealDate(time));
    if (attempt(() => mapSize(value)) !== undefined) return this.#cloneMap(value as Map<unknown, unknown>, depth);
    if (attempt(() => setSize(value)) !== undefined) return this.#cloneSet(value as Set<unknown>, depth);
    if (attempt(() => bufferByteLength(value)) !== undefined) return this.#keep(value, copyBuffer(new RealUint8Array(value as ArrayBuffer)));
    const prototype: unknown = getPrototypeOf(value);
    if (prototype !== null && prototype !== objectPrototype) throw notCloneable("an object of a class");
    return this.#cloneMembers(value, this.#keep(value, {}), depth);
  }

  #cloneMembers(from: object, to: object, depth: number): object {
    const keys = ownKeys(from);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      if (typeof key === "string" && isEnumerable(from, key)) define(to, key, this.clone(readMember(from, key), depth));
    }
    return to;
  }

  #cloneTyped(value: Uint8Array, tag: string): object {
    const Typed = this.#typed[tag];
    if (Typed === undefined) throw notCloneable(`a ${tag}`);
    const bytes = new RealUint8Array(bufferOf(value), byteOffsetOf(value), byteLengthOf(value));
    return this.#keep(value, construct(Typed, [copyBuffer(bytes)]) as object);
  }

  #cloneMap(map: Map<unknown, unknown>, depth: number): object {
    const copy = this.#keep(map, new RealMap<unknown, unknown>());
    mapForEach(map, (value, key) => void mapSet(copy, this.clone(key, depth), this.clone(value, depth)));
    return copy;
  }

  #cloneSet(set: Set<unknown>, depth: number): object {
    const copy = this.#keep(set, new RealSet<unknown>());
    setForEach(set, (value) => void setAdd(copy, this.clone(value, depth)));
    return copy;
  }
}

function emptyArray(length: number): unknown[] {
  const list: unknown[] = [];
  list.length = length;
  return list;
}

function copyBuffer(bytes: Uint8Array): ArrayBuffer {
  const buffer = new RealArrayBuffer(byteLengthOf(bytes));
  copyInto(new RealUint8Array(buffer), bytes);
  return buffer;
}
