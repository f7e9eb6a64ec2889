// Gives out booted cells and keeps warm ones ready, so that a replacement takes milliseconds. Owns every cell process from its
// spawn to its end: `close` leaves none. It places nothing and restarts no addon.
import type { Cell, CellEvents, CellPool, CellPoolOptions } from "./cell.ts";
import { bootLookMs, mayBootOn } from "./boot-patience.ts";
import { type CellEntry, CellStartError, findIsolatedVm, sourceEntry } from "./binary.ts";
import { type Health, openHealth } from "./health.ts";
import { type Jail, prepareJail } from "./jail.ts";
import { CellLink } from "./link.ts";
import { type CellProcess, spawnCell } from "./spawn.ts";

export interface MakeCellPoolOptions extends CellPoolOptions {
  /** The runtime's code; the sources when left out. */
  readonly entry?: CellEntry;
  /** Node for the cells; this process's own when left out. */
  readonly node?: string;
  /** Absolute path of the isolated-vm binary; found when left out. */
  readonly binary?: string;
  /** Told once what walls are missing on this machine, and later of standby cells that would not start. */
  readonly note?: (message: string) => void;
}

const refillDelayMs = 100;
const firstRefillMs = 1_000;
// PERF: who ends cells, or has to move to one, does so several times in a row. One is kept ready meanwhile; the CPU time of the others is asked of nobody until it has passed.
const troubleMs = 5_000;
// So many cells in a row that end before they greet mean that none will.
const mostFailures = 3;

/** Probes the jail and begins to boot standby cells. Throws a CellStartError where cells cannot work here at all. */
export function makeCellPool(options: MakeCellPoolOptions): CellPool {
  const { node = process.execPath, binary = findIsolatedVm(), note = () => undefined } = options;
  const { entry = sourceEntry } = options;
  if (options.jitless && entry.file.endsWith(".ts")) throw new CellStartError("no-start", "cells without a JIT need the bundled runtime: Node strips types with WebAssembly, which needs the JIT");
  const jail = prepareJail({ mode: options.jail, node, dataMiB: options.jitless ? options.cellMemoryMiB : null });
  for (const text of jail.notes) note(text);
  return new Pool({ ...options, node, binary, note, entry }, jail);
}

class Pool implements CellPool {
  readonly #options: Required<MakeCellPoolOptions>;
  readonly #jail: Jail;
  /** Booted cells that nobody has. */
  readonly #ready: CellLink[] = [];
  readonly #waiting: PromiseWithResolvers<CellLink>[] = [];
  /** Every process that has not been waited for; its link once it has one. */
  readonly #processes = new Map<CellProcess, CellLink | null>();
  #booting = 0;
  #refillTimer: NodeJS.Timeout | undefined;
  /** Runs for a while after a cell was ended for a fault, or taken. Not while the first ones are booted. */
  #troubleTimer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isWarm = false;
  #isClosed = false;

  constructor(options: Required<MakeCellPoolOptions>, jail: Jail) {
    this.#options = options;
    this.#jail = jail;
    if (options.standby === 0) return;
    // PERF: the first cell has the processor to itself, for addons wait for it; the others follow when the proxy serves.
    this.#bootOne();
    this.#refillTimer = setTimeout(() => this.#refillNow(), firstRefillMs);
  }

