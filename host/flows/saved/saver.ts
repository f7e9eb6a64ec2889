// Saves flows in a file beside the traffic: in order, in batches, never waited for. What waits to be written is bounded; beyond that,
// and while the disk refuses, flows are lost, counted, and that is said. It knows neither gates nor formats.
import type { Filter } from "../../../sandbox-api/schema/filter.ts";
import type { Log } from "../../log.ts";
import type { SavedOutput } from "./flow-file-output.ts";
import { weightOf, type SavedFlow } from "./saved-flow.ts";
import { matchesSaved } from "./saved-filter.ts";

export interface SaverOptions {
  readonly output: SavedOutput;
  /** Only flows that match are saved; null: all. */
  readonly filter: Filter | null;
  readonly log: Log;
  /** LIMIT: of flows that wait to be written, their bodies included, in bytes. */
  readonly mostWaitingBytes?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface SaverCounts { readonly saved: number; readonly lost: number }

const MiB = 1024 * 1024;
const defaultWaitingBytes = 64 * MiB;
const batchBytes = 4 * MiB;
const sayAgainMs = 10_000;

export class Saver {
  readonly #options: SaverOptions;
  readonly #mostWaitingBytes: number;
  readonly #waiting: SavedFlow[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | null = null;
  #saved = 0;
  #lost = 0;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#mostWaitingBytes = options.mostWaitingBytes ?? defaultWaitingBytes;
  }

  get counts(): SaverCounts {
    return { saved: this.#saved, lost: this.#lost };
  }

  /** Takes a flow that has ended. Returns at once. */
  add(flow: SavedFlow): void {
    const bytes = weightOf(flow);
    if (this.#waitingBytes + bytes > this.#mostWaitingBytes && this.#waiting.length > 0) return this.#lose(1, "flows come faster than they can be written");
    this.#waiting.push(flow);
    this.#waitingBytes += bytes;
    // Batched with what else ends in this turn of the loop.
    this.#running ??= new Promise((resolve) => { setImmediate(resolve); }).then(() => this.#run());
  }

  /** Waits until everything that was taken is written. */
  async flush(): Promise<void> {
    await this.#running;
  }

  /** Writes what waits, closes the file and says what came of it. */
  async close(): Promise<void> {
    const { output, log } = this.#options;
    await this.flush();
    try {
      await output.close();
    } catch (error) {
      log.error(`${output.path} could not be closed well: ${messageOf(error)}`, { event: "save", path: output.path });
    }
    const { saved, lost } = this.counts;
    const sentence = `${saved} ${saved === 1 ? "flow" : "flows"} saved in ${output.path}${lost === 0 ? "" : `, ${lost} lost`}`;
    log[lost === 0 ? "info" : "warn"](sentence, { event: "saved", path: output.path, saved, lost });
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#writeBatch();
    } finally {
      this.#running = null;
    }
  }

  async #writeBatch(): Promise<void> {
    const { output } = this.#options;
    const pieces: Buffer[] = [];
    let count = 0;
    let bytes = 0;
    while (bytes < batchBytes) {
      const flow = this.#waiting.shift();
      if (flow === undefined) break;
      bytes += weightOf(flow);
      const encoded = await this.#encode(flow);
      if (encoded === null) continue;
      pieces.push(...encoded);
      count++;
    }
    try {
      if (count > 0) await output.write(pieces);
      this.#saved += count;
    } catch (error) {
      this.#lose(count, messageOf(error));
    }
    this.#waitingBytes -= bytes;
  }

  async #encode(flow: SavedFlow): Promise<readonly Buffer[] | null> {
    const { filter, output } = this.#options;
    try {
      return filter === null || (await matchesSaved(filter, flow)) ? await output.encode(flow) : null;
    } catch (error) {
      // A body too large to become one text, for example.
      this.#lose(1, messageOf(error));
      return null;
    }
  }

  #lose(count: number, why: string): void {
    const { output, log, now = Date.now } = this.#options;
    this.#lost += count;
    if (now() < this.#saidAt + sayAgainMs) return;
    this.#saidAt = now();
    log.error(`flows are not saved in ${output.path}: ${why} (${this.#lost} lost so far)`, { event: "save", path: output.path, lost: this.#lost });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
