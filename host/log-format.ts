// Turns log records into lines: readable ones for a terminal, JSON objects for programs. Pure; text from addons and peers is cut and
// its control characters are escaped, so that nobody paints a terminal or forges a line.
import { guestLine, type LogRecord } from "./log.ts";

const levelMarks = { debug: "·", info: "›", warn: "!", error: "✗" } as const;
const colours = { debug: "\x1b[2m", info: "", warn: "\x1b[33m", error: "\x1b[31m" } as const;
const reset = "\x1b[0m";
export const longestLine = 16_384;

/** One line of JSON: `time` (ISO 8601), `level`, `msg` and the fields. */
export function jsonLine(record: LogRecord): string {
  const json = JSON.stringify({ time: new Date(record.time).toISOString(), level: record.level, msg: record.msg, ...record.fields });
  // JSON escapes C0; a terminal that shows this obeys C1 too, and bidirectional overrides.
  return json.replace(beyondC0, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const beyondC0 = /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The line of code that a record is about, and a line with a caret under the place; empty when it is about none. */
export function codeLines({ codeLine, caret }: LogRecord["fields"]): readonly string[] {
  if (typeof codeLine !== "string" || codeLine === "") return [];
  return typeof caret === "number" ? [codeLine, `${" ".repeat(Math.min(caret, codeLine.length))}^`] : [codeLine];
}

/** For a terminal. What an addon says carries its name; code and stack get lines of their own, indented; the place is in the message. */
export function prettyLine(record: LogRecord, useColour: boolean): string {
  const clock = new Date(record.time).toISOString().slice(11, 23);
  const worker = typeof record.fields["worker"] === "number" ? `[${record.fields["worker"]}] ` : "";
  const { fields } = record;
  const speaker = fields["event"] === guestLine && typeof fields["addon"] === "string" ? `[${printable(fields["addon"])}] ` : "";
  const stack = typeof fields["stack"] === "string" && fields["stack"] !== "" ? fields["stack"].split("\n") : [];
  const lines = [`${clock} ${levelMarks[record.level]} ${worker}${speaker}${printable(record.msg)}`, ...[...codeLines(fields), ...stack].map((line) => `               ${printable(line)}`)];
  const text = lines.join("\n");
  return useColour && colours[record.level] !== "" ? `${colours[record.level]}${text}${reset}` : text;
}

/** Control characters (C0, DEL, C1 and the bidirectional overrides) as \x escapes; cut at `longestLine`. */
export function printable(text: string): string {
  const cut = text.length > longestLine ? `${text.slice(0, longestLine)}… (${text.length} chars)` : text;
  // The control characters are what is looked for.
  return cut.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (char) =>
    char === "\n" ? "\n               " : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
