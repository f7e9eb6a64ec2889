// A pool of real cells that die when they are told to: SIGKILL at a chosen moment of a chosen call, as an out-of-memory killer or an operator
// might. It passes everything through otherwise, keeps the process ids that it gave out, and decides nothing.
import type { Cell, CellCall, CellEvents, CellPool } from "../../host/cells/cell.ts";

/** When, around one call: before it is written, in the same turn, so many milliseconds later, or when it has been answered. */
export type Moment = "before" | "same turn" | "next turn" | "answered" | number;
export interface Plan {
  /** "load", "unload", "resume", or the name of an event. */
  readonly at: string;
  readonly moment: Moment;
  /** How many such calls live before it. */
  readonly spared: number;
}

export class MortalPool implements CellPool {
  readonly pids: number[] = [];
  kills = 0;
  readonly #pool: CellPool;
  #plan: Plan | null = null;
  #seen = 0;

  constructor(pool: CellPool) {
    this.#pool = pool;
  }

  /** Kills once, by this plan; null: nobody. */
  plan(plan: Plan | null): void {
    this.#plan = plan;
    this.#seen = 0;
  }

  async acquire(events: CellEvents): Promise<Cell> {
    const cell = await this.#pool.acquire(events);
    this.pids.push(cell.pid);
    return {
      pid: cell.pid,
      get loads() { return cell.loads; },
      get restMiB() { return cell.restMiB; },
      load: (instance, spec) => this.#around(cell, "load", () => cell.load(instance, spec)),
      call: (call) => this.#around(cell, eventOf(call), () => cell.call(call)),
      resume: (...args) => this.#around(cell, "resume", () => cell.resume(...args)),
      unload: (instance) => this.#around(cell, "unload", () => cell.unload(instance)),
      release: (instance, keys) => cell.release(instance, keys),
      stat: () => cell.stat(),
      standBack: () => cell.standBack(),
      kill: () => cell.kill(),
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #around<T>(cell: Cell, at: string, run: () => Promise<T>): Promise<T> {
    const plan = this.#plan;
    if (plan === null || plan.at !== at || this.#seen++ < plan.spared) return run();
    this.#plan = null;
    if (plan.moment === "before") this.#kill(cell);
    const result = run();
    if (plan.moment === "same turn") this.#kill(cell);
    else if (plan.moment === "next turn") setImmediate(() => this.#kill(cell));
    else if (typeof plan.moment === "number") setTimeout(() => this.#kill(cell), plan.moment);
    else if (plan.moment === "answered") void result.then(() => this.#kill(cell));
    return result;
  }

  #kill({ pid }: Cell): void {
    this.kills++;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

function eventOf({ text }: CellCall): string {
  const envelope: unknown = JSON.parse(text.slice(0, text.includes("\0") ? text.indexOf("\0") : text.length));
  return typeof envelope === "object" && envelope !== null && "event" in envelope ? String(envelope.event) : "";
}
