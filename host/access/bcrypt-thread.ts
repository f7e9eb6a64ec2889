// bcrypt beside the loop: a thread that is started with the first comparison and a bounded number of those that wait, so that somebody
// who tries passwords keeps a thread busy and never the traffic. It knows hashes and texts, not users.
import { Worker } from "node:worker_threads";

export interface BcryptQuestion { readonly id: number; readonly password: string; readonly hash: string }
export interface BcryptAnswer { readonly id: number; readonly isRight: boolean }

/** LIMIT: comparisons that wait or run. At 10 ms (cost 8) to 50 ms (cost 10) each, the last one waits for a second or three. */
const mostWaiting = 64;

export class BcryptThread {
  readonly #waiting = new Map<number, (isRight: boolean | null) => void>();
  #worker: Worker | null = null;
  #lastId = 0;

  /** Whether the password is the one of the hash; null: too many are waiting, or the thread has died, and it was not looked at. */
  compare(password: string, hash: string): Promise<boolean | null> {
    if (this.#waiting.size >= mostWaiting) return Promise.resolve(null);
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      worker.ref();
      worker.postMessage({ id, password, hash } satisfies BcryptQuestion);
    });
  }

  /** Ends the thread; what waits gets null. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#giveUp();
    await worker?.terminate();
  }

  #start(): Worker {
    const file = import.meta.url.endsWith(".ts") ? "./bcrypt-worker.ts" : "./bcrypt-worker.js";
    const worker = new Worker(new URL(file, import.meta.url));
    worker.on("message", (answer: unknown) => this.#take(worker, answer));
    // A thread that dies is started again with the next comparison.
    const end = (): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#giveUp();
    };
    worker.on("error", end).on("exit", end);
    return worker;
  }

  #take(worker: Worker, answer: unknown): void {
    if (!isBcryptAnswer(answer)) return;
    this.#waiting.get(answer.id)?.(answer.isRight);
    this.#waiting.delete(answer.id);
    // An idle thread keeps nobody alive.
    if (this.#waiting.size === 0) worker.unref();
  }

  #giveUp(): void {
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }
}

export function isBcryptQuestion(value: unknown): value is BcryptQuestion {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "number" && "password" in value && typeof value.password === "string"
    && "hash" in value && typeof value.hash === "string";
}

function isBcryptAnswer(value: unknown): value is BcryptAnswer {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "number" && "isRight" in value && typeof value.isRight === "boolean";
}
