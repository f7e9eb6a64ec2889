// Storage of addons with a real SQLite file: quotas at their edges, drafts of calls, neighbours, damage, locks and a full disk.
import test, { type ExecutionContext } from "ava";
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { AddonStorage, type StorageLimits } from "../../../host/services/storage.ts";
import { inMemory, StorageFile, type StoredEntry } from "../../../host/services/storage-file.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const json = (value: unknown): StoredEntry => ({ isJson: true, bytes: Buffer.from(JSON.stringify(value)) });
const read = (entry: StoredEntry | null): unknown => (entry === null ? null : JSON.parse(Buffer.from(entry.bytes).toString()));
const roomy: StorageLimits = { storageBytes: 10_000, storageKeys: 100, storageKeyBytes: 64, storageValueBytes: 1_000 };

interface Opened { readonly path: string; readonly file: StorageFile; readonly records: LogRecord[]; readonly clock: { now: number } }

function open(t: ExecutionContext, path = join(temporaryFolder("storage"), "storage.sqlite")): Opened {
  const records: LogRecord[] = [];
  const clock = { now: 0 };
  const file = new StorageFile({ path, log: makeLog((record) => { records.push(record); }), now: () => clock.now });
  t.teardown(() => file.close());
  return { path, file, records, clock };
}

test("a storage without a file keeps what is written until it is closed, and writes nowhere", (t) => {
  const { file } = open(t, inMemory);
  const storage = new AddonStorage(file, "operator/a");
  storage.set(null, "k", json(1), roomy);
  t.is(read(storage.get(null, "k", roomy)), 1);
  t.false(existsSync(inMemory));
  file.close();
  t.is(new AddonStorage(open(t, inMemory).file, "operator/a").get(null, "k", roomy), null);
});

test("what is written is there after closing and opening; the files are the operator's alone", (t) => {
  const { path, file } = open(t);
  const storage = new AddonStorage(file, "operator/a");
  storage.set(null, "k\u00e9y", json({ n: 1, list: [null, "\ud83d\ude00"] }), roomy);
  storage.set(null, "bytes", { isJson: false, bytes: Buffer.from([0, 255, 10]) }, roomy);
  for (const name of readdirSync(join(path, ".."))) t.is(statSync(join(path, "..", name)).mode & 0o777, 0o600, name);
  file.close();
  const again = new AddonStorage(open(t, path).file, "operator/a");
  t.deepEqual(read(again.get(null, "k\u00e9y", roomy)), { n: 1, list: [null, "\ud83d\ude00"] });
  t.deepEqual([...(again.get(null, "bytes", roomy)?.bytes ?? [])], [0, 255, 10]);
  t.true(again.delete(null, "bytes", roomy));
  t.false(again.delete(null, "bytes", roomy));
  t.is(again.get(null, "bytes", roomy), null);
});

test("two addons cannot see each other's keys, nor use up each other's room", (t) => {
  const { file } = open(t);
  const [a, b] = [new AddonStorage(file, "operator/a"), new AddonStorage(file, "operator/b")];
  a.set(null, "secret", json("a's"), roomy);
  t.is(b.get(null, "secret", roomy), null);
  t.deepEqual(b.list(null, "", 100, roomy), []);
  t.false(b.delete(null, "secret", roomy));
  b.set(null, "secret", json("b's"), { ...roomy, storageBytes: 11 });
  b.clear(null, roomy);
  t.is(read(a.get(null, "secret", roomy)), "a's");
});

test("lists are by bytes, by prefix, and bounded", (t) => {
  const storage = new AddonStorage(open(t).file, "operator/a");
  for (const key of ["b", "a/2", "a/10", "a", "a0", "\u00e9", "\uffff", "\ud83d\ude00"]) storage.set(null, key, json(0), roomy);
  t.deepEqual(storage.list(null, "", 100, roomy), ["a", "a/10", "a/2", "a0", "b", "\u00e9", "\uffff", "\ud83d\ude00"]);
  t.deepEqual(storage.list(null, "a/", 100, roomy), ["a/10", "a/2"]);
  t.deepEqual(storage.list(null, "", 2, roomy), ["a", "a/10"]);
  t.deepEqual(storage.list(null, "\u00e9", 5, roomy), ["\u00e9"]);
});

