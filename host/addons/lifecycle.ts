// The lives of addons: loaded, restarted after faults and deaths, reloaded after edits, moved when their cell is worn out, and ended
// (spec: sandbox.md §1 rules 5 to 7, §2). It knows no events of traffic; the pipeline tells it who broke.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { faultTable } from "../../sandbox-api/schema/faults.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { everythingOnTheFlow } from "../../sandbox-api/schema/permissions.ts";
import type { GrantRules } from "./grant-rules.ts";
import type { CellEnd, CellPool } from "../cells/cell.ts";
import { isWornOut, ownHome, type CellsOption } from "../cells/placement.ts";
import { plainView } from "../flows/view.ts";
import type { Log } from "../log.ts";
import { GuestLog } from "../services/log.ts";
import { Addon, type AddonNews, type AddonVersion } from "./addon.ts";
import { bundleAddon } from "./bundle.ts";
import { callOne } from "./call-one.ts";
import { blameWords, FilledHomes, guiltyOf } from "./cell-end.ts";
import { CpuBudget, strikesToOpen } from "./failure.ts";
import { reportFault } from "./fault-report.ts";
import { Homes, type Residence } from "./homes.ts";
import type { Instance, InstanceEvents } from "./instance.ts";
import { Loading, type LoadProblem } from "./loading.ts";
import type { LockJudge } from "./lock.ts";
import type { GivenOptions } from "./options.ts";
import { OptionDesk } from "./reconfigure.ts";
import type { AddonServices } from "./service-desk.ts";
import { Starter, type StartResult } from "./start.ts";

export interface LifecycleSettings {
  readonly log: Log;
  readonly pool: CellPool;
  readonly limits: Limits;
  readonly failure: "open" | "closed";
  readonly cells: CellsOption;
  readonly given: GivenOptions;
  /** What addons of that name share with their instances. */
  readonly servicesFor: (name: string) => AddonServices;
  readonly grants: GrantRules;
  /** Null: nothing is recorded, and nobody is held. */
  readonly lock: LockJudge | null;
  /** Milliseconds. */
  readonly now: () => number;
  readonly resumeFlow: (instance: Instance, key: number) => void;
  readonly replay: InstanceEvents["replay"];
  /** Handlers of some addon came or went. */
  readonly onChange: () => void;
  /** Hears what other processes that run the same addons have to know. */
  readonly tellPeers?: ((addon: string, news: AddonNews) => void) | undefined;
}

/** LIMIT: how long flows in flight keep an old version alive after a reload. */
const drainMs = 30_000;
const mostAttempts = 3;

export class Lifecycle {
  readonly addons: Addon[] = [];
  readonly options: OptionDesk;
  readonly #settings: LifecycleSettings;
  readonly #homes: Homes<Instance>;
  readonly #filled = new FilledHomes();
  readonly #starter: Starter;
  readonly loading: Loading;
  #isClosed = false;

