// The global as an EventTarget, and what is reported there before it is logged (WHATWG HTML §8.1.4): exceptions that nobody caught, as
// `error`, and promises that were rejected and that nobody handled, as `unhandledrejection`. Logs nothing itself; who reports here
// does that where the answer is false. An isolate in which nobody touched this part reports nothing here.
import { cancel, eventState, trusted, ErrorEvent, PromiseRejectionEvent } from "./event.ts";
import { adopt, EventTarget, fire, handleEvent, handlerAttribute, isAwaited, type Handling } from "./event-target.ts";
import { RealError, RealPromise, RealTypeError, RealRangeError, apply, charCodeAt, define, indexOf, isObject, slice } from "./intrinsics.ts";
import type { RejectionReason } from "../../schema/guest-contract.ts";

const { realm, flatten, performance } = $kernel;
adopt(realm);
adopt(performance.object);
performance.inherit(EventTarget.prototype);

/** `onerror` of a global gets five arguments, and `true` from it is what `false` is from others. */
const handleError: Handling = (handler, target, event) => {
  if (!(event instanceof ErrorEvent)) return handleEvent(handler, target, event);
  const { message, filename, lineno, colno, error } = event;
  if (apply(handler, target, [message, filename, lineno, colno, error]) === true) cancel(eventState(event)!);
};

/** Attributes of the global, by name. */
export const attributes: { readonly [name: string]: PropertyDescriptor } = {
  __proto__: null as never,
  onerror: handlerAttribute("error", handleError),
  onunhandledrejection: handlerAttribute("unhandledrejection"),
  onrejectionhandled: handlerAttribute("rejectionhandled"),
};

export const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype;

const reporting = { isUnderWay: false };

/** Tells listeners of an exception; true: one of them prevented that it is logged. What they throw meanwhile is not told again. */
export function reportException(thrown: unknown): boolean {
  if (reporting.isUnderWay || !isAwaited(realm, "error")) return false;
  reporting.isUnderWay = true;
  try {
    const { message, stack } = flatten(thrown);
    const what = isObject(thrown) ? message : slice(message, "threw ".length);
    const init = { __proto__: null, cancelable: true, message: `Uncaught ${what}`, error: thrown, ...placeIn(stack) };
    return !fire(realm, trusted(new ErrorEvent("error", init)));
  } finally {
    reporting.isUnderWay = false;
  }
}

interface Place { readonly filename: string; readonly lineno: number; readonly colno: number }
const nowhere: Place = { filename: "", lineno: 0, colno: 0 };
const frameMark = "\n    at ";

/** The place of the topmost frame, if it has one: `at name (file:line:column)` or `at file:line:column`. */
function placeIn(stack: string): Place {
  const start = indexOf(stack, frameMark);
  if (start < 0) return nowhere;
  const end = indexOf(stack, "\n", start + 1);
  let frame = slice(stack, start + frameMark.length, end < 0 ? undefined : end);
  const open = indexOf(frame, " (");
  if (open >= 0 && frame[frame.length - 1] === ")") frame = slice(frame, open + 2, -1);
  const column = numberAtEnd(frame);
  const line = column === null ? null : numberAtEnd(slice(frame, 0, column.at));
  return column === null || line === null ? nowhere : { filename: slice(frame, 0, line.at), lineno: line.value, colno: column.value };
}

/** The digits at the end of a text and where the colon before them is. */
function numberAtEnd(text: string): { readonly value: number; readonly at: number } | null {
  let at = text.length;
  while (at > 0 && charCodeAt(text, at - 1) >= 0x30 && charCodeAt(text, at - 1) <= 0x39) at--;
  return at === text.length || text[at - 1] !== ":" ? null : { value: +slice(text, at), at: at - 1 };
}

const errors: { readonly [name: string]: new (message?: string) => Error } = { __proto__: null as never, TypeError: RealTypeError, RangeError: RealRangeError, ReferenceError, SyntaxError };

/** The error, or whatever was thrown, as far as the engine tells of it. */
function reasonOf(told: RejectionReason): unknown {
  if (!("message" in told)) return told.value;
  const error = new (errors[told.name] ?? RealError)(told.message);
  if (errors[told.name] === undefined && told.name !== "Error" && told.name !== "") define(error, "name", told.name, false);
  define(error, "stack", told.stack, false);
  return error;
}

/** Tells listeners of a promise that nobody handled; true: one of them prevented that the call fails for it. */
export function reportRejection(told: RejectionReason): boolean {
  if (!isAwaited(realm, "unhandledrejection")) return false;
  const reason = reasonOf(told);
  const promise = new RealPromise((_, reject) => { reject(reason); });
  void settle(promise);
  return !fire(realm, trusted(new PromiseRejectionEvent("unhandledrejection", { __proto__: null, cancelable: true, promise, reason })));
}

/** The stand-in must not count as one more that nobody handles. */
async function settle(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch {
    // It was made to be rejected.
  }
}
