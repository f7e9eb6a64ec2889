// Watches the files that addons are made of and says which addon has changed. Watches folders, because editors save by renaming;
// waits until writing has stopped; compares contents, because a touched file is no change. It compiles and loads nothing.
import { createHash } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Log } from "../log.ts";

/** Editors write in several steps; a change is looked at when that long nothing happened. */
const quietMs = 30;

interface Watched {
  inputs: ReadonlySet<string>;
  fingerprint: string;
  timer: NodeJS.Timeout | null;
  isChecking: boolean;
  isDirty: boolean;
}

export interface AddonWatcherSettings {
  readonly log: Log;
  /** Something that `key` is made of has other contents now. Gives the files to watch from then on. Never called twice at once for one key. */
  readonly changed: (key: string) => Promise<readonly string[]>;
}

export class AddonWatcher {
  readonly #settings: AddonWatcherSettings;
  readonly #watched = new Map<string, Watched>();
  readonly #folders = new Map<string, FSWatcher>();
  #isClosed = false;

  constructor(settings: AddonWatcherSettings) {
    this.#settings = settings;
  }

  /** Begins to watch `inputs` (absolute paths, which need not exist) for `key`. Resolves when changes from now on are seen. */
  async watch(key: string, inputs: readonly string[]): Promise<void> {
    const watched: Watched = { inputs: new Set(inputs), fingerprint: "", timer: null, isChecking: false, isDirty: false };
    this.#watched.set(key, watched);
    this.#openFolders();
    watched.fingerprint = await fingerprint(watched.inputs);
  }

  /** Stops all watching. */
  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
    for (const { timer } of this.#watched.values()) if (timer !== null) clearTimeout(timer);
    this.#watched.clear();
  }

  #openFolders(): void {
    const wanted = new Set([...this.#watched.values()].flatMap(({ inputs }) => [...inputs].map(dirname)));
    for (const [folder, watcher] of this.#folders) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#openFolder(folder);
  }

  #openFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => this.#stirred(folder, name));
      watcher.on("error", (error) => this.#lose(folder, error));
      this.#folders.set(folder, watcher);
    } catch (error) {
      this.#lose(folder, error);
    }
  }

  #lose(folder: string, error: unknown): void {
    this.#folders.get(folder)?.close();
    this.#folders.delete(folder);
    this.#settings.log.warn(`edits in ${folder} are not noticed: it cannot be watched (${error instanceof Error ? error.message : String(error)})`, { event: "watch" });
  }

  /** Something happened to a file of that name, or (null) somewhere in the folder. */
  #stirred(folder: string, name: string | null): void {
    for (const [key, watched] of this.#watched) {
      const isConcerned = [...watched.inputs].some((path) => dirname(path) === folder && (name === null || basename(path) === name));
      if (!isConcerned) continue;
      if (watched.timer !== null) clearTimeout(watched.timer);
      watched.timer = setTimeout(() => void this.#check(key, watched), quietMs);
    }
  }

  async #check(key: string, watched: Watched): Promise<void> {
    watched.timer = null;
    watched.isDirty = true;
    if (watched.isChecking) return;
    watched.isChecking = true;
    try {
      await this.#catchUp(key, watched);
    } finally {
      watched.isChecking = false;
    }
  }

  async #catchUp(key: string, watched: Watched): Promise<void> {
    while (watched.isDirty && !this.#isClosed) {
      watched.isDirty = false;
      const now = await fingerprint(watched.inputs);
      if (now === watched.fingerprint) continue;
      watched.fingerprint = now;
      const inputs = new Set(await this.#settings.changed(key));
      if (this.#isClosed) break;
      // New imports count from here on; what changed while the addon was compiled is seen as a difference at the next look.
      if (!sameSet(inputs, watched.inputs)) {
        watched.inputs = inputs;
        watched.fingerprint = await fingerprint(inputs);
        this.#openFolders();
      }
    }
  }
}

const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && [...a].every((path) => b.has(path));

/** One hash over the contents of all files; a file that is not there counts as such. */
async function fingerprint(paths: ReadonlySet<string>): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [...paths].sort()) hash.update(`\0${path}\0`).update(await readFile(path).catch(() => "\0missing"));
  return hash.digest("hex");
}
