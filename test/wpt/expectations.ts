// The known differences: which subtests are expected to fail, and why, as a reviewed list (expectations.json). What fails beyond it,
// or passes although it is on it, is an error: the list can only be as long as it must.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { FileResult } from "./run-file.ts";

export interface Expectation {
  /** A file, with the query of its variant when only that one is meant. */
  readonly file: string;
  /** Names of subtests; absent: the file does not run to its end, or all of it fails. */
  readonly fails?: readonly string[];
  readonly reason: string;
}

export interface Expectations {
  /**
   * Left out: what makes no sense without a page, a server, shared memory or a second realm. `file`: a file or a folder; with `tests`,
   * a regular expression, only subtests of a matching name.
   */
  readonly skipped: readonly { readonly file: string; readonly tests?: string; readonly reason: string }[];
  readonly failing: readonly Expectation[];
}

export const expectationsFile = fileURLToPath(new URL("expectations.json", import.meta.url));

export const readExpectations = (): Expectations => JSON.parse(readFileSync(expectationsFile, "utf8"));

/** The result without the subtests that are left out. */
export function withoutSkipped(list: Expectations, path: string, result: FileResult): FileResult {
  const patterns = list.skipped.flatMap(({ file, tests }) => (tests !== undefined && (path === file || path.startsWith(`${file}/`)) ? [new RegExp(tests)] : []));
  return patterns.length === 0 ? result : { ...result, subtests: result.subtests.filter(({ name }) => !patterns.some((pattern) => pattern.test(name))) };
}

/** Sentences about what is not as the list says. */
export function surprises(list: Expectations, file: string, variant: string, { subtests, problem }: FileResult): readonly string[] {
  const mine = list.failing.filter((each) => each.file === file || each.file === file + variant);
  const isWhole = mine.some(({ fails }) => fails === undefined);
  const expected = new Set(mine.flatMap(({ fails }) => fails ?? []));
  const id = file + variant;
  const failed = subtests.filter(({ passed }) => !passed);
  const found: string[] = [];
  if (isWhole) return problem === null && failed.length === 0 ? [`${id}: passes, and is expected not to`] : [];
  if (problem !== null) found.push(`${id}: ${problem}`);
  for (const { name, message } of failed) if (!expected.has(name)) found.push(`${id}: fails: ${name}: ${message}`);
  for (const { name, passed } of subtests) if (passed && expected.has(name)) found.push(`${id}: passes, and is expected not to: ${name}`);
  return found;
}
