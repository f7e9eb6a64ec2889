// Sends the requests of saved flows again, a bounded number at a time, and says how far it is: each is a new flow with all its events, and
// its answer goes to nobody. How one is sent is given; which of them cannot be sent is said and counted.
import type { ObjectKey } from "../../../sandbox-api/schema/ids.ts";
import type { Log } from "../../log.ts";
import type { HttpFlow } from "../flow.ts";
import { readFlows } from "./read-flows.ts";
import type { SavedFlow, SavedHttpFlow } from "./saved-flow.ts";
import { httpFlowOf } from "./to-flow.ts";

/** What came of one: the status that a client would have got, or why there is none. */
export type ReplayEnd = { readonly kind: "answered"; readonly status: number } | { readonly kind: "failed"; readonly message: string };

export interface ClientReplaySettings {
  /** Sends a flow's request as a new flow; null: not any more. */
  readonly send: (flow: HttpFlow, signal: AbortSignal) => Promise<ReplayEnd> | null;
  readonly keys: { next(): ObjectKey };
  readonly log: Log;
  /** Requests under way at once; with 1 they go in the order of the files. */
  readonly concurrency: number;
  /** Ends it: what is under way is cut. */
  readonly signal: AbortSignal;
}

export interface ReplayCounts {
  /** Answered, whatever the status. */
  readonly answered: number;
  readonly failed: number;
  /** No HTTP request, or one whose body was not saved. */
  readonly skipped: number;
}

const sayEveryMs = 1_000;

/** Rejects with an OperatorError when a file cannot be read at all; what was under way has then ended. */
export async function replayFiles(files: readonly string[], settings: ClientReplaySettings): Promise<ReplayCounts> {
  const replayer = new Replayer(settings);
  try {
    for (const file of files) await replayer.play(file);
  } finally {
    await replayer.finish();
  }
  const { answered, failed, skipped } = replayer.counts;
  const sentence = `replay ended: ${answered} answered, ${failed} failed${skipped === 0 ? "" : `, ${skipped} could not be sent`}`;
  settings.log[failed === 0 ? "info" : "warn"](sentence, { event: "replay-ended", answered, failed, skipped });
  return replayer.counts;
}

class Replayer {
  readonly #settings: ClientReplaySettings;
  readonly #running = new Set<Promise<void>>();
  #counts = { answered: 0, failed: 0, skipped: 0 };
  #saidAt = Date.now();

  constructor(settings: ClientReplaySettings) {
    this.#settings = settings;
  }

  get counts(): ReplayCounts {
    return this.#counts;
  }

  async play(file: string): Promise<void> {
    const { signal, log, concurrency } = this.#settings;
    for await (const saved of readFlows(file, ({ message, at, bytes }) => log.warn(`${file}: ${message}`, { event: "read", path: file, at, bytes }))) {
      if (signal.aborted) return;
      this.#begin(saved);
      while (this.#running.size >= concurrency) await Promise.race(this.#running);
    }
  }

  async finish(): Promise<void> {
    await Promise.all(this.#running);
  }

  #begin(saved: SavedFlow): void {
    const { log, send, keys, signal } = this.#settings;
    const refusal = refusalToSend(saved);
    if (refusal !== null || saved.kind !== "http") {
      this.#counts.skipped++;
      log.info(`not replayed: ${nameOf(saved)}: ${refusal ?? ""}`, { event: "replay-skipped", reason: refusal });
      return;
    }
    const sending = send(flowToSend(saved, () => keys.next()), signal);
    if (sending === null) {
      this.#counts.skipped++;
      return;
    }
    const running: Promise<void> = sending.then((ended) => this.#end(saved, ended)).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #end(saved: SavedHttpFlow, ended: ReplayEnd): void {
    const { log } = this.#settings;
    if (ended.kind === "answered") this.#counts.answered++;
    else {
      this.#counts.failed++;
      log.warn(`replay failed: ${nameOf(saved)}: ${ended.message}`, { event: "replay-failed", error: ended.message });
    }
    if (Date.now() < this.#saidAt + sayEveryMs) return;
    this.#saidAt = Date.now();
    const { answered, failed, skipped } = this.#counts;
    log.info(`${answered + failed + skipped} requests replayed, ${failed} failed`, { event: "replay-progress", answered, failed, skipped });
  }
}

function nameOf(saved: SavedFlow): string {
  if (saved.kind === "tcp") return `a TCP flow to ${saved.server.address?.host ?? "somewhere"}`;
  const { method, scheme, host, port, path } = saved.request;
  return `${method} ${scheme}://${host}:${port}${path}`;
}

/** Null: it can be sent. */
function refusalToSend(saved: SavedFlow): string | null {
  if (saved.kind !== "http") return "it is no HTTP flow";
  const { request, websocket } = saved;
  if (request.method === "CONNECT") return "it is a CONNECT";
  if (websocket !== null || request.headers.some(([name]) => name.toLowerCase() === "upgrade")) return "it asks for another protocol";
  return request.body.kind === "missing" ? `its body was not saved (${request.body.why})` : null;
}

/** A client's own request again, by the way that this proxy would take now. */
function flowToSend(saved: SavedHttpFlow, nextKey: () => ObjectKey): HttpFlow {
  const flow = httpFlowOf({ ...saved, server: { ...saved.server, via: null } }, nextKey);
  return { ...flow, replayDepth: 0 };
}
