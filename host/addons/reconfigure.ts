// Changes options while addons run: every addon whose options differ is told by `configure`, one change after the other; when one
// refuses, all go back (events.md §2). Knows who declares what; reads no files and loads nothing.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { plainView, type EventView } from "../flows/view.ts";
import type { Addon, AddonVersion } from "./addon.ts";
import { callOne } from "./call-one.ts";
import { reasonOf } from "./fault-report.ts";
import type { Instance } from "./instance.ts";
import { readOptions, unknownOptions, type Declares, type GivenLayer, type GivenOptions, type OptionOwner, type OptionSnapshot, type OptionSource, type ReadOptions, type UnknownOptions } from "./options.ts";

export interface OptionDeskSettings {
  readonly given: GivenOptions;
  readonly addons: readonly Addon[];
  /** A `configure` failed: strikes and restarts as of any call. */
  readonly failed: (instance: Instance, fault: Fault) => void;
}

/** One `configure` view: all options that the addon may see, and which of them are new. */
export const configureView = (options: OptionSnapshot, updated: readonly string[]): EventView =>
  plainView("configure", 0, [["options", { options, updated }]]);

interface Refused { readonly fault: Fault; readonly names: readonly string[] }

export class OptionDesk {
  readonly #settings: OptionDeskSettings;
  #given: GivenOptions;
  /** Changes wait for each other; never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: OptionDeskSettings) {
    this.#settings = settings;
    this.#given = settings.given;
  }

  /** Who declares what now. */
  get owners(): readonly OptionOwner[] {
    return this.#settings.addons.map(({ name, version }) => ({ name, declares: declaredBy(version) }));
  }

  /** What that version of the addon is to be told. */
  read(addon: Addon, version: AddonVersion): ReadOptions {
    return this.#read(this.#given, addon, version);
  }

  /** Given values that nobody takes. */
  unknown(): UnknownOptions {
    return unknownOptions(this.#given, this.owners);
  }

  /** The values of a source are these from now on. Gives why not, and then everything is as before. */
  change(source: OptionSource, edit: (layer: GivenLayer) => GivenLayer): Promise<string | null> {
    return this.#inTurn(() => this.#change(this.#given.with(source, edit(this.#given.layer(source)))));
  }

  /** Tells an instance that has just begun to serve what was changed while it started. */
  catchUp(instance: Instance): Promise<void> {
    return this.#inTurn(async () => {
      const refusal = await this.#tell(instance);
      if (refusal !== null) this.#settings.failed(instance, refusal.fault);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined); // Whoever asked for it gets the error.
    return result;
  }

  async #change(next: GivenOptions): Promise<string | null> {
    const problems = [...unknownOptions(next, this.owners).problems, ...this.#serving().flatMap(({ addon, version }) => this.#read(next, addon, version).problems)];
    if (problems.length > 0) return problems.slice(0, 20).join("; ");
    const before = this.#given;
    this.#given = next;
    for (const instance of this.#serving()) {
      const refusal = await this.#tell(instance);
      if (refusal === null) continue;
      this.#settings.failed(instance, refusal.fault);
      this.#given = before;
      // The one that refused is told of the way back as well: it may have believed the new value before it threw.
      for (const told of this.#serving()) await this.#tell(told);
      const { names, fault } = refusal;
      return `addon "${instance.addon.name}" refused ${names.length === 1 ? "option" : "options"} ${names.join(", ")}: ${reasonOf(fault)}`;
    }
    return null;
  }

  /** Null: it took them, or there was nothing new, or it is gone and starts anew with what is given then. */
  async #tell(instance: Instance): Promise<Refused | null> {
    if (!instance.isAlive) return null;
    const { values } = this.read(instance.addon, instance.version);
    const updated = changedNames(instance.options, values);
    if (updated.length === 0) return null;
    instance.options = values;
    const outcome = await callOne(instance, configureView(values, updated), false);
    return outcome.kind === "failed" ? { fault: outcome.fault, names: updated } : null;
  }

  #serving(): readonly Instance[] {
    return this.#settings.addons.map(({ current }) => current).filter((instance) => instance !== null);
  }

  #read(given: GivenOptions, addon: Addon, version: AddonVersion): ReadOptions {
    const others = new Set<string>();
    for (const { name, declares } of this.owners) if (name !== addon.name && typeof declares !== "string") for (const option of declares.keys()) others.add(option);
    return readOptions(given, { name: addon.name, declares: declaredBy(version) }, others, this.#settings.addons.map(({ name }) => name).filter((name) => name !== addon.name));
  }
}

function declaredBy(version: AddonVersion | null): Declares {
  return version === null ? "unknown" : version.manifest?.options ?? "anything";
}

function changedNames(before: OptionSnapshot, after: OptionSnapshot): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}
