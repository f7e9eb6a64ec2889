// `ctx.storage` on the host's side: one addon's namespace, its quota, and the drafts of calls that have not ended. What a call writes
// is kept beside the file and seen by that call alone, until it succeeds (`commit`) or fails (`drop`). LIMIT storageBytes, storageKeys,
// storageKeyBytes, storageValueBytes. Who may call is decided before (addons/service-desk.ts).
import { mostListedKeys } from "../../sandbox-api/schema/services.ts";
import { StorageError, type StorageFile, type StorageUsage, type StoredEntry } from "./storage-file.ts";

export interface StorageLimits {
  /** Granted to this addon: keys and values together. */
  readonly storageBytes: number;
  readonly storageKeys: number;
  readonly storageKeyBytes: number;
  readonly storageValueBytes: number;
}

/** What one call has written so far; made by `AddonStorage.draft`. */
export interface StorageDraft {
  readonly entries: Map<string, StoredEntry | null>;
  isCleared: boolean;
  /** Beyond what is in the file. */
  keys: number;
  bytes: number;
  /** Bytes that it holds in memory. */
  heldBytes: number;
}

/** One addon's storage, over all its restarts. Methods throw a StorageError with a sentence for the addon. */
export class AddonStorage {
  readonly #file: StorageFile;
  readonly #namespace: string;
  readonly #drafts = new Set<StorageDraft>();
  #heldBytes = 0;

  constructor(file: StorageFile, namespace: string) {
    this.#file = file;
    this.#namespace = namespace;
  }

  /** A draft that belongs to one call; it must be given to `commit` or `drop`. */
  draft(): StorageDraft {
    const draft: StorageDraft = { entries: new Map(), isCleared: false, keys: 0, bytes: 0, heldBytes: 0 };
    this.#drafts.add(draft);
    return draft;
  }

  get(draft: StorageDraft | null, key: string, limits: StorageLimits): StoredEntry | null {
    checkKey(key, limits);
    const drafted = draft?.entries.get(key);
    if (drafted !== undefined) return drafted;
    return draft?.isCleared === true ? null : this.#file.get(this.#namespace, key);
  }

  /** Writes into `draft`, or (null) into the file at once. */
  set(draft: StorageDraft | null, key: string, entry: StoredEntry, limits: StorageLimits): void {
    checkKey(key, limits);
    if (entry.bytes.length > limits.storageValueBytes) throw new StorageError(`a value of ${entry.bytes.length} bytes; ${limits.storageValueBytes} are the most (limit storageValueBytes)`);
    this.#write(draft, limits, (own) => this.#put(own, key, entry, limits));
  }

