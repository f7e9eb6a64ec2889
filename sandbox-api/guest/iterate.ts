// Walks over what addon code passed as a list: arrays by index, other iterables by their own protocol (their code runs, in the
// timed call), so that a replaced `Array.prototype[Symbol.iterator]` changes nothing. Bounded.
import { RealTypeError, apply, isArray, isFunction, isObject, iteratorSymbol } from "./intrinsics.ts";
import { dataValues } from "./bounds.ts";
import { refuse } from "./thrown.ts";

type Member = (object: object, key: PropertyKey) => unknown;
const member: Member = (object, key) => (object as { readonly [key: PropertyKey]: unknown })[key];

export const isIterable = (value: unknown): value is Iterable<unknown> => isObject(value) && (isArray(value) || isFunction(member(value, iteratorSymbol)));

/** Likewise by the object's own iterator, arrays included; unbounded but by the limits of the call. */
export function iterate(list: unknown, visit: (value: unknown) => void): void {
  const open = isObject(list) ? member(list, iteratorSymbol) : undefined;
  const iterator: unknown = isFunction(open) ? apply(open, list, []) : undefined;
  const next = isObject(iterator) ? member(iterator, "next") : undefined;
  if (!isFunction(next)) throw new RealTypeError("a list is needed here");
  for (;;) {
    const step: unknown = apply(next, iterator, []);
    if (!isObject(step)) throw new RealTypeError("the iterator gave no object");
    if (member(step, "done")) return;
    visit(member(step, "value"));
  }
}

/** Calls `visit` with each element; throws a refusal of `what` when `list` is not iterable or too long. */
export function eachOf(what: string, list: unknown, visit: (value: unknown, index: number) => void, most = dataValues): void {
  if (isArray(list)) {
    if (list.length > most) throw refuse(what, `${what}: more than ${most} elements`);
    for (let index = 0; index < list.length; index++) visit(list[index], index);
    return;
  }
  const open = isObject(list) ? member(list, iteratorSymbol) : undefined;
  if (!isFunction(open)) throw refuse(what, `${what}: expected a list`);
  const iterator: unknown = apply(open, list, []);
  const next = isObject(iterator) ? member(iterator, "next") : undefined;
  if (!isFunction(next)) throw refuse(what, `${what}: expected a list`);
  for (let index = 0; ; index++) {
    const step: unknown = apply(next, iterator, []);
    if (!isObject(step) || member(step, "done")) return;
    if (index >= most) throw refuse(what, `${what}: more than ${most} elements`);
    visit(member(step, "value"), index);
  }
}

/** A property of an addon's object; its getter runs. */
export const readMember = member;
