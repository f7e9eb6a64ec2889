// What a trial is expected to give, as a file: JSON that a person can review, one list of lines for each flow that something happened
// to. Reading checks the form, since the file may be anybody's; comparing is of lines.
import { readFile, stat, writeFile } from "node:fs/promises";
import { OperatorError } from "../operator-error.ts";
import { diffLines, type DiffLine } from "./line-diff.ts";
import type { FlowTrial } from "./trial.ts";

export interface Expectation {
  /** How many flows there were. */
  readonly flows: number;
  /** By `number title`. */
  readonly changes: ReadonlyMap<string, readonly string[]>;
}

export interface Difference { readonly title: string; readonly diff: readonly DiffLine[] }

/** LIMIT: larger files are none of ours. */
const mostBytes = 64 * 1024 * 1024;
const version = 1;
const marks = { same: " ", gone: "-", new: "+", gap: "…" } as const;

/** What happened in one trial, as lines. Empty: nothing. */
export function trialLines({ diff, ends, logs, failures }: FlowTrial): readonly string[] {
  return [...ends.map((end) => `= ${end}`), ...diff.map(({ kind, text }) => `${marks[kind]} ${text}`), ...logs.map((line) => `> ${line}`), ...failures.flatMap((failure) => failure.split("\n").map((line, index) => `${index === 0 ? "✗" : " "} ${line}`))];
}

export function expectationOf(trials: readonly FlowTrial[]): Expectation {
  return { flows: trials.length, changes: new Map(trials.map((trial) => [`${trial.number} ${trial.title}`, trialLines(trial)] as const).filter(([, lines]) => lines.length > 0)) };
}

/** Where what is differs from what was expected, in the order of the flows. Empty: nowhere. */
export function differences(expected: Expectation, found: Expectation): readonly Difference[] {
  const all: Difference[] = expected.flows === found.flows ? [] : [{ title: "flows", diff: [{ kind: "gone", text: `${expected.flows} flows` }, { kind: "new", text: `${found.flows} flows` }] }];
  const titles = [...new Set([...expected.changes.keys(), ...found.changes.keys()])].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  for (const title of titles) {
    const diff = diffLines(expected.changes.get(title) ?? [], found.changes.get(title) ?? [], 1);
    if (diff.length > 0) all.push({ title, diff });
  }
  return all;
}

/** Writes the file anew. Throws an OperatorError with the file's name. */
export async function writeExpectation(path: string, { flows, changes }: Expectation): Promise<void> {
  const text = JSON.stringify({ flowcell: version, flows, changes: [...changes].map(([flow, lines]) => ({ flow, lines })) }, null, 2);
  try {
    await writeFile(path, `${text}\n`);
  } catch (error) {
    throw refusal(path, `cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Throws an OperatorError with the file's name when it cannot be read or is no such file. */
export async function readExpectation(path: string): Promise<Expectation> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw refusal(path, `has ${size} bytes; at most ${mostBytes} are read`);
    return parseExpectation(JSON.parse(await readFile(path, "utf8")), path);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw refusal(path, error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseExpectation(value: unknown, path: string): Expectation {
  if (!isObject(value) || !("flowcell" in value) || value.flowcell !== version) throw refusal(path, `is no file that --record of this version wrote (it would begin with "flowcell": ${version})`);
  const flows = "flows" in value ? value.flows : null;
  const list = "changes" in value ? value.changes : null;
  if (typeof flows !== "number" || !Array.isArray(list)) throw refusal(path, 'has no "flows" or "changes"; record it again');
  const changes = new Map<string, readonly string[]>();
  for (const item of list as readonly unknown[]) {
    if (!isObject(item) || !("flow" in item) || typeof item.flow !== "string" || !("lines" in item) || !isTexts(item.lines)) throw refusal(path, 'has a change without "flow" or "lines"; record it again');
    changes.set(item.flow, item.lines);
  }
  return { flows, changes };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === "string");
const refusal = (path: string, sentence: string): OperatorError => new OperatorError("ERR_EXPECTATION", `${path} ${sentence}`);
