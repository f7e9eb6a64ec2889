// The addons of all workers: compiled once, loaded everywhere or nowhere, watched, and what is known of each (its version, strikes,
// spending) handed to workers that come later. It holds no isolate and no cell; those are the workers'.
import { resolve } from "node:path";
import type { LoadProblem, Prepared } from "../addons/addon-host.ts";
import { addonNames } from "../addons/addon-names.ts";
import type { AddonNews } from "../addons/addon.ts";
import { bundleAddon, type BundleResult } from "../addons/bundle.ts";
import { Breaker, CpuBudget } from "../addons/failure.ts";
import { AddonWatcher } from "../addons/reload.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import type { Log } from "../log.ts";
import { Turns } from "./turns.ts";
import { WorkerGone, type WorkerLink } from "./worker-link.ts";

export interface GroupAddonsSettings {
  readonly paths: readonly string[];
  readonly limits: Limits;
  readonly log: Log;
  /** Looked at like a source by addons that are held. */
  readonly lockFile: string;
  /** Those who have to agree. */
  readonly workers: () => readonly WorkerLink[];
}

interface GroupAddon {
  readonly name: string;
  readonly path: string;
  readonly breaker: Breaker;
  readonly budget: CpuBudget;
  isIsolated: boolean;
  inputs: readonly string[];
  /** What serves; null: nothing does. */
  bundle: BundleResult | null;
}

export class GroupAddons {
  readonly #settings: GroupAddonsSettings;
  readonly #addons: ReadonlyMap<string, GroupAddon>;
  readonly #watcher: AddonWatcher;
  /** µs spent elsewhere that a worker has not been told of. */
  readonly #unspent = new Map<WorkerLink, Map<string, number>>();
  /** Loads, options and newcomers one after the other: nobody joins in the middle of a change. */
  readonly turns = new Turns();

  constructor(settings: GroupAddonsSettings) {
    this.#settings = settings;
    const { paths, limits, log } = settings;
    const names = addonNames(paths);
    this.#addons = new Map(paths.map((path, index) => [names[index] ?? "", {
      name: names[index] ?? "", path: resolve(path), breaker: new Breaker(), budget: new CpuBudget(limits.cpuBudgetShare, limits.cpuBudgetBurstMs, Date.now()),
      isIsolated: false, inputs: [], bundle: null,
    }]));
    this.#watcher = new AddonWatcher({ log, changed: async (name) => { await this.reload(name); return this.#addons.get(name)?.inputs ?? []; } });
  }

  /** Loads all in their order. Gives a problem (logged by the workers) for each that is not in service. */
  async loadAll(): Promise<readonly LoadProblem[]> {
    const problems: LoadProblem[] = [];
    for (const addon of this.#addons.values()) {
      const problem = await this.reload(addon.name);
      if (problem !== null) problems.push(problem);
      await this.#watcher.watch(addon.name, addon.inputs);
    }
    return problems;
  }

  /** Compiles it once more and puts it into service in all workers, or (a problem) in none. */
  reload(name: string): Promise<LoadProblem | null> {
    return this.turns.take(async () => {
      const addon = this.#addons.get(name);
      return addon === undefined ? { addon: name, path: "", message: `there is no addon "${name}"` } : this.#load(addon);
    });
  }

  /** What a worker that has loaded nothing yet needs to serve like the others: to be called in a turn. Rejects when it ends meanwhile. */
  async bring(worker: WorkerLink): Promise<void> {
    for (const { name, bundle } of this.#addons.values()) {
      if (bundle === null) continue;
      await worker.ask("prepare", { name, result: bundle });
      await worker.ask("commit", name);
    }
  }

  /** Brings it up to date with what workers tell each other; to be called at the moment from which it hears the rest. */
  brief(worker: WorkerLink): void {
    const now = Date.now();
    for (const { name, breaker, budget, isIsolated } of this.#addons.values()) {
      for (const news of breaker.history(now)) worker.tell({ kind: "news", addon: name, news });
      if (isIsolated) worker.tell({ kind: "news", addon: name, news: { kind: "isolated" } });
      this.#owe(worker, name, budget.missing(now));
    }
  }

  /** One order for all: state news go back to their sender as well, or news that cross would leave workers apart. */
  spread(from: WorkerLink, name: string, news: AddonNews): void {
    const addon = this.#addons.get(name);
    if (addon === undefined) return;
    if (news.kind === "isolated") addon.isIsolated = true;
    else addon.breaker.heed(news, Date.now());
    const isState = news.kind === "opened" || news.kind === "closed" || news.kind === "banned";
    for (const worker of this.#settings.workers()) if (worker !== from || isState) worker.tell({ kind: "news", addon: name, news });
  }

  spent(from: WorkerLink, spent: ReadonlyMap<string, number>): void {
    for (const [name, micros] of spent) {
      this.#addons.get(name)?.budget.spendAlone(micros, Date.now());
      for (const worker of this.#settings.workers()) if (worker !== from) this.#owe(worker, name, micros);
    }
  }

  /** Tells each worker what addons have spent in the others since the last time. */
  settle(): void {
    for (const [worker, spent] of this.#unspent) worker.tell({ kind: "spent", spent });
    this.#unspent.clear();
  }

  /** An addon's slate is clean again. */
  forgive(name: string): void {
    this.#addons.get(name)?.breaker.reset();
  }

  close(): void {
    this.#watcher.close();
  }

  #owe(worker: WorkerLink, name: string, micros: number): void {
    if (micros <= 0) return;
    const spent = this.#unspent.get(worker) ?? new Map<string, number>();
    spent.set(name, (spent.get(name) ?? 0) + micros);
    this.#unspent.set(worker, spent);
  }

  async #load(addon: GroupAddon): Promise<LoadProblem | null> {
    const { name } = addon;
    const result = await bundleAddon(addon.path, this.#settings.limits.bundleBytes);
    addon.inputs = result.kind === "error" ? [...new Set([...addon.inputs, ...result.inputs])] : result.inputs;
    const workers = this.#settings.workers();
    const answers = await Promise.all(workers.map((worker) => unlessGone(worker.ask("prepare", { name, result }))));
    const problem = answers.find((answer): answer is Extract<Prepared, { readonly kind: "problem" }> => answer?.kind === "problem");
    if (problem !== undefined) {
      await Promise.all(workers.map((worker) => unlessGone(worker.ask("abandon", name))));
      // What holds it back may be the operator's word.
      addon.inputs = [...addon.inputs, this.#settings.lockFile];
      return problem.problem;
    }
    await Promise.all(workers.map((worker) => unlessGone(worker.ask("commit", name))));
    if (answers.some((answer) => answer?.kind === "ready")) addon.breaker.reset();
    addon.bundle = result;
    return null;
  }
}

/** Who dies in the middle of it has no say; who comes in its place gets what the others have. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof WorkerGone) return null;
    throw error;
  }
}
