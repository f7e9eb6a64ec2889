// Everything about addons behind one door, for the composition root: takes cells, limits and paths, gives the gate, states and
// verbs for the operator. It composes lifecycle, pipeline, options and watcher and owns the one timer of `tick`.
import { resolve } from "node:path";
import { eventNames, type EventName } from "../../sandbox-api/schema/events.ts";
import type { ObjectKey } from "../../sandbox-api/schema/ids.ts";
import type { LimitName, Limits } from "../../sandbox-api/schema/limits.ts";
import type { OptionValue } from "../../sandbox-api/schema/options.ts";
import type { CellPool } from "../cells/cell.ts";
import type { CellsOption } from "../cells/placement.ts";
import type { Gate } from "../flows/gate.ts";
import { plainView } from "../flows/view.ts";
import { invariant } from "../invariant.ts";
import type { Log, LogRecord } from "../log.ts";
import type { Addon, AddonNews } from "./addon.ts";
import type { BundleResult } from "./bundle.ts";
import type { AddonServices } from "./service-desk.ts";
import { AddonFetch, type FetchNetwork } from "../services/fetch.ts";
import { AddonReplays } from "../services/replay.ts";
import { AddonStorage } from "../services/storage.ts";
import type { StorageFile } from "../services/storage-file.ts";
import { freeName } from "./addon-names.ts";
import type { GrantRules } from "./grant-rules.ts";
import type { LockJudge } from "./lock.ts";
import type { Instance } from "./instance.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { LoadProblem, Prepared } from "./loading.ts";
import { commandLineLayer, GivenOptions, withOption, type GivenLayer, type OptionSource, type UnknownOptions } from "./options.ts";
import { listOptions, type ListedOption } from "./options-list.ts";
import { watchOptions } from "./options-watch.ts";
import { Pipeline } from "./pipeline.ts";
import { AddonWatcher } from "./reload.ts";
import { refusalToReplay, type SendAgain } from "./replays.ts";

export type { LoadProblem, Prepared } from "./loading.ts";

