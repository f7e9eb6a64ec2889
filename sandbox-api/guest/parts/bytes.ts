// Buffer sources (Web IDL): ArrayBuffer and every view of one, as bytes. Brands are checked by getters that cannot be forged.
import { RealTypeError, RealUint8Array, charCodeAt, slice, bufferByteLength, bufferOf, byteLengthOf, byteOffsetOf, copyInto, dataViewBuffer, dataViewByteLength, dataViewByteOffset, isObject, typedArrayTag } from "./intrinsics.ts";

/** The same bytes, not copied; null when that is no buffer source. */
export function bytesOf(source: unknown): Uint8Array<ArrayBuffer> | null {
  if (!isObject(source)) return null;
  if (typedArrayTag(source) !== undefined) {
    const view = source as Uint8Array<ArrayBuffer>;
    // A view of a detached buffer has no bytes.
    return byteLengthOf(view) === 0 ? new RealUint8Array(0) : new RealUint8Array(bufferOf(view), byteOffsetOf(view), byteLengthOf(view));
  }
  return isBuffer(source) ? new RealUint8Array(bufferByteLength(source) === 0 ? 0 : source as never) : bytesOfDataView(source);
}

function bytesOfDataView(source: object): Uint8Array<ArrayBuffer> | null {
  try {
    dataViewBuffer(source);
  } catch {
    // The getter throws for whatever is no DataView.
    return null;
  }
  try {
    return new RealUint8Array(dataViewBuffer(source), dataViewByteOffset(source), dataViewByteLength(source));
  } catch {
    // Its buffer is detached.
    return new RealUint8Array(0);
  }
}

export function isBuffer(value: unknown): value is ArrayBuffer {
  try {
    return bufferByteLength(value) >= 0;
  } catch {
    // The getter throws for whatever is no ArrayBuffer.
    return false;
  }
}

/** Likewise; throws a TypeError when that is no buffer source. */
export function needBytes(source: unknown, what: string): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(source);
  if (bytes === null) throw new RealTypeError(`${what} must be an ArrayBuffer or a view of one`);
  return bytes;
}

export function copyBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new RealUint8Array(byteLengthOf(bytes));
  copyInto(copy, bytes);
  return copy;
}

/** UTF-8 with replacement, without a byte order mark. */
export function decode(bytes: Uint8Array): string {
  const decoded = $kernel.decodeUtf8(bytes, "replace") ?? "";
  return decoded.length > 0 && charCodeAt(decoded, 0) === 0xfeff ? slice(decoded, 1) : decoded;
}