  constructor(settings: LifecycleSettings) {
    this.#settings = settings;
    this.#homes = new Homes(settings.pool, (residence, end, residents) => this.#cellEnded(residence, end, residents));
    this.options = new OptionDesk({ given: settings.given, addons: this.addons, failed: (instance, fault) => this.failed(instance, fault) });
    const { options } = this;
    const { cells, log, lock, limits, failure, resumeFlow, replay } = settings;
    const events = { resumeFlow, replay, fault: (instance: Instance, fault: Fault): void => this.#faultOutside(instance, fault) };
    this.#starter = new Starter({ homes: this.#homes, cells, options, log, lock, events, policyFor: ({ name }) => ({ limits, failure, permissions: everythingOnTheFlow, rules: settings.grants.get(name) ?? [] }) });
    this.loading = new Loading({
      log, lock, start: (addon, bundle) => this.#startPatiently(addon, bundle), serve: (addon, instance) => this.#serve(addon, instance),
      restart: (addon) => this.restart(addon), end: (instance) => this.#end(instance), changed: (addon) => this.#changed(addon),
    });
  }

  /** Adds the addon at `path` as the last one. A problem leaves it in the list, waiting for a reload. */
  add(name: string, path: string): Addon {
    const { limits, log, now, servicesFor, tellPeers } = this.#settings;
    const guestLog = new GuestLog(log, { addon: name, linesPerSecond: limits.logLinesPerSecond, lineBytes: limits.logLineBytes });
    const tell = tellPeers === undefined ? undefined : (news: AddonNews): void => tellPeers(name, news);
    const budget = new CpuBudget(limits.cpuBudgetShare, limits.cpuBudgetBurstMs, now());
    const addon = new Addon({ name, path, order: this.addons.length, guestLog, now, services: servicesFor(name), budget, tell });
    this.addons.push(addon);
    return addon;
  }

  /**
   * Compiles and loads the addon's sources as they are now; on success the new version takes the next event and the old one finishes
   * its flows. On a problem (logged) the old version, if any, stays. Sources that compile to the same are left alone.
   */
  async reload(addon: Addon): Promise<LoadProblem | null> {
    const prepared = await this.loading.prepare(addon, await bundleAddon(addon.path, this.#settings.limits.bundleBytes));
    if (prepared.kind === "problem") return prepared.problem;
    this.loading.commit(addon);
    return null;
  }

  /** Brings an addon back after its isolate or cell has gone: fresh state. Never rejects; a failure suspends the addon. */
  restart(addon: Addon): Promise<void> {
    addon.restarting ??= this.#restart(addon).finally(() => { addon.restarting = null; });
    return addon.restarting;
  }

  /** A failure in a call: counts strikes, and starts the addon anew where the isolate is gone. */
  failed(instance: Instance, fault: Fault): void {
    const { addon } = instance;
    const row = faultTable[fault.code];
    addon.counters.failures++;
    addon.countBreach(fault);
    // The end of the cell, which follows, is what counts then.
    if (faultTable[fault.code].endsCell) return;
    const suspended = addon.breaker.strike(row.strikes, this.#settings.now());
    if (row.moves) this.#isolate(addon);
    if (row.reloads) this.#bury(instance);
    // PERF: where it lived alone it stays: the cell is sound, and a new one costs everybody a tenth of a second of CPU.
    if (row.moves) this.#homes.cede(instance.residence, ownHome(addon.name));
    if (suspended) this.#saySuspended(addon);
    else if (row.reloads && addon.current === null) void this.restart(addon);
  }

  /** Where it can only hurt itself (sandbox.md §1 rule 6). */
  #isolate(addon: Addon): void {
    if (addon.isIsolated) return;
    addon.isIsolated = true;
    this.#settings.tellPeers?.(addon.name, { kind: "isolated" });
    this.#settings.log.warn(`addon "${addon.name}" is moved to a process of its own`, { addon: addon.name, event: "moved" });
  }

  /** What happened to the addon in another process counts here too. */
  heed(addon: Addon, news: AddonNews): void {
    if (news.kind !== "isolated") return addon.breaker.heed(news, this.#settings.now());
    if (addon.isIsolated) return;
    addon.isIsolated = true;
    const { current } = addon;
    if (current === null) return;
    if (this.#homes.cede(current.residence, ownHome(addon.name), current)) current.residence.cell.standBack();
    else void this.#move(current);
  }

  /** The isolate broke over something that did not stand (a change of another addon that was refused): started anew, without blame. */
  brokeInnocently(instance: Instance, fault: Fault): void {
    if (!faultTable[fault.code].reloads || faultTable[fault.code].endsCell) return;
    this.#bury(instance);
    if (instance.addon.current === null) void this.restart(instance.addon);
  }

  /** Ends a suspension at the operator's word. */
  resume(addon: Addon): void {
    addon.breaker.reset();
    this.#settings.log.info(`addon "${addon.name}" is resumed`, { addon: addon.name, event: "resumed" });
    if (addon.current === null && addon.version !== null) void this.restart(addon);
  }

  /** `done` of every instance, then the end of all cells. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.addons.map(({ restarting }) => restarting));
    const all = this.addons.flatMap((addon) => [addon.current, ...addon.retired]).filter((instance) => instance !== null);
    await Promise.all(all.map((instance) => this.#end(instance)));
    await this.#homes.close();
  }

  async #restart(addon: Addon): Promise<void> {
    const { version } = addon;
    if (version === null || this.#isClosed) return;
    addon.counters.restarts++;
    const started = await this.#startPatiently(addon, version);
    const { log, now } = this.#settings;
    if (started.kind === "ready") {
      log.info(`addon "${addon.name}" was started anew`, { addon: addon.name, event: "restarted" });
      return this.#serve(addon, started.instance);
    }
    if (started.kind === "fault") {
      const { msg, fields } = reportFault(started.fault, { addon: addon.name, event: "load", subject: null, version });
      log.warn(msg, fields);
    }
    if (addon.breaker.strike(strikesToOpen, now())) this.#saySuspended(addon);
  }

  async #startPatiently(addon: Addon, from: AddonVersion | AddonVersion["bundle"]): Promise<StartResult> {
    let result: StartResult = { kind: "lost" };
    for (let attempt = 0; attempt < mostAttempts && result.kind === "lost"; attempt++) result = await this.#starter.start(addon, from);
    return result;
  }

  #serve(addon: Addon, instance: Instance): void {
    const old = addon.current;
    instance.state = "serving";
    addon.version = instance.version;
    addon.current = instance;
    if (old !== null) void this.#retire(old);
    // Once it has started: starting has a clock on the wall.
    if (addon.isIsolated && instance.residence.home === ownHome(addon.name)) instance.residence.cell.standBack();
    void this.options.catchUp(instance);
    this.#changed(addon);
    this.#checkWear(instance.residence, null);
  }

  /** LIMIT cellRestMiB: replaces cells that hold on to memory while nothing runs in them. To be called now and then. */
  checkRest(): void {
    const residences = new Set(this.addons.flatMap(({ current }) => (current === null ? [] : [current.residence])));
    for (const residence of residences) this.#checkWear(residence, residence.cell.restMiB);
  }

  #checkWear(residence: Residence<Instance>, restMiB: number | null): void {
    const { isRetired, cell, residents } = residence;
    if (!isRetired && isWornOut({ loads: cell.loads, residents: residents.size, restMiB }, this.#settings.limits)) void this.#recycle(residence);
  }

  /** Every addon of a worn-out cell moves to a new one, one after the other; flows in flight finish where they began. */
  async #recycle(residence: Residence<Instance>): Promise<void> {
    await this.#homes.retire(residence.home);
    for (const old of [...residence.residents.values()]) await this.#move(old);
    this.#settings.log.debug(`cell ${residence.cell.pid} was replaced after ${residence.cell.loads} loads`, { event: "recycle" });
  }

  /** A new instance where the addon belongs now takes this one's place. */
  async #move(old: Instance): Promise<void> {
    const { addon } = old;
    if (old.state !== "serving" || this.#isClosed) return;
    const started = await this.#startPatiently(addon, old.version);
    if (started.kind !== "ready") return; // Stays where it is: worn out is better than gone.
    if (addon.current === old) this.#serve(addon, started.instance);
    else await this.#end(started.instance);
  }

  async #retire(instance: Instance): Promise<void> {
    instance.retire();
    instance.addon.retired.add(instance);
    await instance.drained(drainMs);
    await this.#end(instance);
  }

  async #end(instance: Instance): Promise<void> {
    const { addon } = instance;
    addon.retired.delete(instance);
    if (addon.current === instance && this.#isClosed) addon.current = null;
    this.#changed(addon);
    if (instance.state === "dead") return;
    if (instance.handlers.has("done")) {
      const outcome = await callOne(instance, plainView("done", 0, []), false);
      if (outcome.kind === "failed") {
        const { msg, fields } = reportFault(outcome.fault, { addon: addon.name, event: "done", subject: null, version: instance.version });
        this.#settings.log.warn(msg, fields);
      }
    }
    const unloading = instance.residence.cell.unload(instance.id);
    instance.die();
    await unloading;
  }

  /** The isolate is gone. */
  #bury(instance: Instance): void {
    const { addon } = instance;
    instance.die();
    addon.retired.delete(instance);
    if (addon.current === instance) addon.current = null;
    this.#changed(addon);
  }

  #faultOutside(instance: Instance, fault: Fault): void {
    if (!instance.isAlive) return;
    const { msg, fields } = reportFault(fault, { addon: instance.addon.name, event: "a timer", subject: null, version: instance.version });
    this.#settings.log.warn(msg, fields);
    this.failed(instance, fault);
  }

  #cellEnded(residence: Residence<Instance>, end: CellEnd, residents: readonly Instance[]): void {
    const { log, now } = this.#settings;
    const guilty = guiltyOf(end, residents);
    const served = residents.filter(({ state }) => state === "serving").map(({ addon }) => addon);
    for (const instance of residents) this.#bury(instance);
    if (this.#isClosed || residents.length === 0) return;
    // One of them has taken the cell over: alone, each can only frame itself.
    if (guilty === null && end.fault?.code === "cell-lied") for (const { addon } of residents) this.#isolate(addon);
    if (guilty === null && end.fault?.code === "cell-memory" && this.#filled.isAgain(residence.home, now())) this.#part(residents);
    const others = served.filter((addon) => addon !== guilty).map(({ name }) => `"${name}"`).join(", ");
    log.warn(`cell ${residence.cell.pid} ended: ${blameWords(end, guilty)}${others === "" ? "" : `; restarting ${others}`}`, { event: "cell-end", cell: residence.cell.pid, guilty: guilty?.name ?? null, fault: end.fault?.code ?? null });
    if (guilty !== null) this.#punish(guilty, end.fault, now());
    for (const addon of served) if (addon !== guilty && addon.current === null) void this.restart(addon);
  }

  /** They filled their cell together, again: nobody is guilty, and each gets one. */
  #part(residents: readonly Instance[]): void {
    for (const { addon } of residents) addon.needsRoom = true;
    this.#settings.log.warn("addons filled the process that they share twice within ten minutes; each gets a process of its own (a larger limit cellMemoryMiB would keep them together)", { event: "parted" });
  }

  /** A cell died by this addon: out of the shared cell, and after the second time out of service. */
  #punish(addon: Addon, fault: Fault | null, now: number): void {
    this.#isolate(addon);
    const suspended = addon.breaker.strike(fault === null ? 1 : faultTable[fault.code].strikes, now);
    if (addon.breaker.die(now)) {
      this.#settings.log.error(`addon "${addon.name}" ended its process twice within ten minutes; it is suspended until you resume it`, { addon: addon.name, event: "suspended" });
    } else if (suspended) this.#saySuspended(addon);
    else if (addon.current === null && addon.version !== null) void this.restart(addon);
  }

  #saySuspended(addon: Addon): void {
    const now = this.#settings.now();
    const until = addon.breaker.suspendedUntil(now);
    if (typeof until === "number") this.#settings.log.warn(`addon "${addon.name}" is suspended for ${Math.round((until - now) / 100) / 10} s after repeated failures`, { addon: addon.name, event: "suspended" });
  }

  #changed(addon: Addon): void {
    addon.refreshHandlers();
    this.#settings.onChange();
  }
}
