// JSON Patch (RFC 6902) with JSON Pointer (RFC 6901) over plain data. Throws a sentence with the operation's number when one cannot be
// done; the document given is then as it was, since every operation works on a copy.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export type Operation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

type Parent = Json[] | { [name: string]: Json };

const isObject = (value: unknown): value is { [name: string]: Json } => typeof value === "object" && value !== null && !Array.isArray(value);

/** Checks operations as they come out of JSON. */
export function readPatch(value: unknown): readonly Operation[] {
  if (!Array.isArray(value)) throw new Error("a patch is a list of operations");
  return value.map((operation: unknown, index) => {
    if (!isObject(operation)) throw new Error(`operation ${index} is no object`);
    const { op, path, from } = operation;
    if (typeof path !== "string" || !isPointer(path)) throw new Error(`operation ${index}: "path" is no JSON Pointer`);
    if (op === "remove") return { op, path };
    if (op === "move" || op === "copy") {
      if (typeof from !== "string" || !isPointer(from)) throw new Error(`operation ${index}: "from" is no JSON Pointer`);
      return { op, from, path };
    }
    if (op !== "add" && op !== "replace" && op !== "test") throw new Error(`operation ${index}: "op" is none of add, remove, replace, move, copy and test`);
    if (!Object.hasOwn(operation, "value")) throw new Error(`operation ${index}: "${op}" needs a "value"`);
    return { op, path, value: operation["value"] as Json };
  });
}

const isPointer = (text: string): boolean => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text);

/** What comes out when all operations are done, one after the other. */
export function applyPatch(document: Json, patch: readonly Operation[]): Json {
  let root = structuredClone(document) as Json;
  for (const [index, operation] of patch.entries()) {
    try {
      root = applyOne(root, operation);
    } catch (error) {
      throw new Error(`operation ${index} (${operation.op} ${operation.path}): ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return root;
}

function applyOne(root: Json, operation: Operation): Json {
  switch (operation.op) {
    case "add": return put(root, operation.path, structuredClone(operation.value) as Json, true);
    case "replace": return put(root, operation.path, structuredClone(operation.value) as Json, false);
    case "remove": return remove(root, operation.path);
    case "copy": return put(root, operation.path, structuredClone(valueAt(root, operation.from)) as Json, true);
    case "move": {
      if (operation.path.startsWith(`${operation.from}/`)) throw new Error("a value cannot move into itself");
      const value = valueAt(root, operation.from);
      return operation.from === operation.path ? root : put(remove(root, operation.from), operation.path, value, true);
    }
    case "test":
      if (!isSame(valueAt(root, operation.path), operation.value)) throw new Error("the value is another");
      return root;
  }
}

const stepsOf = (path: string): string[] => path.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

function valueAt(root: Json, path: string): Json {
  let value: Json | undefined = root;
  for (const step of stepsOf(path)) value = childOf(value, step);
  return value;
}

function childOf(value: Json, step: string): Json {
  const found = Array.isArray(value) ? value[indexIn(value, step, value.length - 1)] : isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (found === undefined) throw new Error(`there is no "${step}"`);
  return found;
}

/** RFC 6901 §4: digits without a leading zero. */
function indexIn(list: readonly Json[], step: string, most: number): number {
  const index = /^(?:0|[1-9]\d{0,9})$/.test(step) ? Number(step) : -1;
  if (index < 0 || index > most) throw new Error(`"${step}" is no place in a list of ${list.length}`);
  return index;
}

function parentOf(root: Json, path: string): { readonly parent: Parent; readonly last: string } {
  const steps = stepsOf(path);
  const last = steps.pop() ?? "";
  let value = root;
  for (const step of steps) value = childOf(value, step);
  if (!Array.isArray(value) && !isObject(value)) throw new Error("its parent is neither an object nor a list");
  return { parent: value as Parent, last };
}

function put(root: Json, path: string, value: Json, mayBeNew: boolean): Json {
  if (path === "") return value;
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) {
    const index = mayBeNew && last === "-" ? parent.length : indexIn(parent, last, mayBeNew ? parent.length : parent.length - 1);
    parent.splice(index, mayBeNew ? 0 : 1, value);
  } else {
    if (!mayBeNew && !Object.hasOwn(parent, last)) throw new Error(`there is no "${last}"`);
    Object.defineProperty(parent, last, { value, writable: true, enumerable: true, configurable: true });
  }
  return root;
}

function remove(root: Json, path: string): Json {
  if (path === "") return null;
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(indexIn(parent, last, parent.length - 1), 1);
  else if (!delete parent[Object.hasOwn(parent, last) ? last : missing(last)]) throw new Error(`"${last}" cannot be removed`);
  return root;
}

function missing(name: string): never {
  throw new Error(`there is no "${name}"`);
}

/** RFC 6902 §4.6: the order of names does not matter. */
function isSame(one: Json, other: Json): boolean {
  if (Array.isArray(one) || Array.isArray(other)) return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((value, index) => isSame(value, other[index] as Json));
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && isSame(one[name] as Json, other[name] as Json));
}
