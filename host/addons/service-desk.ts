// What one instance may ask of the host beyond log and timers: storage, fetch and replays. Who asks is known by construction (this desk is the
// instance's own), what it may is in its grants, how much is counted here; every question gets one answer. What a call wrote is held
// until somebody says how the call ended. The services themselves are in services/.
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { HostCallText, ResumeText } from "../../sandbox-api/wire/messages.ts";
import { asciiJson } from "../../sandbox-api/schema/view.ts";
import type { CellCall } from "../cells/cell.ts";
import type { AddonFetch } from "../services/fetch.ts";
import type { AddonReplays } from "../services/replay.ts";
import { StorageError, type StoredEntry } from "../services/storage-file.ts";
import type { AddonStorage, StorageDraft } from "../services/storage.ts";
import type { CpuBudget } from "./failure.ts";

/** What one addon shares with all its instances; null where this proxy has no such service. */
export interface AddonServices {
  readonly storage: AddonStorage | null;
  readonly fetch: AddonFetch | null;
  readonly replays: AddonReplays;
}

type StorageCall = Extract<HostCallText, { readonly call: `storage.${string}` }>;
type FetchCall = Extract<HostCallText, { readonly call: "fetch" }>;
type ReplayCall = Extract<HostCallText, { readonly call: "replay" }>;
export type ServiceCall = StorageCall | FetchCall | ReplayCall;

export const isServiceCall = (call: HostCallText): call is ServiceCall => call.call === "fetch" || call.call === "replay" || call.call.startsWith("storage.");

export interface DeskSettings {
  readonly services: AddonServices;
  /** As granted now. */
  readonly grants: () => { readonly limits: Limits; readonly fetch: readonly string[]; readonly permissions: ReadonlySet<PermissionName> };
  /** Sends the request of a flow that this instance knows again. Gives a promise of its end, or why it cannot be. */
  readonly replay: (key: number, signal: AbortSignal) => Promise<void> | string;
  readonly budget: CpuBudget;
  /** Milliseconds. */
  readonly now: () => number;
  /** Sends an answer to the guest; resolves when it has been taken or nobody is there to take it. */
  readonly answer: (hostCall: number, text: string, attachments: readonly Buffer[]) => Promise<void>;
}

interface Answer { readonly value: unknown; readonly attachments: readonly Buffer[] }

/** LIMIT: bytes that were read for one instance and not taken by it yet. */
const mostUntakenBytes = 8 * 1024 * 1024;
const none: readonly Buffer[] = Object.freeze([]);
const plain = (value: unknown): Answer => ({ value, attachments: none });

export class ServiceDesk {
  readonly #settings: DeskSettings;
  readonly #drafts = new Map<CellCall, StorageDraft>();
  readonly #closing = new AbortController();
  /** Ends what nobody waits for. */
  readonly #retiring = new AbortController();
  #untakenBytes = 0;

  constructor(settings: DeskSettings) {
    this.#settings = settings;
  }

  /** Takes a question. It is answered, later or now, unless the desk is closed first. */
  take(id: number, call: ServiceCall, attachments: readonly Buffer[], during: CellCall | null): void {
    if (call.call === "fetch") void this.#fetch(id, call, attachments);
    else if (call.call === "replay") this.#answerReplay(id, call);
    else this.#answerStorage(id, call, attachments, during);
  }

  /** A call has ended; null when all it wrote is kept (or dropped, as it should be), else why it could not be. To be called once for every call. */
  end(call: CellCall, hasSucceeded: boolean): string | null {
    const draft = this.#drafts.size === 0 ? undefined : this.#drafts.get(call);
    const { storage } = this.#settings.services;
    if (draft === undefined || storage === null) return null;
    this.#drafts.delete(call);
    if (hasSucceeded) return this.#charged(() => storage.commit(draft, this.#settings.grants().limits));
    storage.drop(draft);
    return null;
  }

  /** Another instance has taken over: replays, which nobody waits for, are cut, and none begins. Questions are still answered. */
  retire(): void {
    this.#retiring.abort();
  }

  /** The isolate is gone: fetches and replays are cut, nobody is answered. What calls wrote that have ended well is still kept by `end`. */
  close(): void {
    this.#retiring.abort();
    this.#closing.abort();
  }

