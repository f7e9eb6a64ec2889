// Log records as lines: who speaks, the code with a caret, and that nothing of an addon or a peer reaches a terminal as it is.
import test from "ava";
import { codeLines, jsonLine, prettyLine, printable } from "../../host/log-format.ts";
import { guestLine, type LogRecord } from "../../host/log.ts";

const record = (msg: string, fields: LogRecord["fields"] = {}, level: LogRecord["level"] = "info"): LogRecord => ({ time: 0, level, msg, fields });

test("what an addon says carries its name; what is said of it does not", (t) => {
  t.is(prettyLine(record("hi", { addon: "tool", event: guestLine }), false), "00:00:00.000 › [tool] hi");
  t.is(prettyLine(record("hi", { addon: "tool", event: "reload" }), false), "00:00:00.000 › hi");
  t.is(prettyLine(record("hi", { addon: "to\u001bol", event: guestLine, worker: 2 }), false), "00:00:00.000 › [2] [to\\x1bol] hi");
});

test("the line of code, a caret under the place, the stack", (t) => {
  const lines = prettyLine(record("no", { codeLine: "a.b.c", caret: 4, stack: "Error: no\n    at x" }, "warn"), false).split("\n");
  t.deepEqual(lines.map((line) => line.replace(/^ {15}/, "")), ["00:00:00.000 ! no", "a.b.c", "    ^", "Error: no", "    at x"]);
  t.deepEqual(codeLines({ codeLine: "ab", caret: 9 }), ["ab", "  ^"]);
  t.deepEqual(codeLines({ codeLine: "ab" }), ["ab"]);
  t.deepEqual(codeLines({ codeLine: null, caret: 1 }), []);
});

const hostile = "\u001b[2J\u001b]0;x\u0007\u009b31m\u007f\u202eabc\u2066\r\0";
test("no control character and no change of writing direction is left, in either form", (t) => {
  const given = record(hostile, { addon: hostile, event: guestLine, codeLine: hostile, stack: hostile, url: hostile });
  // The control characters are what is looked for.
  t.notRegex(prettyLine(given, false).replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  const json = jsonLine(given);
  t.notRegex(json, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  t.like(JSON.parse(json), { msg: hostile, url: hostile });
  t.is(printable("a".repeat(20_000)).length < 17_000, true);
});
