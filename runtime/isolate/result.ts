// What one entry into an isolate came to, in the form that goes to the host, and the making of it from what the guest returned
// or from what stopped it. Pure; believes nothing the guest says about itself beyond its shape.
import { type Fault, faultTable } from "../../sandbox-api/schema/faults.ts";
import { type GuestResult, readGuestResult, type RejectionReason } from "../../sandbox-api/schema/guest-contract.ts";
import { resultStatus, type ResultStatus } from "../../sandbox-api/wire/messages.ts";
import { oneLine, parseFault } from "../../sandbox-api/wire/text-checks.ts";
import type { Post } from "./bridge.ts";

/** Status, text and attachments as `result` and `settled` carry them. */
export interface Answer {
  readonly status: ResultStatus;
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
  /** The isolate may not be entered again. */
  readonly isFatal: boolean;
  /** The clock ended it; whether it used its CPU time is another question. */
  readonly isTimeout?: boolean;
}

export interface EntryResult extends Answer {
  readonly cpuMicros: number;
  /** What else the guest posted, in order; `settled` ones have been checked with `readAnswer` by whoever sends them. */
  readonly posts: readonly Post[];
}

const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);
const plain = (status: ResultStatus): Answer => Object.freeze({ status, text: "", attachments: noBuffers, isFatal: false });
const unchanged = plain(resultStatus.unchanged);
const pending = plain(resultStatus.pending);

export function faultAnswer(fault: Fault): Answer {
  return { status: resultStatus.failed, text: asciiFault(fault), attachments: noBuffers, isFatal: faultTable[fault.code].reloads };
}

// Text travels as latin1, so what is beyond is escaped.
const asciiFault = (fault: Fault): string =>
  JSON.stringify(fault).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

const noResult = faultAnswer({ code: "threw", message: "the call gave no result" });

/** A guest's result with its attachments; one that is none counts as a throw. */
export function readAnswer(result: GuestResult | null, attachments: readonly ArrayBuffer[]): Answer {
  if (result === null || result.attachments !== attachments.length) return noResult;
  switch (result.status) {
    case resultStatus.unchanged: return unchanged;
    case resultStatus.pending: return pending;
    case resultStatus.changed: return { status: resultStatus.changed, text: result.text, attachments, isFatal: false };
    case resultStatus.failed: {
      const fault = parseFault(result.text);
      return fault === null ? noResult : faultAnswer(fault);
    }
    default: return noResult;
  }
}

/** The answer in a `settled` post. */
export function readSettled(post: Post): Answer {
  const answer = readAnswer(readGuestResult(post.text), post.attachments);
  return answer.status === resultStatus.pending ? noResult : answer;
}

/** What a thrown value of the engine says, as one short line. */
export function thrownMessage(error: unknown): string {
  return oneLine(error instanceof Error && typeof error.message === "string" ? error.message : "unknown error", 300);
}

/** Where isolated-vm's own frames and those of this process begin in a stack. */
const boundary = "(<isolated-vm boundary>)";
const longestStack = 4_000;

/** The addon's part of the stack of what the engine threw: no path of this process is in it. Null: it did not come from an isolate. */
function ownStack({ stack }: Error): string | null {
  const end = typeof stack === "string" ? stack.indexOf(boundary) : -1;
  if (end < 0) return null;
  const own = String(stack).slice(0, Math.min(end, longestStack));
  return own.slice(0, own.lastIndexOf("\n"));
}

/**
 * What an entry threw although the guest catches everything: the engine reports so a promise that was rejected and has no handler when
 * the entry ends (isolated-vm).
 */
export function engineFault(error: unknown, code: "threw" | "load-failed"): Fault {
  if (!(error instanceof Error)) return { code, message: `a promise was rejected and nobody handled it: ${oneLine(typeof error === "string" ? error : typeof error, 300)}` };
  const stack = ownStack(error);
  if (stack === null) return { code, message: thrownMessage(error) };
  const name = typeof error.name === "string" && error.name !== "" ? `${error.name}: ` : "";
  return { code, message: oneLine(`a promise was rejected and nobody handled it: ${name}${error.message}`, 400), stack };
}

const longestText = 4_000;
const cut = (text: unknown): string => String(text).slice(0, longestText);

/** The same for the guest's `rejected`. */
export function rejectionReason(error: unknown): RejectionReason {
  if (error instanceof Error) return { name: cut(error.name), message: cut(error.message), stack: ownStack(error) ?? "" };
  if (error === undefined) return {};
  return { value: typeof error === "number" || typeof error === "boolean" || error === null ? error : cut(error) };
}

/** Whether the engine ended an entry for a rejection: the guest did not return, and yet the isolate may be entered again. */
export const isRejected = (result: EntryResult, hasReturned: boolean): boolean => !hasReturned && !result.isFatal && result.status === resultStatus.failed;

/** Whether isolated-vm ended an entry because its time was up. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === "Script execution timed out.";
