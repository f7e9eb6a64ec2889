// Events that share an entry: how they are written for the guest's `dispatchMany`, and what the entry's results are for each of them. Pure.
import type { DoneCall } from "./bridge.ts";
import { addPieces } from "./pieces.ts";
import { type Answer, type EntryResult, faultAnswer, readSettled } from "./result.ts";

/** An event to be run in one entry with others. Its attachments are lent. */
export interface JoinedEvent { readonly call: number; readonly text: string; readonly attachments: readonly Buffer[] }

/** The arguments of `dispatchMany` (schema/guest-contract.ts). `bodies` are nobody else's. */
export interface JoinedInput { readonly calls: string; readonly pieces: readonly string[]; readonly bodies: ArrayBuffer | undefined }

export function joinedInput(events: readonly JoinedEvent[]): JoinedInput {
  const pieces: string[] = [];
  const calls = events.flatMap(({ call, text, attachments }) => [call, addPieces(pieces, text), attachments.length, ...attachments.map(({ length }) => length)]);
  return { calls: JSON.stringify(calls), pieces, bodies: joinedBytes(events.flatMap(({ attachments }) => attachments)) };
}

/** All of them in one buffer of its own; none where there are none. */
function joinedBytes(buffers: readonly Buffer[]): ArrayBuffer | undefined {
  if (buffers.length === 0) return undefined;
  const joined = Buffer.allocUnsafeSlow(buffers.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of buffers) at += bytes.copy(joined, at);
  return joined.buffer;
}

/** When an entry ran, by `performance.now()`, and how it ended. */
export interface JoinedEnd {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** What the call had that ran last, with the CPU time of all. */
  readonly last: EntryResult;
  /** The engine ended it for a rejection that nobody handled, and nobody knows whose. */
  readonly isUnclear: boolean;
}

/** The results of an entry of several calls, up to the first that is fatal; the CPU time is shared out by what each took on the clock. */
export function partedResults(doneCalls: readonly DoneCall[], { startedAtMs, endedAtMs, last, isUnclear }: JoinedEnd): readonly EntryResult[] {
  const perMs = last.cpuMicros / Math.max(endedAtMs - startedAtMs, Number.EPSILON);
  const results: EntryResult[] = [];
  let beganAtMs = startedAtMs;
  for (const call of doneCalls) {
    const { status, text, attachments, isFatal } = isUnclear ? last : readDone(call);
    results.push({ status, text, attachments, isFatal, cpuMicros: Math.round((call.endedAtMs - beganAtMs) * perMs), posts: call.posts });
    if (isFatal) return results;
    beganAtMs = call.endedAtMs;
  }
  results.push({ ...last, cpuMicros: Math.round((endedAtMs - beganAtMs) * perMs) });
  return results;
}

/** The answer of a call that was over before its entry was. */
function readDone({ text, attachments, fault }: DoneCall): Answer {
  return fault === null ? readSettled({ kind: "settled", id: 0, text, attachments }) : faultAnswer(fault);
}
