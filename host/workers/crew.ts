// The workers of one proxy: hired at the start, replaced with growing patience when they die, dismissed at the end. It knows processes
// only; what a new one has to be told is its owner's (`join`).
import type { Log } from "../log.ts";
import { WorkerGone, WorkerLink, type WorkerExit, type WorkerNews } from "./worker-link.ts";

export interface CrewSettings {
  readonly size: number;
  readonly log: Log;
  readonly heard: (worker: WorkerLink, news: WorkerNews) => void;
  /** Brings a worker that was just started to where the others are and admits it. Rejects when that cannot be done. */
  readonly join: (worker: WorkerLink) => Promise<void>;
}

const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** Who lived that long died of something new. */
const longLifeMs = 60_000;
/** After connections have drained: every `done` within its limits, cells ended. Then SIGKILL. */
const longestStopMs = 30_000;

export class Crew {
  readonly #settings: CrewSettings;
  readonly #all = new Set<WorkerLink>();
  readonly #admitted = new Set<WorkerLink>();
  readonly #pauses = new Map<number, { readonly hiredAt: number; readonly pauseMs: number }>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping: Promise<void> | null = null;

  constructor(settings: CrewSettings) {
    this.#settings = settings;
  }

  /** Those who serve, in the order of their numbers. */
  get admitted(): readonly WorkerLink[] {
    return [...this.#admitted].sort((one, other) => one.number - other.number);
  }

  /** Starts the first of each number. They are not replaced until they are admitted. */
  hireAll(): readonly WorkerLink[] {
    return Array.from({ length: this.#settings.size }, (_, index) => this.#hire(index + 1));
  }

  /** From now on it counts, and is replaced when it dies. */
  admit(worker: WorkerLink): void {
    if (this.#all.has(worker)) this.#admitted.add(worker);
  }

  /** Stops all: connections drain, every `done` runs. Idempotent; never rejects. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    const workers = [...this.#all];
    const timer = setTimeout(() => { for (const worker of workers) worker.kill(); }, longestStopMs);
    // Who cannot stop well is ended all the same; its end is waited for below.
    for (const worker of workers) void worker.ask("stop", null).catch(() => worker.kill());
    await Promise.all(workers.map(({ exited }) => exited));
    clearTimeout(timer);
  }

  #hire(number: number): WorkerLink {
    const worker = new WorkerLink(number, this.#settings.heard);
    this.#all.add(worker);
    void worker.exited.then((exit) => this.#ended(worker, exit));
    return worker;
  }

  #ended(worker: WorkerLink, exit: WorkerExit): void {
    this.#all.delete(worker);
    const hasServed = this.#admitted.delete(worker);
    if (this.#stopping !== null || !hasServed) return;
    const pauseMs = this.#pauseBefore(worker.number);
    const next = pauseMs === 0 ? "a new one is started" : `a new one is started in ${pauseMs / 1_000} s`;
    this.#settings.log.error(`worker ${worker.number} ${wordsFor(exit)}: its connections are lost, ${next}`, { event: "worker-end", worker: worker.number, pid: worker.pid, ...exit });
    this.#replaceAfter(pauseMs, worker.number);
  }

  #replaceAfter(pauseMs: number, number: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#replace(number);
    }, pauseMs);
    this.#timers.add(timer);
  }

  async #replace(number: number): Promise<void> {
    if (this.#stopping !== null) return;
    this.#pauses.set(number, { hiredAt: performance.now(), pauseMs: this.#pauses.get(number)?.pauseMs ?? 0 });
    const worker = this.#hire(number);
    try {
      await this.#settings.join(worker);
      this.#settings.log.info(`worker ${number} was replaced`, { event: "worker-start", worker: number, pid: worker.pid });
    } catch (error) {
      if (this.#stopping !== null) return;
      // Died after it was admitted: that is told, and it is replaced, by its end.
      if (error instanceof WorkerGone && !this.#all.has(worker) && this.#timers.size > 0) return;
      worker.kill();
      const pauseMs = this.#pauseBefore(number);
      this.#settings.log.error(`worker ${number} could not be replaced: ${error instanceof Error ? error.message : String(error)}; tried again in ${pauseMs / 1_000} s`, { event: "worker-end", worker: number });
      this.#replaceAfter(pauseMs, number);
    }
  }

  /** None the first time, then twice as long each time, until one has lived for a while. */
  #pauseBefore(number: number): number {
    const last = this.#pauses.get(number);
    if (last === undefined || performance.now() - last.hiredAt > longLifeMs) {
      this.#pauses.delete(number);
      return 0;
    }
    const pauseMs = last.pauseMs === 0 ? firstPauseMs : Math.min(2 * last.pauseMs, longestPauseMs);
    this.#pauses.set(number, { ...last, pauseMs });
    return pauseMs;
  }
}

const wordsFor = ({ code, signal }: WorkerExit): string => (signal === null ? `ended with code ${code ?? "unknown"}` : `was ended by ${signal}`);
