// The one way out of an isolate while it runs: `$post` queues strings and ArrayBuffers, within counts and sizes, and returns.
// Nothing is answered or sent from here; whoever entered the isolate takes the queue afterwards. Each post is O(its size), because
// time in a callback is not in isolated-vm's timeout.
import { noCallsLeft, type PostKind } from "../../sandbox-api/schema/guest-contract.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";

export interface Post {
  readonly kind: PostKind;
  readonly id: number;
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
}

export interface BridgeLimits { readonly hostCalls: number; readonly mutationBytes: number }

export interface Bridge {
  /** Given to the isolate as `$post`. */
  readonly post: (kind: unknown, id: unknown, text: unknown, ...attachments: unknown[]) => void;
  /** Opens the queue for one entry; `call` is the event that is dispatched, 0 if none. */
  open(call: number): void;
  /** Takes what was posted since `open` and closes the queue. */
  close(): readonly Post[];
  /** The limit that was broken since `open`. */
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

const none: readonly Post[] = Object.freeze([]);

export function makeBridge(limits: BridgeLimits): Bridge {
  const pending = new Set<number>();
  const abandoned = new Set<number>();
  let posts: Post[] = [];
  let isOpen = false;
  let current = 0;
  let hostCalls = 0;
  let bytes = 0;
  let fault: Fault | null = null;

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

  const weigh = (text: string, attachments: readonly ArrayBuffer[]): void => {
    bytes += text.length;
    for (const { byteLength } of attachments) bytes += byteLength;
    if (bytes <= limits.mutationBytes) return;
    fault ??= { code: "mutation-too-large", message: `more than ${limits.mutationBytes} bytes in one entry`, limit: { name: "mutationBytes", value: limits.mutationBytes, used: bytes, unit: "bytes" } };
    throw refusal("too many bytes for the host");
  };

  return {
    pending,
    post: (kind, id, text, ...attachments) => {
      if (!isOpen || (kind !== "settled" && kind !== "hostCall") || !isIndex(id) || typeof text !== "string") throw refusal("not a message");
      const buffers = attachments.filter((item) => item instanceof ArrayBuffer);
      if (buffers.length !== attachments.length) throw refusal("not a message");
      weigh(text, buffers);
      if (count(kind, id)) posts.push({ kind, id, text, attachments: buffers });
    },
    abandon: (call) => {
      for (const oldest of abandoned) if (abandoned.size >= mostAbandoned) abandoned.delete(oldest);
      abandoned.add(call);
    },
    open: (call) => { isOpen = true; current = call; hostCalls = 0; bytes = 0; fault = null; },
    close: () => {
      isOpen = false;
      current = 0;
      if (posts.length === 0) return none;
      const taken = posts;
      posts = [];
      return taken;
    },
    get fault() { return fault; },
  };
}
