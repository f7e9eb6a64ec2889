// `flowcell test`: runs an addon over recorded flows in a real cell, offline, prints what it would change, and compares that with what
// was recorded as expected. Exit code 1 when the addon does not load, fails anywhere, or does something else than expected.
import { existsSync } from "node:fs";
import path from "node:path";
import type { Writable } from "node:stream";
import { addonNames } from "./addons/addon-names.ts";
import { GrantProblem, readGrants } from "./addons/grant-rules.ts";
import { environmentLayer } from "./addons/options.ts";
import { readOptionsFile } from "./addons/options-file.ts";
import type { Config } from "./config.ts";
import { readFlows } from "./flows/saved/read-flows.ts";
import { printable } from "./log-format.ts";
import { OperatorError } from "./operator-error.ts";
import { differences, expectationOf, readExpectation, trialLines, writeExpectation, type Difference } from "./trial/expectation.ts";
import { openOffline, type Offline } from "./trial/offline.ts";
import { surroundingsOf, tryFlow, type FlowTrial, type Surroundings } from "./trial/trial.ts";

export interface TestWords {
  readonly addon: string;
  readonly files: readonly string[];
  /** File to write what is expected to. */
  readonly record: string | null;
  /** File to compare with. */
  readonly expect: string | null;
}

/** Runs the command; gives the exit code. */
export async function runTest(words: TestWords, config: Config, output: Writable): Promise<number> {
  const { addon, files, record, expect } = words;
  if (!existsSync(addon)) throw new OperatorError("ERR_ADDON_NOT_FOUND", `there is no addon at ${addon}; give the path of a .ts or .js file, or of a folder with an index.ts`);
  const expected = expect === null ? null : await readExpectation(expect);
  const report = config.logFormat === "json" ? new JsonReport(output) : new PrettyReport(output, hasColour(output));
  const offline = await openAddon(addon, config);
  try {
    const [problem] = offline.problems;
    const atStart = surroundingsOf(offline);
    if (problem !== undefined) {
      report.problem(addon, problem.message);
      return 1;
    }
    report.start(addon, atStart);
    const trials = await tryFiles(files, offline, report);
    const hasFailed = atStart.failures.length > 0 || trials.some(({ failures }) => failures.length > 0);
    const found = expectationOf(trials);
    if (record !== null) await writeExpectation(record, found);
    const differing = expected === null ? [] : differences(expected, found);
    report.end(trials, { record: record === null ? null : path.resolve(record), expect, differing });
    return differing.length > 0 || (hasFailed && expected === null) ? 1 : 0;
  } finally {
    await offline.close();
  }
}

async function openAddon(addon: string, config: Config): Promise<Offline> {
  const grants = readGrants(config.grants, addonNames([addon]));
  if (grants instanceof GrantProblem) throw new OperatorError("ERR_USAGE", `--grant ${grants.message}`);
  const file = await readOptionsFile(config.optionsFile.path, config.optionsFile.isRequired);
  if (file.kind === "problem") throw new OperatorError("ERR_USAGE", file.message);
  const offline = await openOffline([addon], { limits: config.limits, jail: config.jail, jitless: config.jitless, options: config.options, environmentOptions: environmentLayer(config.environmentOptions), optionsFile: file.options, grants });
  const [unknown] = offline.problems.length > 0 ? [] : offline.host.unknownOptions().problems;
  if (unknown === undefined) return offline;
  await offline.close();
  throw new OperatorError("ERR_USAGE", unknown);
}

async function tryFiles(files: readonly string[], offline: Offline, report: Report): Promise<readonly FlowTrial[]> {
  const trials: FlowTrial[] = [];
  for (const file of files) {
    for await (const saved of readFlows(file, ({ message }) => report.note(`${file}: ${message}`))) {
      const trial = await tryFlow(saved, trials.length + 1, offline);
      report.trial(trial);
      trials.push(trial);
    }
  }
  return trials;
}

interface Outcome { readonly record: string | null; readonly expect: string | null; readonly differing: readonly Difference[] }

