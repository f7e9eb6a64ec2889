// What the proxy says: one structured record per fact, handed to whoever prints or forwards it (cli). No formatting, no I/O here.
import type { LogLevel } from "../sandbox-api/schema/view.ts";

export interface LogRecord {
  readonly time: number;
  readonly level: LogLevel;
  readonly msg: string;
  /** Machine-readable extras (`event`, `addon`, `url`, `limit`, …); JSON-safe values only. */
  readonly fields: { readonly [name: string]: unknown };
}

/** `event` of a record that holds an addon's own words. */
export const guestLine = "addon-log";

export interface Log {
  debug(msg: string, fields?: LogRecord["fields"]): void;
  info(msg: string, fields?: LogRecord["fields"]): void;
  warn(msg: string, fields?: LogRecord["fields"]): void;
  error(msg: string, fields?: LogRecord["fields"]): void;
}

/** Makes a Log that hands each record to `sink`; `now` gives milliseconds since the epoch. */
export function makeLog(sink: (record: LogRecord) => void, now: () => number = Date.now): Log {
  const say = (level: LogLevel) => (msg: string, fields: LogRecord["fields"] = {}): void => sink({ time: now(), level, msg, fields });
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}
