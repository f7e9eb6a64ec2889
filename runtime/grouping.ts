// Which events that have come in may go through their chain side by side: neighbours with the same chain and without attachments. Pure.
import { eventPhase, hostMessages } from "../sandbox-api/wire/messages.ts";
import type { ReceivedFrame } from "./link.ts";

/** LIMIT: entries of a group, so that the first answer does not wait long for the last; and their text. */
const mostEntries = 512;
const mostEvents = 32;
const mostChars = 256 * 1_024;

export interface Group {
  readonly events: readonly ReceivedFrame[];
  /** Keys to be forgotten once all of them have run: told after some, and of no use to the others. */
  readonly releases: readonly ReceivedFrame[];
  /** Index of the frame after them. */
  readonly next: number;
}

const isJoinable = ({ type, status, attachments }: ReceivedFrame): boolean => type === hostMessages.event.type && status === eventPhase.running && attachments.length === 0;
const hasSameChain = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((word, at) => word === b[at]);

/** The longest group that begins at `from`; it has at most one event where there is nothing to join. */
export function groupAt(frames: readonly ReceivedFrame[], from: number): Group {
  const events: ReceivedFrame[] = [];
  const releases: ReceivedFrame[] = [];
  const first = frames[from];
  if (first === undefined || !isJoinable(first)) return { events, releases, next: from };
  const most = Math.min(mostEvents, Math.max(2, Math.floor(mostEntries / Math.max(1, first.words.length / 2))));
  let chars = 0;
  let next = from;
  for (; next < frames.length; next++) {
    const frame = frames[next];
    if (frame?.type === hostMessages.release.type) {
      releases.push(frame);
      continue;
    }
    if (frame === undefined || events.length >= most || chars + frame.text.length > mostChars || !isJoinable(frame) || !hasSameChain(frame.words, first.words)) break;
    events.push(frame);
    chars += frame.text.length;
  }
  return { events, releases, next };
}
