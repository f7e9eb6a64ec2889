// Value-pair iterables of Web IDL (Headers, FormData): iterators that read the list at each step, so that changes on the way are seen.
import { apply, define, defineProperty, getPrototypeOf, isFunction, isObject, iteratorSymbol, ordinaryArray, RealTypeError, RealWeakMap, toStringTagSymbol, weakGet, weakSet } from "./intrinsics.ts";

export type PairList = readonly (readonly [name: string, value: unknown])[];
type Kind = "entries" | "keys" | "values";
interface Walk { readonly target: object; readonly kind: Kind; at: number }

const iteratorPrototype = getPrototypeOf(getPrototypeOf([].values()) as object) as object;

/** Adds `entries`, `keys`, `values`, `forEach` and the default iterator. `listOf` throws for an object of another class. */
export function pairIterable(type: { readonly prototype: object }, name: string, listOf: (self: unknown) => PairList): void {
  const walks = new RealWeakMap<object, Walk>();
  const prototype = Object.create(iteratorPrototype) as object;
  const methods = {
    next(this: unknown): { done: boolean; value: unknown } {
      const walk = isObject(this) ? weakGet(walks, this) : undefined;
      if (walk === undefined) throw new RealTypeError(`no ${name} Iterator`);
      const pair = listOf(walk.target)[walk.at];
      if (pair === undefined) return { done: true, value: undefined };
      walk.at++;
      return { done: false, value: walk.kind === "keys" ? pair[0] : walk.kind === "values" ? pair[1] : ordinaryArray([pair[0], pair[1]]) };
    },
    forEach(this: unknown, visit: unknown, self?: unknown): void {
      listOf(this);
      if (!isFunction(visit)) throw new RealTypeError("forEach needs a function");
      for (let at = 0; at < listOf(this).length; at++) apply(visit, self, [listOf(this)[at]![1], listOf(this)[at]![0], this]);
    },
  };
  define(prototype, "next", methods.next);
  defineProperty(prototype, toStringTagSymbol, { __proto__: null, value: `${name} Iterator`, configurable: true } as PropertyDescriptor);
  const walkOf = (self: unknown, kind: Kind): object => {
    listOf(self);
    const iterator = Object.create(prototype) as object;
    weakSet(walks, iterator, { target: self as object, kind, at: 0 });
    return iterator;
  };
  const named = {
    entries(this: unknown): object { return walkOf(this, "entries"); },
    keys(this: unknown): object { return walkOf(this, "keys"); },
    values(this: unknown): object { return walkOf(this, "values"); },
  };
  for (const key of ["entries", "keys", "values"] as const) define(type.prototype, key, named[key]);
  define(type.prototype, "forEach", methods.forEach);
  define(type.prototype, iteratorSymbol, named.entries, false);
}
