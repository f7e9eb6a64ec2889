// The few charsets in which addons may read and write bodies as text: utf-8, ascii, latin1 (as windows-1252, as the web does),
// utf-16. Anything else is read as UTF-8. No sniffing of markup.
import { nativeBytes, nativeText } from "./native-text.ts";
import { byteLengthOf, charCodeAt, exec, indexOf, toLowerCase, RealUint8Array } from "./intrinsics.ts";
import { decodeUtf8, encodeUtf8, textOfUnits } from "./byte-string.ts";

export type Charset = "utf-8" | "windows-1252" | "utf-16le" | "utf-16be";

const labels: { readonly [label: string]: Charset } = {
  __proto__: null as never,
  "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8",
  "latin1": "windows-1252", "iso-8859-1": "windows-1252", "iso8859-1": "windows-1252", "iso_8859-1": "windows-1252", "l1": "windows-1252",
  "windows-1252": "windows-1252", "cp1252": "windows-1252", "ascii": "windows-1252", "us-ascii": "windows-1252",
  "utf-16": "utf-16le", "utf-16le": "utf-16le", "ucs-2": "utf-16le", "unicode": "utf-16le", "utf-16be": "utf-16be",
};

// Bytes 0x80–0x9F of windows-1252 (WHATWG Encoding, index windows-1252).
const windows1252 = "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

/** The charset of a label, in any case; `undefined` for one we do not know. */
export const charsetOf = (label: string): Charset | undefined => labels[toLowerCase(label)];

const charsetParameter = /;[\t ]*charset[\t ]*=[\t ]*"?([^\s";]+)/i;

/** The charset that a Content-Type names; UTF-8 without one that we know. */
export function contentCharset(contentType: string | null): Charset {
  const label = contentType === null ? undefined : exec(charsetParameter, contentType)?.[1];
  return (label === undefined ? undefined : charsetOf(label)) ?? "utf-8";
}

/** Never fails: bytes that are not UTF-8 become escapes (byte-string.ts); a byte order mark is dropped only by `TextDecoder`. */
export function decodeCharset(bytes: Uint8Array, charset: Charset): string {
  const length = byteLengthOf(bytes);
  switch (charset) {
    case "utf-8": return decodeUtf8(bytes) ?? "";
    case "windows-1252": return decodeWindows1252(bytes, length);
    case "utf-16le": return nativeText("utf-16le", bytes, 0, length - (length & 1)) ?? textOfUnits(length >> 1, (index) => bytes[2 * index]! | (bytes[2 * index + 1]! << 8));
    case "utf-16be": return textOfUnits(length >> 1, (index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!);
  }
}

/** What windows-1252 and latin1 read differently. */
const c1 = /[\x80-\x9f]/;

function decodeWindows1252(bytes: Uint8Array, length: number): string {
  const known = nativeText("latin1", bytes, 0, length);
  if (known !== null && exec(c1, known) === null) return known;
  return textOfUnits(length, (index) => {
    const byte = bytes[index]!;
    return byte >= 0x80 && byte <= 0x9f ? charCodeAt(windows1252, byte - 0x80) : byte;
  });
}

/** The bytes of `text`; `null` when the charset has no byte for one of its characters. */
export function encodeCharset(text: string, charset: Charset): Uint8Array<ArrayBuffer> | null {
  if (charset === "utf-8") return encodeUtf8(text);
  if (charset === "windows-1252") return encodeWindows1252(text);
  const known = charset === "utf-16le" ? nativeBytes("utf-16le", text) : null;
  if (known !== null) return known;
  const bytes = new RealUint8Array(2 * text.length);
  const low = charset === "utf-16le" ? 0 : 1;
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    bytes[2 * at + low] = unit & 0xff;
    bytes[2 * at + 1 - low] = unit >> 8;
  }
  return bytes;
}

function encodeWindows1252(text: string): Uint8Array<ArrayBuffer> | null {
  const known = exec(c1, text) === null ? nativeBytes("latin1", text) : null;
  if (known !== null) return known;
  const bytes = new RealUint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    if (unit < 0x80 || (unit >= 0xa0 && unit <= 0xff)) { bytes[at] = unit; continue; }
    const index = indexOf(windows1252, text[at]!);
    if (index < 0) return null;
    bytes[at] = 0x80 + index;
  }
  return bytes;
}
