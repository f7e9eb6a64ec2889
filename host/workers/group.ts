// The proxy as several processes: this one leads and serves nobody, the workers are whole proxies on the same ports (decision 0009).
// It owns what there must be one of: the authority's making, the lock file, compiling and watching addons, the log, the answer
// whether a new version counts. The composition root of the leading process; one worker's is worker.ts.
import { randomBytes } from "node:crypto";
import type { AddonLock } from "../addons/lock.ts";
import { withOption, type GivenLayer } from "../addons/options.ts";
import { watchOptions } from "../addons/options-watch.ts";
import type { AddonState } from "../addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../addons/own-code.ts";
import type { Config } from "../config.ts";
import { checkAddonPaths, openLock, readGrantRules, readOptions, refuseProblems, refuseUnknownOptions, type Flowcell } from "../host.ts";
import { makeLog, type Log, type LogRecord } from "../log.ts";
import { openAuthority } from "../tls/authority.ts";
import { Crew } from "./crew.ts";
import { GroupAddons, unlessGone } from "./group-addons.ts";
import { LogMerge } from "./log-merge.ts";
import { failureOf, type OpenSettings } from "./messages.ts";
import { reservePorts } from "./ports.ts";
import { mergeStates } from "./shares.ts";
import type { WorkerLink, WorkerNews } from "./worker-link.ts";

/** How often workers hear what addons have spent in the others. */
const settleMs = 100;
const statesMs = 2_000;

/**
 * Starts `config.workers` workers and resolves when all of them serve. Rejects with an operator error, as a single proxy does, after
 * having ended what had started. `print` gets every log record.
 */
export async function startGroup(config: Config, print: (record: LogRecord) => void): Promise<Flowcell> {
  checkAddonPaths(config.addons);
  readGrantRules(config);
  const log = makeLog(print);
  const authority = await openAuthority(config.confdir);
  for (const warning of authority.warnings) log.warn(warning, { event: "ca" });
  const [lock, fileOptions] = await Promise.all([openLock(config), readOptions(config)]);
  const [guestBundle, entry, ports] = await Promise.all([bundleGuest(), bundleRuntime(), reservePorts(config.listeners)]);
  const open = { config, lockFile: lock.file, guestBundle, entry, ticketSecret: randomBytes(32) };
  const group = new Group(open, lock, ports.listeners, fileOptions, print);
  try {
    await group.start();
  } catch (error) {
    await group.stop();
    throw error;
  } finally {
    ports.release();
  }
  return {
    listeners: ports.listeners.map(({ mode, host, port }) => ({ mode, host, port })), authority,
    addons: () => group.states, setOption: (name, value) => group.setOption(name, value), resume: (name) => group.resume(name), stop: () => group.stop(),
  };
}

class Group {
  states: readonly AddonState[] = [];
  readonly #config: Config;
  readonly #open: Omit<OpenSettings, "number" | "options">;
  readonly #lock: AddonLock;
  readonly #listeners: Config["listeners"];
  /** As they are in force; the other sources cannot change. */
  #options: OpenSettings["options"];
  readonly #log: Log;
  #optionsWatcher: { close(): void } | null = null;
  readonly #merge: LogMerge;
  readonly #crew: Crew;
  readonly #addons: GroupAddons;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Who takes part in changes: all that serve, and at the start all that are there. */
  #members: () => readonly WorkerLink[];

  constructor(open: Omit<OpenSettings, "number" | "options">, lock: AddonLock, listeners: Config["listeners"], fileOptions: GivenLayer, print: (record: LogRecord) => void) {
    const { config } = open;
    this.#config = config;
    this.#open = open;
    this.#lock = lock;
    this.#listeners = listeners;
    this.#options = { file: fileOptions, runTime: new Map() };
    this.#merge = new LogMerge(print);
    const log = makeLog(print);
    this.#log = log;
    this.#crew = new Crew({ size: config.workers, log, heard: (worker, news) => this.#hear(worker, news), join: (worker) => this.#join(worker) });
    this.#members = () => this.#crew.admitted;
    this.#addons = new GroupAddons({ paths: config.addons, limits: config.limits, log, lockFile: lock.file, workers: () => this.#members() });
  }

