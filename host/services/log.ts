// What an addon says (`console`, `ctx.log`), brought to the operator's log: cut to a line's limit, so many lines a second, the rest
// counted. WALL: text of a hostile addon; control characters are replaced, so that it cannot draw on a terminal or forge lines.
import type { LogLevel } from "../../sandbox-api/schema/view.ts";
import { guestLine, type Log } from "../log.ts";

export interface GuestLogSettings {
  readonly addon: string;
  /** LIMIT logLinesPerSecond. */
  readonly linesPerSecond: number;
  /** LIMIT logLineBytes. */
  readonly lineBytes: number;
}

const windowMs = 1_000;
// C0 but for tab and line feed, DEL, C1, and the characters that turn the writing direction.
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One addon's way to the log; kept over its restarts, so that a restart buys no lines. */
export class GuestLog {
  readonly #log: Log;
  readonly #settings: GuestLogSettings;
  #windowStart = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #dropped = 0;

  constructor(log: Log, settings: GuestLogSettings) {
    this.#log = log;
    this.#settings = settings;
  }

  /** Lines that were dropped since the beginning. */
  get dropped(): number {
    return this.#dropped;
  }

  /** One line at `now` (ms). `extra` goes into the record's fields. */
  line(level: LogLevel, msg: string, now: number, extra: { readonly [name: string]: unknown } = {}): void {
    const { addon, linesPerSecond, lineBytes } = this.#settings;
    if (now >= this.#windowStart + windowMs) {
      this.#windowStart = now;
      this.#lines = 0;
    }
    this.#lines++;
    if (this.#lines > linesPerSecond) {
      this.#dropped++;
      // One warning for each second in which lines are dropped, not one for each line.
      if (this.#lines === linesPerSecond + 1) this.#log.warn(`addon "${addon}" logs more than ${linesPerSecond} lines a second; the rest is dropped`, { ...extra, addon, limit: "logLinesPerSecond" });
      return;
    }
    this.#log[level](cut(msg, lineBytes).replace(controls, "\ufffd"), { ...extra, addon, event: guestLine });
  }
}

function cut(msg: string, bytes: number): string {
  if (msg.length * 3 <= bytes || Buffer.byteLength(msg) <= bytes) return msg;
  return `${new TextDecoder().decode(Buffer.from(msg.slice(0, bytes)).subarray(0, bytes)).replace(/\ufffd$/, "")}…`;
}