interface Report {
  problem(addon: string, message: string): void;
  start(addon: string, surroundings: Surroundings): void;
  note(sentence: string): void;
  trial(trial: FlowTrial): void;
  end(trials: readonly FlowTrial[], outcome: Outcome): void;
}

class JsonReport implements Report {
  readonly #output: Writable;
  constructor(output: Writable) {
    this.#output = output;
  }
  #line(value: object): void {
    this.#output.write(`${JSON.stringify(value)}\n`);
  }
  problem(addon: string, message: string): void {
    this.#line({ kind: "problem", addon, message });
  }
  start(addon: string, { logs, failures }: Surroundings): void {
    this.#line({ kind: "loaded", addon, logs, failures });
  }
  note(sentence: string): void {
    this.#line({ kind: "note", message: sentence });
  }
  trial({ number, title, diff, ends, logs, failures }: FlowTrial): void {
    this.#line({ kind: "flow", number, title, diff, ends, logs, failures });
  }
  end(trials: readonly FlowTrial[], { record, expect, differing }: Outcome): void {
    this.#line({ kind: "end", flows: trials.length, changed: trials.filter(hasChange).length, failed: trials.filter(({ failures }) => failures.length > 0).length, record, expect, differing });
  }
}

const hasChange = ({ diff, ends }: FlowTrial): boolean => diff.length > 0 || ends.length > 0;
const colours: Readonly<Record<string, string>> = { "-": "\x1b[31m", "+": "\x1b[32m", "✗": "\x1b[31m", "=": "\x1b[33m" };
const hasColour = (output: Writable): boolean => "isTTY" in output && output.isTTY === true && process.env["NO_COLOR"] === undefined;

class PrettyReport implements Report {
  readonly #output: Writable;
  readonly #useColour: boolean;
  constructor(output: Writable, useColour: boolean) {
    this.#output = output;
    this.#useColour = useColour;
  }
  /** WALL: everything here may be a stranger's text. */
  #lines(lines: readonly string[], indent: string): void {
    for (const line of lines) {
      const colour = this.#useColour ? colours[line.slice(0, 1)] : undefined;
      const text = `${indent}${printable(line.replaceAll("\r", "␍"))}`.trimEnd();
      this.#output.write(colour === undefined ? `${text}\n` : `${colour}${text}\x1b[0m\n`);
    }
  }
  problem(addon: string, message: string): void {
    this.#lines([`✗ ${addon}`, ...message.split("\n").map((line) => `  ${line}`)], "");
  }
  start(addon: string, { logs, failures }: Surroundings): void {
    this.#lines([addon], "");
    this.#lines([...logs.map((line) => `> ${line}`), ...failures.map((failure) => `✗ ${failure.replaceAll("\n", " ")}`)], "  ");
  }
  note(sentence: string): void {
    this.#lines([`! ${sentence}`], "");
  }
  trial(trial: FlowTrial): void {
    const lines = trialLines(trial);
    if (lines.length === 0) return;
    this.#lines(["", `${trial.number}  ${trial.title}`], "");
    this.#lines(lines, "    ");
  }
  end(trials: readonly FlowTrial[], { record, expect, differing }: Outcome): void {
    const failed = trials.filter(({ failures }) => failures.length > 0).length;
    this.#lines(["", `${trials.length} ${trials.length === 1 ? "flow" : "flows"}, ${trials.filter(hasChange).length} changed, ${failed} with failures`], "");
    if (record !== null) this.#lines([`written to ${record}`], "");
    if (expect === null) return;
    this.#lines([differing.length === 0 ? `as expected (${expect})` : `✗ not as expected (${expect}): - was expected, + is`], "");
    for (const { title, diff } of differing) {
      this.#lines(["", title], "");
      this.#lines(diff.map(({ kind, text }) => `${kind === "gone" ? "-" : kind === "new" ? "+" : kind === "gap" ? "…" : " "} ${text}`), "    ");
    }
  }
}
