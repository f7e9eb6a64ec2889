// How the rest of the host sees a cell: a process that holds instances of addons and runs calls in them. The interface and its
// values; spawn.ts, link.ts and pool.ts implement it. Whoever talks to a cell gets answers or faults, never exceptions.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { InstanceId } from "../../sandbox-api/schema/ids.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import type { ServiceGrants } from "../../sandbox-api/schema/services.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { HostCallText, LoadedText, StatText } from "../../sandbox-api/wire/messages.ts";

export interface InstanceSpec {
  readonly name: string;
  /** How the bundle is called in stack traces. */
  readonly file: string;
  /** Compiled bundle: ASCII JavaScript in the form `$module(function (exports, module, require) { … })`. */
  readonly bundle: Buffer;
  readonly limits: Limits;
  /** It was guilty a moment ago: entries that have had their time are ended with less patience. Absent: no. */
  readonly isSuspect?: boolean;
  /** Absent: none. */
  readonly services?: ServiceGrants;
  /** Told to the guest, which refuses the rest. Absent: everything on the flow. */
  readonly permissions?: ReadonlySet<PermissionName>;
}

/** One instance's part in a call. */
export type Outcome =
  | { readonly kind: "unchanged"; readonly cpuMicros: number }
  /** `text`: JSON list of changes, not yet checked. */
  | { readonly kind: "changed"; readonly cpuMicros: number; readonly text: string; readonly attachments: readonly Buffer[] }
  | { readonly kind: "failed"; readonly cpuMicros: number; readonly fault: Fault }
  /** Not run because one before it in the chain stopped the chain (it waited, failed, or changed a body): ask again with a new call. */
  | { readonly kind: "skipped" }
  /** Innocent: the cell went away before this instance ran or answered. Ask again at the restarted instance. */
  | { readonly kind: "lost" };

export type LoadOutcome =
  | { readonly kind: "loaded"; readonly loaded: LoadedText; readonly cpuMicros: number }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "lost" };

export interface ChainEntry { readonly instance: InstanceId; readonly cpuMs: number; readonly wallMs: number }

export interface CellCall {
  /** Event text as `schema/view.ts` lays it out; latin1. */
  readonly text: string;
  readonly attachments: readonly Buffer[];
  /** Instances in order; each sees the object as the ones before it left it. At least one. */
  readonly chain: readonly ChainEntry[];
  /** A call that belongs to start-up: `start` and `configure` at load; counts against `startupMs` instead of `cpuMs`. */
  readonly startup?: boolean;
}

/** Why a cell is gone. `guilty` ran when it happened; null when nobody did (killed from outside, or the host ended it). */
export interface CellEnd { readonly fault: Fault | null; readonly guilty: InstanceId | null; readonly residentMiB: number }

export interface CellEvents {
  /**
   * A guest asks for something; the text is checked for shape. Answer with `resume` unless the call takes no answer. `during`: what
   * the host gave to `call` and waits for, if the guest asks while it works on that; null: outside of calls.
   */
  readonly hostCall: (instance: InstanceId, id: number, call: HostCallText, attachments: readonly Buffer[], during: CellCall | null) => void;
  /** An instance broke outside a call (a timer's continuation looped, …): its isolate is gone if the fault's row says `reloads`. */
  readonly instanceFault: (instance: InstanceId, fault: Fault) => void;
  /** CPU that no outcome tells: entries that answered a host call (timers) without settling an event. For the budget. */
  readonly cpuUsed?: (instance: InstanceId, cpuMicros: number) => void;
  /** The process ended, for whatever reason; all outstanding calls have been answered before this. Exactly once. */
  readonly end: (end: CellEnd) => void;
}

export interface Cell {
  readonly pid: number;
  /** Isolates loaded since the process began, for recycling. */
  readonly loads: number;
  /** Resident memory while nothing runs in it; null while something does, or where it cannot be read. */
  readonly restMiB: number | null;
  load(instance: InstanceId, spec: InstanceSpec): Promise<LoadOutcome>;
  /** One outcome per chain entry, in order. Resolves when all are known; a pending handler is waited for up to its wallMs. */
  call(call: CellCall): Promise<readonly Outcome[]>;
  /** Answers a host call. `text` is ResumeText as ASCII JSON. Resolves when the guest has taken it, or is gone. */
  resume(instance: InstanceId, hostCall: number, text: string, attachments: readonly Buffer[], cpuMs: number): Promise<void>;
  /** The isolate is disposed; outstanding calls of it resolve as `lost`. */
  unload(instance: InstanceId): Promise<void>;
  /** These objects ended. */
  release(instance: InstanceId, keys: readonly number[]): void;
  stat(): Promise<StatText | null>;
  /** From now on it gets less of a busy processor than others: somebody guilty lives in it, alone. Cannot be taken back; idempotent. */
  standBack(): void;
  /** Ends the process at once. Idempotent. */
  kill(): void;
}

export interface CellPoolOptions {
  /** Compiled guest bundle (ASCII), sent to each cell first. */
  readonly guestBundle: Buffer;
  readonly standby: number;
  readonly cellMemoryMiB: number;
  readonly unresponsiveMs: number;
  readonly jail: "auto" | "require" | "off";
  readonly jitless: boolean;
}

/** Gives out booted cells and keeps warm ones ready. */
export interface CellPool {
  /** A cell that nobody else has; its events go to `events`. Rejects only when no cell can be started at all (operator error). */
  acquire(events: CellEvents): Promise<Cell>;
  /** Ends all cells, standby ones included, and waits for the processes. */
  close(): Promise<void>;
}
