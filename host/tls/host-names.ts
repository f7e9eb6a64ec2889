/**
 * Things kept by host: for a name, an address, `*.name` (every name below it) or `*` (all). Pure; files that are named here are read elsewhere.
 */
import { OperatorError } from "../operator-error.ts";
import { readName } from "./names.ts";

/** The pattern in the form in which it is looked up; undefined: it is none. */
export function readHostPattern(text: string): string | undefined {
  return text === "*" ? text : readName(text)?.value;
}

/** What is kept for the host, the nearest pattern first. */
export function pickByHost<T>(kept: ReadonlyMap<string, T>, host: string): T | undefined {
  const name = readName(host);
  if (name === undefined) return kept.get("*");
  const exact = kept.get(name.value);
  if (exact !== undefined) return exact;
  const labels = name.kind === "dns" ? name.value.split(".") : [];
  for (let from = 1; from < labels.length; from++) {
    const found = kept.get(`*.${labels.slice(from).join(".")}`);
    if (found !== undefined) return found;
  }
  return kept.get("*");
}

/** --certs: `pattern` is a name, an address, `*.name` or `*`. */
export interface OwnCertificate { readonly pattern: string; readonly file: string }

/** "HOST=FILE", or "FILE" for every host. Throws OperatorError for a HOST that is none. */
export function readOwnCertificate(words: string): OwnCertificate {
  const equals = words.indexOf("=");
  const pattern = equals < 0 ? "*" : readHostPattern(words.slice(0, equals));
  const file = words.slice(equals + 1);
  if (pattern === undefined || file === "") throw new OperatorError("ERR_USAGE", `--certs ${words}: write HOST=FILE, with HOST a name, an address or *.name, or FILE alone for every host`);
  return { pattern, file };
}
