// Reads what an isolate has used: CPU time since the last reading, and now and then its heap. Readings are for limits and for
// reports; nothing is enforced here.
import type { Isolate } from "isolated-vm";

export interface Meter {
  /** CPU microseconds spent in the isolate since the last call; 0 once it is disposed. About 0.2 µs. */
  lap(): number;
  /** Bytes in use in the heap and beside it, as of the last `weigh`. */
  readonly heapBytes: number;
  /** Looks at the heap (3 µs). Enters the isolate without a timeout: only straight after an entry that returned in time. */
  weigh(): number;
}

export function makeMeter(isolate: Isolate): Meter {
  let lastNanos = isolate.cpuTime;
  let heapBytes = 0;
  return {
    lap: () => {
      if (isolate.isDisposed) return 0;
      const nanos = isolate.cpuTime;
      const used = Number(nanos - lastNanos);
      lastNanos = nanos;
      return Math.max(0, Math.round(used / 1_000));
    },
    get heapBytes() { return heapBytes; },
    weigh: () => {
      const { used_heap_size: used, externally_allocated_size: external } = isolate.getHeapStatisticsSync();
      heapBytes = used + external;
      return heapBytes;
    },
  };
}
