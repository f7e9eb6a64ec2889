// Puts the globals that every isolate has on the realm; those of parts are offered by kernel.ts. Which there are and how they differ from the standards is in schema/globals.ts; the
// compiler holds both together, and a test the realm.
import type { BaseGlobalName } from "../../schema/globals.ts";
import type { HostPort } from "../host-port.ts";
import type { Services } from "../services.ts";
import { RealTypeError, dateNow, freeze, isFunction, RealUint8Array } from "../intrinsics.ts";
import { atob, btoa } from "./base64.ts";
import { makeConsole } from "./console.ts";
import { Cloner, type TypedArrays } from "./structured-clone.ts";
import { runMicrotask, type Timers } from "./timers.ts";

const typedArrays: TypedArrays = {
  __proto__: null as never,
  Uint8Array: RealUint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array,
};

export function addGlobals(port: HostPort, timers: Timers, services: Services, add: (name: string, value: unknown) => void): void {
  const origin = dateNow();
  const values: { readonly [N in BaseGlobalName]: unknown } = {
    console: makeConsole(port),
    setTimeout: (callback: unknown, ms?: unknown, ...args: unknown[]) => timers.set(callback, ms, args, false),
    setInterval: (callback: unknown, ms?: unknown, ...args: unknown[]) => timers.set(callback, ms, args, true),
    clearTimeout: (id?: unknown) => timers.clear(id),
    clearInterval: (id?: unknown) => timers.clear(id),
    queueMicrotask: (callback: unknown) => {
      if (!isFunction(callback)) throw new RealTypeError("queueMicrotask needs a function");
      void runMicrotask(port, callback);
    },
    fetch: (input: unknown, init?: unknown) => services.fetch(input, init),
    atob, btoa,
    structuredClone: (value: unknown, options?: unknown) => {
      if (options !== undefined) throw new RealTypeError("structuredClone: options are not available to addons");
      return new Cloner(typedArrays).clone(value);
    },
    performance: freeze({ timeOrigin: origin, now: () => dateNow() - origin }),
  };
  for (const name in values) add(name, values[name as BaseGlobalName]);
}
