// Values by object key, as a Map of numbers holds them. PERF: a Map that is added to and deleted from all the time makes a new table every few
// dozen calls, and V8 links each old table, entries and all, to the next. Once one of them is old every later one hangs on it, so that whatever
// was in the Map meanwhile outlives each scavenge until the whole heap is marked: all flows, in a pipeline (docs/profiles/events.md). Here a
// deleted entry is gone, and a table that is outgrown is linked to nothing. It keeps no order.

const leastPlaces = 64;

export class KeyTable<T extends object> {
  #keys: number[] = new Array<number>(leastPlaces).fill(0);
  /** Undefined: a free place. */
  #values: (T | undefined)[] = new Array<T | undefined>(leastPlaces).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): T | undefined {
    return this.#values[this.#find(key)];
  }

  /** `key`: a whole number that does not repeat soon, as those of `net/keys.ts`, which find places of their own. */
  set(key: number, value: T): void {
    let at = this.#find(key);
    if (this.#values[at] === undefined) {
      if (++this.#size * 2 > this.#values.length) {
        this.#resize(this.#values.length * 2);
        at = this.#find(key);
      }
      this.#keys[at] = key;
    }
    this.#values[at] = value;
  }

  /** False when it was not there. */
  delete(key: number): boolean {
    let gap = this.#find(key);
    if (this.#values[gap] === undefined) return false;
    const mask = this.#values.length - 1;
    this.#size--;
    // What stands behind it may only stand there because this place was taken (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
    for (let at = (gap + 1) & mask; this.#values[at] !== undefined; at = (at + 1) & mask) {
      const key = this.#keys[at] ?? 0;
      if (((at - key) & mask) < ((at - gap) & mask)) continue;
      this.#keys[gap] = key;
      this.#values[gap] = this.#values[at];
      gap = at;
    }
    this.#values[gap] = undefined;
    if (this.#size * 8 < this.#values.length && this.#values.length > leastPlaces) this.#resize(this.#values.length / 2);
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#resize(leastPlaces);
  }

  /** Where that key stands, or the free place where it would. */
  #find(key: number): number {
    const mask = this.#values.length - 1;
    let at = key & mask;
    while (this.#values[at] !== undefined && this.#keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #resize(places: number): void {
    const keys = this.#keys;
    const values = this.#size === 0 ? [] : this.#values;
    this.#keys = new Array<number>(places).fill(0);
    this.#values = new Array<T | undefined>(places).fill(undefined);
    for (let from = 0; from < values.length; from++) {
      const value = values[from];
      if (value === undefined) continue;
      const key = keys[from] ?? 0;
      const at = this.#find(key);
      this.#keys[at] = key;
      this.#values[at] = value;
    }
  }
}
