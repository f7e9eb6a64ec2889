// Brings one instance into service: home, isolate, module body, manifest, `start`, `configure` (events.md §2). Gives an instance or
// the fault that kept it out; it neither retries nor replaces anybody (lifecycle.ts does).
import { isEventName, type EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { instanceId, type InstanceId } from "../../sandbox-api/schema/ids.ts";
import { checkManifest } from "../../sandbox-api/schema/manifest.ts";
import type { LoadedText } from "../../sandbox-api/wire/messages.ts";
import type { Outcome } from "../cells/cell.ts";
import { firstPlace, placeAddon, Places, type CellsOption, type HomeName, type Place } from "../cells/placement.ts";
import { plainView } from "../flows/view.ts";
import type { Log } from "../log.ts";
import { originWarnings } from "../services/fetch-origins.ts";
import type { Addon, AddonVersion } from "./addon.ts";
import { shownPath, type Bundle } from "./bundle.ts";
import { callOne } from "./call-one.ts";
import { editsFault } from "./declared-edits.ts";
import { isToldOf, resolveGrants, serviceGrants, type OperatorPolicy } from "./grants.ts";
import type { LockJudge } from "./lock.ts";
import type { Homes } from "./homes.ts";
import { Instance, type InstanceEvents } from "./instance.ts";
import { configureView, type OptionDesk } from "./reconfigure.ts";
import { BundleSourceMap } from "./source-map.ts";

export interface StarterSettings {
  readonly homes: Homes<Instance>;
  readonly cells: CellsOption;
  readonly policyFor: (addon: Addon) => OperatorPolicy;
  /** Null: nothing is recorded, and nobody is held. */
  readonly lock: LockJudge | null;
  readonly options: OptionDesk;
  readonly log: Log;
  readonly events: InstanceEvents;
}

export type StartResult =
  | { readonly kind: "ready"; readonly instance: Instance }
  /** `version`: what stack traces are mapped with. */
  | { readonly kind: "fault"; readonly fault: Fault; readonly version: AddonVersion }
  /** It asks for more than was approved. */
  | { readonly kind: "held"; readonly news: readonly string[] }
  /** The cell went away through no fault of this addon. */
  | { readonly kind: "lost" };

type Step = { readonly kind: "done"; readonly loaded: LoadedText | null } | Exclude<StartResult, { readonly kind: "ready" }>;

export class Starter {
  readonly #settings: StarterSettings;
  readonly #places: Places;
  #nextId = 1;

  constructor(settings: StarterSettings) {
    this.#settings = settings;
    this.#places = new Places(settings.cells);
  }

  /** Loads a version that has run before, or (first time) a bundle whose manifest is still unknown. Never rejects. */
  async start(addon: Addon, from: AddonVersion | Bundle): Promise<StartResult> {
    if (!("source" in from)) return this.#startVersion(addon, from);
    const unread: AddonVersion = { bundle: from, sourceMap: new BundleSourceMap(from.sourceMap, from.file, (source) => shownPath(from.folder, source)), manifest: null, grants: resolveGrants(null, this.#settings.policyFor(addon)) };
    const instance = await this.#moveIn(addon, unread, this.#homeToRead(addon));
    if (!(instance instanceof Instance)) return instance;
    const step = await this.#load(instance);
    if (step.kind !== "done") return step;
    const version = this.#readManifest(addon, unread, step.loaded);
    const refusal = version !== null && "code" in version ? { kind: "fault" as const, fault: version, version: unread } : await this.#held(addon, version ?? unread);
    if (refusal !== null) {
      await this.#moveOut(instance);
      return refusal;
    }
    const serving = version === null || "code" in version ? unread : version;
    const home = this.#homeOf(addon, serving);
    if (serving === unread && instance.residence.home === home) {
      this.#sayWarnings(addon, step.loaded);
      return this.#begin(instance);
    }
    for (const warning of originWarnings(serving.grants.fetch)) this.#settings.log.warn(`addon "${addon.name}": ${warning}`, { addon: addon.name, event: "grants" });
    // The manifest was read where nothing but a name was granted; what serves begins anew, with what the manifest says.
    await this.#moveOut(instance);
    this.#settings.homes.cede(instance.residence, home);
    return this.#startVersion(addon, serving);
  }

  async #startVersion(addon: Addon, version: AddonVersion): Promise<StartResult> {
    const instance = await this.#moveIn(addon, version, this.#homeOf(addon, version));
    if (!(instance instanceof Instance)) return instance;
    const step = await this.#load(instance);
    if (step.kind !== "done") return step;
    this.#sayWarnings(addon, step.loaded);
    return this.#begin(instance);
  }

  #sayWarnings({ name }: Addon, loaded: LoadedText | null): void {
    for (const warning of loaded?.warnings.slice(0, 20) ?? []) this.#settings.log.warn(`addon "${name}": ${warning.slice(0, 500)}`, { addon: name });
  }

  #homeOf(addon: Addon, { grants }: AddonVersion): HomeName {
    return this.#homeAt(addon, this.#places.of(addon.name, grants.hostScope));
  }

  /** Who has a version already stays among those that it could hurt so far; for others any cell that is there will do. */
  #homeToRead(addon: Addon): HomeName {
    return addon.version === null ? this.#settings.homes.near(this.#homeAt(addon, firstPlace)) : this.#homeOf(addon, addon.version);
  }

  #homeAt({ name, group, isIsolated, needsRoom }: Addon, place: Place): HomeName {
    return placeAddon({ name, group, place, isIsolated, needsRoom }, this.#settings.cells);
  }

  async #moveIn(addon: Addon, version: AddonVersion, home: HomeName): Promise<Instance | StartResult> {
    const { homes, events } = this.#settings;
    try {
      const residence = await homes.open(home);
      const instance = new Instance(this.#newId(), addon, version, residence, events);
      residence.residents.set(instance.id, instance);
      return instance;
    } catch (error) {
      // No cell can be started at all: the operator's machine says no, not the addon.
      return { kind: "fault", fault: { code: "load-failed", message: `no cell can be started: ${error instanceof Error ? error.message : String(error)}` }, version };
    }
  }

  async #moveOut(instance: Instance): Promise<void> {
    const unloading = instance.residence.cell.unload(instance.id);
    instance.die();
    await unloading;
  }

  async #load(instance: Instance): Promise<Step> {
    const { addon, version: { bundle, grants } } = instance;
    const { permissions } = grants;
    // A new version begins with a clean slate.
    const isSuspect = addon.isSuspect && addon.version?.bundle.hash === bundle.hash;
    const services = serviceGrants(grants);
    const outcome = await instance.residence.cell.load(instance.id, { name: instance.addon.name, file: bundle.file, bundle: bundle.source, limits: grants.limits, permissions, isSuspect, ...(services && { services }) });
    if (outcome.kind === "loaded") {
      instance.addon.budget.spendAlone(outcome.cpuMicros, instance.addon.now());
      instance.handlers = this.#heard(instance, outcome.loaded.handlers);
      return { kind: "done", loaded: outcome.loaded };
    }
    const { version } = instance;
    if (instance.state !== "dead") instance.die();
    return outcome.kind === "lost" ? outcome : { kind: "fault", fault: outcome.fault, version };
  }

  /** Null: it has none, so the unread version stands. */
  #readManifest(addon: Addon, unread: AddonVersion, loaded: LoadedText | null): AddonVersion | Fault | null {
    if (loaded === null || loaded.manifest === null || loaded.manifest === undefined) return null;
    const result = checkManifest(loaded.manifest);
    if (result.kind === "problems") return { code: "load-failed", message: result.problems.join("; ") };
    const version = { ...unread, manifest: result.manifest, grants: resolveGrants(result.manifest, this.#settings.policyFor(addon)) };
    const { problems } = this.#settings.options.read(addon, version);
    if (problems.length > 0) return { code: "load-failed", message: problems.join("; ") };
    for (const sentence of version.grants.edits.leftOut) this.#settings.log.warn(`addon "${addon.name}": ${sentence}`, { addon: addon.name, event: "edits" });
    return editsFault(version.grants.edits, version.grants.limits.mutationBytes) ?? version;
  }

  /** Null: it may run. */
  async #held({ name, path }: Addon, version: AddonVersion): Promise<Extract<StartResult, { readonly kind: "held" | "fault" }> | null> {
    try {
      const verdict = await this.#settings.lock?.judge({ name, path, hash: version.bundle.hash, manifest: version.manifest });
      return verdict?.kind === "held" ? verdict : null;
    } catch (error) {
      return { kind: "fault", fault: { code: "load-failed", message: error instanceof Error ? error.message : String(error) }, version };
    }
  }

  /** WALL 5: events about nothing that was granted are not delivered. */
  #heard({ addon, version: { grants: { permissions } } }: Instance, names: readonly string[]): ReadonlySet<EventName> {
    const handled = names.filter(isEventName);
    const unheard = handled.filter((event) => !isToldOf(event, permissions));
    if (unheard.length > 0) {
      this.#settings.log.warn(`addon "${addon.name}" handles ${unheard.join(", ")} but may read nothing that these are about; it will not be told of them`, { addon: addon.name, event: "unheard", events: unheard });
    }
    return new Set(handled.filter((event) => isToldOf(event, permissions)));
  }

  /** `start` and `configure`; then it serves. */
  async #begin(instance: Instance): Promise<StartResult> {
    if (instance.handlers.has("start")) {
      const step = this.#judge(instance, await callOne(instance, plainView("start", 0, []), true));
      if (step.kind !== "done") return step;
      if (step.loaded !== null) instance.handlers = this.#heard(instance, step.loaded.handlers);
    }
    // Sent to every instance, with the handler or without: it also fills `ctx.options`.
    const { values } = this.#settings.options.read(instance.addon, instance.version);
    instance.options = values;
    const step = this.#judge(instance, await callOne(instance, configureView(values, Object.keys(values)), true));
    if (step.kind !== "done") return step;
    if (instance.state === "dead") return { kind: "lost" };
    return { kind: "ready", instance };
  }

  #judge(instance: Instance, outcome: Outcome): Step {
    const { version } = instance;
    switch (outcome.kind) {
      case "unchanged": return { kind: "done", loaded: null };
      case "changed": {
        const handlers = readHandlers(outcome.text);
        return handlers === null ? this.#refuse(instance, { code: "illegal-change", message: "start answered with something that is not an addon" }) : { kind: "done", loaded: { handlers, warnings: [], manifest: null } };
      }
      case "failed": return this.#refuse(instance, outcome.fault);
      case "skipped": case "lost":
        if (instance.state !== "dead") this.#abandon(instance);
        return { kind: "lost" };
    }
    return { kind: "fault", fault: { code: "load-failed", message: "the cell gave no answer" }, version };
  }

  #refuse(instance: Instance, fault: Fault): Step {
    const { version } = instance;
    if (instance.state !== "dead") this.#abandon(instance);
    return { kind: "fault", fault, version };
  }

  /** Leaves an isolate that will not serve; the cell may hold it still. */
  #abandon(instance: Instance): void {
    void instance.residence.cell.unload(instance.id);
    instance.die();
  }

  #newId(): InstanceId {
    const id = instanceId(this.#nextId);
    this.#nextId = this.#nextId >= 0xffff_fffe ? 1 : this.#nextId + 1;
    return id;
  }
}

/** The handlers of LoadedText, which `start` gives when it replaced the addon. WALL 5: text of a cell. */
function readHandlers(text: string): readonly string[] | null {
  if (text.length > 100_000) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("handlers" in value) || !Array.isArray(value.handlers)) return null;
    return (value.handlers as readonly unknown[]).filter((name) => typeof name === "string");
  } catch {
    return null; // Not JSON: the caller refuses it with a sentence.
  }
}
