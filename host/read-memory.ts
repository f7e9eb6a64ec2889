// Gives memory that sockets were read into back before the garbage collector finds it. Node reads into pieces of 64 KiB outside the
// heap, and V8 answers every 64 MiB of them by marking the whole heap, which took a sixth of the time in which bodies pass
// (bench/bodies.ts, bench/tcp.ts). It knows neither sockets nor who looks at bytes: whoever gives them back vouches for that.

/** PERF: of fewer bytes, giving them back costs more than it saves. */
export const worthGivingBackBytes = 4_096;

/**
 * Bytes given back of each piece that is not free yet. One map for the process, because Node reads several sockets' bytes into one
 * piece; it says nothing but how much of its key is still wanted, and an entry goes with its key.
 */
const givenBackBytes = new WeakMap<ArrayBuffer, number>();

/**
 * Says that nobody will look at these bytes again. Each byte may be given back once. When every byte of a piece was, it is freed and
 * views on it are empty; a piece of which some byte never is remains with the garbage collector.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  const total = (givenBackBytes.get(buffer) ?? 0) + byteLength;
  if (total < buffer.byteLength) givenBackBytes.set(buffer, total);
  else buffer.transfer(0);
}
