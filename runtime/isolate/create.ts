// Makes an isolate with the guest bootstrap in it: heap limit, context, `$post`, guest script, and handles on the guest's entry
// functions. No addon code has been seen when this is done. No snapshots; the code cache is of the trusted guest only.
import type { CachedDataOptions, Context, Copy, ExternalCopy, Isolate, Reference } from "isolated-vm";
import type { GuestEntries } from "../../sandbox-api/schema/guest-contract.ts";
import type { IsolatedVm } from "./binary.ts";
import type { Bridge } from "./bridge.ts";
import { joinedInput } from "./joined.ts";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { makeNative, type Native } from "../native/native.ts";
import { PairJobs } from "../native/pair-jobs.ts";
import { text } from "../native/text.ts";
import { NativeWork } from "./native-work.ts";
import { GuestPartStore, type PartLoader } from "./parts.ts";
import { pieceJoiner } from "./pieces.ts";
import { isTimeout } from "./result.ts";
import { warmUpAddon, warmUpEvents, warmUpLimits, warmUpSettings } from "./warm-up.ts";

/** `dispatch` for a text in pieces (pieces.ts), which is put together inside. */
export type DispatchPieces = (callId: number, releasedKeys: string, ...pieces: string[]) => string;

/** WALL 2: these handles stay in this process; none is given to an isolate. */
export type EntryHandles = { readonly [E in keyof GuestEntries]: Reference<GuestEntries[E]> } & { readonly dispatchPieces: Reference<DispatchPieces> };

export interface GuestIsolate {
  readonly isolate: Isolate;
  readonly context: Context;
  readonly entries: EntryHandles;
}

/** What the guest reaches out by, besides its parts: of one instance. `work` counts what this process does for it, `lent` finds what lies beside the call that runs. */
export interface Ports { readonly post: Bridge["post"]; readonly done: Bridge["done"]; readonly native: Native; readonly work: NativeWork; readonly lent: (call: number, index: number) => Buffer | undefined }

export interface IsolateMaker {
  /** `post` becomes `$post`, `done` `$done`, `native` `$native`. Throws when the guest bundle is broken: that is our fault, not an addon's. */
  make(memoryMiB: number, ports: Ports): GuestIsolate;
  /** To be called now and then, when nobody waits for an answer: does a piece of work that makes later isolates faster. False: there was none. */
  prepare(): boolean;
}

/** PERF: not zeroed first, every byte of it is written. */
export function copyOf(bytes: Buffer): ArrayBuffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy.buffer;
}

const guestFile = "flowcell:guest";
// Far more than it takes, so that only a guest that hangs meets it.
const warmUpMs = 2_000;

/**
 * Runs the guest once for its code cache. PERF: a cache of functions that have run saves each isolate their compilation, 1 ms at
 * the load and 2 ms at the first event (docs/performance.md).
 */
export function makeIsolateMaker(vm: IsolatedVm, guestBundle: string): IsolateMaker {
  const { main, parts } = splitGuest(guestBundle);
  const source = `${main}\n;0`;
  const store = new GuestPartStore(vm, parts, (isolate, load) => runGuest(vm, isolate, source, nowhere(), load, {}).context);
  const cachedData = compileGuest(vm, source, store);
  return {
    make: (memoryMiB, ports) => {
      const isolate = new vm.Isolate({ memoryLimit: memoryMiB });
      return { isolate, ...runGuest(vm, isolate, source, ports, store.loaderFor(isolate), cachedData === undefined ? {} : { cachedData }) };
    },
    prepare: () => store.prepareOne(),
  };
}

/** For isolates that no addon comes near. */
function nowhere(): Ports {
  const work = new NativeWork();
  work.open(Number.POSITIVE_INFINITY);
  return { post: () => undefined, done: () => undefined, native: makeNative(warmUpLimits, new PairJobs()).native, work, lent: () => undefined };
}

function runGuest(vm: IsolatedVm, isolate: Isolate, source: string, { post, done, native, work, lent }: Ports, part: PartLoader, options: CachedDataOptions): { readonly context: Context; readonly entries: EntryHandles } {
  const context = isolate.createContextSync();
  const offer = (name: string, run: (...args: never[]) => unknown): void => context.global.setSync(name, new vm.Callback(run));
  const given = (buffer: ArrayBuffer): Copy<ArrayBuffer> => new vm.ExternalCopy(buffer, { transferOut: true }).copyInto({ release: true, transferIn: true });
  offer("$post", post);
  offer("$done", done);
  offer("$native", (...args: Parameters<Native>) => work.run(() => given(native(...args))));
  offer("$text", (form: unknown, value: unknown, index: unknown) => work.run(() => {
    const subject = typeof value === "number" && typeof index === "number" ? lent(value, index) : value;
    if (typeof value === "number" && subject === undefined) return null;
    const result = text(form, subject);
    return result instanceof ArrayBuffer ? given(result) : result;
  }));
  offer("$body", (call: unknown, index: unknown) => work.run(() => {
    const bytes = typeof call === "number" && typeof index === "number" ? lent(call, index) : undefined;
    return bytes === undefined ? null : given(copyOf(bytes));
  }));
  offer("$part", (name: unknown) => part(context, name));
  const script = isolate.compileScriptSync(source, { filename: guestFile, ...options });
  script.runSync(context, { release: true });
  return { context, entries: takeEntries(context) };
}

/** Throws when the guest is broken. */
function compileGuest(vm: IsolatedVm, source: string, store: GuestPartStore): ExternalCopy<ArrayBuffer> | undefined {
  const isolate = new vm.Isolate({ memoryLimit: 64 });
  try {
    const { context, entries } = runGuest(vm, isolate, source, nowhere(), store.loaderFor(isolate), {});
    if (!warmUp(isolate, context, entries)) return undefined;
    // V8 finds the script that ran in the isolate's own cache, with all that was compiled since.
    const script = isolate.compileScriptSync(source, { filename: guestFile, produceCachedData: true });
    return "cachedData" in script ? (script.cachedData as ExternalCopy<ArrayBuffer>) : undefined;
  } finally {
    isolate.dispose();
  }
}

/** False when the machine was too slow: that costs later isolates time and nothing else. What the entries answer, nobody needs. */
function warmUp(isolate: Isolate, context: Context, { prepare, load, dispatch, dispatchMany }: EntryHandles): boolean {
  const options = { timeout: warmUpMs };
  try {
    prepare.applySync(undefined, [warmUpSettings], options);
    isolate.compileScriptSync(warmUpAddon).runSync(context, { ...options, release: true });
    load.applySync(undefined, [], options);
    for (const [index, text] of warmUpEvents.entries()) dispatch.applySync(undefined, [index + 1, "", text], options);
    const { calls, pieces } = joinedInput(warmUpEvents.map((text, index) => ({ call: warmUpEvents.length + index + 1, text, attachments: [] })));
    dispatchMany.applySync(undefined, [calls, "1", undefined, ...pieces], options);
    return true;
  } catch (error) {
    if (isTimeout(error)) return false;
    throw error;
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
  const entries: EntryHandles = { prepare: take("prepare"), load: take("load"), dispatch: take("dispatch"), dispatchMany: take("dispatchMany"), resume: take("resume"), rejected: take("rejected"), attachment: take("attachment"), dispatchPieces: context.evalSync(pieceJoiner, { reference: true, filename: guestFile }) };
  guest.release();
  global.deleteSync("$guest");
  return entries;
}
