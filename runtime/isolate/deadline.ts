// When isolated-vm shall end an entry. Its timers are never cancelled: each waits in a queue of its timer thread until its time has
// come, although the entry ended long before, and the thread is woken for each. PERF: so the deadlines of entries that begin at
// different times are put close together, and the thread wakes once for hundreds of them (7 µs an entry, docs/performance.md). Pure.

// Deadlines stand at multiples of this.
const gridMs = 20;

/** Room for other processes: the timer is a clock on the wall, CPU time is compared afterwards. At most this, and at least 20 ms less. */
export const graceMs = 150;
/** The same for who was guilty a moment ago: each loop costs others its limit and this. Who was starved is asked again all the same. */
export const suspectGraceMs = 50;

/** What an entry has at least beyond its limit. */
export const leastGrace = (mostMs: number): number => mostMs - gridMs;

export interface Deadlines {
  /** The timeout, in whole milliseconds, of an entry that begins at `nowMs` and may run for `limitMs`: that and the least grace, at most and `mostMs`. */
  timeout(limitMs: number, mostMs: number, nowMs: number): number;
}

/** One for each process. */
export function makeDeadlines(): Deadlines {
  let lastMs = 0;
  return {
    timeout: (limitMs, mostMs, nowMs) => {
      const begin = Math.floor(nowMs);
      const deadline = Math.floor((begin + Math.ceil(limitMs) + mostMs) / gridMs) * gridMs;
      // A timer that is due before a thread's next wake-up gets a new thread. The first of a group is due before the others, whose fractions of a millisecond differ.
      const isFirst = deadline !== lastMs;
      lastMs = deadline;
      return deadline - begin - (isFirst ? 1 : 0);
    },
  };
}
