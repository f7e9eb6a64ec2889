// `flowcell run --options`: reads the manifests of addons in throw-away isolates and lists their options with type, default, present
// value, where it comes from, and help. Runs no handler. Exit code 1 when an addon cannot be read or a value is wrong.
import { existsSync } from "node:fs";
import type { Writable } from "node:stream";
import { addonNames } from "./addons/addon-names.ts";
import { readAddon } from "./addons/check.ts";
import { commandLineLayer, environmentLayer, GivenOptions, readOptions, unknownOptions, type Declares, type OptionOwner } from "./addons/options.ts";
import { readOptionsFile } from "./addons/options-file.ts";
import { listOptions, type ListedOption } from "./addons/options-list.ts";
import { bundleGuest, bundleRuntime } from "./addons/own-code.ts";
import { makeCellPool } from "./cells/pool.ts";
import type { Config } from "./config.ts";
import { makeLog } from "./log.ts";
import { printable } from "./log-format.ts";
import { OperatorError } from "./operator-error.ts";

/** Runs the command; gives the exit code. */
export async function runOptions(config: Config, output: Writable): Promise<number> {
  const given = await givenOptions(config);
  const problems: string[] = [];
  const owners = await readOwners(config, problems);
  const listed: ListedOption[] = [];
  for (const owner of owners) {
    const others = new Set(owners.flatMap(({ name, declares }) => (name === owner.name || typeof declares === "string" ? [] : [...declares.keys()])));
    const read = readOptions(given, owner, others, owners.map(({ name }) => name).filter((name) => name !== owner.name));
    problems.push(...read.problems);
    if (owner.declares !== "unknown") listed.push(...listOptions(owner.name, owner.declares === "anything" ? null : owner.declares, read));
  }
  const unknown = unknownOptions(given, owners);
  problems.push(...unknown.problems);
  if (config.logFormat === "json") for (const line of [...listed, ...problems.map((problem) => ({ problem })), ...unknown.warnings.map((warning) => ({ warning }))]) output.write(`${JSON.stringify(line)}\n`);
  else output.write(pretty(listed, problems, unknown.warnings));
  return problems.length === 0 ? 0 : 1;
}

async function givenOptions({ options, environmentOptions, optionsFile: { path, isRequired } }: Config): Promise<GivenOptions> {
  const file = await readOptionsFile(path, isRequired);
  if (file.kind === "problem") throw new OperatorError("ERR_USAGE", file.message);
  return new GivenOptions(new Map([["command line", commandLineLayer(options)], ["environment", environmentLayer(environmentOptions)], ["file", file.options]]));
}

async function readOwners(config: Config, problems: string[]): Promise<readonly OptionOwner[]> {
  const missing = config.addons.find((path) => !existsSync(path));
  if (missing !== undefined) throw new OperatorError("ERR_ADDON_NOT_FOUND", `there is no addon at ${missing}; give the path of a .ts or .js file, or of a folder with an index.ts`);
  if (config.addons.length === 0) return [];
  const pool = makeCellPool({
    guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: config.limits.cellMemoryMiB, unresponsiveMs: config.limits.unresponsiveMs,
    jail: config.jail, jitless: config.jitless,
  });
  try {
    const names = addonNames(config.addons);
    const owners: OptionOwner[] = [];
    for (const [index, path] of config.addons.entries()) {
      const read = await readAddon(path, { pool, limits: config.limits, log: makeLog(() => {}) });
      if (read.kind === "problem") problems.push(`${path}: ${read.message}`);
      const declares: Declares = read.kind === "problem" ? "unknown" : read.manifest?.options ?? "anything";
      owners.push({ name: names[index] ?? path, declares });
    }
    return owners;
  } finally {
    await pool.close();
  }
}

function pretty(listed: readonly ListedOption[], problems: readonly string[], warnings: readonly string[]): string {
  const lines: string[] = [];
  let addon = "";
  for (const option of listed) {
    if (option.addon !== addon) lines.push(option.addon);
    addon = option.addon;
    const choices = option.choices === null ? "" : `, one of ${option.choices.join(", ")}`;
    const kind = option.isDeclared ? `${option.type}${choices}; default ${shown(option.default)}` : "given to a script without a manifest";
    lines.push(`  ${option.name} = ${shown(option.value)}${option.source === "default" ? "" : ` (${option.source})`}`, `      ${kind}`);
    if (option.help !== "") lines.push(`      ${option.help}`);
  }
  if (listed.length === 0 && problems.length === 0) lines.push("these addons have no options; a manifest declares them (docs/options.md)");
  for (const problem of problems) lines.push(...problem.split("\n").map((line, index) => `${index === 0 ? "✗ " : "  "}${line}`));
  for (const warning of warnings) lines.push(`! ${warning}`);
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function shown(value: ListedOption["value"]): string {
  const text = value === null ? "none" : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
}
