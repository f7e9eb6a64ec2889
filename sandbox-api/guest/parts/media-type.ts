// Media types as WHATWG MIME Sniffing §4 parses and writes them: type, subtype and parameters of a Content-Type.
import { bareArray, exec, indexOf, slice, toLowerCase, charCodeAt } from "./intrinsics.ts";

export interface MediaType { readonly essence: string; readonly parameters: readonly (readonly [name: string, value: string])[] }

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const quotable = /^[\t\x20-\x7e\x80-\xff]*$/;
const isBlank = (unit: number): boolean => unit === 32 || unit === 9 || unit === 10 || unit === 13;

function strip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(charCodeAt(text, start))) start++;
  while (end > start && isBlank(charCodeAt(text, end - 1))) end--;
  return slice(text, start, end);
}

/** Null when that is no media type. */
export function parseMediaType(given: string): MediaType | null {
  const text = strip(given);
  const end = indexOf(text, ";");
  const essence = toLowerCase(strip(end < 0 ? text : slice(text, 0, end)));
  const slash = indexOf(essence, "/");
  if (slash < 1 || exec(token, slice(essence, 0, slash)) === null || exec(token, slice(essence, slash + 1)) === null) return null;
  const parameters = bareArray<readonly [string, string]>();
  for (let at = end; at >= 0 && at < text.length;) at = readParameter(text, at + 1, parameters);
  return { essence, parameters };
}

/** Reads one parameter from `start`; gives where its ";" is, or the end. */
function readParameter(text: string, start: number, parameters: (readonly [string, string])[]): number {
  let at = start;
  while (at < text.length && isBlank(charCodeAt(text, at))) at++;
  let mark = at;
  while (mark < text.length && text[mark] !== ";" && text[mark] !== "=") mark++;
  const name = toLowerCase(slice(text, at, mark));
  if (text[mark] !== "=") return mark;
  let value = "";
  at = mark + 1;
  if (text[at] === '"') {
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === "\\" && at + 1 < text.length) at++;
      value += text[at]!;
    }
    while (at < text.length && text[at] !== ";") at++;
  } else {
    const begin = at;
    while (at < text.length && text[at] !== ";") at++;
    value = strip(slice(text, begin, at));
    if (value === "") return at;
  }
  if (exec(token, name) !== null && exec(quotable, value) !== null && parameterOf({ essence: "", parameters }, name) === null) parameters[parameters.length] = [name, value];
  return at;
}

export function parameterOf(type: MediaType, name: string): string | null {
  for (let index = 0; index < type.parameters.length; index++) if (type.parameters[index]![0] === name) return type.parameters[index]![1];
  return null;
}

export function writeMediaType({ essence, parameters }: MediaType): string {
  let text = essence;
  for (let index = 0; index < parameters.length; index++) {
    const [name, value] = parameters[index]!;
    text += `;${name}=${exec(token, value) === null ? `"${escaped(value)}"` : value}`;
  }
  return text;
}

function escaped(value: string): string {
  let text = "";
  for (let at = 0; at < value.length; at++) text += (value[at] === '"' || value[at] === "\\" ? "\\" : "") + value[at]!;
  return text;
}
