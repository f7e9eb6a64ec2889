// What an inspected value is called before its braces: the name of its class, its tag, that it has no prototype; and how wide a text
// stands in a terminal. Reads property descriptors, and nothing else but `Symbol.toStringTag`, whose getter may throw.
import { apply, exec, getOwnPropertyDescriptor, getPrototypeOf, isEnumerable, isFunction, isObject, slice, toStringTagSymbol } from "./intrinsics.ts";

export function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // Getters of built-ins throw for other objects.
    return null;
  }
}

const longestName = 80;
/** LIMIT: prototypes that are looked at. */
const mostSteps = 50;

/** The name of the class that the value is an instance of; null: there is none, for want of prototypes. */
export function classOf(value: object): string | null {
  for (let holder: unknown = value, steps = 0; isObject(holder) && steps < mostSteps; holder = getPrototypeOf(holder), steps++) {
    const constructor: unknown = getOwnPropertyDescriptor(holder, "constructor")?.value;
    const name: unknown = isFunction(constructor) ? getOwnPropertyDescriptor(constructor, "name")?.value : undefined;
    if (typeof name === "string" && name !== "" && isFunction(constructor) && isInstance(value, constructor)) return slice(name, 0, longestName);
  }
  return null;
}

function isInstance(value: object, constructor: object): boolean {
  const prototype: unknown = getOwnPropertyDescriptor(constructor, "prototype")?.value;
  for (let each: unknown = getPrototypeOf(value), steps = 0; isObject(each) && steps < mostSteps; each = getPrototypeOf(each), steps++) if (each === prototype) return true;
  return false;
}

/** `Symbol.toStringTag`, where it says something that nothing else does; else "". */
export function tagOf(value: object, name: string | null): string {
  const tag: unknown = attempt(() => $kernel.readMember(value, toStringTagSymbol));
  // One of its own stands among its properties.
  return typeof tag === "string" && tag !== "" && tag !== name && !isEnumerable(value, toStringTagSymbol) ? slice(tag, 0, longestName) : "";
}

/** `fallback`: what it is where it has no class. */
export function prefixOf(value: object, fallback: string, size = ""): string {
  const name = classOf(value);
  const tag = tagOf(value, name);
  const mark = tag === "" ? "" : ` [${tag}]`;
  if (name !== null) return `${name}${size}${mark}`;
  return getPrototypeOf(value) === null ? `[${fallback}${size}: null prototype]${mark}` : `${fallback}${size} <[Object: null prototype]${isBare(value) ? " {}" : ""}>${mark}`;
}

const isBare = (value: object): boolean => $kernel.intrinsics.ownKeys(getPrototypeOf(value) as object).length === 0;

const plain = /^[\x20-\x7e]*$/;
// Unicode Standard Annex 11, in blocks: those whose characters are wide.
const wide = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/gu;
const narrow = /[\p{Mn}\p{Me}\p{Cf}]/gu;
const { replace } = String.prototype;

/** Columns of a terminal. */
export function widthOf(text: string): number {
  if (exec(plain, text) !== null) return text.length;
  const marked = apply(replace as never, apply(replace as never, text, [narrow, ""]) as string, [wide, "##"]) as string;
  // What is left of two units is one column.
  return (apply(replace as never, marked, [/[\ud800-\udbff][\udc00-\udfff]/g, "#"]) as string).length;
}
