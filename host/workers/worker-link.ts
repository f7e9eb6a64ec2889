// One worker process as the primary sees it: started, asked, told, waited for. Every question gets an answer or an error; a worker
// that does not answer is killed. It restarts nobody (crew.ts).
import { fork, type ChildProcess } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import { OperatorError } from "../operator-error.ts";
import type { Failure, FromWorker, Question, Questions, ToWorker } from "./messages.ts";

/** The worker ended before it answered. */
export class WorkerGone extends Error {
  override readonly name = "WorkerGone";
}

export interface WorkerExit { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type WorkerNews = Exclude<FromWorker, { readonly kind: "answer" | "failed" }>;

interface Waiting { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void; readonly timer: NodeJS.Timeout }

/** Start-up of an addon is bounded by limits of its own; beyond that, the worker itself hangs. */
const mostAnswerMs = 120_000;

const entry = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url));

export class WorkerLink {
  readonly number: number;
  readonly pid: number | null;
  /** Resolves when the process is gone. */
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isGone = false;

  /** Starts the process. `heard` gets what it says unasked, in order. */
  constructor(number: number, heard: (worker: WorkerLink, news: WorkerNews) => void) {
    this.number = number;
    const compiled = getCompileCacheDir();
    this.#child = fork(entry, [], {
      execArgv: [...process.execArgv, ...(process.sourceMapsEnabled ? ["--enable-source-maps"] : [])],
      serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"], env: { ...process.env, ...(compiled !== undefined && { NODE_COMPILE_CACHE: compiled }) },
    });
    this.pid = this.#child.pid ?? null;
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => { this.#gone(); resolve({ code, signal }); };
      this.#child.once("exit", end);
      this.#child.once("error", () => { if (this.#child.pid === undefined) end(null, null); });
    });
    // Both ends are this program; what comes is what messages.ts says.
    this.#child.on("message", (message) => this.#hear(message as FromWorker, heard));
  }

  /** Rejects with WorkerGone when the worker ends first, with the worker's error when it fails. */
  ask<Q extends Question>(question: Q, ask: Questions[Q]["ask"]): Promise<Questions[Q]["answer"]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.kill(), mostAnswerMs);
      timer.unref();
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Questions[Q]["answer"]), reject, timer });
      if (this.#isGone) return this.#gone();
      this.#send({ kind: "ask", question, id, ask } as ToWorker);
    });
  }

  tell(message: Exclude<ToWorker, { readonly kind: "ask" }>): void {
    if (!this.#isGone) this.#send(message);
  }

  /** SIGKILL. Its cells end with it. Idempotent. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #send(message: ToWorker): void {
    // A channel that is closed already is the news of the end, which `exited` brings.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #hear(message: FromWorker, heard: (worker: WorkerLink, news: WorkerNews) => void): void {
    if (message.kind !== "answer" && message.kind !== "failed") return heard(this, message);
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if (message.kind === "answer") waiting.resolve(message.answer);
    else waiting.reject(errorOf(message.failure));
  }

  #gone(): void {
    this.#isGone = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(new WorkerGone(`worker ${this.number} ended before it answered`));
    }
  }
}

/** The operator reads the same sentence as from a single process. */
function errorOf({ message, code, stack }: Failure): Error {
  if (code !== null) return new OperatorError(code, message);
  const error = new Error(message);
  error.stack = stack;
  return error;
}
