// The configuration file: JSON with the options of addons, `{ "options": { "banner": "hello", "my-addon.count": 3 } }`. Reads and
// checks its form; whether an addon has such an option is options.ts's business. Unknown keys are refused.
import { readFile, stat } from "node:fs/promises";
import { nearest } from "../../sandbox-api/schema/near-miss.ts";
import { isOptionValue } from "../../sandbox-api/schema/options.ts";
import type { GivenLayer, GivenOption } from "./options.ts";

export type OptionsFile = { readonly kind: "options"; readonly options: GivenLayer } | { readonly kind: "problem"; readonly message: string };

/** LIMIT: a file that is larger is none of ours. */
const mostBytes = 1_048_576;
const topKeys = ["options"] as const;

/** Reads the file at `path`. A file that is not there is an empty one unless it `isRequired`. Never rejects. */
export async function readOptionsFile(path: string, isRequired: boolean): Promise<OptionsFile> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) return { kind: "problem", message: `${path} has ${size} bytes; a configuration file has at most ${mostBytes}` };
    return parseOptionsFile(await readFile(path, "utf8"), path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && !isRequired) return { kind: "options", options: new Map() };
    return { kind: "problem", message: isMissing ? `there is no configuration file ${path}` : `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The text of a configuration file; `path` is for messages. */
export function parseOptionsFile(text: string, path: string): OptionsFile {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    return { kind: "problem", message: `${path} is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const problem = (what: string): OptionsFile => ({ kind: "problem", message: `${path} ${what}` });
  if (!isPlain(value)) return problem('must be an object such as { "options": { "NAME": "VALUE" } }');
  const entries = Object.entries(value);
  for (const [key] of entries) if (!topKeys.some((known) => known === key)) return problem(`has no key ${JSON.stringify(key.slice(0, 100))}${nearest(key, topKeys)}; there is "options"`);
  const given: unknown = Object.hasOwn(value, "options") ? entries.find(([key]) => key === "options")?.[1] : {};
  if (!isPlain(given)) return problem('must have an object as "options"');
  const options = new Map<string, GivenOption>();
  for (const [name, option] of Object.entries(given)) {
    if (isOptionValue(option, "string") || isOptionValue(option, "number") || isOptionValue(option, "boolean") || isOptionValue(option, "string[]")) options.set(name, { value: option, isText: false, by: `${path}: ${JSON.stringify(name.slice(0, 100))}` });
    else return problem(`gives ${JSON.stringify(name.slice(0, 100))} a value that is no string, number, true, false or list of strings; leave it out for the default`);
  }
  return { kind: "options", options };
}

const isPlain = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);