test("a draft is seen by its own call only, and kept or dropped whole", (t) => {
  const storage = new AddonStorage(open(t).file, "operator/a");
  storage.set(null, "old", json(1), roomy);
  storage.set(null, "gone", json(1), roomy);
  const [good, bad] = [storage.draft(), storage.draft()];
  storage.set(good, "new", json(2), roomy);
  storage.set(good, "old", json(3), roomy);
  t.true(storage.delete(good, "gone", roomy));
  t.false(storage.delete(good, "gone", roomy));
  storage.clear(bad, roomy);
  storage.set(bad, "bad", json(4), roomy);
  t.deepEqual([read(storage.get(good, "old", roomy)), storage.get(good, "gone", roomy), storage.list(good, "", 9, roomy)], [3, null, ["new", "old"]]);
  t.deepEqual([storage.get(bad, "old", roomy), storage.list(bad, "", 9, roomy)], [null, ["bad"]]);
  t.deepEqual([read(storage.get(null, "old", roomy)), storage.list(null, "", 9, roomy)], [1, ["gone", "old"]]);
  storage.drop(bad);
  t.is(storage.commit(good, roomy), null);
  t.deepEqual([read(storage.get(null, "old", roomy)), storage.list(null, "", 9, roomy)], [3, ["new", "old"]]);
  const wiping = storage.draft();
  storage.clear(wiping, roomy);
  storage.set(wiping, "only", json(5), roomy);
  t.is(storage.commit(wiping, roomy), null);
  t.deepEqual(storage.list(null, "", 9, roomy), ["only"]);
});

const refusals: readonly (readonly [name: string, act: (storage: AddonStorage) => unknown, expected: RegExp])[] = [
  ["a key of one byte too many", (s) => s.set(null, "\u00e9".repeat(32) + "x", json(0), roomy), /65 bytes; 64 are the most \(limit storageKeyBytes\)/],
  ["an empty key", (s) => s.get(null, "", roomy), /not empty/],
  ["half a character", (s) => s.set(null, "a\ud800", json(0), roomy), /whole characters/],
  ["a value of one byte too many", (s) => s.set(null, "k", { isJson: false, bytes: Buffer.alloc(1_001) }, roomy), /1001 bytes; 1000 are the most \(limit storageValueBytes\)/],
  ["one byte more than granted", (s) => s.set(null, "kk", { isJson: false, bytes: Buffer.alloc(9) }, { ...roomy, storageBytes: 10 }), /11 bytes; 10 are granted \(permissions.storage, limit storageBytes\)/],
  ["one key too many", (s) => { for (const key of ["a", "b", "c"]) s.set(null, key, json(0), { ...roomy, storageKeys: 2 }); }, /3 keys; 2 are the most \(limit storageKeys\)/],
];
for (const [name, act, expected] of refusals) {
  test(`refused: ${name}`, (t) => {
    const storage = new AddonStorage(open(t).file, "operator/a");
    t.regex(t.throws(() => act(storage))?.message ?? "", expected);
  });
}

test("the last byte and the last key that fit are taken; overwriting and shrinking always are", (t) => {
  const storage = new AddonStorage(open(t).file, "operator/a");
  const tight: StorageLimits = { ...roomy, storageBytes: 10, storageKeys: 1 };
  storage.set(null, "k", { isJson: false, bytes: Buffer.alloc(9) }, tight);
  storage.set(null, "k", { isJson: false, bytes: Buffer.alloc(9, 1) }, tight);
  const draft = storage.draft();
  storage.set(draft, "k", { isJson: false, bytes: Buffer.alloc(9, 2) }, tight);
  t.is(storage.commit(draft, tight), null);
  // The operator has lowered the limit since.
  storage.set(null, "k", { isJson: false, bytes: Buffer.alloc(8) }, { ...tight, storageBytes: 3 });
  t.throws(() => storage.set(null, "k", { isJson: false, bytes: Buffer.alloc(9) }, { ...tight, storageBytes: 3 }));
  t.is(storage.get(null, "k", tight)?.bytes.length, 8);
});

