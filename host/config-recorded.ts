// The part of the configuration that is about recorded traffic: what is saved, read, played and answered from files, and the
// onboarding page. Checks what can be checked without touching the machine, as config.ts does for the rest.
import path from "node:path";
import type { Filter } from "../sandbox-api/schema/filter.ts";
import { parseFilter } from "../sandbox-api/schema/filter-parse.ts";
import { isHost } from "../sandbox-api/schema/http.ts";
import { OperatorError } from "./operator-error.ts";

export const defaultOnboardingHost = "flow.cell";

export interface RecordedConfig {
  /** `-w`; begins with "+" where flows are to be added to the file. */
  readonly save: string | null;
  readonly har: string | null;
  /** What of the traffic is saved; null: all. */
  readonly saveFilter: Filter | null;
  /** `-r`: no proxy is started, these are played. */
  readonly read: readonly string[];
  /** The magic host that serves the authority's certificate; null: none. */
  readonly onboarding: string | null;
}

/** As the command line gives it; absent means default. */
export interface RecordedInput {
  readonly save?: string;
  readonly har?: string;
  readonly saveFilter?: string;
  readonly read?: readonly string[];
  readonly onboarding?: boolean;
  readonly onboardingHost?: string;
}

export function recordedConfig(input: RecordedInput): RecordedConfig {
  const read = (input.read ?? []).map((file) => path.resolve(file));
  const save = input.save === undefined ? null : input.save.startsWith("+") ? `+${path.resolve(input.save.slice(1))}` : path.resolve(input.save);
  const har = input.har === undefined ? null : path.resolve(input.har);
  if (input.saveFilter !== undefined && save === null && har === null) throw usage("--save-filter says what is saved: give --save FILE or --har FILE with it");
  if (read.some((file) => file === save || file === har)) throw usage(`${read[0] ?? ""} cannot be read and written at once; give another name to --save or --har`);
  return Object.freeze({ save, har, saveFilter: input.saveFilter === undefined ? null : filter("--save-filter", input.saveFilter), read: Object.freeze(read), onboarding: input.onboarding === false ? null : onboardingHost(input.onboardingHost ?? defaultOnboardingHost) });
}

function onboardingHost(name: string): string {
  if (!isHost(name)) throw usage(`--onboarding-host ${name}: give the name of a host, without a port`);
  return name.toLowerCase();
}

function filter(option: string, expression: string): Filter {
  const result = parseFilter(expression);
  if (result.kind === "problem") throw usage(`${option} ${expression}: ${result.message} (column ${result.column}; docs/filters.md lists what there is)`);
  return result.filter;
}

const usage = (sentence: string): OperatorError => new OperatorError("ERR_USAGE", sentence);
