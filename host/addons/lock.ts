// The lock file (`addons.lock.json` in --confdir): what each addon with a manifest asked for when it first ran, and the hash of its
// bundle. An update that asks for more is held until the operator approves it; one that asks for the same or less is recorded.
// Addons without a manifest are what the operator started by path, and are not recorded.
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import { isPermissionName, permissionTable } from "../../sandbox-api/schema/permissions.ts";
import { OperatorError } from "../operator-error.ts";

export const lockFileName = "addons.lock.json";
const contract = 1;

/** What a manifest asks for, as the lock file keeps it. */
export interface Asks {
  readonly permissions: readonly string[];
  /** Null: every host. */
  readonly hosts: readonly string[] | null;
  readonly filter: string | null;
  readonly fetch: readonly string[];
  readonly storageBytes: number;
}

export interface LockEntry { readonly name: string; readonly hash: string; readonly asks: Asks; readonly approved: string }
/** By the addon's absolute path. */
type Entries = ReadonlyMap<string, LockEntry>;

export interface LockSubject { readonly path: string; readonly name: string; readonly hash: string; readonly manifest: Manifest | null }

export type LockVerdict =
  | { readonly kind: "fine" }
  /** `news`: what it asks for beyond what was approved, each as words for the operator. */
  | { readonly kind: "held"; readonly news: readonly string[] };

export const asksOf = ({ permissions, hosts, filter, fetch, storageBytes }: Manifest): Asks => ({ permissions: [...permissions].sort(), hosts, filter, fetch, storageBytes });

/** What `asks` has beyond `approved`. Pure. */
export function beyond(approved: Asks, asks: Asks): readonly string[] {
  const news = asks.permissions.filter((name) => !approved.permissions.includes(name)).map((name) => (isPermissionName(name) ? `${permissionTable[name]} (${name})` : name));
  if (approved.hosts !== null) {
    const known = approved.hosts;
    if (asks.hosts === null) news.push(`do so on every host, not only on ${known.join(", ") || "none"}`);
    else news.push(...asks.hosts.filter((host) => !known.includes(host)).map((host) => `do so on ${host}`));
  }
  // Whether one filter lets through less than another cannot be told.
  if (approved.filter !== null && asks.filter !== approved.filter) news.push(asks.filter === null ? `take every flow, not only ${approved.filter}` : `take other flows: ${asks.filter}, not ${approved.filter}`);
  news.push(...asks.fetch.filter((origin) => !approved.fetch.includes(origin)).map((origin) => `exchange data with ${origin}`));
  if (asks.storageBytes > approved.storageBytes) news.push(`keep ${asks.storageBytes} bytes, not ${approved.storageBytes}`);
  return news;
}

/** Who says what may run: the lock file, or the process that owns it. */
export type LockJudge = Pick<AddonLock, "file" | "judge">;

/** One lock file. Verbs run one after the other; each reads the file anew, so that `flowcell approve` counts while a proxy runs. */
export class AddonLock {
  readonly file: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(confdir: string) {
    this.file = path.join(confdir, lockFileName);
  }

  /** All entries. Rejects with an OperatorError when the file cannot be read as one. */
  async entries(): Promise<Entries> {
    let text: string;
    try {
      text = await readFile(this.file, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return new Map();
      throw this.#broken(error instanceof Error ? error.message : String(error), error);
    }
    return this.#parse(text);
  }

  /** Whether this bundle may run; records it where it may. Rejects as `entries` does, and where it cannot be written. */
  judge(subject: LockSubject): Promise<LockVerdict> {
    return this.#inTurn(async () => {
      const entries = await this.entries();
      const known = entries.get(subject.path);
      const asks = subject.manifest === null ? null : asksOf(subject.manifest);
      if (asks === null) return known === undefined ? { kind: "fine" } : { kind: "held", news: ["do everything on every flow, since it no longer has a manifest"] };
      const news = known === undefined ? [] : beyond(known.asks, asks);
      if (news.length > 0) return { kind: "held", news };
      if (known?.hash !== subject.hash) await this.#write(entries, subject, asks);
      return { kind: "fine" };
    });
  }

  /** Records what it asks for now; without a manifest its entry is removed. */
  approve(subject: LockSubject): Promise<void> {
    return this.#inTurn(async () => this.#write(await this.entries(), subject, subject.manifest === null ? null : asksOf(subject.manifest)));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Whole or not at all: a new file takes the old one's place. */
  async #write(entries: Entries, { path: addonPath, name, hash }: LockSubject, asks: Asks | null): Promise<void> {
    const next = new Map(entries);
    if (asks === null) next.delete(addonPath);
    else next.set(addonPath, { name, hash, asks, approved: new Date().toISOString() });
    const draft = `${this.file}.${randomUUID()}`;
    try {
      await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
      const handle = await open(draft, "wx", 0o600);
      try {
        await handle.writeFile(`${JSON.stringify({ contract, addons: Object.fromEntries([...next].sort(([a], [b]) => (a < b ? -1 : 1))) }, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, this.file);
    } catch (error) {
      await rm(draft, { force: true });
      throw new OperatorError("ERR_LOCK_FILE", `${this.file} cannot be written (${error instanceof Error ? error.message : String(error)}); without it no addon with a manifest can be recorded`, { cause: error });
    }
  }

  #broken(why: string, cause?: unknown): OperatorError {
    return new OperatorError("ERR_LOCK_FILE", `${this.file} is no lock file of addons (${why}); mend it, or delete it to have every addon recorded anew`, { cause });
  }

  #parse(text: string): Entries {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw this.#broken("it is not JSON", error);
    }
    const top = plain(value);
    const addons = plain(top?.["addons"]);
    if (top === null || top["contract"] !== contract || addons === null) throw this.#broken(`it has no "contract": ${contract} and "addons"`);
    const entries = new Map<string, LockEntry>();
    for (const [addonPath, item] of Object.entries(addons)) {
      const entry = readEntry(item);
      if (entry === null) throw this.#broken(`its entry for ${addonPath} is not one`);
      entries.set(addonPath, entry);
    }
    return entries;
  }
}

type Plain = { readonly [key: string]: unknown };
const plain = (value: unknown): Plain | null => (typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null);
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

function readEntry(value: unknown): LockEntry | null {
  const entry = plain(value);
  const asks = plain(entry?.["asks"]);
  if (entry === null || asks === null) return null;
  const { name, hash, approved } = entry;
  const { permissions, hosts, filter, fetch, storageBytes } = asks;
  if (typeof name !== "string" || typeof hash !== "string" || typeof approved !== "string" || !isTexts(permissions) || !isTexts(fetch)) return null;
  if ((hosts !== null && !isTexts(hosts)) || (filter !== null && typeof filter !== "string") || typeof storageBytes !== "number") return null;
  return { name, hash, approved, asks: { permissions, hosts, filter, fetch, storageBytes } };
}
