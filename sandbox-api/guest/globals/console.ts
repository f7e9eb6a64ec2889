// `console` of an addon (WHATWG Console): every method writes lines to the proxy's log by `ctx.log`'s way. Plain strings and numbers are
// written as they are; everything else is the part "inspect", so that an addon that logs texts only never loads it.
import { RealMap, dateNow, define, defineProperty, indexOf, isObject, mapDelete, mapGet, mapSet, repeat, slice, toStringTagSymbol, RealError, getOwnPropertyDescriptor } from "../intrinsics.ts";
import type { HostPort } from "../host-port.ts";
import type { Parts } from "../kernel.ts";
import { flatten } from "../thrown.ts";
import type { LogLevel } from "../../schema/view.ts";

interface Inspecting {
  readonly format: (args: readonly unknown[]) => string;
  readonly inspect: (value: unknown, depth?: number) => string;
  readonly table: (data: unknown, only: unknown) => string | null;
}
type Method = (...args: readonly unknown[]) => void;

const mostGroups = 32;

/** Text for the arguments; values that cannot even be looked at (no stack left, built-ins that throw) become what is known of them. */
export function makeFormat(parts: Parts): Inspecting["format"] {
  return (args) => {
    if (args.length === 0) return "";
    const first = args[0];
    if (args.length === 1 && (typeof first === "string" || typeof first === "boolean" || first === undefined || first === null)) return `${first as string}`;
    try {
      return (parts.load("inspect") as object as Inspecting).format(args);
    } catch (thrown) {
      return `(cannot be shown: ${flatten(thrown).message})`;
    }
  };
}

/** What Web IDL does with a label; its toString may throw, to the caller. */
const labelOf = (args: readonly unknown[]): string => (args.length === 0 || args[0] === undefined ? "default" : `${args[0] as string}`);

class Printer {
  readonly #port: HostPort;
  readonly #parts: Parts;
  readonly #counts = new RealMap<string, number>();
  readonly #timers = new RealMap<string, number>();
  readonly format: Inspecting["format"];
  #depth = 0;

  constructor(port: HostPort, parts: Parts) {
    this.#port = port;
    this.#parts = parts;
    this.format = makeFormat(parts);
  }

  line(level: LogLevel, text: string): void {
    this.#port.log(level, this.#depth === 0 ? text : indented(text, repeat("  ", this.#depth)));
  }
  print(level: LogLevel, args: readonly unknown[]): void { this.line(level, this.format(args)); }