export interface AddonHostSettings {
  /** The operator's log. Its sink should hand each record to `tellLog`. */
  readonly log: Log;
  readonly pool: CellPool;
  readonly limits: Limits;
  /** `closed`: every addon's failure refuses its flow; `open`: only where a manifest says so. */
  readonly failure: "open" | "closed";
  readonly cells: CellsOption;
  /** `--set NAME=VALUE` or `ADDON.NAME=VALUE`, as text. */
  readonly options: ReadonlyMap<string, string>;
  /** The variables `FLOWCELL_SET_…`. */
  readonly environmentOptions?: GivenLayer;
  /** What the configuration file gives; edits are looked at with `watch`. */
  readonly optionsFile?: { readonly path: string; readonly isRequired: boolean; readonly options: GivenLayer };
  /** What was set by calls into the running proxy so far. */
  readonly runTimeOptions?: GivenLayer;
  /** Edited addons are reloaded. */
  readonly watch: boolean;
  /** Absent: addons get no storage and no fetch, whatever they are granted. */
  readonly services?: HostServices;
  /** `--grant`, by the addon's name. */
  readonly grants?: GrantRules;
  /** What addons with a manifest were approved for; absent: nothing is recorded, and nobody is held. */
  readonly lock?: LockJudge;
  /** Hears what other proxy processes that run the same addons have to `heed`. */
  readonly tellPeers?: (addon: string, news: AddonNews) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** What the host has for addons beyond flows. Whoever made the file closes it, after `close`. */
export interface HostServices {
  readonly storage: StorageFile;
  /** Null: nobody fetches. */
  readonly network: FetchNetwork | null;
}

export interface AddonState {
  readonly name: string;
  readonly path: string;
  /** `held`: it asks for more than was approved; `failed`: no version of it could be loaded so far. */
  readonly status: "running" | "restarting" | "suspended" | "held" | "failed";
  /** What its sources ask for beyond what was approved, in words; the version before may be in service. Null: nothing. */
  readonly held: readonly string[] | null;
  readonly handlers: readonly EventName[];
  /** Events for which its manifest declares edits. */
  readonly edits: readonly EventName[];
  readonly cellPid: number | null;
  /** Has a cell of its own, because it was guilty once. */
  readonly isIsolated: boolean;
  readonly strikes: number;
  readonly suspendedUntil: number | "operator" | null;
  readonly calls: number;
  readonly failures: number;
  readonly reloads: number;
  readonly restarts: number;
  readonly cpuMicros: number;
  readonly logLinesDropped: number;
  /** How often each limit fired, by its name. */
  readonly breaches: { readonly [L in LimitName]?: number };
}

export interface AddonHost {
  readonly gate: Gate;
  /** Loads the addons at these paths, in this order. Gives a problem (logged as an error already) for each that is not in service. */
  loadAll(paths: readonly string[]): Promise<readonly LoadProblem[]>;
  /** Compiles and loads an addon again, as the watcher does. Null: it is in service. */
  reload(name: string): Promise<LoadProblem | null>;
  /** The steps of `loadAll` and `reload` apart, for a host that is one of several: addons that load nothing yet, at these paths; gives their names. */
  add(paths: readonly string[]): readonly string[];
  /** Loads a new version beside the one that serves. It waits until `commit` (or `abandon`). */
  prepare(name: string, result: BundleResult): Promise<Prepared>;
  commit(name: string): void;
  abandon(name: string): Promise<void>;
  /** What happened to an addon in another process counts here too. */
  heed(name: string, news: AddonNews): void;
  /** CPU time, in µs, that each addon has used since this was last asked, but for its loading. */
  takeSpent(): ReadonlyMap<string, number>;
  /** CPU time, in µs, that an addon has used in other processes. */
  spendElsewhere(name: string, cpuMicros: number): void;
  /**
   * Changes an option (`NAME`, or `ADDON.NAME`) over whatever was given elsewhere; a text is read by the declared type, null takes the
   * call before back. Gives the reason when it is wrong or an addon refuses it; then nothing has changed.
   */
  setOption(name: string, value: Exclude<OptionValue, null> | null): Promise<string | null>;
  /** All values that were given in one place are these from now on; likewise. */
  changeOptions(source: OptionSource, layer: GivenLayer): Promise<string | null>;
  /** The options of every addon that was loaded, with their present values. */
  options(): readonly ListedOption[];
  /** Values given that no addon takes. */
  unknownOptions(): UnknownOptions;
  /** Hands an event-log entry to `log` handlers; drops entries that a `log` handler caused. */
  tellLog(record: LogRecord): void;
  /** Resolves when every addon has been told what happened so far. */
  toldAll(): Promise<void>;
  addons(): readonly AddonState[];
  /** Ends a suspension. False: there is no such addon. */
  resume(name: string): boolean;
  /** Resumes an intercepted flow. False: it is not intercepted. */
  resumeFlow(key: ObjectKey): boolean;
  /** How requests are sent again; until then `ctx.replay` refuses. */
  useReplay(send: SendAgain): void;
  /** Runs every `done` (bounded by the wall limit) and ends the cells in use. The pool is closed by its owner. */
  close(): Promise<void>;
}

const tickMs = 100;
/** How often cells that rest are looked at. */
const restCheckMs = 5_000;

/** Makes an addon host without addons. Starts no process before `loadAll`. */
export function createAddonHost(settings: AddonHostSettings): AddonHost {
  const { log, pool, limits, failure, cells, now = Date.now } = settings;
  const given = givenIn(settings);
  // The two need each other: faults and resumes from isolates concern flows, which the pipeline knows.
  let sendAgain: SendAgain | null = null;
  const replay = (instance: Instance, key: number, signal: AbortSignal): Promise<void> | string => {
    const flow = pipeline.flowOf(instance, key);
    if (flow === null) return "this flow has ended";
    return refusalToReplay(flow, instance.version.grants.limits) ?? sendAgain?.(flow, signal) ?? "this proxy sends no requests again now";
  };
  const lifecycle: Lifecycle = new Lifecycle({
    log, pool, limits, failure, cells, given, now, grants: settings.grants ?? new Map(), lock: settings.lock ?? null,
    servicesFor: (name) => servicesOf(settings.services, name, now),
    resumeFlow: (instance, key) => pipeline.resumeFrom(instance, key), replay, onChange: () => pipeline.refresh(), tellPeers: settings.tellPeers,
  });
  const pipeline: Pipeline = new Pipeline(lifecycle, { log, limits, now });
  const find = (name: string): Addon | undefined => lifecycle.addons.find((addon) => addon.name === name);
  const reload = async (name: string): Promise<LoadProblem | null> => {
    const addon = find(name);
    return addon === undefined ? { addon: name, path: "", message: `there is no addon "${name}"` } : lifecycle.reload(addon);
  };
  const watcher = settings.watch ? new AddonWatcher({ log, changed: async (name) => { await reload(name); return find(name)?.inputs ?? []; } }) : null;
  const fileWatcher = settings.watch && settings.optionsFile !== undefined ? watchOptions(settings.optionsFile, (layer) => lifecycle.options.change("file", () => layer), log) : null;
  // A tick is due when the last one has been answered, and nothing else waits for this addon.
  const ticker = setInterval(() => pipeline.notify("tick", plainView("tick", 0, []), ({ told }) => told.length === 0), tickMs);
  ticker.unref();
  const restChecker = setInterval(() => lifecycle.checkRest(), restCheckMs);
  restChecker.unref();
  const add = (paths: readonly string[]): readonly Addon[] => paths.map((path) => lifecycle.add(freeName(path, (name) => find(name) !== undefined), resolve(path)));
  return {
    gate: pipeline, ...stepsOf(lifecycle, find, now),
    add: (paths) => add(paths).map(({ name }) => name),
    async loadAll(paths) {
      const added = add(paths);
      const problems: LoadProblem[] = [];
      for (const addon of added) {
        const problem = await lifecycle.reload(addon);
        if (problem !== null) problems.push(problem);
        await watcher?.watch(addon.name, addon.inputs);
      }
      return problems;
    },
    reload,
    setOption: (name, value) => lifecycle.options.change("run time", (layer) => withOption(layer, name, value)),
    changeOptions: (source, layer) => lifecycle.options.change(source, () => layer),
    options: () => lifecycle.addons.flatMap((addon) => (addon.version === null ? [] : listOptions(addon.name, addon.version.manifest?.options ?? null, lifecycle.options.read(addon, addon.version)))),
    unknownOptions: () => lifecycle.options.unknown(),
    tellLog(record) {
      if (record.fields["causedByLog"] !== true) pipeline.notify("log", plainView("log", 0, [["entry", { msg: record.msg, level: record.level }]]), () => true);
    },
    async toldAll() {
      await Promise.all(lifecycle.addons.map(({ told }) => new Promise<void>((resolve) => told.add(resolve))));
    },
    addons: () => lifecycle.addons.map((addon) => stateOf(addon, now())),
    resume(name) {
      const addon = find(name);
      if (addon !== undefined) lifecycle.resume(addon);
      return addon !== undefined;
    },
    resumeFlow: (key) => pipeline.resumeFlow(key),
    useReplay(send) {
      sendAgain = send;
    },
    async close() {
      clearInterval(ticker);
      clearInterval(restChecker);
      watcher?.close();
      fileWatcher?.close();
      pipeline.close();
      await lifecycle.close();
    },
  };
}

type Steps = Pick<AddonHost, "prepare" | "commit" | "abandon" | "heed" | "takeSpent" | "spendElsewhere">;

/** What a host that is one of several is asked for by the one that leads them; names it does not know are our mistake. */
function stepsOf(lifecycle: Lifecycle, find: (name: string) => Addon | undefined, now: () => number): Steps {
  const known = (name: string): Addon => {
    const addon = find(name);
    invariant(addon !== undefined, `there is no addon "${name}"`);
    return addon;
  };
  return {
    prepare: (name, result) => lifecycle.loading.prepare(known(name), result),
    commit: (name) => lifecycle.loading.commit(known(name)),
    abandon: (name) => lifecycle.loading.abandon(known(name)),
    heed: (name, news) => lifecycle.heed(known(name), news),
    takeSpent: () => new Map(lifecycle.addons.map(({ name, budget }) => [name, budget.takeUntold()] as const).filter(([, micros]) => micros > 0)),
    spendElsewhere: (name, cpuMicros) => known(name).budget.spendAlone(cpuMicros, now()),
  };
}

function givenIn({ options, environmentOptions, optionsFile, runTimeOptions }: AddonHostSettings): GivenOptions {
  return new GivenOptions(new Map([["run time", runTimeOptions ?? new Map()], ["command line", commandLineLayer(options)], ["environment", environmentOptions ?? new Map()], ["file", optionsFile?.options ?? new Map()]]));
}

/** The name is the operator's (that of the file or folder), never what an addon says of itself. */
function servicesOf(services: HostServices | undefined, name: string, now: () => number): AddonServices {
  const replays = new AddonReplays(now);
  if (services === undefined) return { storage: null, fetch: null, replays };
  return { replays, storage: new AddonStorage(services.storage, `operator/${name}`), fetch: services.network === null ? null : new AddonFetch(services.network, now) };
}

function stateOf(addon: Addon, now: number): AddonState {
  const suspendedUntil = addon.breaker.suspendedUntil(now);
  const status = suspendedUntil !== null ? "suspended" : addon.current !== null ? "running" : addon.held !== null ? "held" : addon.version === null ? "failed" : "restarting";
  const { calls, failures, reloads, restarts, cpuMicros } = addon.counters;
  return {
    name: addon.name, path: addon.path, status, held: addon.held, handlers: [...addon.handlers], edits: eventNames.filter((event) => addon.hasEdits(event)), cellPid: addon.current?.residence.cell.pid ?? null, isIsolated: addon.isIsolated,
    strikes: addon.breaker.strikes(now), suspendedUntil, calls, failures, reloads, restarts, cpuMicros, logLinesDropped: addon.guestLog.dropped, breaches: Object.fromEntries(addon.breaches),
  };
}
