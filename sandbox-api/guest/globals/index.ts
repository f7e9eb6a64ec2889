// Puts the globals of addons on the realm. Which there are and how they differ from the standards is in schema/globals.ts; a test
// holds both together.
import type { HostPort } from "../host-port.ts";
import { RealTypeError, isFunction } from "../intrinsics.ts";
import { makeConsole } from "./console.ts";
import { runMicrotask, type Timers } from "./timers.ts";

export function addGlobals(port: HostPort, timers: Timers, add: (name: string, value: unknown) => void): void {
  add("console", makeConsole(port));
  add("setTimeout", (callback: unknown, ms?: unknown, ...args: unknown[]) => timers.set(callback, ms, args, false));
  add("setInterval", (callback: unknown, ms?: unknown, ...args: unknown[]) => timers.set(callback, ms, args, true));
  add("clearTimeout", (id?: unknown) => timers.clear(id));
  add("clearInterval", (id?: unknown) => timers.clear(id));
  add("queueMicrotask", (callback: unknown) => {
    if (!isFunction(callback)) throw new RealTypeError("queueMicrotask needs a function");
    void runMicrotask(port, callback);
  });
}
