// The cell's own codec of texts (`$text`), taken off the global before anything else runs. It does what it can exactly and says no
// otherwise; byte-string.ts and charset.ts know the rest. Not there at all (tests in a realm of their own): it always says no.
import type { RuntimePorts, TextForm } from "../schema/guest-contract.ts";
import { RealArrayBuffer, RealError, RealUint8Array, bufferByteLength, bufferOf, byteLengthOf, byteOffsetOf, copyInto } from "./intrinsics.ts";
import { takeGlobal } from "./lockdown.ts";

const realm = globalThis as { [name: string]: unknown };
const port = takeGlobal(realm, "$text") as RuntimePorts["$text"] | undefined;
const bodyPort = takeGlobal(realm, "$body") as RuntimePorts["$body"] | undefined;

// PERF: below this a call to the outside costs more than it saves (bench/isolate-entry).
const leastBytes = 512;

/** The text of these bytes; `null`: there is none that says exactly the same, or it is not worth asking. */
export function nativeText(form: TextForm, bytes: Uint8Array, from: number, end: number): string | null {
  if (port === undefined || end - from < leastBytes) return null;
  const buffer = bufferOf(bytes);
  const isWhole = end - from === byteLengthOf(bytes) && bufferByteLength(buffer) === byteLengthOf(bytes);
  const text = port(form, isWhole ? buffer : partOf(buffer, byteOffsetOf(bytes) + from, end - from));
  return typeof text === "string" ? text : null;
}

/** Likewise of what came beside the call that runs, as it came: the cell decodes it where it lies. `null` too once that call has let go of the isolate. */
export function nativeFrameText(form: TextForm, call: number, index: number): string | null {
  const text = port === undefined ? null : port(form, call, index);
  return typeof text === "string" ? text : null;
}

/** The bytes of what is lent to the call that runs. Throws where that call has ended. */
export function lentBytes(call: number, index: number): Uint8Array {
  const buffer = bodyPort === undefined ? null : bodyPort(call, index);
  if (buffer === null) throw new RealError("this body is not here any more");
  return new RealUint8Array(buffer);
}

function partOf(buffer: ArrayBuffer, from: number, length: number): ArrayBuffer {
  const part = new RealArrayBuffer(length);
  copyInto(new RealUint8Array(part), new RealUint8Array(buffer, from, length));
  return part;
}

/** Likewise the bytes of a text. */
export function nativeBytes(form: TextForm, text: string): Uint8Array<ArrayBuffer> | null {
  if (port === undefined || text.length < leastBytes) return null;
  const buffer = port(form, text);
  return buffer === null || typeof buffer === "string" ? null : new RealUint8Array(buffer);
}
