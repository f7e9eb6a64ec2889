// Which events that have come in may go through their chain side by side: neighbours with the same chain and little that lies beside them. Pure.
import { eventPhase, hostMessages } from "../sandbox-api/wire/messages.ts";
import type { ReceivedFrame } from "./link.ts";

/** LIMIT: entries of a group, so that the first answer does not wait long for the last; and text and bodies, of one event and of all. */
const mostEntries = 512;
const mostEvents = 32;
const mostBytes = 256 * 1_024;
// From this size on a body that moves into the isolate by itself is cheaper than one that is copied on the way.
const mostBodyBytes = 16 * 1_024;

export interface Group {
  readonly events: readonly ReceivedFrame[];
  /** Keys to be forgotten once all of them have run: told after some, and of no use to the others. */
  readonly releases: readonly ReceivedFrame[];
  /** Index of the frame after them. */
  readonly next: number;
}

const bodyBytes = ({ attachments }: ReceivedFrame): number => attachments.reduce((sum, { byteLength }) => sum + byteLength, 0);
const isJoinable = (frame: ReceivedFrame): boolean => frame.type === hostMessages.event.type && frame.status === eventPhase.running && bodyBytes(frame) <= mostBodyBytes;
const hasSameChain = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((word, at) => word === b[at]);

/** The longest group that begins at `from`; it has at most one event where there is nothing to join. */
export function groupAt(frames: readonly ReceivedFrame[], from: number): Group {
  const events: ReceivedFrame[] = [];
  const releases: ReceivedFrame[] = [];
  const first = frames[from];
  if (first === undefined || !isJoinable(first)) return { events, releases, next: from };
  const most = Math.min(mostEvents, Math.max(2, Math.floor(mostEntries / Math.max(1, first.words.length / 2))));
  let bytes = 0;
  let next = from;
  for (; next < frames.length; next++) {
    const frame = frames[next];
    if (frame?.type === hostMessages.release.type) {
      releases.push(frame);
      continue;
    }
    if (frame === undefined || events.length >= most || !isJoinable(frame) || bytes + frame.text.length + bodyBytes(frame) > mostBytes || !hasSameChain(frame.words, first.words)) break;
    events.push(frame);
    bytes += frame.text.length + bodyBytes(frame);
  }
  return { events, releases, next };
}
