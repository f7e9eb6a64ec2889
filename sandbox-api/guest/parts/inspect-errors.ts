// Errors as Node shows them: the stack with the name of the class put right, in brackets where it has no places, then properties that
// it does not tell of, cause and errors last. Reads name, message and stack as `flatten` does, and throws nothing.
import { attempt, classOf, prefixOf } from "./inspect-names.ts";
import { apply, bareArray, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, indexOf, isArray, isObject, slice } from "./intrinsics.ts";

const { repeat } = $kernel.intrinsics;
const { replace } = String.prototype;
const isNative = getOwnPropertyDescriptor(Error, "isError")?.value as ((value: unknown) => boolean) | undefined;
const errorPrototype = Error.prototype;

/** Made by the engine as an error, or an instance of Error. */
export function isErrorLike(value: object): boolean {
  if (isNative?.(value) === true) return true;
  for (let prototype: unknown = getPrototypeOf(value), steps = 0; isObject(prototype) && steps < 50; prototype = getPrototypeOf(prototype), steps++) if (prototype === errorPrototype) return true;
  return false;
}

/** What stands before the braces of an error's properties. */
export function errorText(error: object, indentation: number): string {
  const { message, stack } = $kernel.flatten(error);
  const text = stack === "" ? headline(error, message) : renamed(error, stack);
  const shown = indexOf(text, "\n    at") < 0 ? `[${text}]` : text;
  if (indentation === 0) return shown;
  return apply(replace as never, shown, [/\n/g, `\n${repeat(" ", indentation)}`]) as string;
}

/** `flatten` has words of its own for an error that says nothing. */
const headline = (error: object, message: string): string => (textOf(error, "name") === "" && textOf(error, "message") === "" ? "" : textOf(error, "message") === "" ? textOf(error, "name") : message);

function textOf(error: object, member: "name" | "message" | "stack"): string {
  const value: unknown = attempt(() => $kernel.readMember(error, member));
  return typeof value === "string" ? value : "";
}

/** A stack begins with the name that the error had when it was made, which need not be that of its class. */
function renamed(error: object, stack: string): string {
  const name = textOf(error, "name") || "Error";
  const after = stack[name.length];
  if (classOf(error) === null || slice(name, -5) !== "Error" || slice(stack, 0, name.length) !== name || (after !== undefined && after !== ":" && after !== "\n")) return stack;
  const prefix = prefixOf(error, "Error");
  if (prefix === name) return stack;
  return indexOf(prefix, name) < 0 ? `${prefix} [${name}]${slice(stack, name.length)}` : `${prefix}${slice(stack, name.length)}`;
}

/** Of its own `keys`, those that the text does not tell of; then cause and errors. */
export function errorKeys(error: object, keys: readonly PropertyKey[]): readonly PropertyKey[] {
  const told = textOf(error, "stack");
  const kept = bareArray<PropertyKey>();
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if ((key === "name" || key === "message" || key === "stack") && indexOf(told, textOf(error, key)) >= 0) continue;
    kept[kept.length] = key;
  }
  for (const key of ["cause", "errors"] as const) {
    if (!hasOwn(error, key) || isIn(kept, key) || (key === "errors" && !isArray(getOwnPropertyDescriptor(error, key)?.value))) continue;
    kept[kept.length] = key;
  }
  return kept;
}

function isIn(list: readonly PropertyKey[], key: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === key) return true;
  return false;
}
