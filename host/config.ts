// One frozen configuration with every default filled in, made from what the command line gave. Checks what can be checked without
// touching the machine; refuses with an OperatorError that names the option. Reads no files, opens nothing.
import { availableParallelism, homedir } from "node:os";
import path from "node:path";
import { defaultLimits, isLimitName, limitTable, type LimitName, type Limits } from "../sandbox-api/schema/limits.ts";
import { nearest } from "../sandbox-api/schema/near-miss.ts";
import { readByteSize } from "./byte-size.ts";
import { recordedConfig, type RecordedConfig, type RecordedInput } from "./config-recorded.ts";
import { expandHome, trafficConfig, type TrafficConfig, type TrafficInput } from "./config-traffic.ts";
import { OperatorError } from "./operator-error.ts";

export { defaultHost, defaultPort, type ListenerConfig } from "./config-traffic.ts";

export type LogFormat = "pretty" | "json";
export type Jail = "auto" | "require" | "off";
export type FailurePolicy = "open" | "closed";
export type CellPlacement = "per-hosts" | "shared" | "per-addon";

export interface Config extends TrafficConfig {
  readonly addons: readonly string[];
  readonly confdir: string;
  /** `--set NAME=VALUE` or `ADDON.NAME=VALUE`, later ones win. */
  readonly options: ReadonlyMap<string, string>;
  /** `FLOWCELL_SET_NAME`, by the whole name of the variable. */
  readonly environmentOptions: { readonly [variable: string]: string };
  /** Where the keys of TLS sessions go, by SSLKEYLOGFILE; null: nowhere. */
  readonly keyLogFile: string | null;
  /** JSON with options; need not exist unless it was named. */
  readonly optionsFile: { readonly path: string; readonly isRequired: boolean };
  readonly limits: Limits;
  /** `--grant ADDON:RULE`, as given; read where addons have names (host.ts). */
  readonly grants: readonly string[];
  readonly onFailure: FailurePolicy;
  readonly jail: Jail;
  readonly cells: CellPlacement;
  /** Proxy processes on the same ports; with one, this process is the proxy. */
  readonly workers: number;
  readonly jitless: boolean;
  /** Null: no such rule. */
  readonly streamLargeBodiesBytes: number | null;
  readonly bodySizeLimitBytes: number | null;
  readonly verbosity: "quiet" | "normal" | "verbose";
  readonly logFormat: LogFormat;
  readonly recorded: RecordedConfig;
}

/** What the command line hands over; absent means default. */
export interface ConfigInput extends RecordedInput, TrafficInput {
  readonly addons?: readonly string[];
  readonly confdir?: string;
  readonly set?: readonly string[];
  /** `--config FILE`. */
  readonly configFile?: string;
  /** Of the process; only SSLKEYLOGFILE and what begins with FLOWCELL_SET_ count. */
  readonly environment?: { readonly [variable: string]: string | undefined };
  readonly grant?: readonly string[];
  /** `--limit NAME=VALUE`; counts over `limits`. */
  readonly limit?: readonly string[];
  readonly limits?: { readonly [L in LimitName]?: number | undefined };
  readonly onFailure?: FailurePolicy;
  readonly jail?: Jail;
  readonly cells?: CellPlacement;
  readonly workers?: number;
  readonly jitless?: boolean;
  /** Sizes: 512, 64k, 10m, 1g. */
  readonly streamLargeBodies?: string | undefined;
  readonly bodySizeLimit?: string | undefined;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly logFormat?: LogFormat;
}

export const defaultConfdir = path.join(homedir(), ".flowcell");

