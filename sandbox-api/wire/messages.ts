// The message table between host and cell, both directions, and the shapes of their texts. A message type is one row; the cell's
// handlers and the host's link are mapped over it, so the compiler names whoever does not know it. No bytes here (frame.ts).
import type { Fault } from "../schema/faults.ts";
import type { RedirectMode, ServiceGrants } from "../schema/services.ts";
import type { PermissionName } from "../schema/permissions.ts";

/** Host to cell. Everything that runs guest code has a CallId and gets exactly one `result` per instance named. */
export const hostMessages = {
  /** First: attachments: [guest bundle, ASCII]. Kept by the cell and run first in every isolate. Answer: `hello`. */
  boot: { type: 7, runs: false },
  /** text: LoadText; attachments: [bundle]. Makes the isolate and runs the module body. Answer: `result` with LoadedText. */
  load: { type: 1, runs: true },
  /** text: event text (schema/view.ts); attachments: bodies; words: instance, cpuMs, instance, cpuMs, … = the chain. Status: EventPhase. */
  event: { type: 2, runs: true },
  /** text: ResumeText; attachments: bytes of the answer. Answers a host call (a timer that is due included); instance, words: [cpuMs, HostCallId]. */
  resume: { type: 3, runs: true },
  /** Disposes the isolate of `instance`; nothing of it is heard of afterwards. Answer: `result`. */
  unload: { type: 4, runs: true },
  /** words: keys of objects that ended; their guests forget them (at their next entry). instance. No answer. */
  release: { type: 5, runs: false },
  /** Asks for StatText; answer `stat` with the same id. */
  stat: { type: 6, runs: false },
} as const;

/** Cell to host. */
export const cellMessages = {
  /** Once, first, in answer to `boot`: text HelloText. */
  hello: { type: 65 },
  /** Answer to a call for `instance`; status: ResultStatus; text by status; attachments: bodies named by the changes. */
  result: { type: 66 },
  /** A call that answered `pending` has settled; same fields; `cpuMicros`: what the entry that settled it used, if that was a `resume` (whose `result` then says 0). */
  settled: { type: 67 },
  /** A guest asks the host: id = HostCallId, text HostCallText; attachments: bytes. */
  hostCall: { type: 68 },
  stat: { type: 69 },
} as const;

export type HostMessage = keyof typeof hostMessages;
export type CellMessage = keyof typeof cellMessages;

/** Status byte of `result` and `settled`. */
export const resultStatus = {
  /** Done, no changes; text empty. */
  unchanged: 0,
  /** Done; text: JSON list of changes (schema/changes.ts) for events, LoadedText for `load`. */
  changed: 1,
  /** The handler awaits something from outside; `settled` follows (one that settles within the entry answers at once). A chain stops here. */
  pending: 2,
  /** Failed; text: FaultText. A chain stops here; the isolate is gone if the fault's row says `reloads`. */
  failed: 3,
  /** Chain: not run because one before it ended the chain. */
  skipped: 4,
} as const;
export type ResultStatus = (typeof resultStatus)[keyof typeof resultStatus];

/** Status byte of `event`: a start-up event (`start`, `configure` at load) is charged to `startupMs` together with the load. */
export const eventPhase = { running: 0, startup: 1 } as const;

export interface HelloText { readonly contract: number; readonly node: string; readonly pid: number }

export interface LoadText {
  readonly name: string;
  /** How the bundle is called in stack traces. */
  readonly file: string;
  readonly limits: {
    readonly cpuMs: number; readonly startupMs: number; readonly memoryMiB: number;
    readonly hostCalls: number; readonly mutationBytes: number; readonly logLineBytes: number;
    readonly cryptoKeys: number; readonly cryptoKeyBytes: number; readonly rsaKeysAtOnce: number;
  };
  /** It was guilty a moment ago: its entries are ended sooner after their CPU time. Absent: no. */
  readonly isSuspect?: boolean;
  /** Services that it was granted, so that the guest can refuse the others where they stand; the host checks again. Absent: none. */
  readonly services?: ServiceGrants;
  /** What it may do, so that the guest can refuse the rest where it stands; the host checks again. Absent: everything on the flow. */
  readonly permissions?: readonly PermissionName[];
}

export interface LoadedText {
  /** Canonical names of the events that the addon handles. Also sent as the changes of `start` when it replaced the addon. */
  readonly handlers: readonly string[];
  readonly warnings: readonly string[];
  /** The export `manifest` as plain data; `null`: none. Checked by the host. */
  readonly manifest: unknown;
}

export type FaultText = Fault;

/**
 * The CallId of the event during which a guest asks, 0 for none (a timer of nobody's). WALL 5: chosen by the guest; it counts only
 * while that call is outstanding for that very instance, and can only tell one's own calls from each other.
 */
interface During { readonly during: number }

/** A guest's request to the host. `log`, `timer.clear` and `flow.resume` get no answer; the others get one `resume`. */
export interface HostCalls {
  "log": { readonly level: "debug" | "info" | "warn" | "error"; readonly msg: string };
  "timer.set": { readonly ms: number };
  "timer.clear": { readonly id: number };
  /** `flow.resume()` outside a call on that flow (from a timer, from another flow's handler): ObjectKey of the flow. */
  "flow.resume": { readonly key: number };
  /** Answer: null, or { json } with the value's text, or { json: null } with its bytes attached. */
  "storage.get": During & { readonly key: string };
  /** `json` null: the value is the one attachment. */
  "storage.set": During & { readonly key: string; readonly json: string | null };
  /** Answer: whether it was there. */
  "storage.delete": During & { readonly key: string };
  /** Answer: keys in the order of their UTF-8 bytes. */
  "storage.list": During & { readonly prefix: string; readonly limit: number };
  "storage.clear": During;
  /** At most one attachment: the body. Answer: FetchedText, the body attached unless it is empty. */
  "fetch": { readonly url: string; readonly method: string; readonly headers: readonly (readonly [name: string, value: string])[]; readonly redirect: RedirectMode };
  /** ObjectKey of the HTTP flow whose request is to be sent again. Answer: null, once it was begun. */
  "replay": { readonly key: number };
}
export type HostCallName = keyof HostCalls;
export type HostCallText = { readonly [N in HostCallName]: { readonly call: N } & HostCalls[N] }[HostCallName];

export interface ResumeText {
  /** HostCallId that is answered. */
  readonly call: number;
  readonly error: string | null;
  readonly value: unknown;
}

export interface StatText { readonly loads: number; readonly instances: number; readonly heapBytes: { readonly [instance: number]: number } }
