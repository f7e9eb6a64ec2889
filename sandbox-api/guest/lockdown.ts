// WALL 1: makes the bare realm of an isolate the one that addons get: removes what V8 offers and we do not grant, closes the ways
// to memory that no limit counts, pins what would let an addon hook into errors. Runs once, before any addon code. Everything
// else of the language stays as it is, mutable as in any realm; the bridge does not depend on it (intrinsics.ts).
import { stackFrames } from "./bounds.ts";
import { RealArrayBuffer, RealError, RealRangeError, RealTypeError, construct, define, defineGetter, getOwnPropertyDescriptor, ownKeys, defineProperty, isObject } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";

type Global = { [name: string]: unknown };

/** Not granted: code and memory outside the heap limit, shared memory, clocks of the collector, ICU objects (370 MB uncounted), V8's silent console. */
const removed = ["WebAssembly", "SharedArrayBuffer", "Atomics", "FinalizationRegistry", "WeakRef", "Intl", "Temporal", "console"] as const;

export function lockDown(global: Global): void {
  for (let index = 0; index < removed.length; index++) delete global[removed[index]!];
  // The one other way to a Temporal object.
  delete (Date.prototype as { toTemporalInstant?: unknown }).toTemporalInstant;
  pinErrors();
  replaceArrayBuffer(global);
}

/** No hook runs when a stack is made, and stacks stay short. */
function pinErrors(): void {
  define(RealError, "stackTraceLimit", stackFrames, true, true);
  defineGetter(RealError, "prepareStackTrace", () => undefined, () => undefined);
}

/** Resizable buffers are not counted by the heap limit: without `maxByteLength` and `resize` there are none. */
function replaceArrayBuffer(global: Global): void {
  const prototype = RealArrayBuffer.prototype;
  const FixedArrayBuffer = function ArrayBuffer(this: unknown, length: unknown, options?: unknown): ArrayBuffer {
    if (new.target === undefined) throw new RealTypeError("Constructor ArrayBuffer requires 'new'");
    if (isObject(options) && readMember(options, "maxByteLength") !== undefined) throw new RealRangeError("resizable ArrayBuffers are not available to addons");
    return construct(RealArrayBuffer, [length], new.target) as ArrayBuffer;
  };
  const keys = ownKeys(RealArrayBuffer);
  for (let index = 0; index < keys.length; index++) {
    const descriptor = getOwnPropertyDescriptor(RealArrayBuffer, keys[index]!);
    if (descriptor !== undefined && keys[index] !== "prototype") defineProperty(FixedArrayBuffer, keys[index]!, descriptor);
  }
  define(FixedArrayBuffer, "prototype", prototype, false, true);
  define(prototype, "constructor", FixedArrayBuffer, false);
  define(global, "ArrayBuffer", FixedArrayBuffer, false);
  delete (prototype as { resize?: unknown }).resize;
}

/** The named property of the global, which is then deleted. */
export function takeGlobal(global: Global, name: string): unknown {
  const value = global[name];
  delete global[name];
  return value;
}

/** A property of the global as the language defines its own: writable, configurable, not enumerable. */
export const addGlobal = (global: Global, name: string, value: unknown): void => define(global, name, value, false);