  #answerStorage(id: number, call: StorageCall, attachments: readonly Buffer[], during: CellCall | null): void {
    let answer: Answer;
    try {
      answer = this.#charged(() => this.#storage(call, attachments, during));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return this.#refuse(id, error.message);
    }
    this.#send(id, answer);
  }

  #storage(call: StorageCall, attachments: readonly Buffer[], during: CellCall | null): Answer {
    const { services: { storage }, grants, budget, now } = this.#settings;
    const { limits } = grants();
    // WALL 5: the guest refuses this itself, where it is not taken over.
    if (limits.storageBytes === 0) throw new StorageError("not granted (permissions.storage)");
    if (storage === null) throw new StorageError("this proxy keeps no storage");
    if (budget.isEmpty(now())) throw new StorageError("this addon has used up its share of CPU time (limit cpuBudgetShare)");
    if (this.#untakenBytes > mostUntakenBytes) throw new StorageError(`more than ${mostUntakenBytes} bytes are being read at once; await some first`);
    const draft = during === null ? null : this.#draftOf(during, storage);
    switch (call.call) {
      case "storage.get": return entryAnswer(storage.get(draft, call.key, limits));
      case "storage.set":
        storage.set(draft, call.key, entryOf(call.json, attachments), limits);
        return plain(null);
      case "storage.delete": return plain(storage.delete(draft, call.key, limits));
      case "storage.list": return plain(storage.list(draft, call.prefix, call.limit, limits));
      case "storage.clear":
        storage.clear(draft, limits);
        return plain(null);
    }
  }

  #draftOf(during: CellCall, storage: AddonStorage): StorageDraft {
    const known = this.#drafts.get(during);
    if (known !== undefined) return known;
    const draft = storage.draft();
    this.#drafts.set(during, draft);
    return draft;
  }

  async #fetch(id: number, { url, method, headers, redirect }: FetchCall, [body]: readonly Buffer[]): Promise<void> {
    const { services: { fetch }, grants } = this.#settings;
    if (fetch === null) return this.#refuse(id, "this proxy does not fetch");
    const granted = grants();
    const result = await fetch.run({ url, method, headers, redirect, body: body ?? null }, granted.fetch, granted.limits, this.#closing.signal);
    if (this.#closing.signal.aborted) return result.release();
    if (result.kind === "refused") this.#refuse(id, result.message);
    else await this.#send(id, { value: result.fetched, attachments: result.body.length === 0 ? none : [result.body] });
    result.release();
  }

  #answerReplay(id: number, call: ReplayCall): void {
    const refusal = this.#charged(() => this.#replay(call));
    if (refusal === null) void this.#send(id, plain(null));
    else this.#refuse(id, refusal);
  }

  #replay({ key }: ReplayCall): string | null {
    const { services: { replays }, grants, budget, now, replay } = this.#settings;
    const { permissions, limits } = grants();
    // WALL 5: the guest refuses this itself, where it is not taken over.
    if (!permissions.has("act:replay")) return "not granted (permissions.act)";
    if (budget.isEmpty(now())) return "this addon has used up its share of CPU time (limit cpuBudgetShare)";
    return replays.begin(limits, () => replay(key, this.#retiring.signal));
  }

  #refuse(id: number, message: string): void {
    const text: ResumeText = { call: id, error: message, value: null };
    void this.#settings.answer(id, asciiJson(text), none);
  }

  async #send(id: number, { value, attachments }: Answer): Promise<void> {
    const resume: ResumeText = { call: id, error: null, value };
    const text = asciiJson(resume);
    const bytes = attachments.reduce((sum, { length }) => sum + length, text.length);
    this.#untakenBytes += bytes;
    await this.#settings.answer(id, text, attachments);
    this.#untakenBytes -= bytes;
  }

  /** The host's own time counts as the addon's: many small questions are cheap to ask. */
  #charged<T>(work: () => T): T {
    const { budget, now } = this.#settings;
    const startedAt = performance.now();
    try {
      return work();
    } finally {
      budget.spend((performance.now() - startedAt) * 1_000, now());
    }
  }
}

function entryOf(json: string | null, [bytes]: readonly Buffer[]): StoredEntry {
  if (json !== null) return { isJson: true, bytes: Buffer.from(json) };
  // A copy: what came in a frame may be a piece of a larger buffer.
  return { isJson: false, bytes: Buffer.from(bytes ?? []) };
}

function entryAnswer(entry: StoredEntry | null): Answer {
  if (entry === null) return plain(null);
  const bytes = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  return entry.isJson ? plain({ json: bytes.toString() }) : { value: { json: null }, attachments: bytes.length === 0 ? none : [bytes] };
}
