// Makes one log of several workers' logs: what is a fact of the whole (an addon was loaded, is suspended) is said once, by whoever
// says it first; what happened in one worker (an addon's own words, a flow's failure, a cell's end) carries the worker's number.
import { guestLine, type LogRecord } from "../log.ts";

/** Workers say the same thing at about the same time. */
const sameMs = 10_000;
/** LIMIT: sentences that are remembered. */
const mostRemembered = 1_000;

/** Refusals that are said of each addon once in a while, whichever flow comes first. */
const passing: ReadonlySet<unknown> = new Set(["suspended", "overloaded", "cpu-budget"]);

interface Said { readonly worker: number; readonly at: number }

export class LogMerge {
  readonly #print: (record: LogRecord) => void;
  readonly #said = new Map<string, Said>();

  constructor(print: (record: LogRecord) => void) {
    this.#print = print;
  }

  take(worker: number, record: LogRecord): void {
    const key = sharedKey(record);
    if (key === null) return this.#print({ ...record, fields: { ...record.fields, worker } });
    const said = this.#said.get(key);
    const isRecent = said !== undefined && record.time < said.at + sameMs;
    // Who said it first may say it again, as one process alone would.
    if (isRecent && said.worker !== worker) return;
    this.#said.delete(key);
    this.#said.set(key, { worker, at: record.time });
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= mostRemembered) break;
      this.#said.delete(oldest);
    }
    this.#print(record);
  }
}

/** What all workers say of one fact of the whole; null: it is this worker's alone. */
function sharedKey({ level, msg, fields }: LogRecord): string | null {
  if (passing.has(fields["fault"])) return `${String(fields["addon"])} ${String(fields["fault"])}`;
  const isOwn = fields["event"] === guestLine || fields["url"] !== undefined || fields["client"] !== undefined || fields["cell"] !== undefined;
  return isOwn ? null : `${level} ${msg}`;
}
