// Homes of addons: each home is a cell and the instances that live in it; what a cell says is brought to the instance it is about.
// Who lives where is decided by cells/placement; who is to blame and what follows, by lifecycle.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { InstanceId } from "../../sandbox-api/schema/ids.ts";
import type { HostCallText } from "../../sandbox-api/wire/messages.ts";
import type { Cell, CellCall, CellEnd, CellPool } from "../cells/cell.ts";
import type { HomeName } from "../cells/placement.ts";

/** An instance as its home sees it. */
export interface Resident {
  readonly id: InstanceId;
  /** The isolate asks the host for something, while it works on `during` if that is not null. */
  onHostCall(id: number, call: HostCallText, attachments: readonly Buffer[], during: CellCall | null): void;
  /** The isolate broke outside a call. */
  onFault(fault: Fault): void;
  /** The isolate used CPU outside a call. */
  onCpuUsed(micros: number): void;
}

/** One cell and who lives in it. */
export class Residence<R extends Resident = Resident> {
  home: HomeName;
  readonly cell: Cell;
  readonly residents = new Map<InstanceId, R>();
  /** Nobody new moves in; the cell ends when the last one left. */
  isRetired = false;
  hasEnded = false;

  constructor(home: HomeName, cell: Cell) {
    this.home = home;
    this.cell = cell;
  }

  /** The instance is gone; a retired cell that is empty ends. */
  leave(id: InstanceId): void {
    this.residents.delete(id);
    if (this.isRetired && this.residents.size === 0 && !this.hasEnded) this.cell.kill();
  }
}

type Opening<R extends Resident> = Promise<Residence<R>>;
/** An entry of the table; the cell may still be on its way. */
interface Home<R extends Resident> { opening: Opening<R> | null; residence: Residence<R> | null }

/** All homes of one addon host. */
export class Homes<R extends Resident = Resident> {
  readonly #pool: CellPool;
  readonly #onEnd: (residence: Residence<R>, end: CellEnd, residents: readonly R[]) => void;
  readonly #homes = new Map<HomeName, Home<R>>();

  /** `onEnd` hears of each cell's end once, with those who lived in it. */
  constructor(pool: CellPool, onEnd: (residence: Residence<R>, end: CellEnd, residents: readonly R[]) => void) {
    this.#pool = pool;
    this.#onEnd = onEnd;
  }

  /** The cell of a home, a new one where there is none. Rejects when no cell can be started at all. */
  open(name: HomeName): Opening<R> {
    const known = this.#homes.get(name);
    if (known?.opening) return known.opening;
    const home: Home<R> = { opening: null, residence: null };
    home.opening = this.#acquire(name, home);
    this.#homes.set(name, home);
    home.opening.catch(() => this.#forget(name, home));
    return home.opening;
  }

  /** That home if it is open or stands for one addon; else one of the same group that is open, if there is one. */
  near(name: HomeName): HomeName {
    const group = name.split("/", 1)[0];
    return this.#homes.has(name) || !name.startsWith("group:") ? name : [...this.#homes.keys()].find((other) => other.split("/", 1)[0] === group) ?? name;
  }

  /** Nobody lives there, or only `stays`: where the home `to` is not open, it gets this cell. False: it does not. */
  cede(residence: Residence<R>, to: HomeName, stays: R | null = null): boolean {
    const home = this.#homes.get(residence.home);
    const isInUse = [...residence.residents.values()].some((resident) => resident !== stays);
    if (home?.residence !== residence || isInUse || this.#homes.has(to)) return false;
    this.#homes.delete(residence.home);
    this.#homes.set(to, home);
    residence.home = to;
    return true;
  }

  /** The next one to move in gets a new cell; the old one ends when it is empty. */
  async retire(name: HomeName): Promise<void> {
    const home = this.#homes.get(name);
    if (!home?.opening) return;
    this.#homes.delete(name);
    const residence = await home.opening;
    residence.isRetired = true;
    if (residence.residents.size === 0) residence.cell.kill();
  }

  /** Ends all cells that are open. */
  async close(): Promise<void> {
    const openings = [...this.#homes.values()].map(({ opening }) => opening);
    this.#homes.clear();
    for (const result of await Promise.allSettled(openings)) if (result.status === "fulfilled") result.value?.cell.kill();
  }

  async #acquire(name: HomeName, home: Home<R>): Opening<R> {
    let residence: Residence<R> | null = null;
    let early: CellEnd | null = null;
    const cell = await this.#pool.acquire({
      hostCall: (instance, id, call, attachments, during) => residence?.residents.get(instance)?.onHostCall(id, call, attachments, during),
      instanceFault: (instance, fault) => residence?.residents.get(instance)?.onFault(fault),
      cpuUsed: (instance, micros) => residence?.residents.get(instance)?.onCpuUsed(micros),
      end: (end) => {
        if (residence === null) early = end;
        else this.#ended(home, residence, end);
      },
    });
    residence = new Residence<R>(name, cell);
    home.residence = residence;
    if (early !== null) this.#ended(home, residence, early);
    return residence;
  }

  #ended(home: Home<R>, residence: Residence<R>, end: CellEnd): void {
    residence.hasEnded = true;
    this.#forget(residence.home, home);
    const residents = [...residence.residents.values()];
    residence.residents.clear();
    this.#onEnd(residence, end, residents);
  }

  #forget(name: HomeName, home: Home<R>): void {
    if (this.#homes.get(name) === home) this.#homes.delete(name);
  }
}
