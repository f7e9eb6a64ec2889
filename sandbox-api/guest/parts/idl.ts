// What Web IDL asks of every interface and argument: members that can be enumerated, a name that survives minifying, conversions of
// arguments in the order and with the errors that the standards expect. No interface itself.
import { RealTypeError, defineProperty, define, exec, getOwnPropertyDescriptor, isObject, isFunction, ownKeys, toStringTagSymbol } from "./intrinsics.ts";

interface Interface { readonly prototype: object }

/**
 * Gives a class the shape of an interface object: its name, `Symbol.toStringTag`, enumerable members of prototype and class. `copy` is
 * what structuredClone does: null where there is no copy, undefined where the object only looks like one of these.
 */
export function describe(type: Interface, name: string, copy: (value: object) => object | null | undefined = () => null): void {
  $kernel.intrinsics.weakSet($kernel.interfaces, type.prototype, copy);
  defineProperty(type, "name", { __proto__: null, value: name, writable: false, enumerable: false, configurable: true } as PropertyDescriptor);
  defineProperty(type, "prototype", { __proto__: null, writable: false } as PropertyDescriptor);
  defineProperty(type.prototype, toStringTagSymbol, { __proto__: null, value: name, writable: false, enumerable: false, configurable: true } as PropertyDescriptor);
  enumerate(type.prototype, ["constructor"]);
  enumerate(type, ["length", "name", "prototype"]);
}

/** Makes the string-named members of an object enumerable. */
export function enumerate(target: object, except: readonly string[]): void {
  const keys = ownKeys(target);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if (typeof key === "symbol" || isIn(except, key)) continue;
    const descriptor = getOwnPropertyDescriptor(target, key);
    if (descriptor?.configurable === true) defineProperty(target, key, { __proto__: null, enumerable: true } as PropertyDescriptor);
  }
}

function isIn(list: readonly string[], name: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === name) return true;
  return false;
}

/** Constants of an interface, on it and on its prototype: enumerable and fixed. */
export function constants(type: Interface, values: { readonly [name: string]: number }): void {
  for (const name in values) {
    define(type, name, values[name], true, true);
    define(type.prototype, name, values[name], true, true);
  }
}

/** Throws as a missing argument does. */
export function needs(count: number, given: number, where: string): void {
  if (given < count) throw new RealTypeError(`${where}: ${count} argument${count === 1 ? "" : "s"} required, ${given} given`);
}

export function text(value: unknown): string {
  if (typeof value === "symbol") throw new RealTypeError("a symbol is no string");
  return `${value as string}`;
}

const { toWellFormed } = String.prototype;
/** A USVString: lone surrogates become U+FFFD. */
export const wellFormed = (value: unknown): string => $kernel.intrinsics.apply(toWellFormed, text(value), []) as string;

const beyondByte = /[^\0-\xff]/;
/** A ByteString. */
export function byteText(value: unknown, what: string): string {
  const given = text(value);
  if (exec(beyondByte, given) !== null) throw new RealTypeError(`${what} has characters above U+00FF`);
  return given;
}

/** A dictionary: undefined and null are an empty one. */
export function dictionary(value: unknown, what: string): { readonly [name: string]: unknown } {
  if (value === undefined || value === null) return empty;
  if (!isObject(value)) throw new RealTypeError(`${what} must be an object`);
  return value as { readonly [name: string]: unknown };
}
const empty: { readonly [name: string]: unknown } = { __proto__: null as never };

/** A member that is a function, or undefined. */
export function optionalFunction(value: unknown, what: string): ((...args: readonly unknown[]) => unknown) | undefined {
  if (value === undefined) return undefined;
  if (!isFunction(value)) throw new RealTypeError(`${what} must be a function`);
  return value;
}

const { trunc, abs, sign } = Math;
/** An integer type of `bits` bits, unsigned; `mode` says what happens beyond its range. */
export function unsigned(value: unknown, bits: 16 | 32 | 64, mode: "wrap" | "enforce" | "clamp" = "wrap"): number {
  const most = bits === 64 ? 2 ** 53 - 1 : 2 ** bits - 1;
  let number = +(value as number);
  if (mode === "enforce") {
    number = trunc(number);
    if (!(number >= 0 && number <= most)) throw new RealTypeError(`${number} is not an integer from 0 to ${most}`);
    return number + 0;
  }
  if (!(number === number) || number === 0) return 0;
  if (mode === "clamp") return number < 0 ? 0 : number > most ? most : trunc(number);
  if (number === Infinity || number === -Infinity) return 0;
  number = sign(number) * trunc(abs(number));
  const modulus = 2 ** bits;
  const wrapped = number % modulus;
  return wrapped < 0 ? wrapped + modulus : wrapped + 0;
}