  open(args: readonly unknown[]): void {
    if (args.length > 0) this.print("info", args);
    if (this.#depth < mostGroups) this.#depth++;
  }
  shut(): void { if (this.#depth > 0) this.#depth--; }

  assert(args: readonly unknown[]): void {
    if (args.length > 0 && args[0]) return;
    const rest = after(args, 1);
    if (rest.length > 0 && typeof rest[0] === "string") return this.print("error", replaced(rest, `Assertion failed: ${rest[0]}`));
    this.line("error", `Assertion failed${rest.length > 0 ? `: ${this.format(rest)}` : ""}`);
  }
  count(args: readonly unknown[]): void {
    const label = labelOf(args);
    const count = (mapGet(this.#counts, label) ?? 0) + 1;
    mapSet(this.#counts, label, count);
    this.line("info", `${label}: ${count}`);
  }
  countReset(args: readonly unknown[]): void {
    const label = labelOf(args);
    if (!mapDelete(this.#counts, label)) this.line("warn", `Count for '${label}' does not exist`);
  }
  time(args: readonly unknown[]): void {
    const label = labelOf(args);
    if (mapGet(this.#timers, label) !== undefined) return this.line("warn", `Label '${label}' already exists for console.time()`);
    mapSet(this.#timers, label, dateNow());
  }
  elapsed(args: readonly unknown[], isEnd: boolean): void {
    const label = labelOf(args);
    const since = mapGet(this.#timers, label);
    if (since === undefined) return this.line("warn", `No such label '${label}' for console.time${isEnd ? "End" : "Log"}()`);
    const rest = after(args, 1);
    this.line("info", `${label}: ${dateNow() - since}ms${!isEnd && rest.length > 0 ? ` ${this.format(rest)}` : ""}`);
    if (isEnd) mapDelete(this.#timers, label);
  }
  trace(args: readonly unknown[]): void {
    const stack: unknown = getOwnPropertyDescriptor(new RealError(), "stack")?.value;
    const text = typeof stack === "string" ? stack : flatten(new RealError()).stack;
    const start = indexOf(text, "\n");
    const shown = this.format(args);
    this.line("debug", `Trace${shown === "" ? "" : `: ${shown}`}${start < 0 ? "" : slice(text, start)}`);
  }
  dir(args: readonly unknown[]): void {
    if (!isObject(args[0])) return this.print("info", args.length === 0 ? args : replaced(after(args, args.length), args[0]));
    const depth: unknown = isObject(args[1]) ? (args[1] as { readonly depth?: unknown }).depth : undefined;
    this.line("info", this.#try(({ inspect }) => inspect(args[0], depth === null ? 8 : typeof depth === "number" && depth >= 0 && depth < 8 ? depth : 2)) ?? this.format(args));
  }
  table(args: readonly unknown[]): void {
    const text = this.#try(({ table }) => table(args[0], args[1]));
    if (text === null) this.print("info", args);
    else this.line("info", text);
  }

  #try<T>(run: (inspecting: Inspecting) => T): T | null {
    try {
      return run(this.#parts.load("inspect") as object as Inspecting);
    } catch {
      // What cannot be inspected is printed by `format`, which says so.
      return null;
    }
  }
}

function after(args: readonly unknown[], from: number): unknown[] {
  const rest: unknown[] = [];
  for (let index = from; index < args.length; index++) define(rest, index - from, args[index]);
  return rest;
}
function replaced(args: unknown[], first: unknown): unknown[] {
  define(args, 0, first);
  return args;
}
function indented(text: string, by: string): string {
  let result = by;
  for (let start = 0; ;) {
    const end = indexOf(text, "\n", start);
    result += end < 0 ? slice(text, start) : slice(text, start, end + 1) + by;
    if (end < 0) return result;
    start = end + 1;
  }
}

/** The object for the global, a namespace as the standard describes one; its methods need no `this`. */
export function makeConsole(port: HostPort, parts: Parts): object {
  const printer = new Printer(port, parts);
  const methods: { readonly [name: string]: Method } = {
    __proto__: null as never,
    assert: (...args) => printer.assert(args),
    clear: () => undefined,
    debug: (...args) => printer.print("debug", args),
    error: (...args) => printer.print("error", args),
    info: (...args) => printer.print("info", args),
    log: (...args) => printer.print("info", args),
    table: (...args) => printer.table(args),
    trace: (...args) => printer.trace(args),
    warn: (...args) => printer.print("warn", args),
    dir: (...args) => printer.dir(args),
    dirxml: (...args) => printer.print("info", args),
    count: (...args) => printer.count(args),
    countReset: (...args) => printer.countReset(args),
    group: (...args) => printer.open(args),
    groupCollapsed: (...args) => printer.open(args),
    groupEnd: () => printer.shut(),
    time: (...args) => printer.time(args),
    timeLog: (...args) => printer.elapsed(args, false),
    timeEnd: (...args) => printer.elapsed(args, true),
  };
  const console = Object.create({}) as object;
  for (const name in methods) {
    define(methods[name]!, "name", name, false, true);
    define(console, name, methods[name]);
  }
  defineProperty(console, toStringTagSymbol, { __proto__: null, value: "console", writable: false, enumerable: false, configurable: true } as PropertyDescriptor);
  return console;
}
