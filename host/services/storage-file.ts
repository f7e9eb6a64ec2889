// The file in which addons keep data: one SQLite database, one table, a namespace for each addon, and a running count of what each
// has. Opened when first used; what goes wrong with it (full disk, lock, damage) is an error value and one line in the log, never an
// exception. It knows no calls and no quotas (storage.ts).
import { chmodSync, closeSync, openSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Log } from "../log.ts";

/** A value as it is kept: JSON text or bytes. */
export interface StoredEntry { readonly isJson: boolean; readonly bytes: Uint8Array }
export interface StorageUsage { readonly keys: number; readonly bytes: number }

/** The file cannot be used now. The message is for the addon and names no paths. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code = "ERR_STORAGE";
}

/** PERF: the whole proxy waits while the database does, so it waits for other processes only that long. */
const defaultLockMs = 20;
/** Opening a new file is asked again in such steps: SQLite does not wait where the journal's kind changes. */
const openStepMs = 5;
/** A file that could not be opened is tried again after that long, and a failure of one kind is said again. */
const tryAgainMs = 10_000;
const schemaVersion = 1;
/** A path that stands for no file: what is kept goes with the process. */
export const inMemory = ":memory:";

const schema = `
  CREATE TABLE IF NOT EXISTS entries (namespace TEXT NOT NULL, key BLOB NOT NULL, is_json INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (namespace, key)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS usage (namespace TEXT PRIMARY KEY, keys INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};`;

interface Statements {
  readonly usage: StatementSync;
  readonly get: StatementSync;
  readonly size: StatementSync;
  readonly list: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly removeAll: StatementSync;
  readonly count: StatementSync;
}

interface Open { readonly database: DatabaseSync; readonly statements: Statements }

export interface StorageFileSettings {
  /** Of the file, or `inMemory`. */
  readonly path: string;
  readonly log: Log;
  /** Milliseconds. */
  readonly now?: () => number;
  /** How long a lock of another process is waited for; it holds up everything here. */
  readonly lockMs?: number;
  /** SQL to run on each opening, e.g. a PRAGMA that bounds the file. */
  readonly tune?: string;
}

export class StorageFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #tune: string;
  readonly #lockMs: number;
  readonly #saidAt = new Map<string, number>();
  #open: Open | null = null;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure = "";
  #isClosed = false;

  constructor({ path, log, now = Date.now, lockMs = defaultLockMs, tune = "" }: StorageFileSettings) {
    this.#lockMs = lockMs;
    this.#tune = tune;
    this.#path = path;
    this.#log = log;
    this.#now = now;
  }

  /** All of these throw a StorageError when the file cannot be used. */
  usage(namespace: string): StorageUsage {
    return this.#run(({ usage }) => usageOf(usage.get(namespace)));
  }

  get(namespace: string, key: string): StoredEntry | null {
    return this.#run(({ get }) => {
      const row = get.get(namespace, Buffer.from(key));
      const value = row?.["value"];
      return value instanceof Uint8Array ? { isJson: row?.["is_json"] === 1, bytes: value } : null;
    });
  }

  /** Bytes of key and value; null: there is no such key. */
  sizeOf(namespace: string, key: string): number | null {
    return this.#run(({ size }) => {
      const bytes = size.get(namespace, Buffer.from(key))?.["bytes"];
      return typeof bytes === "number" ? bytes : null;
    });
  }

  /** Keys that begin with `prefix`, in the order of their bytes, at most `limit`. */
  list(namespace: string, prefix: string, limit: number): readonly string[] {
    const from = Buffer.from(prefix);
    return this.#run(({ list }) => {
      const keys: string[] = [];
      for (const { key } of list.iterate(namespace, from, after(from), limit)) if (key instanceof Uint8Array) keys.push(Buffer.from(key).toString());
      return keys;
    });
  }

  /**
   * Writes all of it or nothing, in one transaction that a crash of the process or the machine cannot leave half done. `null` entries
   * are removed; `clear`: everything else goes first. Nothing is written and the reason is given when `refuse` gives one.
   */
  write(namespace: string, clear: boolean, entries: ReadonlyMap<string, StoredEntry | null>, refuse: (before: StorageUsage, after: StorageUsage) => string | null): string | null {
    return this.#run((statements, database) => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const before = usageOf(statements.usage.get(namespace));
        const usage = writeAll(statements, namespace, clear, entries, before);
        const refusal = refuse(before, usage);
        if (refusal === null) statements.count.run(namespace, usage.keys, usage.bytes);
        database.exec(refusal === null ? "COMMIT" : "ROLLBACK");
        return refusal;
      } catch (error) {
        // SQLite may have rolled back itself, as it does when the disk is full.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** Idempotent. Everything afterwards is a StorageError. */
  close(): void {
    this.#isClosed = true;
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    try {
      open.database.close();
    } catch (error) {
      this.#say(error);
    }
  }

  #run<T>(work: (statements: Statements, database: DatabaseSync) => T): T {
    const { database, statements } = this.#opened();
    try {
      return work(statements, database);
    } catch (error) {
      if (isDamage(error)) this.#giveUp(database);
      throw this.#say(error);
    }
  }

  #opened(): Open {
    if (this.#isClosed) throw new StorageError("the storage is closed");
    if (this.#open !== null) return this.#open;
    if (this.#now() < this.#failedAt + tryAgainMs) throw new StorageError(this.#failure);
    try {
      return (this.#open = this.#openPatiently());
    } catch (error) {
      const said = this.#say(error);
      if (isLocked(error)) throw said;
      this.#failedAt = this.#now();
      this.#failure = said.message;
      throw said;
    }
  }

  /** Several processes may make the file at once. */
  #openPatiently(): Open {
    const giveUpAt = performance.now() + this.#lockMs;
    for (;;) {
      try {
        return openDatabase(this.#path, this.#lockMs, this.#tune);
      } catch (error) {
        if (!isLocked(error) || performance.now() >= giveUpAt) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, openStepMs);
      }
    }
  }

  /** Damage is not worked with: the file is opened anew, later, in case the operator has put another in its place. */
  #giveUp(database: DatabaseSync): void {
    this.#open = null;
    this.#failedAt = this.#now();
    this.#failure = "the storage is damaged";
    try {
      database.close();
    } catch (error) {
      this.#say(error);
    }
  }

  #say(error: unknown): StorageError {
    const { kind, sentence, advice } = explain(error);
    const now = this.#now();
    if (now >= (this.#saidAt.get(kind) ?? Number.NEGATIVE_INFINITY) + tryAgainMs) {
      this.#saidAt.set(kind, now);
      this.#log.error(`addons cannot use their storage: ${sentence} (${this.#path}); ${advice}`, { event: "storage", path: this.#path, cause: kind });
    }
    return new StorageError(sentence);
  }
}

