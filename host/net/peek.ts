// Looks at the first bytes of a connection without consuming them, until somebody can tell what they are or a wait is over.
// What the bytes mean is decided by the caller's `look`.
import type { PlainDuplex } from "./plain-duplex.ts";
import type { Waker } from "./waker.ts";

/** LIMIT: bytes that are held while nobody can tell what they are; the longest legal client hello is below. */
export const mostPeekedBytes = 40_960;

export interface PeekOptions {
  /** Wakes at the duplex's news; it must be `duplex.onNews` already. */
  readonly waker: Waker;
  /** How long to wait for more bytes in all; null: as long as the connection lives. */
  readonly waitMs: number | null;
  /** Asked now and then, after each wake: true gives up (a deadline, a shutdown). */
  readonly isOver?: () => boolean;
}

/**
 * Calls `look` with all bytes so far whenever there are more, until it gives something other than null. The last time it is called
 * with `isFinal` (nothing more comes in time) and its answer, null included, is returned. The bytes stay unread in the duplex.
 */
export async function peek<T>(duplex: PlainDuplex, look: (bytes: Buffer, isFinal: boolean) => T | null, { waker, waitMs, isOver }: PeekOptions): Promise<T | null> {
  let seen: Buffer = Buffer.alloc(0);
  let isLate = false;
  const timer = waitMs === null ? null : setTimeout(() => {
    isLate = true;
    waker.wake();
  }, waitMs);
  try {
    for (;;) {
      const fresh = takeAll(duplex);
      if (fresh.length > 0) seen = seen.length === 0 ? fresh : Buffer.concat([seen, fresh]);
      const isFinal = isLate || duplex.isEnded || seen.length >= mostPeekedBytes || isOver?.() === true;
      const found = seen.length > 0 || isFinal ? look(seen, isFinal) : null;
      if (found !== null || isFinal) return found;
      await waker.wait();
    }
  } finally {
    if (timer !== null) clearTimeout(timer);
    duplex.unread(seen);
  }
}

function takeAll(duplex: PlainDuplex): Buffer {
  const first = duplex.take();
  if (first === null) return Buffer.alloc(0);
  const chunks = [first];
  for (let next = duplex.take(); next !== null; next = duplex.take()) chunks.push(next);
  return chunks.length === 1 ? first : Buffer.concat(chunks);
}
