// Timers of one isolate: the host keeps the time, the guest is resumed when one is due. Bounded in number, gone with the isolate.
// Repeating timers are the guest's business (it sets the next one); nothing here runs guest code.

/** LIMIT: timers that one isolate may have running. */
export const mostTimers = 1_000;
const longestMs = 2_147_483_647;

export class GuestTimers {
  readonly #due: (id: number) => void;
  readonly #running = new Map<number, NodeJS.Timeout>();

  /** `due` is called once for each timer that was neither cleared nor outlived by `close`. */
  constructor(due: (id: number) => void) {
    this.#due = due;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Starts timer `id` (chosen by the guest). False when too many run, the id is taken, or `ms` is no time. */
  set(id: number, ms: number): boolean {
    if (this.#running.size >= mostTimers || this.#running.has(id) || !(ms >= 0)) return false;
    const timer = setTimeout(() => {
      this.#running.delete(id);
      this.#due(id);
    }, Math.min(Math.max(1, ms), longestMs));
    timer.unref();
    this.#running.set(id, timer);
    return true;
  }

  /** A timer that is not there is no error: it may just have been due. */
  clear(id: number): void {
    clearTimeout(this.#running.get(id));
    this.#running.delete(id);
  }

  /** Stops them all. */
  close(): void {
    for (const timer of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
  }
}
