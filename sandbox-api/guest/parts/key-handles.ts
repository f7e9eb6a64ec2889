// Which keys of the cell something in this isolate still refers to. Handles are held weakly; now and then, and when the cell has no room
// left, it is told of those that the collector took (decision 0021). A key that somebody has is never forgotten.
import { native } from "./crypto-table.ts";
import { RealMap, RealWeakRef, bareArray, deref, freeze, mapDelete, mapForEach, mapSet, max, isObject } from "./intrinsics.ts";

/** `id`: the cell's number for a key. */
export interface KeyHandle { readonly id: number }

const leastBetween = 64;
/** Numbers that go into the settings of one operation. */
const mostAtOnce = 2_000;

class KeyHandles {
  readonly #held = new RealMap<number, WeakRef<KeyHandle>>();
  #count = 0;
  /** The next look is due at so many. */
  #due = leastBetween;

  /** For a key that the cell has just made. */
  make(id: number): KeyHandle {
    if (this.#count >= this.#due) this.sweep();
    const handle = freeze<KeyHandle>({ id });
    mapSet(this.#held, id, new RealWeakRef(handle));
    this.#count++;
    return handle;
  }

  /** Tells the cell which keys nobody has any more. Whoever is looked at stays until this entry ends, so it is not done often. */
  sweep(): void {
    const gone = bareArray<number>();
    mapForEach(this.#held, (reference, id) => { if (deref(reference) === undefined) gone[gone.length] = id; });
    for (let index = 0; index < gone.length; index++) mapDelete(this.#held, gone[index]!);
    this.#count -= gone.length;
    this.#due = max(leastBetween, 2 * this.#count);
    for (let from = 0; from < gone.length; from += mostAtOnce) {
      const ids: number[] = [];
      for (let index = from; index < gone.length && index < from + mostAtOnce; index++) $kernel.intrinsics.define(ids, index - from, gone[index]);
      native("forget", { ids });
    }
  }
}

export const handles = new KeyHandles();

/** An operation of the cell that makes keys, again after a look at which are gone when there is no room. */
export function withRoom<T>(make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    if (!isQuota(thrown)) throw thrown;
  }
  handles.sweep();
  return make();
}

function isQuota(thrown: unknown): boolean {
  return isObject(thrown) && $kernel.readMember(thrown, "name") === "QuotaExceededError";
}