  async acquire(events: CellEvents): Promise<Cell> {
    const cell = await this.#take();
    cell.attach(events);
    return cell;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#refillTimer);
    clearTimeout(this.#troubleTimer);
    for (const { reject } of this.#waiting.splice(0)) reject(new CellStartError("no-start", "the pool of cells is closed"));
    const processes = [...this.#processes];
    for (const [child, link] of processes) (link ?? child).kill();
    await Promise.all(processes.map(([{ exited }]) => exited));
  }

  #take(): Promise<CellLink> {
    if (this.#isClosed) return Promise.reject(new CellStartError("no-start", "the pool of cells is closed"));
    let cell = this.#ready.shift();
    while (cell !== undefined && cell.ended !== null) cell = this.#ready.shift();
    if (cell === undefined) {
      const waiter = Promise.withResolvers<CellLink>();
      this.#waiting.push(waiter);
      this.#refill(0);
      this.#refillSoon();
      return waiter.promise;
    }
    if (this.#isWarm) this.#awaitCalm();
    this.#refillSoon();
    return Promise.resolve(cell);
  }

  /** Booting costs a tenth of a second of CPU, which the addons that move into the cell just taken need first. */
  #refillSoon(): void {
    this.#refillTimer ??= setTimeout(() => this.#refillNow(), refillDelayMs);
  }

  #refillNow(): void {
    this.#isWarm = true;
    clearTimeout(this.#refillTimer);
    this.#refillTimer = undefined;
    const { standby } = this.#options;
    this.#refill(this.#troubleTimer === undefined ? standby : Math.min(standby, 1));
  }

  #awaitCalm(): void {
    clearTimeout(this.#troubleTimer);
    this.#troubleTimer = setTimeout(() => {
      this.#troubleTimer = undefined;
      this.#refillNow();
    }, troubleMs);
    this.#troubleTimer.unref();
  }

  /** Boots until everybody who waits, and `standby` more, will have one. */
  #refill(standby: number): void {
    while (!this.#isClosed && this.#ready.length + this.#booting < standby + this.#waiting.length) this.#bootOne();
  }

  #bootOne(): void {
    this.#booting++;
    void this.#boot().then((cell) => this.#booted(cell), (error: unknown) => this.#failed(error));
  }

  #booted(cell: CellLink): void {
    this.#booting--;
    this.#failures = 0;
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.resolve(cell);
    else this.#ready.push(cell);
    this.#refillSoon();
  }

  #failed(error: unknown): void {
    this.#booting--;
    this.#failures++;
    if (this.#isClosed) return;
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#failures < mostFailures) {
      this.#refill(0);
      return this.#refillSoon();
    }
    // Nobody waits: the next acquire tries again. Otherwise everybody who waits hears why.
    this.#options.note(`cells do not start: ${reason}`);
    this.#failures = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(new CellStartError("no-start", `cells do not start: ${reason}`));
  }

  async #boot(): Promise<CellLink> {
    const { node, entry, binary, jitless, guestBundle, cellMemoryMiB, unresponsiveMs } = this.#options;
    const child = spawnCell({ node, entry, binary, jail: this.#jail, jitless });
    this.#processes.set(child, null);
    void child.exited.then(() => this.#processes.delete(child));
    const pid = await child.nodePid;
    const health = openHealth(pid);
    const link = new CellLink({ process: child, pid, health, cellMemoryMiB, unresponsiveMs });
    if (this.#processes.has(child)) this.#processes.set(child, link);
    void child.exited.then(() => this.#forget(link));
    const timer = endWhenStuck(link, health);
    link.boot(guestBundle);
    try {
      await link.booted;
      return link;
    } catch (error) {
      const said = child.diagnosis();
      throw new Error(`${error instanceof Error ? error.message : String(error)}${said === "" ? "" : `; it said: ${said}`}`, { cause: error });
    } finally {
      clearInterval(timer);
    }
  }

  #forget(link: CellLink): void {
    // Nobody here ended it, or somebody did for a fault.
    const isFault = link.ended === null || link.ended.fault !== null;
    if (!this.#isClosed && link.isBooted && isFault) this.#awaitCalm();
    const at = this.#ready.indexOf(link);
    if (at < 0) return;
    this.#ready.splice(at, 1);
    this.#refillSoon();
  }
}

/** Ends a cell that does not boot; to be cleared when it has, or has ended. */
function endWhenStuck(link: CellLink, health: Health): NodeJS.Timeout {
  const beganMs = performance.now();
  let lastCpuMs: number | null = null;
  return setInterval(() => {
    const [elapsedMs, cpuMs] = [performance.now() - beganMs, health.cpuMs()];
    if (!mayBootOn({ elapsedMs, cpuMs, lastCpuMs })) link.kill();
    lastCpuMs = cpuMs;
  }, bootLookMs);
}
