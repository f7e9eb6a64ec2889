// Notices for one addon, one after the other in the order of their happening, never waited for by traffic. Bounded: when an addon
// does not keep up, the newest are dropped and counted. It knows nothing of what a task does.

export class ToldQueue {
  readonly #tasks: (() => Promise<void> | void)[] = [];
  #isRunning = false;

  /** Tasks that wait, the running one included. */
  get length(): number {
    return this.#tasks.length + (this.#isRunning ? 1 : 0);
  }

  /** Runs `task` when all before it are done. Tasks do not reject. */
  add(task: () => Promise<void> | void): void {
    this.#tasks.push(task);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) await task();
    this.#isRunning = false;
  }
}
