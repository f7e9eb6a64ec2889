// RSA key pairs, which take from a tenth of a second to many: made by the threads of this process beside the one that isolates run on.
// Whoever asked looks again later; the event loop has to turn in between (main.ts). What those threads spend is told, so that it
// can be charged to whom it was for. A job cannot be ended: it is forgotten when its instance goes.
import { generateKeyPair, type KeyObject } from "node:crypto";

export interface Pair { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
export type PairState = { readonly kind: "running" } | { readonly kind: "made"; readonly pair: Pair } | { readonly kind: "failed"; readonly message: string };

export interface PairJob {
  readonly state: PairState;
  /** CPU microseconds of other threads spent on this since it was last asked. */
  takeMicros(): number;
}

interface Running { state: PairState; micros: number }

const microsOf = ({ user, system }: NodeJS.CpuUsage): number => user + system;
/** CPU microseconds of all threads of this process but this one. */
const besideMicros = (): number => microsOf(process.cpuUsage()) - microsOf(process.threadCpuUsage());

/** One for a process. */
export class PairJobs {
  readonly #running = new Set<Running>();
  #lastMicros = 0;

  /** Whether the event loop must turn for somebody. */
  get isBusy(): boolean { return this.#running.size > 0; }

  /** The sizes have been checked. */
  begin(modulusLength: number, publicExponent: number): PairJob {
    this.#share();
    const job: Running = { state: { kind: "running" }, micros: 0 };
    this.#running.add(job);
    generateKeyPair("rsa", { modulusLength, publicExponent }, (error, publicKey, privateKey) => {
      this.#share();
      this.#running.delete(job);
      job.state = error === null ? { kind: "made", pair: { publicKey, privateKey } } : { kind: "failed", message: error.message };
    });
    return {
      get state() { return job.state; },
      takeMicros: () => {
        this.#share();
        const { micros } = job;
        job.micros = 0;
        return Math.round(micros);
      },
    };
  }

  /** What was spent since the last time, to equal parts on all that run: they do the same work. */
  #share(): void {
    const now = besideMicros();
    const each = this.#running.size === 0 ? 0 : Math.max(0, now - this.#lastMicros) / this.#running.size;
    this.#lastMicros = now;
    for (const job of this.#running) job.micros += each;
  }
}
