// What a cell says, and when it must be out. The host blames whoever it waits for when a cell dies or hangs (sandbox.md §1 rule 3): so before an
// isolate is entered, either every answer before it is out, or the mark tells whose turn it is. PERF: a mark costs a tenth of a write that
// wakes the host (decision 27, bench/chain).
import { writeSync } from "node:fs";
import { markBytes, writeMark } from "../sandbox-api/wire/mark.ts";
import type { CellLink, SentFrame } from "./link.ts";

export interface Outbox {
  /** Whether answers may wait: there is a mark. */
  readonly mayWait: boolean;
  add(frame: SentFrame): void;
  flush(): void;
  /** `flush`, if something has waited long. */
  flushLate(): void;
  /** Everything that was asked has been answered: `flush`, and no mark that was written counts any longer. */
  end(): void;
  /** That call is about to run in that instance. `isNext`: it is the one that the host waits for, once all that was added is out. Flushes only where there is no mark. */
  enter(call: number, instance: number, isNext: boolean): void;
}

/** LIMIT: answers do not wait longer than this for those after them, once an entry has ended. */
const longestWaitMs = 1;

/** `markDescriptor`: a file that the host looks into when this process is gone; null: there is none. */
export function makeOutbox(link: CellLink, markDescriptor: number | null, now = (): number => performance.now()): Outbox {
  const mark = Buffer.alloc(markBytes);
  let descriptor = markDescriptor;
  let waitingSinceMs = 0;
  let isWaiting = false;
  /** A mark may name a call that is not answered yet. */
  let isMarked = false;

  const flush = (): void => {
    isWaiting = false;
    link.flush();
  };

  /** False: there are no marks any more. */
  const put = (call: number, instance: number): boolean => {
    if (descriptor === null) return false;
    writeMark(mark, call, instance);
    try {
      writeSync(descriptor, mark, 0, markBytes, 0);
      return (isMarked = true);
    } catch {
      descriptor = null; // A full disk, say: slower from now on, and no reason to die.
      return false;
    }
  };

  return {
    get mayWait() { return descriptor !== null; },
    flush,
    flushLate: () => { if (isWaiting && now() - waitingSinceMs > longestWaitMs) flush(); },
    end: () => {
      flush();
      isMarked = false;
    },
    add: (frame) => {
      if (!isWaiting) waitingSinceMs = now();
      isWaiting = true;
      link.add(frame);
    },
    enter: (call, instance, isNext) => {
      if (isNext && !isWaiting && !isMarked) return;
      if (!put(call, instance)) flush();
    },
  };
}