function openDatabase(path: string, lockMs: number, tune: string): Open {
  if (path !== inMemory) {
    // Made with its mode, which SQLite gives to the files beside it as well.
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  // Loaded when it is needed: Node 24 prints a warning when it is.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const database = new DatabaseSync(path, { timeout: lockMs });
  try {
    // NORMAL with a write-ahead log: a crash loses no more than the last transactions, and never half of one.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 16777216;");
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (typeof version !== "number" || version > schemaVersion) throw new NewerStorageError(`version ${version}`);
    if (version < schemaVersion) database.exec(schema);
    if (tune !== "") database.exec(tune);
    return { database, statements: prepare(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The first key behind all that begin so. UTF-8 has no byte 0xff. */
function after(prefix: Buffer): Buffer {
  if (prefix.length === 0) return Buffer.from([0xff]);
  const next = Buffer.from(prefix);
  next[next.length - 1] = (next[next.length - 1] ?? 0) + 1;
  return next;
}

class NewerStorageError extends Error {}

function prepare(database: DatabaseSync): Statements {
  const statement = (sql: string): StatementSync => database.prepare(sql);
  return {
    usage: statement("SELECT keys, bytes FROM usage WHERE namespace = ?"),
    get: statement("SELECT is_json, value FROM entries WHERE namespace = ? AND key = ?"),
    size: statement("SELECT length(key) + length(value) AS bytes FROM entries WHERE namespace = ? AND key = ?"),
    list: statement("SELECT key FROM entries WHERE namespace = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"),
    put: statement("INSERT INTO entries (namespace, key, is_json, value) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET is_json = excluded.is_json, value = excluded.value"),
    remove: statement("DELETE FROM entries WHERE namespace = ? AND key = ?"),
    removeAll: statement("DELETE FROM entries WHERE namespace = ?"),
    count: statement("INSERT INTO usage (namespace, keys, bytes) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET keys = excluded.keys, bytes = excluded.bytes"),
  };
}

function usageOf(row: ReturnType<StatementSync["get"]>): StorageUsage {
  const { keys, bytes } = row ?? {};
  return typeof keys === "number" && typeof bytes === "number" ? { keys, bytes } : { keys: 0, bytes: 0 };
}

function writeAll(statements: Statements, namespace: string, clear: boolean, entries: ReadonlyMap<string, StoredEntry | null>, before: StorageUsage): StorageUsage {
  let { keys, bytes } = before;
  if (clear) {
    statements.removeAll.run(namespace);
    keys = bytes = 0;
  }
  for (const [name, entry] of entries) {
    const key = Buffer.from(name);
    const old = statements.size.get(namespace, key)?.["bytes"];
    if (typeof old === "number") { keys--; bytes -= old; }
    if (entry === null) {
      statements.remove.run(namespace, key);
      continue;
    }
    statements.put.run(namespace, key, entry.isJson ? 1 : 0, entry.bytes);
    keys++;
    bytes += key.length + entry.bytes.length;
  }
  return { keys, bytes };
}

/** SQLite's primary result codes. */
const sqlite = { permission: 3, busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;

function primaryCode(error: unknown): number {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0;
}

const isDamage = (error: unknown): boolean => primaryCode(error) === sqlite.corrupt || primaryCode(error) === sqlite.notADatabase;

const isLocked = (error: unknown): boolean => primaryCode(error) === sqlite.busy || primaryCode(error) === sqlite.locked;

interface Explanation { readonly kind: string; readonly sentence: string; readonly advice: string }

function explain(error: unknown): Explanation {
  if (error instanceof NewerStorageError) return { kind: "newer", sentence: "the storage was written by a newer version of Flowcell", advice: "run that version, or move the file away" };
  switch (primaryCode(error)) {
    case sqlite.busy: case sqlite.locked: return { kind: "locked", sentence: "the storage is locked by another process", advice: "it is tried again with the next call" };
    case sqlite.full: return { kind: "full", sentence: "the disk is full", advice: "make room; it is tried again with the next call" };
    case sqlite.corrupt: case sqlite.notADatabase: return { kind: "damaged", sentence: "the storage is damaged", advice: "move the file away, and it begins empty" };
    case sqlite.readOnly: case sqlite.permission: return { kind: "read-only", sentence: "the storage cannot be written", advice: "give this user the right to write the file and its folder" };
  }
  const detail = error instanceof Error ? ("code" in error && typeof error.code === "string" && error.code !== "ERR_SQLITE_ERROR" ? error.code : error.message) : String(error);
  return { kind: "failed", sentence: "the storage cannot be used", advice: `the system says: ${detail}` };
}
