// The keys of one instance, held outside of its isolate (decision 0021): each has a number that the guest knows it by, and what the key
// may be used for, which is looked at here at every use. WALL 2: whatever an addon does to its realm, what leaves this table is what
// the key allows. LIMIT cryptoKeys, cryptoKeyBytes: what is too much is refused; a key in use is never dropped.
import type { KeyObject } from "node:crypto";
import type { KeyNews, KeyType, KeyUsage } from "../../sandbox-api/schema/crypto.ts";
import { Refusal } from "./refusal.ts";

/** `material`: the bytes of a secret key, or what node:crypto made of the others. */
export interface KeyRow {
  readonly type: KeyType;
  readonly algorithm: string;
  /** As the standard spells it; "" where there is none. */
  readonly hash: string;
  readonly curve: string;
  readonly extractable: boolean;
  readonly usages: readonly KeyUsage[];
  readonly length: number;
  readonly exponent: readonly number[];
  readonly material: KeyMaterial;
}
export type KeyMaterial = { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "object"; readonly key: KeyObject };

export interface KeyBounds { readonly cryptoKeys: number; readonly cryptoKeyBytes: number }

function sizeOf({ material }: KeyRow): number {
  if (material.kind === "bytes") return material.bytes.length;
  return material.key.export({ format: "der", type: material.key.type === "private" ? "pkcs8" : "spki" }).length;
}

export class KeyTable {
  readonly #bounds: KeyBounds;
  readonly #rows = new Map<number, { readonly row: KeyRow; readonly bytes: number }>();
  #bytes = 0;
  #lastId = 0;

  constructor(bounds: KeyBounds) {
    this.#bounds = bounds;
  }

  get size(): number { return this.#rows.size; }

  /** Takes all of these, or throws a QuotaExceededError that names the limit and takes none. */
  add(rows: readonly KeyRow[]): readonly KeyNews[] {
    const { cryptoKeys, cryptoKeyBytes } = this.#bounds;
    const sized = rows.map((row) => ({ row, bytes: sizeOf(row) }));
    const bytes = sized.reduce((sum, each) => sum + each.bytes, this.#bytes);
    if (this.#rows.size + rows.length > cryptoKeys) throw new Refusal("QuotaExceededError", `more than ${cryptoKeys} keys that are in use (limit cryptoKeys)`);
    if (bytes > cryptoKeyBytes) throw new Refusal("QuotaExceededError", `keys of more than ${cryptoKeyBytes} bytes that are in use (limit cryptoKeyBytes)`);
    this.#bytes = bytes;
    return sized.map((each) => {
      const id = ++this.#lastId;
      this.#rows.set(id, each);
      const { type, extractable, usages, length, exponent } = each.row;
      return { id, type, extractable, usages, length, exponent };
    });
  }

  /** Throws an InvalidAccessError where this instance has no such key. */
  get(id: unknown): KeyRow {
    const found = typeof id === "number" ? this.#rows.get(id) : undefined;
    if (found === undefined) throw new Refusal("InvalidAccessError", "there is no such key");
    return found.row;
  }

  /** Likewise, and where it is not for that. */
  use(id: unknown, usage: KeyUsage, ...names: readonly string[]): KeyRow {
    const row = this.get(id);
    if (!names.includes(row.algorithm)) throw new Refusal("InvalidAccessError", "the key is of another algorithm");
    if (!row.usages.includes(usage)) throw new Refusal("InvalidAccessError", `the key may not be used to ${usage}`);
    return row;
  }

  /** Nobody has these any more. */
  forget(ids: readonly unknown[]): void {
    for (const id of ids) {
      if (typeof id !== "number") continue;
      this.#bytes -= this.#rows.get(id)?.bytes ?? 0;
      this.#rows.delete(id);
    }
  }
}

/** Throws an InvalidAccessError where it is none: bytes of a secret key. */
export function bytesOf({ material }: KeyRow): Buffer {
  if (material.kind !== "bytes") throw new Refusal("InvalidAccessError", "a secret key is needed here");
  return material.bytes;
}

/** Likewise: the public or the private half of a pair. */
export function objectOf({ material, type }: KeyRow, wanted: "public" | "private"): KeyObject {
  if (material.kind !== "object" || type !== wanted) throw new Refusal("InvalidAccessError", `a ${wanted} key is needed here`);
  return material.key;
}
