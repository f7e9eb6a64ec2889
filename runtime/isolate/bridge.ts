// The way out of an isolate while it runs: `$post` and `$done` queue strings and ArrayBuffers, within counts and sizes, and return.
// Nothing is answered or sent from here; whoever entered the isolate takes the queue afterwards. Each post is O(its size), because
// time in a callback is not in isolated-vm's timeout.
import { noCallsLeft, type PostKind } from "../../sandbox-api/schema/guest-contract.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { text as textBytes } from "../native/text.ts";

export interface Post {
  readonly kind: PostKind;
  readonly id: number;
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
}

/** A call of an entry of several that has ended within it. */
export interface DoneCall {
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
  /** What was posted while it ran. */
  readonly posts: readonly Post[];
  readonly fault: Fault | null;
  /** By the clock of `performance.now`. */
  readonly endedAtMs: number;
}

export interface BridgeLimits { readonly hostCalls: number; readonly mutationBytes: number }

export interface Bridge {
  /** Given to the isolate as `$post`. */
  readonly post: (kind: unknown, id: unknown, text: unknown, ...attachments: unknown[]) => void;
  /** Given to the isolate as `$done`. */
  readonly done: (text: unknown, ...attachments: unknown[]) => void;
  /**
   * Opens the queue for one entry; `call` is the event that is dispatched, 0 if none, and `following` those that run after it in the same
   * entry: `begins` hears of each of these before it does.
   */
  open(call: number, following?: readonly number[], begins?: (call: number) => void): void;
  /** Takes what was posted since `open`, or since the last call that is done, and closes the queue. */
  close(): readonly Post[];
  /** The call that runs, or ran last; 0 if none. */
  readonly current: number;
  /** The calls that were done since `open`; the one after them ran last. */
  readonly doneCalls: readonly DoneCall[];
  /** The limit that was broken by the call that ran last. */
  readonly fault: Fault | null;
  /** Calls that answered `pending` and have not settled. */
  readonly pending: Set<number>;
  /** A call was answered although its handler may go on: what it settles later is dropped. */
  abandon(call: number): void;
}

/** LIMIT: abandoned calls that are remembered. */
const mostAbandoned = 1_000;

/** An error for the isolate to catch; it must not carry this process's stack and paths (isolated-vm copies them in). */
function refusal(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

const isIndex = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;

type Part = ArrayBuffer | string;

function partsIn(attachments: readonly unknown[]): readonly Part[] {
  if (attachments.length === 0) return noBuffers;
  const parts = attachments.filter((item) => item instanceof ArrayBuffer || typeof item === "string");
  if (parts.length !== attachments.length) throw refusal("not a message");
  return parts;
}

const isText = (part: Part): part is string => typeof part === "string";
const sizeOf = (part: Part): number => (typeof part === "string" ? Buffer.byteLength(part) : part.byteLength);

/** Texts as UTF-8; one that cannot be is refused. */
function asBuffer(part: Part): ArrayBuffer {
  const bytes = isText(part) ? textBytes("utf-8", part) : part;
  if (bytes === null || typeof bytes === "string") throw refusal("not a message");
  return bytes;
}

const none: readonly Post[] = Object.freeze([]);
const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);
const noDone: readonly DoneCall[] = Object.freeze([]);
const nobody = (): void => {};
const nothingFollows: readonly number[] = Object.freeze([]);

type Work = <T>(piece: () => T) => T;

const encoded = (parts: readonly Part[], work: Work): readonly ArrayBuffer[] =>
  parts.length === 0 ? noBuffers : parts.some(isText) ? work(() => parts.map(asBuffer)) : parts.map(asBuffer);

/** `work`: does a piece of this process's own work within the time of the entry, or throws where none is left. */
export function makeBridge(limits: BridgeLimits, work: Work = (piece) => piece()): Bridge {
  const pending = new Set<number>();
  const abandoned = new Set<number>();
  let posts: Post[] = [];
  let isOpen = false;
  let current = 0;
  let hostCalls = 0;
  let bytes = 0;
  let fault: Fault | null = null;
  let following = nothingFollows;
  let begins: (call: number) => void = nobody;
  let doneCalls: DoneCall[] | null = null;

  const tooLarge = (used: number): Fault => ({ code: "mutation-too-large", message: `more than ${limits.mutationBytes} bytes in one entry`, limit: { name: "mutationBytes", value: limits.mutationBytes, used, unit: "bytes" } });

  /** The current call is over and the next one of the entry begins, with limits of its own. */
  const done: Bridge["done"] = (text, ...attachments) => {
    const calls = (doneCalls ??= []);
    const next = following[calls.length];
    if (!isOpen || next === undefined || typeof text !== "string") throw refusal("no such call is running");
    const parts = partsIn(attachments);
    const size = parts.reduce((sum, part) => sum + sizeOf(part), text.length);
    const buffers = size > limits.mutationBytes ? noBuffers : encoded(parts, work);
    const endedAtMs = performance.now();
    const own = posts.length === 0 ? none : posts;
    // LIMIT: what is refused is not kept, or an entry could give the same large text for each of its calls.
    calls.push(size > limits.mutationBytes ? { text: "", attachments: buffers, posts: own, fault: fault ?? tooLarge(size), endedAtMs } : { text, attachments: buffers, posts: own, fault, endedAtMs });
    current = next;
    hostCalls = bytes = 0;
    fault = null;
    if (own !== none) posts = [];
    begins(next);
  };

  /** False: the post is dropped. */
  const count = (kind: PostKind, id: number): boolean => {
    if (kind === "hostCall" && ++hostCalls > limits.hostCalls) {
      fault ??= { code: "host-calls", message: `more than ${limits.hostCalls} calls to the host in one entry`, limit: { name: "hostCalls", value: limits.hostCalls, used: hostCalls, unit: "calls" } };
      throw refusal(noCallsLeft);
    }
    if (kind === "hostCall" || id === current || pending.delete(id)) return true;
    if (abandoned.delete(id)) return false;
    throw refusal("no such call is pending");
  };

  const weigh = (text: string, parts: readonly Part[]): void => {
    bytes += text.length;
    for (const part of parts) bytes += sizeOf(part);
    if (bytes <= limits.mutationBytes) return;
    fault ??= tooLarge(bytes);
    throw refusal("too many bytes for the host");
  };

  return {
    pending,
    done,
    post: (kind, id, text, ...attachments) => {
      if (!isOpen || (kind !== "settled" && kind !== "hostCall") || !isIndex(id) || typeof text !== "string") throw refusal("not a message");
      const parts = partsIn(attachments);
      if (kind === "hostCall" && parts.some(isText)) throw refusal("not a message");
      weigh(text, parts);
      if (count(kind, id)) posts.push({ kind, id, text, attachments: encoded(parts, work) });
    },
    abandon: (call) => {
      for (const oldest of abandoned) if (abandoned.size >= mostAbandoned) abandoned.delete(oldest);
      abandoned.add(call);
    },
    open: (call, after = nothingFollows, hear = nobody) => { isOpen = true; current = call; following = after; begins = hear; doneCalls = null; hostCalls = 0; bytes = 0; fault = null; },
    close: () => {
      isOpen = false;
      if (posts.length === 0) return none;
      const taken = posts;
      posts = [];
      return taken;
    },
    get fault() { return fault; },
    get current() { return current; },
    get doneCalls() { return doneCalls ?? noDone; },
  };
}
