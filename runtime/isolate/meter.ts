// Reads what an isolate has used: CPU time since the last reading, and now and then its heap. Readings are for limits and for
// reports; nothing is enforced here.
import type { Isolate } from "isolated-vm";

/** Tells CPU time from time on the clock, for everything that runs on this thread. One per process. */
export interface ThreadClock {
  /** CPU microseconds of an entry that took `wallMicros` on the clock and has just ended; at most that. */
  charge(wallMicros: number): number;
}

// Below this the clock is taken for CPU time: nobody is judged by a millisecond.
const unreadMicros = 1_000;

/**
 * isolated-vm's `cpuTime` is time on the clock in the published binaries (a handler of 50 ms was told 500 beside four busy
 * processes), so an entry that looks long is charged what the thread really ran. PERF: short ones are not, that saves 1 µs each.
 */
export function makeThreadClock(readMicros: () => number = threadMicros): ThreadClock {
  let last = readMicros();
  let unread = 0;
  return {
    charge: (wallMicros) => {
      unread += wallMicros;
      if (unread < unreadMicros) return wallMicros;
      const now = readMicros();
      const used = now - last;
      last = now;
      unread = 0;
      return Math.min(wallMicros, used);
    },
  };
}

/** CPU microseconds of this thread. */
export function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

export interface Meter {
  /** CPU microseconds spent in the isolate since the last call, and in what took `workMicros` outside for it; 0 once it is disposed. */
  lap(workMicros: number): number;
  /** Bytes in use in the heap and beside it, garbage included, as of the last `weigh`. */
  readonly heapBytes: number;
  /** Looks at the heap (3 µs). Enters the isolate without a timeout: only straight after an entry that returned in time. */
  weigh(): void;
}

export function makeMeter(isolate: Isolate, clock: ThreadClock): Meter {
  let lastNanos = isolate.cpuTime;
  let heapBytes = 0;
  return {
    lap: (workMicros) => {
      if (isolate.isDisposed) return 0;
      const nanos = isolate.cpuTime;
      const spent = Number(nanos - lastNanos);
      lastNanos = nanos;
      return clock.charge(Math.max(0, Math.round(spent / 1_000) + workMicros));
    },
    get heapBytes() { return heapBytes; },
    weigh: () => {
      const { used_heap_size: used, externally_allocated_size: external } = isolate.getHeapStatisticsSync();
      heapBytes = used + external;
    },
  };
}
