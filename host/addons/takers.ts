// Who may take part in an event, by the host of its traffic, in order. PERF: what a flow costs must not grow with the addons of other
// hosts, of which a service has a thousand (bench/many-addons). Hosts only: whether somebody really takes part is asked of each (admission.ts).
import { type EventName, eventNames } from "../../sandbox-api/schema/events.ts";
import type { Addon } from "./addon.ts";
import { HostIndex } from "./host-pattern.ts";

/** Addons that take an event or have edits for it. Nobody else does for this host, but for who has seen the object. */
export interface Takers {
  readonly addons: readonly Addon[];
  readonly members: ReadonlySet<Addon>;
  /** Of each, whether some that are for other hosts stand between it and the one before it. */
  readonly skips: readonly boolean[];
}

/** LIMIT: hosts remembered for an event, as clients write them, and the longest of them. */
const mostHosts = 1_024;
const longestHost = 256;

/** The addons that take one event. */
export class EventTakers {
  readonly all: Takers;
  /** Whether one of them has a handler for it. */
  readonly hasHandler: boolean;
  readonly #everywhere: Takers;
  /** Null: nobody is for certain hosts only. */
  readonly #index: HostIndex<Addon> | null;
  readonly #byHost = new Map<string, Takers>();

  constructor(event: EventName, addons: readonly Addon[]) {
    const index = new HostIndex<Addon>();
    const everywhere = new Set<Addon>();
    for (const addon of addons) {
      const hosts = addon.version?.grants.hosts ?? null;
      if (hosts === null) everywhere.add(addon);
      else index.add(hosts, addon);
    }
    this.hasHandler = addons.some(({ handlers }) => handlers.has(event));
    this.all = takersOf(addons, new Set(addons));
    this.#everywhere = everywhere.size === addons.length ? this.all : takersOf(addons, everywhere);
    this.#index = everywhere.size === addons.length ? null : index;
  }

  /** For traffic to this host; null: not known yet. The same object as long as nothing changes, mostly. */
  for(host: string | null): Takers {
    if (this.#index === null || host === null) return this.#everywhere;
    const known = this.#byHost.get(host);
    if (known !== undefined) return known;
    const found = this.#index.find(host);
    if (found === null) return this.all;
    const made = found.size === 0 ? this.#everywhere : takersOf(this.all.addons, new Set([...found, ...this.#everywhere.members]));
    if (host.length <= longestHost) this.#keep(host, made);
    return made;
  }

  #keep(host: string, takers: Takers): void {
    if (this.#byHost.size >= mostHosts) this.#byHost.clear();
    this.#byHost.set(host, takers);
  }
}

/** The members, in the order of `addons`. */
function takersOf(addons: readonly Addon[], members: ReadonlySet<Addon>): Takers {
  const chosen: Addon[] = [];
  const skips: boolean[] = [];
  let hasSkipped = false;
  for (const addon of addons) {
    if (!members.has(addon)) {
      hasSkipped = true;
      continue;
    }
    chosen.push(addon);
    skips.push(hasSkipped);
    hasSkipped = false;
  }
  return { addons: chosen, members, skips };
}

/** Of every event. Built when somebody asks: loading a thousand addons changes it a thousand times. */
export class TakerTable {
  readonly #addons: () => readonly Addon[];
  #known: Map<EventName, EventTakers> | null = null;

  constructor(addons: () => readonly Addon[]) {
    this.#addons = addons;
  }

  /** Handlers, edits or hosts of some addon changed. */
  refresh(): void {
    this.#known = null;
  }

  /** Undefined: nobody takes it. */
  of(event: EventName): EventTakers | undefined {
    return (this.#known ??= this.#build()).get(event);
  }

  #build(): Map<EventName, EventTakers> {
    const all = this.#addons();
    const known = new Map<EventName, EventTakers>();
    for (const event of eventNames) {
      const addons = all.filter((addon) => addon.handlers.has(event) || addon.hasEdits(event));
      if (addons.length > 0) known.set(event, new EventTakers(event, addons));
    }
    return known;
  }
}