test("open calls cannot promise themselves the same room, and hold no more than there is", (t) => {
  const storage = new AddonStorage(open(t).file, "operator/a");
  const tight: StorageLimits = { ...roomy, storageBytes: 20, storageKeys: 4, storageKeyBytes: 16 };
  const [one, two] = [storage.draft(), storage.draft()];
  storage.set(one, "a", { isJson: false, bytes: Buffer.alloc(14) }, tight);
  t.throws(() => storage.set(two, "b", { isJson: false, bytes: Buffer.alloc(14) }, tight), { message: /limit storageBytes/ });
  t.is(storage.commit(one, tight), null);
  // Overwriting needs no room in the file, but every open call holds its own copy.
  const drafts = Array.from({ length: 10 }, () => storage.draft());
  t.throws(() => { for (const draft of drafts) storage.set(draft, "a", { isJson: false, bytes: Buffer.alloc(14) }, tight); }, { message: /calls that have not ended/ });
  for (const draft of [...drafts, two]) storage.drop(draft);
  storage.set(storage.draft(), "a", { isJson: false, bytes: Buffer.alloc(14) }, tight);
});

test("room that another call took before the commit is refused whole", (t) => {
  const storage = new AddonStorage(open(t).file, "operator/a");
  const tight: StorageLimits = { ...roomy, storageBytes: 20 };
  storage.set(null, "k", { isJson: false, bytes: Buffer.alloc(15) }, tight);
  const [shrinking, growing] = [storage.draft(), storage.draft()];
  storage.delete(shrinking, "k", tight);
  storage.set(growing, "k", { isJson: false, bytes: Buffer.alloc(16) }, tight);
  t.is(storage.commit(shrinking, tight), null);
  storage.set(null, "x", { isJson: false, bytes: Buffer.alloc(10) }, tight);
  t.regex(storage.commit(growing, tight) ?? "", /28 bytes; 20 are granted/);
  t.deepEqual(storage.list(null, "", 9, tight), ["x"]);
});

test("a damaged file: an error for the addon, one line for the operator, tried again later", (t) => {
  const { path, file, records, clock } = open(t);
  writeFileSync(path, "this is no database at all".repeat(200));
  const storage = new AddonStorage(file, "operator/a");
  for (let i = 0; i < 5; i++) t.throws(() => storage.get(null, "k", roomy), { message: "the storage is damaged", name: "StorageError" });
  t.deepEqual(records.map(({ level, fields }) => [level, fields["cause"]]), [["error", "damaged"]]);
  writeFileSync(path, "");
  t.throws(() => storage.get(null, "k", roomy));
  clock.now += 10_000;
  storage.set(null, "k", json(1), roomy);
  t.is(read(storage.get(null, "k", roomy)), 1);
});

test("a page that is damaged under way", (t) => {
  const { path, file, records } = open(t);
  const storage = new AddonStorage(file, "operator/a");
  for (let i = 0; i < 50; i++) storage.set(null, `key-${i}`, json("x".repeat(150)), roomy);
  file.close();
  const bytes = Buffer.alloc(statSync(path).size - 4_096, 0x5a);
  writeFileSync(path, bytes, { flag: "r+" });
  const database = open(t, path);
  t.throws(() => new AddonStorage(database.file, "operator/a").list(null, "", 100, roomy), { message: "the storage is damaged" });
  t.is(records.length + database.records.length, 1);
});

