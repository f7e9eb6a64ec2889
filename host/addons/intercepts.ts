// Flows that an addon holds back after an event, until somebody lets them go on or the deadline does.
import type { HttpFlow, TcpFlow } from "../flows/flow.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { Log } from "../log.ts";
import { subjectUrl } from "./fault-report.ts";

/** Whether an addon holds it back and nobody has resumed it yet. */
export const isIntercepted = (subject: GateSubject): subject is HttpFlow | TcpFlow => (subject.kind === "http" || subject.kind === "tcp") && subject.intercepted;

export class Intercepts {
  readonly #log: Log;
  readonly #interceptMs: number;
  readonly #held = new Map<number, () => void>();

  /** LIMIT interceptMs: a flow goes on after that many milliseconds. */
  constructor(log: Log, interceptMs: number) {
    this.#log = log;
    this.#interceptMs = interceptMs;
  }

  /** Resolves when the flow goes on. */
  async hold(flow: HttpFlow | TcpFlow): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(() => { this.#sayLate(flow); resolve(); }, this.#interceptMs);
      this.#held.set(flow.key, resolve);
    });
    clearTimeout(timer);
    this.#held.delete(flow.key);
    flow.intercepted = false;
    flow.version++;
  }

  /** False when that flow is not held. */
  resume(key: number): boolean {
    const resume = this.#held.get(key);
    resume?.();
    return resume !== undefined;
  }

  /** Everything goes on. */
  close(): void {
    for (const resume of this.#held.values()) resume();
  }

  #sayLate(flow: HttpFlow | TcpFlow): void {
    this.#log.warn(`a flow to ${subjectUrl(flow) ?? "somewhere"} was held back for ${this.#interceptMs} ms and goes on (limit interceptMs)`, { event: "intercept", limit: "interceptMs" });
  }
}
