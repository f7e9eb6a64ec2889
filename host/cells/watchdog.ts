// Looks after one cell from outside (sandbox.md §1 rule 4): silence beyond the running call's limit, resident memory over the cap,
// calls that wait too long. One timer per cell, fast only while something is outstanding. It judges; the link kills.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { Health } from "./health.ts";
import type { Head, Ledger } from "./ledger.ts";

export interface WatchdogOptions {
  readonly ledger: Ledger;
  /** Who holds the cell's thread. */
  readonly running: () => Head | null;
  readonly health: Health;
  readonly unresponsiveMs: number;
  readonly cellMemoryMiB: number;
  /** How many isolates share the cell. */
  readonly residents: () => number;
  /** The cell must be killed; `ran` held its thread and is to blame. Null: nobody is. */
  readonly condemn: (fault: Fault, ran: Head | null) => void;
  /** Called on each tick while calls wait for something. */
  readonly expire: () => void;
  /** Called on each tick after something was asked, 25 ms later at the most. */
  readonly remind: () => void;
}

const busyTickMs = 25;
const idleTickMs = 1_000;
// A cell that the machine hardly scheduled is given this much longer; a stopped one is not waited for any further.
const mostExtensionMs = 2_000;

export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: NodeJS.Timeout | undefined;
  #isFast = false;
  #lastResidentMiB = 0;
  #lastReadMs = 0;
  /** The entry that was running at the last reading, and resident memory when it was first seen. */
  #weighed: { readonly serial: number; readonly instance: number; readonly firstMiB: number } = { serial: -1, instance: -1, firstMiB: 0 };
  /** The entry that was running at the last tick, and the cell's CPU time then. */
  #seen: { readonly serial: number; readonly cpuMs: number | null } = { serial: -1, cpuMs: null };

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#run(false);
  }

  /** Last reading of resident memory, in MiB. */
  get residentMiB(): number { return this.#lastResidentMiB; }

  /** Something was asked of the cell. */
  wake(): void { if (!this.#isFast) this.#run(true); }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isFast = true;
  }

  #run(isFast: boolean): void {
    clearInterval(this.#timer);
    this.#isFast = isFast;
    this.#timer = setInterval(() => this.#tick(), isFast ? busyTickMs : idleTickMs);
    // Watching an idle cell is no reason for the proxy to stay alive.
    if (!isFast) this.#timer.unref();
  }

  #tick(): void {
    const { ledger, running, expire, remind } = this.#options;
    const now = performance.now();
    if (ledger.isBusy || now - this.#lastReadMs >= idleTickMs) this.#weigh(now);
    if (this.#timer === undefined) return;
    if (this.#isFast) remind();
    const head = ledger.isBusy ? running() : null;
    if (head !== null) this.#judge(head, now);
    if (!ledger.isIdle) return expire();
    if (this.#isFast) this.#run(false);
  }

  #weigh(now: number): void {
    const { health, cellMemoryMiB, residents, running, condemn } = this.#options;
    const ran = running();
    const [serial, instance] = [ran?.serial ?? -1, ran?.instance ?? -1];
    this.#lastReadMs = now;
    this.#lastResidentMiB = Math.round(health.residentMiB() ?? this.#lastResidentMiB);
    const used = this.#lastResidentMiB;
    if (serial !== this.#weighed.serial || instance !== this.#weighed.instance) this.#weighed = { serial, instance, firstMiB: used };
    if (used <= cellMemoryMiB) return;
    // Whoever happens to run when many have filled the cell together took no more than the others did. What it took counts as far as it was seen taking it.
    const isGuilty = residents() <= 1 || used - this.#weighed.firstMiB > cellMemoryMiB / residents();
    condemn({ code: "cell-memory", message: `the cell held ${used} MiB, ${cellMemoryMiB} MiB are allowed`, limit: { name: "cellMemoryMiB", value: cellMemoryMiB, used, unit: "MiB" } }, isGuilty ? ran : null);
  }

  #judge(head: Head, now: number): void {
    const { health, unresponsiveMs } = this.#options;
    if (head.serial !== this.#seen.serial) {
      this.#seen = { serial: head.serial, cpuMs: health.cpuMs() };
      return;
    }
    if (now < head.sinceMs + head.cpuMs + unresponsiveMs) return;
    // The answer may lie in the socket while our own loop was late: let one round of reading pass, then look again.
    setImmediate(() => this.#condemnIfStill(head));
  }

  #condemnIfStill({ serial }: Head): void {
    const { running, health, unresponsiveMs, condemn } = this.#options;
    const head = running();
    if (this.#timer === undefined || head === null || head.serial !== serial) return;
    const elapsed = performance.now() - head.sinceMs;
    const allowed = head.cpuMs + unresponsiveMs;
    const cpuMs = health.cpuMs();
    const wasRun = cpuMs === null || this.#seen.cpuMs === null || cpuMs - this.#seen.cpuMs >= head.cpuMs;
    if (!wasRun && elapsed < allowed + mostExtensionMs) return;
    const value = Math.round(allowed);
    const used = Math.round(elapsed);
    condemn({ code: "unresponsive", message: `the cell did not answer for ${used} ms, ${value} ms are allowed`, limit: { name: "unresponsiveMs", value, used, unit: "ms" } }, head);
  }
}
