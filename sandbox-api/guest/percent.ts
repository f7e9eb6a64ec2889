// Percent-encoding for queries, forms and URLs (WHATWG URL §1.3 and §5). Bytes that are not UTF-8 after decoding become escapes
// (byte-string.ts) and encode back to themselves.
import { RealUint8Array, bareArray, byteLengthOf, charCodeAt, exec, numberToString, slice, toUpperCase } from "./intrinsics.ts";
import { decodeText, decodeUtf8, encodeUtf8, latin1Bytes } from "./byte-string.ts";
import type { Pair } from "./pairs.ts";

const needsDecoding = /[%+]/;
const hexValue = (unit: number): number =>
  unit >= 48 && unit <= 57 ? unit - 48 : unit >= 65 && unit <= 70 ? unit - 55 : unit >= 97 && unit <= 102 ? unit - 87 : -1;

/** Text of a percent-encoded byte string; "+" is a space where `plusIsSpace`. Stray "%" stay. */
export function percentDecode(byteText: string, plusIsSpace: boolean): string {
  if (exec(needsDecoding, byteText) === null) return decodeText(byteText);
  const source = latin1Bytes(byteText) ?? encodeUtf8(byteText);
  const end = byteLengthOf(source);
  const bytes = new RealUint8Array(end);
  let to = 0;
  for (let at = 0; at < end; at++) {
    const byte = source[at]!;
    const high = byte === 37 && at + 2 < end ? hexValue(source[at + 1]!) : -1;
    const low = high >= 0 ? hexValue(source[at + 2]!) : -1;
    if (low >= 0) { bytes[to++] = high * 16 + low; at += 2; }
    else bytes[to++] = byte === 43 && plusIsSpace ? 32 : byte;
  }
  return decodeUtf8(bytes, "escape", 0, to) ?? "";
}

/** Every byte that `isSafe` refuses becomes %XX. */
export function percentEncode(text: string, isSafe: (byte: number) => boolean): string {
  const bytes = encodeUtf8(text);
  const end = byteLengthOf(bytes);
  let encoded = "";
  for (let at = 0; at < end; at++) {
    const byte = bytes[at]!;
    encoded += byte < 0x80 && isSafe(byte) ? asciiChar(byte) : percentByte(byte);
  }
  return encoded;
}

const asciiTable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
const asciiChar = (byte: number): string => asciiTable[byte - 32] ?? percentByte(byte);
export const percentByte = (byte: number): string => `%${byte < 16 ? "0" : ""}${toUpperCase(numberToString(byte, 16))}`;

/** The application/x-www-form-urlencoded percent-encode set's complement, without the space. */
const isFormSafe = (byte: number): boolean =>
  (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57) || byte === 42 || byte === 45 || byte === 46 || byte === 95;
const formEncode = (text: string): string => {
  const encoded = percentEncode(text, (byte) => byte === 32 || isFormSafe(byte));
  let plussed = "";
  for (let at = 0; at < encoded.length; at++) plussed += charCodeAt(encoded, at) === 32 ? "+" : encoded[at]!;
  return plussed;
};

/** Splits `text` at each `separator` (one char); empty pieces are left out. */
export function splitAt(text: string, separator: number): readonly string[] {
  const pieces = bareArray<string>();
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && charCodeAt(text, at) !== separator) continue;
    if (at > start) pieces[pieces.length] = slice(text, start, at);
    start = at + 1;
  }
  return pieces;
}

/** Pairs of a query or form, a byte string. */
export function parsePairs(text: string): readonly Pair[] {
  const pieces = splitAt(text, 38);
  const pairs = bareArray<Pair>();
  for (let index = 0; index < pieces.length; index++) {
    const raw = pieces[index]!;
    const equals = equalsAt(raw);
    pairs[index] = { name: percentDecode(slice(raw, 0, equals), true), value: percentDecode(slice(raw, equals + 1), true), raw };
  }
  return pairs;
}
const equalsAt = (piece: string): number => {
  for (let at = 0; at < piece.length; at++) if (charCodeAt(piece, at) === 61) return at;
  return piece.length;
};

export function pairsText(pairs: readonly Pair[]): string {
  let text = "";
  for (let index = 0; index < pairs.length; index++) {
    const { name, value, raw } = pairs[index]!;
    text += `${index > 0 ? "&" : ""}${raw ?? `${formEncode(name)}=${formEncode(value)}`}`;
  }
  return text;
}
