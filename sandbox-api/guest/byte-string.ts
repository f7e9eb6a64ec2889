// Texts of the wire are byte strings (one char per byte, U+0000–U+00FF); addons see JavaScript strings. Valid UTF-8 is decoded;
// each byte that is not becomes a lone surrogate U+DC80–U+DCFF, which encodes back to that byte, so every value survives a round
// trip (Python's "surrogateescape"). Also the same between Uint8Array and string. No charsets here (charset.ts).
import { nativeBytes, nativeText } from "./native-text.ts";
import { RealUint8Array, apply, bareArray, byteLengthOf, charCodeAt, exec, fromCharCode } from "./intrinsics.ts";

const nonAscii = /[^\x00-\x7f]/;
// PERF: the arguments of one `fromCharCode`; a few thousand are three times slower.
const chunkUnits = 512;

export const isAscii = (text: string): boolean => exec(nonAscii, text) === null;

/** Collects UTF-16 units and makes strings of them in pieces. */
class TextSink {
  text = "";
  #units = bareArray<number>();
  #count = 0;
  unit(unit: number): void {
    this.#units[this.#count++] = unit;
    if (this.#count === chunkUnits) this.flush();
  }
  codePoint(codePoint: number): void {
    if (codePoint < 0x1_0000) return this.unit(codePoint);
    this.unit(0xd7c0 + (codePoint >> 10));
    this.unit(0xdc00 | (codePoint & 0x3ff));
  }
  flush(): string {
    if (this.#units.length !== this.#count) this.#units.length = this.#count;
    if (this.#count > 0) this.text += apply(fromCharCode, undefined, this.#units);
    this.#count = 0;
    return this.text;
  }
}

/** Reads one code point of well-formed UTF-8 at `at`: code point × 8 + length; 0 when the bytes there are not well-formed (Unicode table 3-7). */
function readSequence(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  const second = at + 1 < end ? bytes[at + 1]! : 0;
  if (first >= 0xc2 && first <= 0xdf) return (second & 0xc0) === 0x80 ? ((((first & 0x1f) << 6) | (second & 0x3f)) << 3) | 2 : 0;
  const third = at + 2 < end ? bytes[at + 2]! : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (second < (first === 0xe0 ? 0xa0 : 0x80) || second > (first === 0xed ? 0x9f : 0xbf) || (third & 0xc0) !== 0x80) return 0;
    return ((((first & 0xf) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)) << 3) | 3;
  }
  const fourth = at + 3 < end ? bytes[at + 3]! : 0;
  if (first < 0xf0 || first > 0xf4 || second < (first === 0xf0 ? 0x90 : 0x80) || second > (first === 0xf4 ? 0x8f : 0xbf)) return 0;
  if ((third & 0xc0) !== 0x80 || (fourth & 0xc0) !== 0x80) return 0;
  return ((((first & 7) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f)) << 3) | 4;
}

/** What a byte that is not UTF-8 becomes. */
export type InvalidBytes = "escape" | "replace" | "refuse";

/** Decodes UTF-8; `null` only with "refuse", at the first invalid byte. A byte order mark stays. */
export function decodeUtf8(bytes: Uint8Array, invalid: InvalidBytes = "escape", from = 0, end = byteLengthOf(bytes)): string | null {
  const known = nativeText("utf-8", bytes, from, end);
  if (known !== null) return known;
  const sink = new TextSink();
  for (let at = from; at < end;) {
    const byte = bytes[at]!;
    if (byte < 0x80) { sink.unit(byte); at++; continue; }
    const sequence = readSequence(bytes, at, end);
    if (sequence !== 0) { sink.codePoint(sequence >>> 3); at += sequence & 7; continue; }
    if (invalid === "refuse") return null;
    if (invalid === "escape") { sink.unit(0xdc00 + byte); at++; continue; }
    sink.unit(0xfffd);
    at += invalidLength(bytes, at, end);
  }
  return sink.flush();
}

/** Length of the maximal subpart that one U+FFFD stands for (WHATWG Encoding, UTF-8 decoder). */
function invalidLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  const needed = first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
  let length = 1;
  for (; length <= needed && at + length < end; length++) {
    const byte = bytes[at + length]!;
    const lowest = length > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const highest = length > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (byte < lowest || byte > highest) break;
  }
  return length;
}

/** Code point at `at`, with lone surrogates as they stand; `-1 - byte` for an escaped byte when `restores`. */
function codePointAt(text: string, at: number, restores: boolean): number {
  const unit = charCodeAt(text, at);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  const next = unit < 0xdc00 && at + 1 < text.length ? charCodeAt(text, at + 1) : 0;
  if (next >= 0xdc00 && next <= 0xdfff) return ((unit - 0xd7c0) << 10) + (next & 0x3ff);
  return restores && unit >= 0xdc80 && unit <= 0xdcff ? -1 - (unit - 0xdc00) : 0xfffd;
}

const sequenceLength = (codePoint: number): number => (codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x1_0000 ? 3 : 4);

export function utf8Length(text: string, restores = true): number {
  if (isAscii(text)) return text.length;
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    if (unit < 0x80) { length++; continue; }
    const codePoint = codePointAt(text, at, restores);
    length += sequenceLength(codePoint);
    if (codePoint > 0xffff) at++;
  }
  return length;
}