test("a lock of another process: refused in milliseconds, then written", (t) => {
  const { path, file, records } = open(t);
  const storage = new AddonStorage(file, "operator/a");
  storage.set(null, "k", json(1), roomy);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const startedAt = performance.now();
  t.throws(() => storage.set(null, "k", json(2), roomy), { message: "the storage is locked by another process" });
  const draft = storage.draft();
  storage.set(draft, "k", json(3), roomy);
  t.is(storage.commit(draft, roomy), "the storage is locked by another process");
  t.true(performance.now() - startedAt < 2_000);
  t.is(read(storage.get(null, "k", roomy)), 1, "readers go on");
  other.exec("ROLLBACK");
  other.close();
  storage.set(null, "k", json(4), roomy);
  t.is(read(storage.get(null, "k", roomy)), 4);
  t.is(records.length, 1);
});

test("a disk that is full: nothing half written, and writing goes on when there is room", (t) => {
  const { path, file, records } = open(t);
  const storage = new AddonStorage(file, "operator/a");
  storage.set(null, "before", json(1), roomy);
  file.close();
  // SQLite's own bound on the file stands for the disk: the same code comes back.
  const full = new StorageFile({ path, log: makeLog((record) => { records.push(record); }), tune: "PRAGMA max_page_count = 5" });
  t.teardown(() => full.close());
  const there = new AddonStorage(full, "operator/a");
  const draft = there.draft();
  for (let i = 0; i < 9; i++) there.set(draft, `key-${i}`, { isJson: false, bytes: Buffer.alloc(1_000) }, roomy);
  there.set(draft, "before", json(2), roomy);
  t.is(there.commit(draft, roomy), "the disk is full");
  t.deepEqual(there.list(null, "", 100, roomy), ["before"]);
  there.set(null, "before", json(3), roomy);
  t.is(read(there.get(null, "before", roomy)), 3);
  t.deepEqual(records.map(({ fields }) => fields["cause"]), ["full"]);
});

test("a folder that cannot be written, and a file of a later version", (t) => {
  const folder = temporaryFolder("storage");
  const missing = open(t, join(folder, "no", "storage.sqlite"));
  t.throws(() => new AddonStorage(missing.file, "operator/a").get(null, "k", roomy), { message: "the storage cannot be used" });
  t.regex(missing.records[0]?.msg ?? "", /ENOENT/);
  const path = join(folder, "storage.sqlite");
  const later = new DatabaseSync(path);
  later.exec("PRAGMA user_version = 99");
  later.close();
  chmodSync(path, 0o644);
  t.throws(() => new AddonStorage(open(t, path).file, "operator/a").get(null, "k", roomy), { message: /newer version/ });
  t.is(statSync(path).mode & 0o777, 0o600);
});

test("a process that is killed while it writes leaves whole transactions", async (t) => {
  const folder = temporaryFolder("storage");
  const path = join(folder, "storage.sqlite");
  const program = `
    import { StorageFile } from ${JSON.stringify(new URL("../../../host/services/storage-file.ts", import.meta.url).href)};
    import { AddonStorage } from ${JSON.stringify(new URL("../../../host/services/storage.ts", import.meta.url).href)};
    const limits = ${JSON.stringify({ ...roomy, storageBytes: 1_000_000 })};
    const storage = new AddonStorage(new StorageFile({ path: ${JSON.stringify(path)}, log: console }), "operator/a");
    for (let round = 1; ; round++) {
      const draft = storage.draft();
      for (let key = 0; key < 20; key++) storage.set(draft, "key-" + key, { isJson: true, bytes: Buffer.from(String(round).padStart(900, " ")) }, limits);
      const refusal = storage.commit(draft, limits);
      if (refusal !== null) throw new Error(refusal);
      if (round === 20) console.log("under way");
    }`;
  for (let kill = 0; kill < 3; kill++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 7 * kill));
    child.kill("SIGKILL");
    await once(child, "exit");
    const { file } = open(t, path);
    const storage = new AddonStorage(file, "operator/a");
    const keys = storage.list(null, "", 100, roomy);
    t.is(keys.length, 20);
    const rounds = new Set(keys.map((key) => read(storage.get(null, key, roomy))));
    t.is(rounds.size, 1, "all keys of one round");
    t.deepEqual(file.usage("operator/a"), { keys: 20, bytes: keys.reduce((sum, key) => sum + key.length + 900, 0) });
    file.close();
  }
});
