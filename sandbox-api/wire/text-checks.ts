// Checks of the texts that come from a cell: each gives the value, cut to its bounds, or null when no honest cell writes such a
// text. Pure; callers have bounded the length of the text before (JSON of a megabyte parses in milliseconds).
import { type Fault, isFaultCode, type LimitBreach } from "../schema/faults.ts";
import { mostFetchFields, redirectModes } from "../schema/services.ts";
import { logLevels } from "../schema/view.ts";
import type { HelloText, HostCallName, HostCalls, HostCallText, LoadedText, StatText } from "./messages.ts";

/** Longest texts, in chars; a longer one is not parsed. */
export const longestText = { fault: 65_536, loaded: 1_048_576, hello: 1_024, stat: 1_048_576 } as const;
const longest = { message: 500, stack: 4_000, location: 300, field: 200, unit: 20, name: 50, list: 4_096, warning: 500 } as const;

type Fields = { readonly [name: string]: unknown };

function parseFields(text: string, mostChars: number): Fields | null {
  if (text.length > mostChars) return null;
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return null; // Not JSON: the caller hears that it is no such text.
  }
}

/** `value` as fields when it is a record. JSON never sets a prototype, and the names read below are not those of Object's. */
function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

// C0, DEL, C1 and the bidirectional overrides: what could make a terminal or a reader see another line than was logged.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const unprintableButLines = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line of at most `chars` chars, control characters replaced by spaces. */
export function oneLine(text: string, chars: number): string {
  const cut = text.length > chars ? `${text.slice(0, chars - 1)}…` : text;
  return cut.replace(unprintable, " ");
}

function checkLimit(value: unknown): LimitBreach | null {
  const limit = fieldsOf(value);
  if (limit === null || typeof limit["name"] !== "string" || typeof limit["unit"] !== "string" || !isCount(limit["value"]) || !isCount(limit["used"])) return null;
  return { name: oneLine(limit["name"], longest.name), value: limit["value"], used: limit["used"], unit: oneLine(limit["unit"], longest.unit) };
}

/** FaultText; strings are cut and cleaned, optional parts of the wrong type are left out. */
export function parseFault(text: string): Fault | null {
  const fields = parseFields(text, longestText.fault);
  if (fields === null || !isFaultCode(fields["code"]) || typeof fields["message"] !== "string") return null;
  const { stack, location, field } = fields;
  const limit = checkLimit(fields["limit"]);
  return {
    code: fields["code"], message: oneLine(fields["message"], longest.message),
    ...(typeof stack === "string" && { stack: stack.slice(0, longest.stack).replace(unprintableButLines, " ") }),
    ...(typeof location === "string" && { location: oneLine(location, longest.location) }),
    ...(typeof field === "string" && { field: oneLine(field, longest.field) }),
    ...(limit !== null && { limit }),
  };
}

function stringList(value: unknown, chars: number): readonly string[] | null {
  if (!Array.isArray(value) || value.length > longest.list) return null;
  return value.every((item) => typeof item === "string") ? value.map((item) => oneLine(item, chars)) : null;
}

/** LoadedText; the manifest stays unchecked data. */
export function parseLoaded(text: string): LoadedText | null {
  const fields = parseFields(text, longestText.loaded);
  if (fields === null) return null;
  const handlers = stringList(fields["handlers"], longest.name);
  const warnings = stringList(fields["warnings"], longest.warning);
  return handlers === null || warnings === null ? null : { handlers, warnings, manifest: fields["manifest"] ?? null };
}

export function parseHello(text: string): HelloText | null {
  const fields = parseFields(text, longestText.hello);
  if (fields === null) return null;
  const { contract, node, pid } = fields;
  return isCount(contract) && typeof node === "string" && isCount(pid) ? { contract, node: oneLine(node, longest.name), pid } : null;
}

export function parseStat(text: string): StatText | null {
  const fields = parseFields(text, longestText.stat);
  const heaps = fieldsOf(fields?.["heapBytes"]);
  if (fields === null || heaps === null || !isCount(fields["loads"]) || !isCount(fields["instances"])) return null;
  const heapBytes: { [instance: number]: number } = {};
  for (const [name, bytes] of Object.entries(heaps)) {
    if (!isCount(bytes) || !/^\d{1,10}$/.test(name)) return null;
    heapBytes[Number(name)] = bytes;
  }
  return { loads: fields["loads"], instances: fields["instances"], heapBytes };
}

const hostCallChecks: { readonly [N in HostCallName]: (fields: Fields) => HostCalls[N] | null } = {
  "log": ({ level, msg }) => {
    const known = logLevels.find((name) => name === level);
    return known !== undefined && typeof msg === "string" ? { level: known, msg } : null;
  },
  "timer.set": ({ ms }) => (isCount(ms) ? { ms } : null),
  "flow.resume": ({ key }) => (isCount(key) && Number.isInteger(key) ? { key } : null),
  "replay": ({ key }) => (isId(key) ? { key } : null),
  "timer.clear": ({ id }) => (isCount(id) && Number.isInteger(id) ? { id } : null),
  "storage.get": ({ during, key }) => (isId(during) && typeof key === "string" ? { during, key } : null),
  "storage.set": ({ during, key, json }) => (isId(during) && typeof key === "string" && (typeof json === "string" || json === null) ? { during, key, json } : null),
  "storage.delete": ({ during, key }) => (isId(during) && typeof key === "string" ? { during, key } : null),
  "storage.list": ({ during, prefix, limit }) => (isId(during) && typeof prefix === "string" && isId(limit) ? { during, prefix, limit } : null),
  "storage.clear": ({ during }) => (isId(during) ? { during } : null),
  "fetch": ({ url, method, headers, redirect }) => {
    const fields = fetchFields(headers);
    const mode = redirectModes.find((name) => name === redirect);
    return typeof url === "string" && typeof method === "string" && fields !== null && mode !== undefined ? { url, method, headers: fields, redirect: mode } : null;
  },
};

const isId = (value: unknown): value is number => isCount(value) && Number.isInteger(value);

function fetchFields(value: unknown): readonly (readonly [string, string])[] | null {
  if (!Array.isArray(value) || value.length > mostFetchFields) return null;
  const fields: (readonly [string, string])[] = [];
  for (const pair of value as readonly unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) return null;
    const [name, text]: readonly unknown[] = pair;
    if (typeof name !== "string" || typeof text !== "string") return null;
    fields.push([name, text]);
  }
  return fields;
}

const isHostCallName = (name: unknown): name is HostCallName => typeof name === "string" && Object.hasOwn(hostCallChecks, name);

/** HostCallText of at most `mostChars` chars. */
export function parseHostCall(text: string, mostChars: number): HostCallText | null {
  const fields = parseFields(text, mostChars);
  const name = fields?.["call"];
  if (fields === null || !isHostCallName(name)) return null;
  return checkedCall(name, fields);
}

function checkedCall<N extends HostCallName>(name: N, fields: Fields): HostCallText | null {
  const values = hostCallChecks[name](fields);
  // The mapped check above gives exactly the values of `name`.
  return values === null ? null : ({ call: name, ...values } as HostCallText);
}
