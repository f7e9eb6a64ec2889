// Live views of name-value pairs inside a message: query, cookies, urlencoded form. Each read parses what stands there now, each
// write puts it back; pairs nobody touched keep their bytes. One class for all three; how pairs are read and written is the
// source's affair (request-pairs.ts).
import { apply, bareArray, expose, ordinaryArray } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";

export interface Pair {
  readonly name: string;
  readonly value: string;
  /** As it stands in the message; `null`: new. */
  readonly raw: string | null;
}

export abstract class PairSource {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
  abstract read(): readonly Pair[];
  abstract write(pairs: readonly Pair[]): void;
}

function text(what: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return `${value}`;
  throw refuse(what, `${what}: names and values must be strings`);
}

/** Name-value pairs that belong to a message; works like URLSearchParams. Assign values by `set`, `append`, `delete`. */
export class Pairs {
  readonly #source: PairSource;
  constructor(source: PairSource) {
    this.#source = source;
  }

  /** How many pairs there are, those of one name counted each. */
  get size(): number {
    return this.#source.read().length;
  }
  /** The first value of that name; `null` when there is none. */
  get(name: string): string | null {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) if (pairs[index]!.name === name) return pairs[index]!.value;
    return null;
  }
  /** Each value of that name. */
  getAll(name: string): string[] {
    const pairs = this.#source.read();
    const values = bareArray<string>();
    for (let index = 0; index < pairs.length; index++) if (pairs[index]!.name === name) values[values.length] = pairs[index]!.value;
    return ordinaryArray(values);
  }
  /** Whether there is a pair of that name. */
  has(name: string): boolean {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) if (pairs[index]!.name === name) return true;
    return false;
  }
  /** One pair of that name, in the place of the first; at the end if there was none. */
  set(name: string, value: string): void {
    const { what } = this.#source;
    const pair: Pair = { name: text(what, name), value: text(what, value), raw: null };
    const pairs = this.#source.read();
    const list = bareArray<Pair>();
    let isPlaced = false;
    for (let index = 0; index < pairs.length; index++) {
      if (pairs[index]!.name !== pair.name) list[list.length] = pairs[index]!;
      else if (!isPlaced) { list[list.length] = pair; isPlaced = true; }
    }
    if (!isPlaced) list[list.length] = pair;
    this.#source.write(list);
  }
  /** A further pair at the end. Throws a TypeError for what cannot be written there. */
  append(name: string, value: string): void {
    const { what } = this.#source;
    const list = this.#without(null);
    list[list.length] = { name: text(what, name), value: text(what, value), raw: null };
    this.#source.write(list);
  }
  /** Removes all pairs of that name. */
  delete(name: string): void {
    const list = this.#without(name);
    if (list.length !== this.#source.read().length) this.#source.write(list);
  }
  forEach(visit: (value: string, name: string, pairs: Pairs) => void, self?: unknown): void {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) apply(visit, self, [pairs[index]!.value, pairs[index]!.name, this]);
  }
  /** `[name, value]` of each pair, in order. */
  *entries(): IterableIterator<[name: string, value: string]> {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) yield [pairs[index]!.name, pairs[index]!.value];
  }
  /** The name of each pair. */
  *keys(): IterableIterator<string> {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) yield pairs[index]!.name;
  }
  /** The value of each pair. */
  *values(): IterableIterator<string> {
    const pairs = this.#source.read();
    for (let index = 0; index < pairs.length; index++) yield pairs[index]!.value;
  }
  /** As `entries`. */
  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }

  #without(name: string | null): Pair[] {
    const pairs = this.#source.read();
    const list = bareArray<Pair>();
    for (let index = 0; index < pairs.length; index++) if (pairs[index]!.name !== name) list[list.length] = pairs[index]!;
    return list;
  }
}
expose(Pairs, "Pairs");
