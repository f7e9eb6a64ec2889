// The instances that live in this cell: one isolate each, and the keys their guests have yet to forget. Makes and disposes isolates
// through runtime/isolate; decides nothing about failures.
import type { LoadText } from "../sandbox-api/wire/messages.ts";
import type { IsolatedVm } from "./isolate/binary.ts";
import { type IsolateMaker, makeIsolateMaker } from "./isolate/create.ts";
import { AddonIsolate, makeShared } from "./isolate/run.ts";

export class Instance {
  readonly id: number;
  readonly isolate: AddonIsolate;
  #releasedKeys = "";

  constructor(id: number, isolate: AddonIsolate) {
    this.id = id;
    this.isolate = isolate;
  }

  /** The objects with these keys have ended. */
  release(keys: readonly number[]): void {
    this.#releasedKeys += `${this.#releasedKeys === "" ? "" : ","}${keys.join(",")}`;
  }

  /** Keys of objects that ended since the last entry, for the next one. */
  takeReleasedKeys(): string {
    const keys = this.#releasedKeys;
    this.#releasedKeys = "";
    return keys;
  }
}

export class Registry {
  readonly #vm: IsolatedVm;
  readonly #shared = makeShared();
  readonly #instances = new Map<number, Instance>();
  #maker: IsolateMaker | undefined;
  #loads = 0;

  constructor(vm: IsolatedVm) { this.#vm = vm; }

  get loads(): number { return this.#loads; }
  get instances(): Iterable<Instance> { return this.#instances.values(); }
  get size(): number { return this.#instances.size; }
  /** Whether something is under way beside this thread that ends in the event loop. */
  get isBusyBeside(): boolean { return this.#shared.jobs.isBusy; }

  /** Keeps the guest bundle that runs first in every isolate made from now on. */
  setGuest(guestBundle: string): void { this.#maker = makeIsolateMaker(this.#vm, guestBundle); }

  /** When there is nothing else to do: a piece of work that makes later isolates faster. False: there was none. */
  prepare(): boolean { return this.#maker?.prepare() ?? false; }

  /** A new instance with the guest in it and no addon yet. */
  add(id: number, settings: LoadText): Instance {
    if (this.#maker === undefined) throw new Error("load before boot");
    if (this.#instances.has(id)) throw new Error(`instance ${id} is loaded already`);
    this.#loads++;
    const instance = new Instance(id, new AddonIsolate(this.#vm, this.#maker, this.#shared, settings));
    this.#instances.set(id, instance);
    return instance;
  }

  get(id: number): Instance | undefined { return this.#instances.get(id); }

  /** Disposes the isolate; nothing happens when there is none. */
  remove(id: number): void {
    this.#instances.get(id)?.isolate.dispose();
    this.#instances.delete(id);
  }
}
