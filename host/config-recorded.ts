// The part of the configuration that is about recorded traffic: what is saved, read, played and answered from files, and the
// onboarding page. Checks what can be checked without touching the machine, as config.ts does for the rest.
import path from "node:path";
import { filterTexts, type Filter } from "../sandbox-api/schema/filter.ts";
import { parseFilter } from "../sandbox-api/schema/filter-parse.ts";
import { isHost } from "../sandbox-api/schema/http.ts";
import type { ServerReplayRules } from "./flows/saved/server-replay.ts";
import { OperatorError } from "./operator-error.ts";

export const defaultOnboardingHost = "flow.cell";

export interface RecordedConfig {
  /** `-w`; begins with "+" where flows are to be added to the file. */
  readonly save: string | null;
  readonly har: string | null;
  /** What of the traffic is saved; null: all. */
  readonly saveFilter: Filter | null;
  /** What of the files of `read` is played; null: all. */
  readonly readFilter: Filter | null;
  /** `-r`: no proxy is started, these are played. */
  readonly read: readonly string[];
  /** Files whose requests are sent, so many at once; then the program ends unless it is to keep serving. */
  readonly replayClient: readonly string[];
  readonly replayConcurrency: number;
  readonly keepServing: boolean;
  /** Files whose responses answer requests, and how. */
  readonly replayServer: readonly string[];
  readonly replayRules: ServerReplayRules;
  /** The magic host that serves the authority's certificate; null: none. */
  readonly onboarding: string | null;
}

/** As the command line gives it; absent means default. */
export interface RecordedInput {
  readonly save?: string;
  readonly har?: string;
  readonly saveFilter?: string;
  /** For what is read and what is saved, where `saveFilter` does not say otherwise. */
  readonly filter?: string;
  readonly read?: readonly string[];
  readonly replayClient?: readonly string[];
  readonly replayConcurrency?: number;
  readonly keepServing?: boolean;
  readonly replayServer?: readonly string[];
  readonly replayRules?: { readonly [R in keyof ServerReplayRules]?: ServerReplayRules[R] | undefined };
  readonly onboarding?: boolean;
  readonly onboardingHost?: string;
}

/** LIMIT: requests of a client replay at once. */
const mostAtOnce = 1_000;

export function recordedConfig(input: RecordedInput): RecordedConfig {
  const read = files(input.read);
  const replayClient = files(input.replayClient);
  const replayServer = files(input.replayServer);
  const save = input.save === undefined ? null : input.save.startsWith("+") ? `+${path.resolve(input.save.slice(1))}` : path.resolve(input.save);
  const har = input.har === undefined ? null : path.resolve(input.har);
  const concurrency = input.replayConcurrency ?? 1;
  if (input.saveFilter !== undefined && save === null && har === null) throw usage("--save-filter says what is saved: give --save FILE or --har FILE with it");
  if (input.filter !== undefined && save === null && har === null && read.length === 0) throw usage("--filter says what is read and saved: give --read FILE, --save FILE or --har FILE with it");
  const both = [...read, ...replayClient, ...replayServer].find((file) => file === save || file === har || `+${file}` === save);
  if (both !== undefined) throw usage(`${both} cannot be read and written at once; give another name to --save or --har`);
  if (read.length > 0 && replayClient.length + replayServer.length > 0) throw usage("--read runs addons without a network; it excludes --replay-client and --replay-server");
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > mostAtOnce) throw usage(`--replay-concurrency: give a whole number from 1 to ${mostAtOnce}`);
  const either = input.filter === undefined ? null : filter("--filter", input.filter);
  return Object.freeze({
    save, har, saveFilter: input.saveFilter === undefined ? either : filter("--save-filter", input.saveFilter), readFilter: either, read, replayClient, replayConcurrency: concurrency, keepServing: input.keepServing ?? false, replayServer,
    replayRules: replayRules(input.replayRules ?? {}, replayServer.length > 0), onboarding: input.onboarding === false ? null : onboardingHost(input.onboardingHost ?? defaultOnboardingHost),
  });
}

const files = (names: readonly string[] | undefined): readonly string[] => Object.freeze((names ?? []).map((file) => path.resolve(file)));

function replayRules(given: NonNullable<RecordedInput["replayRules"]>, isReplaying: boolean): ServerReplayRules {
  const isGiven = Object.entries(given).some(([name, value]) => (name === "refresh" ? value === false : value === true || (Array.isArray(value) && value.length > 0)));
  if (!isReplaying && isGiven) throw usage("--replay-… options are about --replay-server FILE: give that with them");
  const { reuse = false, killExtra = false, refresh = true, ignoreHost = false, ignorePort = false, ignoreContent = false, ignoreParams = [], ignorePayloadParams = [], useHeaders = [] } = given;
  return Object.freeze({ reuse, killExtra, refresh, ignoreHost, ignorePort, ignoreContent, ignoreParams, ignorePayloadParams, useHeaders });
}

function onboardingHost(name: string): string {
  if (!isHost(name)) throw usage(`--onboarding-host ${name}: give the name of a host, without a port`);
  return name.toLowerCase();
}

function filter(option: string, expression: string): Filter {
  const result = parseFilter(expression);
  if (result.kind === "problem") throw usage(`${option} ${expression}: ${result.message} (column ${result.column}; docs/filters.md lists what there is)`);
  if (filterTexts(result.filter).has("metadata")) throw usage(`${option} ${expression}: it asks for "~meta", which only addons know; leave it out, or look with flowfilter in an addon`);
  return result.filter;
}

const usage = (sentence: string): OperatorError => new OperatorError("ERR_USAGE", sentence);
