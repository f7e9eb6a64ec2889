// Whatever addon code throws becomes plain strings here, inside the timed call: name, message, stack, cut to size. WALL 1: getters,
// proxies and `toString` of the thrown value may throw, lie or return anything; nothing of it survives this file. Also holds
// which of our own errors are refusals (illegal changes), so that they are reported as such. Throws nothing.
import { RealTypeError, RealWeakMap, charCodeAt, isObject, slice, symbolToString, bigintToString, trim, weakGet, weakSet } from "./intrinsics.ts";
import type { FaultCode } from "../schema/faults.ts";
import { writeGuestResult } from "../schema/guest-contract.ts";
import { messageChars, stackChars } from "./bounds.ts";
import { quoteAscii } from "./json-text.ts";

export interface Refusal {
  readonly code: Extract<FaultCode, "illegal-change" | "permission" | "mutation-too-large" | "load-failed">;
  readonly field: string | null;
  readonly limit: { readonly name: string; readonly value: number; readonly used: number; readonly unit: string } | null;
}

const refusals = new RealWeakMap<object, Refusal>();

/** An error for the author's line; if it ends the call, the call is reported as an illegal change of `field`. */
export function refuse(field: string, message: string, code: Refusal["code"] = "illegal-change", limit: Refusal["limit"] = null): TypeError {
  const error = new RealTypeError(message);
  weakSet(refusals, error, { code, field, limit });
  return error;
}

/** A piece of text without control characters (line ends stay if `isMultiline`), at most `mostChars` long. */
function clean(text: string, mostChars: number, isMultiline: boolean): string {
  const cut = text.length > mostChars ? `${slice(text, 0, mostChars)}\u2026` : text;
  let cleaned = "";
  let start = 0;
  for (let at = 0; at < cut.length; at++) {
    const unit = charCodeAt(cut, at);
    if ((unit >= 0x20 && unit < 0x7f) || unit > 0x9f || (isMultiline && unit === 10)) continue;
    cleaned += `${slice(cut, start, at)} `;
    start = at + 1;
  }
  return trim(cleaned + slice(cut, start));
}

/** A property of a thrown value as a string, or "" when there is none, it is no string, or reading it throws. */
function readText(value: object, key: "name" | "message" | "stack"): string {
  try {
    const text: unknown = (value as { readonly [key: string]: unknown })[key];
    return typeof text === "string" ? text : "";
  } catch {
    // The thrown value is hostile; it has nothing to say.
    return "";
  }
}

export interface FlatError { readonly message: string; readonly stack: string }

/** Never throws, runs user code only to read three properties. */
export function flatten(thrown: unknown): FlatError {
  if (!isObject(thrown)) return { message: clean(`threw ${describePrimitive(thrown)}`, messageChars, false), stack: "" };
  const name = readText(thrown, "name");
  const message = readText(thrown, "message");
  const headline = name === "" ? message : message === "" ? name : `${name}: ${message}`;
  return {
    message: clean(headline, messageChars, false) || "threw an object without a message",
    stack: clean(readText(thrown, "stack"), stackChars, true),
  };
}

function describePrimitive(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "symbol") return symbolToString(value);
  // A huge one would take long to write down.
  if (typeof value === "bigint") return value > -1_000_000n && value < 1_000_000n ? `${bigintToString(value)}n` : "a bigint";
  return value === undefined ? "undefined" : value === null ? "null" : `${value as number | boolean}`;
}

/** The result string of a call that ended with `thrown`. `code` is used where the error is none of our refusals. */
export function faultResult(thrown: unknown, code: FaultCode, statusFailed: number): string {
  const { message, stack } = flatten(thrown);
  const refusal = isObject(thrown) ? weakGet(refusals, thrown) : undefined;
  let text = `{"code":${quoteAscii(refusal === undefined || code === "load-failed" ? code : refusal.code)},"message":${quoteAscii(message)}`;
  if (stack !== "") text += `,"stack":${quoteAscii(stack)}`;
  if (refusal?.field != null) text += `,"field":${quoteAscii(refusal.field)}`;
  if (refusal?.limit != null) {
    const { name, value, used, unit } = refusal.limit;
    text += `,"limit":{"name":${quoteAscii(name)},"value":${value},"used":${used},"unit":${quoteAscii(unit)}}`;
  }
  return writeGuestResult(statusFailed, 0, `${text}}`);
}