/** Encodes as UTF-8. Escaped bytes (U+DC80–U+DCFF alone) become those bytes again if `restores`; other lone surrogates U+FFFD. */
export function encodeUtf8(text: string, restores = true): Uint8Array<ArrayBuffer> {
  const known = nativeBytes("utf-8", text);
  if (known !== null) return known;
  const bytes = new RealUint8Array(utf8Length(text, restores));
  let to = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    // PERF: nearly all text is ASCII.
    if (unit < 0x80) { bytes[to++] = unit; continue; }
    const codePoint = codePointAt(text, at, restores);
    if (codePoint < 0) bytes[to++] = -1 - codePoint;
    else to = writeSequence(bytes, to, codePoint);
    if (codePoint > 0xffff) at++;
  }
  return bytes;
}

function writeSequence(bytes: Uint8Array, start: number, codePoint: number): number {
  let to = start;
  if (codePoint < 0x800) bytes[to++] = 0xc0 | (codePoint >> 6);
  else if (codePoint < 0x1_0000) bytes[to++] = 0xe0 | (codePoint >> 12);
  else {
    bytes[to++] = 0xf0 | (codePoint >> 18);
    bytes[to++] = 0x80 | ((codePoint >> 12) & 0x3f);
  }
  if (codePoint >= 0x800) bytes[to++] = 0x80 | ((codePoint >> 6) & 0x3f);
  bytes[to++] = 0x80 | (codePoint & 0x3f);
  return to;
}

/** Bytes as a byte string. */
export function latin1Text(bytes: Uint8Array, from = 0, end = byteLengthOf(bytes)): string {
  const known = nativeText("latin1", bytes, from, end);
  if (known !== null) return known;
  const sink = new TextSink();
  for (let at = from; at < end; at++) sink.unit(bytes[at]!);
  return sink.flush();
}

/** A byte string as bytes; `null` when it is none. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  const known = nativeBytes("latin1", text);
  if (known !== null) return known;
  const bytes = new RealUint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    if (unit > 0xff) return null;
    bytes[at] = unit;
  }
  return bytes;
}

/** Byte string → what an addon sees. */
export function decodeText(byteText: string): string {
  if (isAscii(byteText)) return byteText;
  const bytes = latin1Bytes(byteText);
  return bytes === null ? byteText : decodeUtf8(bytes) ?? byteText;
}

/** What an addon wrote → byte string. */
export const encodeText = (text: string): string => (isAscii(text) ? text : latin1Text(encodeUtf8(text)));

/** Makes strings of UTF-16 units, for decoders elsewhere in the guest. */
export function textOfUnits(count: number, unitAt: (index: number) => number): string {
  const sink = new TextSink();
  for (let index = 0; index < count; index++) sink.unit(unitAt(index));
  return sink.flush();
}
