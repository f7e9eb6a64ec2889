// Puts the globals that every isolate has on the realm; those of parts are offered by kernel.ts. Which there are and how they differ
// from the standards is in schema/globals.ts; the compiler holds both together, and a test the realm.
import type { BaseGlobalName } from "../../schema/globals.ts";
import type { HostPort } from "../host-port.ts";
import type { Services } from "../services.ts";
import { RealError, RealTypeError, define, freeze, isFunction } from "../intrinsics.ts";
import type { Parts } from "../kernel.ts";
import { atob, btoa } from "./base64.ts";
import { makeConsole } from "./console.ts";
import type { PerformanceDoor } from "./performance.ts";
import { runMicrotask, type Timers } from "./timers.ts";

export interface GlobalSources {
  readonly port: HostPort;
  readonly timers: Timers;
  readonly services: Services;
  readonly parts: Parts;
  readonly performance: PerformanceDoor;
  readonly realm: object;
}

export function addGlobals({ port, timers, services, parts, performance, realm }: GlobalSources, add: (name: string, value: unknown) => void): void {
  const invalid = (message: string): Error => {
    const { DOMException } = parts.load("events") as { readonly DOMException?: new (message: string, name: string) => Error };
    return DOMException === undefined ? new RealError(message) : new DOMException(message, "InvalidCharacterError");
  };
  const reportMicrotask = (thrown: unknown): void => parts.report(thrown, " in a microtask");
  const values: { readonly [N in BaseGlobalName]: unknown } = {
    self: realm,
    console: makeConsole(port, parts),
    setTimeout: method("setTimeout", 1, (...args) => timers.set(needOne("setTimeout", args), args[1], rest(args), false)),
    setInterval: method("setInterval", 1, (...args) => timers.set(needOne("setInterval", args), args[1], rest(args), true)),
    clearTimeout: method("clearTimeout", 0, (id) => timers.clear(id)),
    clearInterval: method("clearInterval", 0, (id) => timers.clear(id)),
    queueMicrotask: method("queueMicrotask", 1, (callback) => {
      if (!isFunction(callback)) throw new RealTypeError("queueMicrotask needs a function");
      void runMicrotask(reportMicrotask, callback);
    }),
    reportError: method("reportError", 1, (...args) => {
      parts.report(needOne("reportError", args));
    }),
    fetch: method("fetch", 1, (input, init) => services.fetch(() => {
      const { performFetch } = parts.load("fetch") as { readonly performFetch: (input: unknown, init: unknown) => Promise<unknown> };
      return performFetch(input, init);
    })),
    atob: method("atob", 1, (...args) => atob(invalid, args)),
    btoa: method("btoa", 1, (...args) => btoa(invalid, args)),
    performance: performance.object,
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

function needOne(name: string, args: readonly unknown[]): unknown {
  if (args.length === 0) throw new RealTypeError(`${name}: 1 argument required, 0 given`);
  return args[0];
}

function rest(args: readonly unknown[]): readonly unknown[] {
  const list: unknown[] = [];
  for (let index = 2; index < args.length; index++) define(list, index - 2, args[index]);
  return list;
}
