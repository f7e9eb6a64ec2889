// Puts the globals that every isolate has on the realm; those of parts are offered by kernel.ts. Which there are and how they differ
// from the standards is in schema/globals.ts; the compiler holds both together, and a test the realm.
import type { BaseGlobalName } from "../../schema/globals.ts";
import type { HostPort } from "../host-port.ts";
import type { Services } from "../services.ts";
import { RealError, RealTypeError, dateNow, define, freeze, isFunction, toStringTagSymbol } from "../intrinsics.ts";
import { reportTo, type Parts } from "../kernel.ts";
import { atob, btoa } from "./base64.ts";
import { makeConsole } from "./console.ts";
import { runMicrotask, type Timers } from "./timers.ts";

export interface GlobalSources {
  readonly port: HostPort;
  readonly timers: Timers;
  readonly services: Services;
  readonly parts: Parts;
  readonly realm: object;
}

export function addGlobals({ port, timers, services, parts, realm }: GlobalSources, add: (name: string, value: unknown) => void): void {
  const invalid = (message: string): Error => {
    const { DOMException } = parts.load("events") as { readonly DOMException?: new (message: string, name: string) => Error };
    return DOMException === undefined ? new RealError(message) : new DOMException(message, "InvalidCharacterError");
  };
  const values: { readonly [N in BaseGlobalName]: unknown } = {
    self: realm,
    console: makeConsole(port, parts),
    setTimeout: method("setTimeout", 1, (...args) => timers.set(args[0], args[1], rest(args), false)),
    setInterval: method("setInterval", 1, (...args) => timers.set(args[0], args[1], rest(args), true)),
    clearTimeout: method("clearTimeout", 0, (id) => timers.clear(id)),
    clearInterval: method("clearInterval", 0, (id) => timers.clear(id)),
    queueMicrotask: method("queueMicrotask", 1, (callback) => {
      if (!isFunction(callback)) throw new RealTypeError("queueMicrotask needs a function");
      void runMicrotask(port, callback);
    }),
    reportError: method("reportError", 1, (...args) => {
      if (args.length === 0) throw new RealTypeError("reportError: 1 argument required, 0 given");
      reportTo(port, args[0]);
    }),
    fetch: method("fetch", 1, (input, init) => services.fetch(() => {
      const { performFetch } = parts.load("fetch") as { readonly performFetch: (input: unknown, init: unknown) => Promise<unknown> };
      return performFetch(input, init);
    })),
    atob: method("atob", 1, (...args) => atob(invalid, args)),
    btoa: method("btoa", 1, (...args) => btoa(invalid, args)),
    performance: makePerformance(),
    navigator: freeze({ userAgent: "Flowcell" }),
  };
  for (const name in values) add(name, values[name as BaseGlobalName]);
}

type Method = (...args: readonly unknown[]) => unknown;

/** A function as the standards' operations are: named, with a length, and no constructor. */
function method(name: string, length: number, run: Method): Method {
  define(run, "name", name, false, true);
  define(run, "length", length, false, true);
  return run;
}

function rest(args: readonly unknown[]): readonly unknown[] {
  const list: unknown[] = [];
  for (let index = 2; index < args.length; index++) define(list, index - 2, args[index]);
  return list;
}

/** Whole milliseconds, which never go back. */
function makePerformance(): object {
  const timeOrigin = dateNow();
  let last = 0;
  const now = (): number => {
    const passed = dateNow() - timeOrigin;
    return (last = passed > last ? passed : last);
  };
  const performance = { timeOrigin, now: method("now", 0, now), toJSON: method("toJSON", 0, () => ({ timeOrigin })) };
  define(performance, toStringTagSymbol, "Performance", false);
  return freeze(performance);
}
