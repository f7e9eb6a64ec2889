// Makes an isolate with the guest bootstrap in it: heap limit, context, `$post`, guest script, and handles on the guest's entry
// functions. No addon code has been seen when this is done. No snapshots; the code cache is of the trusted guest only.
import type { Callback, Context, ExternalCopy, Isolate, Reference } from "isolated-vm";
import type { GuestEntries } from "../../sandbox-api/schema/guest-contract.ts";
import type { IsolatedVm } from "./binary.ts";

/** `dispatch` for a text in at most `mostPieces` pieces, which is put together inside. */
export type DispatchPieces = (callId: number, releasedKeys: string, ...pieces: string[]) => string;

/**
 * PERF: isolated-vm passes a string of 1,024 bytes or more as an external one, whose making and collecting costs 10 µs an event;
 * shorter ones are copied into the heap (bench/cell-hop). An ordinary head is one to three thousand bytes.
 */
export const pieceChars = 1_000;
export const mostPieces = 4;

/** WALL 2: these handles stay in this process; none is given to an isolate. */
export type EntryHandles = { readonly [E in keyof GuestEntries]: Reference<GuestEntries[E]> } & { readonly dispatchPieces: Reference<DispatchPieces> };

export interface GuestIsolate {
  readonly isolate: Isolate;
  readonly context: Context;
  readonly entries: EntryHandles;
}

export interface IsolateMaker {
  /** `post` becomes `$post`. Throws when the guest bundle is broken: that is our fault, not an addon's. */
  make(memoryMiB: number, post: (kind: unknown, id: unknown, text: unknown, ...attachments: unknown[]) => void): GuestIsolate;
}

const guestFile = "flowcell:guest";
// Runs before any addon code; joins primitives, which nothing can intercept.
const joiner = `(() => { const { dispatch } = $guest; return (call, keys, a, b = "", c = "", d = "") => dispatch(call, keys, a + b + c + d); })()`;

/** Compiles `guestBundle` once for its code cache, which saves each isolate about a millisecond. */
export function makeIsolateMaker(vm: IsolatedVm, guestBundle: string): IsolateMaker {
  const cachedData = compileGuest(vm, guestBundle);
  return {
    make: (memoryMiB, post) => {
      const isolate = new vm.Isolate({ memoryLimit: memoryMiB });
      const context = isolate.createContextSync();
      const callback: Callback = new vm.Callback(post);
      context.global.setSync("$post", callback);
      const script = isolate.compileScriptSync(`${guestBundle}\n;0`, cachedData === undefined ? { filename: guestFile } : { filename: guestFile, cachedData });
      script.runSync(context, { release: true });
      return { isolate, context, entries: takeEntries(context) };
    },
  };
}

function compileGuest(vm: IsolatedVm, guestBundle: string): ExternalCopy<ArrayBuffer> | undefined {
  const isolate = new vm.Isolate({ memoryLimit: 64 });
  try {
    const script = isolate.compileScriptSync(`${guestBundle}\n;0`, { filename: guestFile, produceCachedData: true });
    return "cachedData" in script ? (script.cachedData as ExternalCopy<ArrayBuffer>) : undefined;
  } finally {
    isolate.dispose();
  }
}

function takeEntries(context: Context): EntryHandles {
  const { global } = context;
  const guest: Reference = global.getSync("$guest", { reference: true });
  const take = <E extends keyof GuestEntries>(name: E): Reference<GuestEntries[E]> => {
    const entry: Reference<GuestEntries[E]> = guest.getSync(name, { reference: true });
    if (entry.typeof !== "function") throw new Error(`the guest bundle has no entry "${name}"`);
    return entry;
  };
  const entries: EntryHandles = { prepare: take("prepare"), load: take("load"), dispatch: take("dispatch"), resume: take("resume"), attachment: take("attachment"), dispatchPieces: context.evalSync(joiner, { reference: true, filename: guestFile }) };
  guest.release();
  global.deleteSync("$guest");
  return entries;
}
