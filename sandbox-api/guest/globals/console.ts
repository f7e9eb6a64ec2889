// `console` of an addon: every method writes lines to the proxy's log by `ctx.log`'s way. Formatting is Node's in small: strings
// as they are, everything else inspected, joined by spaces; %s %d %i %f %j %o %O %c in a first string.
import { RealMap, charCodeAt, dateNow, freeze, mapDelete, mapGet, mapSet, repeat, slice } from "../intrinsics.ts";
import type { HostPort } from "../host-port.ts";
import type { LogLevel } from "../../schema/view.ts";
import { inspect, inspectTop } from "./inspect.ts";

function format(args: readonly unknown[]): string {
  const first = args.length > 0 ? args[0] : "";
  let used = 1;
  let text = inspectTop(first);
  if (typeof first === "string" && args.length > 1) {
    text = "";
    let start = 0;
    for (let at = 0; at + 1 < first.length; at++) {
      if (charCodeAt(first, at) !== 37) continue;
      const verb = first[at + 1]!;
      if (verb === "%") { text += slice(first, start, at + 1); start = at + 2; at++; continue; }
      if (used >= args.length || !isVerb(verb)) continue;
      text += slice(first, start, at) + formatOne(verb, args[used++]);
      start = at + 2;
      at++;
    }
    text += slice(first, start);
  }
  for (; used < args.length; used++) text += ` ${inspectTop(args[used])}`;
  return text;
}

const isVerb = (verb: string): boolean => verb === "s" || verb === "d" || verb === "i" || verb === "f" || verb === "j" || verb === "o" || verb === "O" || verb === "c";

function formatOne(verb: string, value: unknown): string {
  if (verb === "c") return "";
  if (verb === "s") return inspectTop(value);
  if (verb !== "d" && verb !== "i" && verb !== "f") return inspect(value);
  const number = typeof value === "number" ? value : typeof value === "string" ? +value : NaN;
  return `${verb === "i" ? number - (number % 1) : number}`;
}

const labelOf = (label: unknown): string => (label === undefined ? "default" : inspectTop(label));

/** The object for the global; its methods need no `this`. */
export function makeConsole(port: HostPort): object {
  const counts = new RealMap<string, number>();
  const timers = new RealMap<string, number>();
  let depth = 0;
  const write = (level: LogLevel, args: readonly unknown[]): void => port.log(level, repeat("  ", depth) + format(args));
  const group = (...args: unknown[]): void => {
    if (args.length > 0) write("info", args);
    if (depth < 32) depth++;
  };
  const elapsed = (label: unknown): void => {
    const since = mapGet(timers, labelOf(label));
    write(since === undefined ? "warn" : "info", [since === undefined ? `no timer "${labelOf(label)}"` : `${labelOf(label)}: ${dateNow() - since}ms`]);
  };
  return freeze({
    debug: (...args: unknown[]): void => write("debug", args),
    log: (...args: unknown[]): void => write("info", args),
    info: (...args: unknown[]): void => write("info", args),
    warn: (...args: unknown[]): void => write("warn", args),
    error: (...args: unknown[]): void => write("error", args),
    trace: (...args: unknown[]): void => write("debug", args),
    dir: (value: unknown): void => write("info", [inspect(value)]),
    table: (value: unknown): void => write("info", [inspect(value)]),
    assert: (condition: unknown, ...args: unknown[]): void => {
      if (!condition) port.log("error", `Assertion failed${args.length > 0 ? `: ${format(args)}` : ""}`);
    },
    group,
    groupCollapsed: group,
    groupEnd: (): void => {
      if (depth > 0) depth--;
    },
    count: (label?: unknown): void => {
      const count = (mapGet(counts, labelOf(label)) ?? 0) + 1;
      mapSet(counts, labelOf(label), count);
      write("info", [`${labelOf(label)}: ${count}`]);
    },
    countReset: (label?: unknown): void => void mapDelete(counts, labelOf(label)),
    time: (label?: unknown): void => void mapSet(timers, labelOf(label), dateNow()),
    timeLog: elapsed,
    timeEnd: (label?: unknown): void => {
      elapsed(label);
      mapDelete(timers, labelOf(label));
    },
    clear: (): void => undefined,
  });
}
