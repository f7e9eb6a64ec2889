// Part "clone": structuredClone (WHATWG HTML §2.7), with transfer (transfer.ts). Objects of Web APIs are refused but for Blob, File
// and DOMException. Getters of what is cloned run, in the timed call.
import { copyBytes, isBuffer } from "./bytes.ts";
import { domException } from "./errors.ts";
import { dictionary } from "./idl.ts";
import { isDetached, transferOf, type Transfer } from "./transfer.ts";
import { RealDate, RealError, RealMap, RealSet, RealTypeError, apply, bareArray, bufferOf, byteOffsetOf, construct, dataViewBuffer, dataViewByteLength, dataViewByteOffset, dateTime, define, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, isArray, isEnumerable, isObject, mapForEach, mapGet, mapHas, mapSet, mapSize, ownKeys, RealUint8Array, setAdd, setForEach, setSize, typedArrayTag, typedLengthOf, weakGet } from "./intrinsics.ts";

/** LIMIT: nesting; each level takes a piece of the stack. */
const mostDepth = 2_000;

const refused = (what: string): Error => domException(`${what} could not be cloned`, "DataCloneError");

type View = new (buffer: ArrayBuffer, offset?: number, length?: number) => object;
const views: { readonly [tag: string]: View | undefined } = {
  __proto__: null as never,
  Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array,
  Float16Array: typeof Float16Array === "function" ? Float16Array : undefined,
};

const errors: { readonly [name: string]: new (message?: string) => Error } = { __proto__: null as never, Error: RealError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError: RealTypeError, URIError };
const booleanValue = Boolean.prototype.valueOf;
const numberValue = Number.prototype.valueOf;
const stringValue = String.prototype.valueOf;
const bigintValue = BigInt.prototype.valueOf;
const symbolValue = Symbol.prototype.valueOf;
const regexpSource = getOwnPropertyDescriptor(RegExp.prototype, "source")!.get!;
const regexpFlags = getOwnPropertyDescriptor(RegExp.prototype, "flags")!.get!;
const getTime = Date.prototype.getTime;
const weakMapHas = WeakMap.prototype.has;
const weakSetHas = WeakSet.prototype.has;
const isError = getOwnPropertyDescriptor(RealError, "isError")?.value as ((value: unknown) => boolean) | undefined;
const RealDataView = DataView;
const RealObject = Object;
const SourceRegExp = RegExp;
const objectToString = Object.prototype.toString;

/** Whether a method of a built-in accepts that as its own. */
function accepts(method: (...args: never[]) => unknown, value: object, args: readonly unknown[] = none): boolean {
  try {
    apply(method, value, args);
    return true;
  } catch {
    // Built-in methods throw for objects of other kinds.
    return false;
  }
}
const none: readonly unknown[] = bareArray();

class Cloner {
  readonly #seen = new RealMap<object, object>();
  #depth = 0;

  clone(value: unknown): unknown {
    if (typeof value === "symbol") throw refused("a symbol");
    if (typeof value === "function") throw refused("a function");
    if (!isObject(value)) return value;
    const known = mapGet(this.#seen, value);
    if (known !== undefined) return known;
    if (++this.#depth > mostDepth) throw refused(`a value nested more than ${mostDepth} deep`);
    const copy = this.#copy(value);
    this.#depth--;
    return copy;
  }

  keep<T extends object>(original: object, copy: T): T {
    mapSet(this.#seen, original, copy);
    return copy;
  }

  #copy(value: object): object {
    if (isArray(value)) return this.#members(value, this.keep(value, emptyArray(value.length)));
    const special = this.#boxed(value) ?? this.#binary(value) ?? this.#collection(value) ?? this.#platform(value);
    if (special !== null) return special;
    if (isRealError(value)) return this.#error(value);
    if (isUncloneable(value)) throw refused(nameOf(value));
    return this.#members(value, this.keep(value, {}));
  }

  #boxed(value: object): object | null {
    if (accepts(booleanValue as never, value)) return this.keep(value, RealObject(apply(booleanValue, value, [])));
    if (accepts(numberValue as never, value)) return this.keep(value, RealObject(apply(numberValue, value, [])));
    if (accepts(stringValue as never, value)) return this.keep(value, RealObject(apply(stringValue, value, [])));
    if (accepts(bigintValue as never, value)) return this.keep(value, RealObject(apply(bigintValue, value, [])));
    if (accepts(symbolValue as never, value)) throw refused("a symbol");
    if (accepts(getTime as never, value)) return this.keep(value, new RealDate(dateTime(value)));
    if (isRegExp(value)) return this.keep(value, new SourceRegExp(apply(regexpSource, value, []) as string, apply(regexpFlags, value, []) as string));
    return null;
  }

  #binary(value: object): object | null {
    if (isBuffer(value)) return this.#buffer(value);
    const tag = typedArrayTag(value);
    if (tag !== undefined) return this.#typed(value as Uint8Array<ArrayBuffer>, tag);
    let buffer: ArrayBuffer;
    try {
      buffer = dataViewBuffer(value);
    } catch {
      // No DataView.
      return null;
    }
    let offset: number;
    let length: number;
    try {
      offset = dataViewByteOffset(value);
      length = dataViewByteLength(value);
    } catch {
      // Its buffer is detached.
      throw refused("a view of a detached ArrayBuffer");
    }
    return this.keep(value, new RealDataView(this.clone(buffer) as ArrayBuffer, offset, length));
  }

