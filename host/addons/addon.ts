// One configured addon over all its versions and restarts: its place in the order, its compiled version, the instance that serves
// new flows and the ones that finish old flows, its breaker and budget, and its counters. A record with few verbs; lifecycle.ts
// changes it.
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { isLimitName, type LimitName } from "../../sandbox-api/schema/limits.ts";
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import type { GuestLog } from "../services/log.ts";
import type { Bundle } from "./bundle.ts";
import { Breaker, type BreakerNews, type CpuBudget } from "./failure.ts";
import type { Grants } from "./grants.ts";
import type { Instance } from "./instance.ts";
import type { AddonServices } from "./service-desk.ts";
import type { BundleSourceMap } from "./source-map.ts";
import { ToldQueue } from "./told-queue.ts";

/** One compiled state of an addon's sources, and what it may do. */
export interface AddonVersion {
  readonly bundle: Bundle;
  readonly sourceMap: BundleSourceMap;
  readonly manifest: Manifest | null;
  readonly grants: Grants;
}

export interface AddonParts {
  readonly name: string;
  readonly path: string;
  /** Place in the configured order, from 0. */
  readonly order: number;
  readonly guestLog: GuestLog;
  readonly budget: CpuBudget;
  readonly services: AddonServices;
  /** Milliseconds. */
  readonly now: () => number;
  /** Hears what other proxy processes that run this addon have to know. */
  readonly tell?: ((news: AddonNews) => void) | undefined;
}

/** What happened to an addon in one proxy process and counts in all. */
export type AddonNews = BreakerNews | { readonly kind: "isolated" };

export class Addon {
  readonly name: string;
  readonly path: string;
  readonly order: number;
  /** Addons of one trust group share a cell until one is guilty. */
  readonly group = "operator";
  readonly guestLog: GuestLog;
  readonly breaker: Breaker;
  readonly budget: CpuBudget;
  readonly services: AddonServices;
  readonly now: () => number;
  readonly told = new ToldQueue();
  /** How often each limit fired, by its name. */
  readonly breaches = new Map<LimitName, number>();
  readonly counters = { calls: 0, failures: 0, reloads: 0, restarts: 0, cpuMicros: 0 };
  /** Was guilty once: has a cell of its own from then on. */
  isIsolated = false;
  /** Has a cell of its own without being guilty: with others it was too full. */
  needsRoom = false;
  version: AddonVersion | null = null;
  /** Serves flows that begin now. */
  current: Instance | null = null;
  /** Finish the flows they have seen. */
  readonly retired = new Set<Instance>();
  /** What its sources now ask for beyond what was approved; null: nothing. */
  held: readonly string[] | null = null;
  /** A restart that is under way; never rejects. */
  restarting: Promise<void> | null = null;
  /** Files to look at for changes; known even when the last compilation failed. */
  inputs: readonly string[] = [];
  /** Calls begun and not answered. LIMIT waitingCalls. */
  waiting = 0;
  /** When a passing refusal (suspended, overloaded, no budget) was last said, so that it is not said for each flow. */
  readonly saidAt = new Map<string, number>();
  #handlers: ReadonlySet<EventName> = new Set();

  constructor({ name, path, order, guestLog, budget, services, now, tell }: AddonParts) {
    this.breaker = new Breaker(tell);
    this.order = order;
    this.name = name;
    this.path = path;
    this.guestLog = guestLog;
    this.budget = budget;
    this.services = services;
    this.now = now;
  }

  /** Counts the limit that a fault names, if it names one. */
  countBreach({ code, limit }: Fault): void {
    const name = limit?.name ?? (code === "cpu-budget" ? "cpuBudgetShare" : "");
    if (isLimitName(name)) this.breaches.set(name, (this.breaches.get(name) ?? 0) + 1);
  }

  /** Guilty of something that still counts. */
  get isSuspect(): boolean {
    return !this.breaker.isClosed || this.breaker.strikes(this.now()) > 0;
  }

  /** Every event that some instance of it takes; kept while it is suspended. */
  get handlers(): ReadonlySet<EventName> {
    return this.#handlers;
  }

  /** To be called when an instance came or went. */
  refreshHandlers(): void {
    const alive = [this.current, ...this.retired].filter((instance) => instance !== null);
    if (alive.length > 0) this.#handlers = new Set(alive.flatMap((instance) => [...instance.handlers]));
  }

  /** Whether some version of it that serves declares edits for this event. */
  hasEdits(event: EventName): boolean {
    if (this.version?.grants.edits.byEvent.has(event) === true) return true;
    for (const { version } of this.retired) if (version.grants.edits.byEvent.has(event)) return true;
    return false;
  }

  /** The instance that has to do with this object: the one that knows it, else the current one. */
  instanceFor(key: number): Instance | null {
    if (this.retired.size > 0) for (const instance of this.retired) if (instance.seenOf(key) !== null) return instance;
    return this.current;
  }

  /** Whether the grants of the version in service let it take part in traffic to this host; an unknown host is for those without patterns. */
  isForHost(host: string | null, port: number | null): boolean {
    const pattern = this.version?.grants.isForHost ?? null;
    return pattern === null || (host !== null && pattern(host, port));
  }
}