export function makeConfig(input: ConfigInput): Config {
  if (input.quiet === true && input.verbose === true) throw usage("--quiet and --verbose exclude each other; give one of them");
  if (input.confdir?.trim() === "") throw usage(`--confdir: give a folder, or leave it out (${defaultConfdir})`);
  const confdir = path.resolve(expandHome(input.confdir ?? defaultConfdir));
  const recorded = recordedConfig(input);
  return Object.freeze({
    addons: Object.freeze([...(input.addons ?? [])]),
    ...trafficConfig(input),
    confdir,
    optionsFile: input.configFile === undefined ? { path: path.join(confdir, "config.json"), isRequired: false } : { path: path.resolve(expandHome(input.configFile)), isRequired: true },
    environmentOptions: variables(input.environment ?? {}),
    keyLogFile: keyLogFile(input.environment ?? {}),
    options: settings(input.set ?? []),
    limits: limits({ ...input.limits, ...namedLimits(input.limit ?? []) }),
    grants: Object.freeze([...(input.grant ?? [])]),
    onFailure: input.onFailure ?? "open",
    jail: input.jail ?? "auto",
    cells: input.cells ?? "per-hosts",
    workers: workers(input.workers, recorded),
    jitless: input.jitless ?? false,
    streamLargeBodiesBytes: size("--stream-large-bodies", input.streamLargeBodies),
    bodySizeLimitBytes: size("--body-size-limit", input.bodySizeLimit),
    verbosity: input.quiet === true ? "quiet" : input.verbose === true ? "verbose" : "normal",
    logFormat: input.logFormat ?? "pretty",
    recorded,
  });
}

const usage = (sentence: string): OperatorError => new OperatorError("ERR_USAGE", sentence);

function size(option: string, words: string | undefined): number | null {
  if (words === undefined) return null;
  const bytes = readByteSize(words);
  if (bytes === null) throw usage(`${option}: "${words}" is no size; write bytes, or a number with k, m or g, such as 10m`);
  return bytes;
}

/** Where the kernel spreads connections among sockets on one port. */
const canShare: ReadonlySet<NodeJS.Platform> = new Set(["linux", "freebsd"]);
const mostWorkers = 256;

/** One core is left to what clients, servers and cells need; a worker's own cells run beside it. */
export const defaultWorkers = canShare.has(process.platform) ? Math.min(mostWorkers, Math.max(1, availableParallelism() - 1)) : 1;

function workers(given: number | undefined, { save, har, read, replayClient, replayServer }: RecordedConfig): number {
  const alone = save !== null ? "--save" : har !== null ? "--har" : read.length > 0 ? "--read" : replayClient.length > 0 ? "--replay-client" : replayServer.length > 0 ? "--replay-server" : null;
  if (given === undefined) return alone === null ? defaultWorkers : 1;
  if (!Number.isInteger(given) || given < 1 || given > mostWorkers) throw usage(`--workers: a whole number from 1 to ${mostWorkers}`);
  if (given > 1 && !canShare.has(process.platform)) throw usage(`--workers ${given}: ${process.platform} does not share a port among processes; leave it out, or give 1`);
  if (given > 1 && alone !== null) throw usage(`--workers ${given}: one process writes and reads the file of ${alone}; leave --workers out, or give 1`);
  return given;
}

function settings(pairs: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw usage(`--set ${pair}: write --set NAME=VALUE`);
    options.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return options;
}

function keyLogFile({ SSLKEYLOGFILE: file }: NonNullable<ConfigInput["environment"]>): string | null {
  return file === undefined || file === "" ? null : path.resolve(expandHome(file));
}

function variables(environment: NonNullable<ConfigInput["environment"]>): { readonly [variable: string]: string } {
  const given: { [variable: string]: string } = {};
  for (const [name, value] of Object.entries(environment)) if (name.startsWith("FLOWCELL_SET_") && value !== undefined) given[name] = value;
  return Object.freeze(given);
}

function namedLimits(pairs: readonly string[]): { readonly [L in LimitName]?: number } {
  const named: { [L in LimitName]?: number } = {};
  for (const pair of pairs) {
    const [name = "", value = ""] = pair.split("=", 2);
    if (!isLimitName(name)) throw usage(`--limit ${pair}: there is no limit "${name}"${nearest(name, Object.keys(limitTable))}; write --limit NAME=VALUE, docs/limits.md lists them`);
    if (!/^\d+(\.\d+)?$/.test(value)) throw usage(`--limit ${pair}: "${value}" is not a number (of ${limitTable[name].unit})`);
    named[name] = Number(value);
  }
  return named;
}

function limits(given: NonNullable<ConfigInput["limits"]>): Limits {
  const merged: { [L in LimitName]: number } = { ...defaultLimits };
  for (const name of Object.keys(limitTable)) {
    if (!isLimitName(name)) continue;
    const value = given[name];
    if (value === undefined) continue;
    const { min, max, unit } = limitTable[name];
    if (!Number.isFinite(value) || value < min || value > max) throw usage(`the limit ${name} must be between ${min} and ${max} ${unit}`);
    merged[name] = value;
  }
  return Object.freeze(merged);
}