  /** Whether it was there. */
  delete(draft: StorageDraft | null, key: string, limits: StorageLimits): boolean {
    checkKey(key, limits);
    return this.#write(draft, limits, (own) => {
      const before = this.#sizeIn(own, key);
      if (before !== null) this.#put(own, key, null, limits);
      return before !== null;
    });
  }

  clear(draft: StorageDraft | null, limits: StorageLimits): void {
    this.#write(draft, limits, (own) => {
      const { keys, bytes } = this.#file.usage(this.#namespace);
      this.#hold(own, -own.heldBytes);
      own.entries.clear();
      own.isCleared = true;
      own.keys = -keys;
      own.bytes = -bytes;
    });
  }

  /** Keys in the order of their UTF-8 bytes. */
  list(draft: StorageDraft | null, prefix: string, limit: number, limits: StorageLimits): readonly string[] {
    if (prefix !== "") checkKey(prefix, limits);
    const most = Math.min(Math.max(1, limit), mostListedKeys);
    if (draft === null) return this.#file.list(this.#namespace, prefix, most);
    const inFile = draft.isCleared ? [] : this.#file.list(this.#namespace, prefix, most + draft.entries.size);
    const keys = inFile.filter((key) => !draft.entries.has(key));
    for (const [key, entry] of draft.entries) if (entry !== null && key.startsWith(prefix)) keys.push(key);
    return keys.map((key) => Buffer.from(key)).sort(Buffer.compare).slice(0, most).map(String);
  }

  /** Writes a draft into the file, whole or not at all, and ends it either way. Gives the reason why not. */
  commit(draft: StorageDraft, limits: StorageLimits): string | null {
    this.drop(draft);
    if (draft.entries.size === 0 && !draft.isCleared) return null;
    try {
      // Another call may have taken the room since this one wrote.
      return this.#file.write(this.#namespace, draft.isCleared, draft.entries, (before, after) => overQuota(before, after, limits));
    } catch (error) {
      if (error instanceof StorageError) return error.message;
      throw error;
    }
  }

  /** Forgets what a call wrote. Harmless when the draft has ended already. */
  drop(draft: StorageDraft): void {
    if (this.#drafts.delete(draft)) this.#heldBytes -= draft.heldBytes;
  }

  #write<T>(draft: StorageDraft | null, limits: StorageLimits, change: (draft: StorageDraft) => T): T {
    if (draft !== null) return change(draft);
    const own = this.draft();
    try {
      const result = change(own);
      const refusal = this.commit(own, limits);
      if (refusal !== null) throw new StorageError(refusal);
      return result;
    } finally {
      this.drop(own);
    }
  }

  #put(draft: StorageDraft, key: string, entry: StoredEntry | null, limits: StorageLimits): void {
    const keyBytes = Buffer.byteLength(key);
    const before = this.#sizeIn(draft, key);
    const after = entry === null ? null : keyBytes + entry.bytes.length;
    const keys = (after === null ? 0 : 1) - (before === null ? 0 : 1);
    const bytes = (after ?? 0) - (before ?? 0);
    const old = draft.entries.get(key);
    const held = keyBytes + (entry?.bytes.length ?? 0) - (old === undefined ? 0 : keyBytes + (old?.bytes.length ?? 0));
    if (keys > 0 || bytes > 0) this.#checkRoom(draft, keys, bytes, limits);
    // What is written over and over takes no room in the file, but it does here until the calls have ended.
    const mostHeld = limits.storageBytes + limits.storageKeys * limits.storageKeyBytes;
    if (held > 0 && this.#heldBytes + held > mostHeld) throw new StorageError("calls that have not ended hold as much as the storage may have (limit storageBytes)");
    draft.entries.set(key, entry);
    draft.keys += keys;
    draft.bytes += bytes;
    this.#hold(draft, held);
  }

  #hold(draft: StorageDraft, bytes: number): void {
    draft.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  /** What other calls are about to add counts as taken, what they are about to remove does not count as free. */
  #checkRoom(draft: StorageDraft, keys: number, bytes: number, limits: StorageLimits): void {
    const usage = this.#file.usage(this.#namespace);
    const taken = { keys: usage.keys + draft.keys, bytes: usage.bytes + draft.bytes };
    for (const other of this.#drafts) {
      if (other === draft) continue;
      taken.keys += Math.max(0, other.keys);
      taken.bytes += Math.max(0, other.bytes);
    }
    const refusal = overQuota(taken, { keys: taken.keys + keys, bytes: taken.bytes + bytes }, limits);
    if (refusal !== null) throw new StorageError(refusal);
  }

  #sizeIn(draft: StorageDraft, key: string): number | null {
    const drafted = draft.entries.get(key);
    if (drafted !== undefined) return drafted === null ? null : Buffer.byteLength(key) + drafted.bytes.length;
    return draft.isCleared ? null : this.#file.sizeOf(this.#namespace, key);
  }
}

/** Shrinking is always possible, also where the operator has lowered a limit below what is there. */
function overQuota(before: StorageUsage, after: StorageUsage, { storageBytes, storageKeys }: StorageLimits): string | null {
  if (after.bytes > storageBytes && after.bytes > before.bytes) return `this would make ${after.bytes} bytes; ${storageBytes} are granted (permissions.storage, limit storageBytes)`;
  if (after.keys > storageKeys && after.keys > before.keys) return `this would make ${after.keys} keys; ${storageKeys} are the most (limit storageKeys)`;
  return null;
}

/** WALL 5: keys come from a cell. Those that UTF-8 cannot tell apart would be one. */
function checkKey(key: string, { storageKeyBytes }: StorageLimits): void {
  if (key === "" || !key.isWellFormed()) throw new StorageError("a key must be a string of whole characters that is not empty");
  if (Buffer.byteLength(key) > storageKeyBytes) throw new StorageError(`a key of ${Buffer.byteLength(key)} bytes; ${storageKeyBytes} are the most (limit storageKeyBytes)`);
}