  #buffer(value: ArrayBuffer): object {
    if (isDetached(value)) throw refused("a detached ArrayBuffer");
    return this.keep(value, bufferOf(copyBytes(new RealUint8Array(value))));
  }

  #typed(value: Uint8Array<ArrayBuffer>, tag: string): object {
    const Typed = views[tag];
    if (Typed === undefined) throw refused(`a ${tag}`);
    const buffer = bufferOf(value);
    if (isDetached(buffer) && !mapHas(this.#seen, buffer)) throw refused("a view of a detached ArrayBuffer");
    return this.keep(value, construct(Typed, [this.clone(buffer), byteOffsetOf(value), typedLengthOf(value)]) as object);
  }

  #collection(value: object): object | null {
    if (isMap(value)) {
      const copy = this.keep(value, new RealMap<unknown, unknown>());
      const entries = bareArray<unknown>();
      mapForEach(value as Map<unknown, unknown>, (each, key) => { entries[entries.length] = key; entries[entries.length] = each; });
      for (let at = 0; at < entries.length; at += 2) mapSet(copy, this.clone(entries[at]), this.clone(entries[at + 1]));
      return copy;
    }
    if (!isSet(value)) return null;
    const copy = this.keep(value, new RealSet<unknown>());
    const entries = bareArray<unknown>();
    setForEach(value as Set<unknown>, (each) => { entries[entries.length] = each; });
    for (let at = 0; at < entries.length; at++) setAdd(copy, this.clone(entries[at]));
    return copy;
  }

  /** Objects of Web APIs. */
  #platform(value: object): object | null {
    for (let prototype: unknown = getPrototypeOf(value); isObject(prototype); prototype = getPrototypeOf(prototype)) {
      const copy = weakGet($kernel.interfaces, prototype);
      if (copy === undefined) continue;
      const made = copy(value);
      // Made by Object.create, for instance: it only looks like one.
      if (made === undefined) return null;
      if (made === null) throw refused(nameOf(value));
      return this.keep(value, made);
    }
    return null;
  }

  #error(value: object): object {
    const name = $kernel.readMember(value, "name");
    const Type = errors[name === undefined ? "Error" : `${name as string}`] ?? RealError;
    const copy = this.keep(value, new Type());
    const message = getOwnPropertyDescriptor(value, "message");
    if (message !== undefined && hasOwn(message, "value")) define(copy, "message", `${message.value as string}`, false);
    const stack = $kernel.readMember(value, "stack");
    define(copy, "stack", typeof stack === "string" ? stack : "", false);
    if (hasOwn(value, "cause")) define(copy, "cause", this.clone($kernel.readMember(value, "cause")), false);
    return copy;
  }

  #members(from: object, to: object): object {
    const keys = ownKeys(from);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      if (typeof key === "string" && isEnumerable(from, key)) define(to, key, this.clone($kernel.readMember(from, key)));
    }
    return to;
  }
}

function emptyArray(length: number): unknown[] {
  const list: unknown[] = [];
  list.length = length;
  return list;
}

const isMap = (value: object): boolean => accepts((() => mapSize(value)) as never, value);
const isSet = (value: object): boolean => accepts((() => setSize(value)) as never, value);
const isRegExp = (value: object): boolean => value !== SourceRegExp.prototype && accepts(regexpSource as never, value);
const isRealError = (value: object): boolean => (isError !== undefined ? isError(value) : hasOwn(value, "stack") && hasOwn(value, "message"));
/** Built-ins that have something inside that a copy would not have. */
function isUncloneable(value: object): boolean {
  return accepts(weakMapHas as never, value, [{}]) || accepts(weakSetHas as never, value, [{}]) || isPromise(value);
}
const isPromise = (value: object): boolean => apply(objectToString, value, []) === "[object Promise]";

function nameOf(value: object): string {
  const text = apply(objectToString, value, []) as string;
  return $kernel.intrinsics.slice(text, 8, -1);
}

/** What is to be moved, each once. */
function transferList(options: unknown): readonly Transfer[] {
  const list = bareArray<Transfer>();
  const { transfer } = dictionary(options, "options");
  if (transfer === undefined) return list;
  const objects = bareArray<object>();
  $kernel.eachOf("transfer", transfer, (each) => {
    if (!isObject(each)) throw new RealTypeError("transfer: each must be an object");
    objects[objects.length] = each;
  });
  for (let index = 0; index < objects.length; index++) {
    const original = objects[index]!;
    for (let at = 0; at < index; at++) if (objects[at] === original) throw domException("an object is in the transfer list twice", "DataCloneError");
    const how = transferOf(original, (chunk) => new Cloner().clone(chunk));
    if (how === null) throw domException(`only ArrayBuffers and streams can be transferred here, not ${nameOf(original)}`, "DataCloneError");
    list[index] = how;
  }
  return list;
}

function needMovable({ isSpent }: Transfer): void {
  if (isSpent()) throw refused("a detached ArrayBuffer or a locked stream");
}

export function structuredClone(value: unknown, options?: unknown): unknown {
  if (arguments.length === 0) throw new RealTypeError("structuredClone: 1 argument required, 0 given");
  const transfers = transferList(options);
  const cloner = new Cloner();
  for (let index = 0; index < transfers.length; index++) {
    needMovable(transfers[index]!);
    cloner.keep(transfers[index]!.original, transfers[index]!.copy);
  }
  const copy = cloner.clone(value);
  // Getters of the value may have read what is to be moved.
  for (let index = 0; index < transfers.length; index++) needMovable(transfers[index]!);
  for (let index = 0; index < transfers.length; index++) {
    // A TransformStream moves its two sides: one of them may have been in the list as well.
    needMovable(transfers[index]!);
    transfers[index]!.move();
  }
  return copy;
}
