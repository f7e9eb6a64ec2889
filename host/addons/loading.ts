// New versions of addons on their way into service, in two steps: `prepare` brings an instance to life beside the one that serves,
// `commit` puts it into service and `abandon` ends it. Between the two, whoever runs the addon in several processes asks them all.
// Failures are told and logged here; who serves, and restarts after faults, are lifecycle.ts's.
import type { Log } from "../log.ts";
import { codeLines } from "../log-format.ts";
import type { Addon } from "./addon.ts";
import type { Bundle, BundleResult } from "./bundle.ts";
import { reportFault, type FaultReport } from "./fault-report.ts";
import type { Instance } from "./instance.ts";
import type { LockJudge } from "./lock.ts";
import type { StartResult } from "./start.ts";

/** Why an addon is not in service. */
export interface LoadProblem {
  readonly addon: string;
  readonly path: string;
  /** Several lines: a sentence, then places in the source. */
  readonly message: string;
}

/** `ready`: waits for `commit` or `abandon`. `unchanged`: that is what serves already. */
export type Prepared = { readonly kind: "ready" | "unchanged" } | { readonly kind: "problem"; readonly problem: LoadProblem };

export interface LoadingSettings {
  readonly log: Log;
  readonly lock: LockJudge | null;
  readonly start: (addon: Addon, bundle: Bundle) => Promise<StartResult>;
  readonly serve: (addon: Addon, instance: Instance) => void;
  /** Brings it into service anew, as the version it has. */
  readonly restart: (addon: Addon) => Promise<void>;
  readonly end: (instance: Instance) => Promise<void>;
  /** It has another version. */
  readonly changed: (addon: Addon) => void;
}

export class Loading {
  readonly #settings: LoadingSettings;
  readonly #ready = new Map<Addon, Instance>();

  constructor(settings: LoadingSettings) {
    this.#settings = settings;
  }

  /** On a problem (logged) the version in service, if any, stays. Sources that compile to what serves are left alone. */
  async prepare(addon: Addon, result: BundleResult): Promise<Prepared> {
    await this.abandon(addon);
    addon.held = null;
    addon.inputs = result.kind === "error" ? [...new Set([...addon.inputs, ...result.inputs])] : result.inputs;
    if (result.kind === "error") return this.#problem(addon, result.message, {});
    for (const warning of result.bundle.warnings) this.#settings.log.warn(`addon "${addon.name}": ${warning}`, { addon: addon.name });
    await addon.restarting;
    if (addon.current !== null && addon.version?.bundle.hash === result.bundle.hash) return { kind: "unchanged" };
    const started = await this.#settings.start(addon, result.bundle);
    switch (started.kind) {
      case "ready":
        this.#ready.set(addon, started.instance);
        return { kind: "ready" };
      case "fault": {
        const report = reportFault(started.fault, { addon: addon.name, event: "load", subject: null, version: started.version });
        return this.#problem(addon, withCode(report), report.fields);
      }
      case "held": return this.#hold(addon, started.news);
      case "lost": return this.#problem(addon, `addon "${addon.name}" could not be loaded: its process went away again and again`, {});
    }
  }

  /** What was prepared takes the next event, and the one before finishes its flows. Without anything prepared it does nothing. */
  commit(addon: Addon): void {
    const instance = this.#ready.get(addon);
    if (instance === undefined) return;
    this.#ready.delete(addon);
    addon.breaker.reset();
    if (addon.version !== null) {
      addon.counters.reloads++;
      this.#settings.log.info(`addon "${addon.name}" was reloaded`, { addon: addon.name, event: "reload" });
    }
    if (instance.state !== "dead") return this.#settings.serve(addon, instance);
    // Its cell ended while it waited.
    addon.version = instance.version;
    this.#settings.changed(addon);
    void this.#settings.restart(addon);
  }

  /** Ends what was prepared, if anything was. */
  async abandon(addon: Addon): Promise<void> {
    const instance = this.#ready.get(addon);
    this.#ready.delete(addon);
    if (instance !== undefined) await this.#settings.end(instance);
  }

  /** The operator has the word: the file that says so is looked at like a source. */
  #hold(addon: Addon, news: readonly string[]): Prepared {
    const { lock, log } = this.#settings;
    addon.held = news;
    if (lock !== null) addon.inputs = [...addon.inputs, lock.file];
    const stays = addon.current === null ? "it does not run" : "the version before stays in service";
    const message = `it asks for more than was approved:\n${news.map((each) => `    ${each}`).join("\n")}\n  If you agree: flowcell approve ${addon.path}`;
    log.warn(`addon "${addon.name}" is held, ${stays}: ${message}`, { addon: addon.name, path: addon.path, event: "held", asks: news });
    return { kind: "problem", problem: { addon: addon.name, path: addon.path, message } };
  }

  #problem(addon: Addon, message: string, fields: FaultReport["fields"]): Prepared {
    const stays = addon.current === null ? "" : "; the version before stays in service";
    this.#settings.log.error(`addon "${addon.name}" was not loaded${stays}:\n${message}`, { ...fields, addon: addon.name, path: addon.path, event: "load" });
    return { kind: "problem", problem: { addon: addon.name, path: addon.path, message } };
  }
}

const withCode = ({ msg, fields }: FaultReport): string => [msg, ...codeLines(fields).map((line) => `    ${line}`)].join("\n");
