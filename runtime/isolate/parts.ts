// Loads parts of the guest into an isolate that asks for one: compiles the part's script and runs it, in the middle of the entry that
// touched it (decision 0011). WALL 2: what runs here is our own script, which hands one function to the guest and calls nothing of
// the addon's; the function itself is called by the guest, inside the timed entry. Code caches are made later, while nobody waits.
import type { Context, ExternalCopy, Isolate } from "isolated-vm";
import { isGuestPart, type GuestPart } from "../../sandbox-api/schema/own-builds.ts";
import type { IsolatedVm } from "./binary.ts";
import { warmUpParts } from "./warm-up.ts";

/** What `$part` does. Throws, for the guest, when there is no such part or it was asked for too often. */
export type PartLoader = (context: Context, name: unknown) => void;

/** LIMIT: attempts at one part in one isolate: one that fails (no stack left) may be repeated. */
const mostAttempts = 8;
// Far more than it takes, so that only a machine that stands still meets it.
const runMs = 1_000;
const warmUpMs = 2_000;
const warmUpMiB = 64;

function refusal(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

export class GuestPartStore {
  readonly #vm: IsolatedVm;
  readonly #sources: ReadonlyMap<string, string>;
  readonly #boot: (isolate: Isolate, load: PartLoader) => Context;
  readonly #caches = new Map<GuestPart, ExternalCopy<ArrayBuffer> | null>();
  /** Parts that were loaded without a cache. */
  readonly #wanted = new Set<GuestPart>();

  /** `boot` runs the guest in a new isolate; no addon comes near that one. */
  constructor(vm: IsolatedVm, sources: ReadonlyMap<string, string>, boot: (isolate: Isolate, load: PartLoader) => Context) {
    this.#vm = vm;
    this.#sources = sources;
    this.#boot = boot;
  }

  /** The `$part` of one isolate. */
  loaderFor(isolate: Isolate): PartLoader {
    const attempts = new Map<GuestPart, number>();
    return (context, name) => {
      const source = this.#admit(attempts, name);
      if (!isGuestPart(name)) return;
      const cachedData = this.#caches.get(name);
      if (cachedData === undefined) this.#wanted.add(name);
      run(isolate, context, name, source, cachedData ?? null);
    };
  }

  /**
   * Makes the code cache of one part that was loaded without; to be called when no entry is running and no answer is owed. It takes as
   * long as a cold load or two, once for each cell and part. False: there was none to make.
   */
  prepareOne(): boolean {
    for (const name of this.#wanted) {
      this.#wanted.delete(name);
      this.#caches.set(name, this.#makeCache(name, this.#sources.get(name) ?? ""));
      return true;
    }
    return false;
  }

  #admit(attempts: Map<GuestPart, number>, name: unknown): string {
    const source = isGuestPart(name) ? this.#sources.get(name) : undefined;
    if (source === undefined || !isGuestPart(name)) throw refusal("no such part");
    const attempt = (attempts.get(name) ?? 0) + 1;
    if (attempt > mostAttempts) throw refusal("this part was asked for too often");
    attempts.set(name, attempt);
    return source;
  }

  /** Null when the part could not be warmed up in time: that costs later isolates time and nothing else. */
  #makeCache(name: GuestPart, source: string): ExternalCopy<ArrayBuffer> | null {
    const isolate = new this.#vm.Isolate({ memoryLimit: warmUpMiB });
    try {
      const context = this.#boot(isolate, (inner, part) => {
        if (isGuestPart(part)) run(isolate, inner, part, this.#sources.get(part) ?? "", this.#caches.get(part) ?? null);
      });
      context.evalSync(`${warmUpParts[name]}\n;0`, { timeout: warmUpMs });
      const script = isolate.compileScriptSync(scriptOf(source), { filename: fileOf(name), produceCachedData: true });
      return "cachedData" in script ? (script.cachedData as ExternalCopy<ArrayBuffer>) : null;
    } catch {
      // A part that does not warm up here fails where it is used, with its own error.
      return null;
    } finally {
      isolate.dispose();
    }
  }
}

const fileOf = (name: GuestPart): string => `flowcell:${name}`;
// The ";0" makes the script's value one that may cross.
const scriptOf = (source: string): string => `${source}\n;0`;

function run(isolate: Isolate, context: Context, name: GuestPart, source: string, cachedData: ExternalCopy<ArrayBuffer> | null): void {
  const script = isolate.compileScriptSync(scriptOf(source), { filename: fileOf(name), ...(cachedData !== null && { cachedData }) });
  script.runSync(context, { timeout: runMs, release: true });
}