  async start(): Promise<void> {
    const workers = this.#crew.hireAll();
    this.#members = () => workers;
    await Promise.all(workers.map((worker) => this.#prepare(worker)));
    refuseProblems(await this.#addons.loadAll(), this.#config);
    const [first] = workers;
    if (first !== undefined) refuseUnknownOptions(await first.ask("unknownOptions", null), this.#log);
    await Promise.all(workers.map((worker) => worker.ask("listen", this.#listeners)));
    for (const worker of workers) this.#crew.admit(worker);
    this.#members = () => this.#crew.admitted;
    await this.#readStates();
    this.#optionsWatcher = watchOptions(this.#config.optionsFile, (layer) => this.#changeOptions("file", () => layer), this.#log);
    this.#timers.push(setInterval(() => this.#addons.settle(), settleMs), setInterval(() => void this.#readStates(), statesMs));
    for (const timer of this.#timers) timer.unref();
  }

  /** In all workers, or (an addon refuses: the reason) in none. */
  setOption(name: string, value: Parameters<Flowcell["setOption"]>[1]): Promise<string | null> {
    return this.#changeOptions("runTime", (layer) => withOption(layer, name, value));
  }

  #changeOptions(place: keyof OpenSettings["options"], edit: (layer: GivenLayer) => GivenLayer): Promise<string | null> {
    const source = place === "file" ? "file" : "run time";
    return this.#addons.turns.take(async () => {
      const before = this.#options[place];
      const layer = edit(before);
      const told: WorkerLink[] = [];
      for (const worker of this.#members()) {
        const refusal = await unlessGone(worker.ask("options", { source, layer }));
        if (refusal !== null) {
          for (const other of told) await unlessGone(other.ask("options", { source, layer: before }));
          return refusal;
        }
        told.push(worker);
      }
      this.#options = { ...this.#options, [place]: layer };
      return null;
    });
  }

  resume(name: string): boolean {
    if (!this.states.some((state) => state.name === name)) return false;
    this.#addons.forgive(name);
    // A worker that ends instead begins with a clean slate as well.
    for (const worker of this.#members()) void unlessGone(worker.ask("resume", name));
    return true;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#addons.close();
    this.#optionsWatcher?.close();
    await this.#crew.stop();
  }

  async #prepare(worker: WorkerLink): Promise<void> {
    await worker.ask("open", { ...this.#open, number: worker.number, options: this.#options });
    await worker.ask("add", this.#config.addons);
  }

  #join(worker: WorkerLink): Promise<void> {
    return this.#addons.turns.take(async () => {
      await this.#prepare(worker);
      await this.#addons.bring(worker);
      this.#addons.brief(worker);
      this.#crew.admit(worker);
      await worker.ask("listen", this.#listeners);
    });
  }

  #hear(worker: WorkerLink, news: WorkerNews): void {
    switch (news.kind) {
      case "log": return this.#merge.take(worker.number, news.record);
      case "news": return this.#addons.spread(worker, news.addon, news.news);
      case "spent": return this.#addons.spent(worker, news.spent);
      case "judge":
        void this.#lock.judge(news.subject).catch(failureOf).then((verdict) => worker.tell({ kind: "judged", id: news.id, verdict }));
    }
  }

  async #readStates(): Promise<void> {
    const all = (await Promise.all(this.#members().map((worker) => unlessGone(worker.ask("states", null))))).filter((states) => states !== null);
    if (all.length === 0) return;
    this.states = (all[0] ?? []).flatMap(({ name }) => {
      const merged = mergeStates(all.flatMap((states) => states.filter((state) => state.name === name)));
      return merged === null ? [] : [merged];
    });
  }
}

