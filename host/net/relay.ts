// Carries bytes between two connections, both ways, with back-pressure and half-close: an end on one side shuts down writing on the
// other only. A hook may look at, change or hold each chunk; without one the bytes are only passed on.
import { giveBack } from "../read-memory.ts";
import type { Alarm } from "./timeouts.ts";
import type { BytePipe } from "./byte-pipe.ts";
import type { ProxyTimeouts } from "./proxy-timeouts.ts";
import type { Waker } from "./waker.ts";

/** LIMIT: with so many bytes nothing more is joined to a chunk; a single read is smaller than twice that. */
const joinedBytes = 65_536;

/** Gets each chunk, what waited meanwhile joined to one; gives what to send (empty: nothing), or null to stop the relay. */
export type ChunkHook = (chunk: Buffer, isFromClient: boolean) => Promise<Buffer | null> | Buffer | null;

export interface RelayOptions {
  /** Woken by both duplexes and by the alarm. */
  readonly waker: Waker;
  readonly alarm: Alarm;
  /** Time without a byte in either direction after which the relay ends, in milliseconds. */
  readonly idleMs: number;
  /** The same once one side has ended: it may be gone for good, which nobody tells. */
  readonly halfClosedMs: number;
  /** Asked after each wake: true ends the relay. */
  readonly isOver: () => boolean;
  readonly hook?: ChunkHook;
}

/** ended: both sides said so. broken: one went away without (`error` if the system said why). stopped: by the hook, a deadline or `isOver`. */
export interface RelayEnd { readonly kind: "ended" | "broken" | "stopped"; readonly error: Error | null; readonly isFromClient: boolean }

/** The times of a relay, from the table. */
export function relayTimes({ tunnelMs, stallMs }: ProxyTimeouts): Pick<RelayOptions, "idleMs" | "halfClosedMs"> {
  return { idleMs: tunnelMs, halfClosedMs: stallMs };
}

/** Resolves when nothing can move any more; the connections are the caller's to close. Never rejects unless the hook does. */
export async function relay(client: BytePipe, server: BytePipe, options: RelayOptions): Promise<RelayEnd> {
  const { waker, alarm, idleMs, halfClosedMs, isOver } = options;
  client.onNews = server.onNews = waker.wake;
  const ways = [{ from: client, to: server, isFromClient: true }, { from: server, to: client, isFromClient: false }] as const;
  for (;;) {
    alarm.set(client.hasEnd || server.hasEnd ? halfClosedMs : idleMs);
    for (const { from, to, isFromClient } of ways) {
      const take = (): Buffer | null => (to.isBlocked ? null : options.hook === undefined ? from.take() : takeJoined(from));
      for (let chunk = take(); chunk !== null; chunk = take()) {
        if (options.hook === undefined) to.pass(chunk);
        else {
          const given = options.hook(chunk, isFromClient);
          const sent = given instanceof Promise ? await given : given;
          if (sent === null) return { kind: "stopped", error: null, isFromClient };
          if (sent.length > 0) to.write(sent);
        }
        to.flush();
      }
      if (from.hasEnd && from.isEnded) to.end();
    }
    const end = endOf(client, server);
    if (end !== null) return end;
    await waker.wait();
    if (isOver()) return { kind: "stopped", error: null, isFromClient: true };
  }
}

/** After a relay that did not end by itself: neither side may take what it has for all there was. */
export function cutBoth(client: BytePipe, server: BytePipe): void {
  client.reset();
  server.reset();
}

/** PERF: what came while the hook was busy is shown to it in one piece (bench/tcp.ts). Nothing is waited for. */
function takeJoined(from: BytePipe): Buffer | null {
  const first = from.take();
  if (first === null) return null;
  const chunks = [first];
  for (let bytes = first.length; bytes < joinedBytes;) {
    const next = from.take();
    if (next === null) break;
    chunks.push(next);
    bytes += next.length;
  }
  if (chunks.length === 1) return first;
  const joined = Buffer.concat(chunks);
  for (const chunk of chunks) giveBack(chunk);
  return joined;
}

function endOf(client: BytePipe, server: BytePipe): RelayEnd | null {
  if (client.hasEnd && server.hasEnd && client.isEnded && server.isEnded) return { kind: "ended", error: null, isFromClient: true };
  for (const side of [client, server]) {
    if (side.isClosed && side.isEnded && (side.error !== null || !side.hasEnd)) return { kind: "broken", error: side.error, isFromClient: side === client };
  }
  // A side that ended and was then closed takes nothing more: what the other still sends has nowhere to go.
  const gone = client.isClosed ? client : server.isClosed ? server : null;
  return gone !== null && gone.isEnded ? { kind: "ended", error: null, isFromClient: gone === client } : null;
}
