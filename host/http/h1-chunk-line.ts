// The line before each chunk: size in hexadecimal, extensions, CRLF (RFC 9112 §7.1), one byte at a time so that it
// may be cut anywhere and nothing is held. Extensions are checked and dropped, as §7.1.1 allows.
// WALL: no sign, no 0x, no spaces, no bare LF: a second parser reads the same size or refuses too.
import { byteClasses, TOKEN, VALUE } from "./field-rules.ts";
import type { FaultCode } from "./http-event.ts";
import type { H1Limits } from "./h1-limits.ts";

type Place = "size" | "name" | "name-or-end" | "value" | "token" | "quoted" | "escaped" | "after-quoted" | "lf";

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

/** Reads the size lines of one body after the other; `size` counts once `feed` gave true. */
export class ChunkLine {
  /** The size of the chunk, a safe integer. */
  size = 0;
  readonly #limits: H1Limits;
  #place: Place = "size";
  #digits = 0;
  #extensionBytes = 0;

  constructor(limits: H1Limits) {
    this.#limits = limits;
  }

  /** Begins the next line of the same body. */
  nextLine(): void {
    this.size = 0;
    this.#digits = 0;
    this.#place = "size";
  }

  /** Begins another body. */
  reset(): void {
    this.nextLine();
    this.#extensionBytes = 0;
  }

  /** Takes one byte: true when the line is complete, false when more is needed, or a fault. */
  feed(byte: number): boolean | FaultCode {
    if (this.#place === "size") return this.#feedSize(byte);
    if (this.#place === "lf") return byte === LF ? true : "bare-cr";
    if (++this.#extensionBytes > this.#limits.chunkExtensionBytes) return "chunk-extensions-too-large";
    const place = this.#afterExtensionByte(byte);
    if (place === null) return byte === LF ? "bare-lf" : "bad-chunk-extension";
    this.#place = place;
    return false;
  }

  #feedSize(byte: number): boolean | FaultCode {
    const digit = hexValue(byte);
    if (digit < 0) {
      if (this.#digits === 0) return "bad-chunk-size";
      if (byte === CR) this.#place = "lf";
      else if (byte === SEMICOLON) this.#place = "name";
      else return byte === LF ? "bare-lf" : "bad-chunk-size";
      return false;
    }
    this.size = this.size * 16 + digit;
    if (++this.#digits > this.#limits.chunkSizeDigits || !Number.isSafeInteger(this.size)) return "chunk-size-overflow";
    return false;
  }

  /** Where an extension stands after that byte, or null where it may not stand. */
  #afterExtensionByte(byte: number): Place | null {
    const bits = byteClasses[byte] ?? 0;
    const isToken = (bits & TOKEN) !== 0;
    switch (this.#place) {
      case "name": return isToken ? "name-or-end" : null;
      case "name-or-end": return isToken ? "name-or-end" : byte === EQUALS ? "value" : afterExtension(byte);
      case "value": return isToken ? "token" : byte === QUOTE ? "quoted" : null;
      case "token": return isToken ? "token" : afterExtension(byte);
      case "quoted": return byte === QUOTE ? "after-quoted" : byte === BACKSLASH ? "escaped" : (bits & VALUE) !== 0 ? "quoted" : null;
      case "escaped": return (bits & VALUE) !== 0 ? "quoted" : null;
      case "after-quoted": return afterExtension(byte);
      default: return null;
    }
  }
}

function afterExtension(byte: number): Place | null {
  if (byte === CR) return "lf";
  return byte === SEMICOLON ? "name" : null;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
