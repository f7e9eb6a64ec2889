// The fields of one head or trailer section: order, spelling, duplicates and the raw bytes of each line kept.
// One latin1 string holds the block of lines, an array of offsets says where names and values are, so that a
// head nobody touches costs neither field strings nor re-encoding.
// WALL: nothing enters unchecked, so a block never holds a CR, LF or NUL of anybody's making. No rule about
// single fields (framing, hop-by-hop) lives here.
import { invariant } from "../invariant.ts";
import { isBlank, isSendableValue, isTokenText, trimWhitespace } from "./field-rules.ts";

/** Offsets per field: start of line, end of name. The rest follows from the bytes. */
const STRIDE = 2;
const NAME_END = 1;

/** Number n: field n of the present list, its line untouched. Two numbers: that many fields from the first on. Two texts: a new field of that name and value. */
export type FieldEntry = number | readonly [number, number] | readonly [string, string];

/**
 * An ordered list of fields. Names and values are latin1 strings, one character per byte. Names are looked up
 * in lower case. Everything that writes throws (invariant) for a name that is no token or a value with a
 * control byte or a character beyond 0xff: check with `sandbox-api/schema/http.ts` before.
 */
export class HeaderFields {
  #block: string;
  #marks: number[];
  /** Bit n is set when a name of length n (modulo 32) is there; 0: not known. PERF: most look-ups are for fields that are not there. */
  #nameLengths = 0;
  /** Whether every line is spelled `Name: value`; null: not known. */
  #isPlain: boolean | null = null;

  private constructor(block: string, marks: number[]) {
    this.#block = block;
    this.#marks = marks;
  }

  /** A list of these fields, each as a line `Name: value`. */
  static from(pairs: Iterable<readonly [string, string]>): HeaderFields {
    const fields = new HeaderFields("", []);
    for (const [name, value] of pairs) fields.push(name, value);
    return fields;
  }

  /** For readers of heads only: a block in which they have checked every byte, with start of line and end of name per field. Takes both over. */
  static fromScan(block: string, marks: number[]): HeaderFields {
    return new HeaderFields(block, marks);
  }

  /** How many fields there are. */
  get length(): number {
    return this.#marks.length / STRIDE;
  }

  /** Size of the block on the wire, each line's CRLF included, in bytes. */
  get byteLength(): number {
    return this.#block.length;
  }

  /** The name of field i as spelled. */
  name(i: number): string {
    return this.#block.slice(this.#mark(i, 0), this.#mark(i, NAME_END));
  }

  /** The value of field i without surrounding whitespace. */
  value(i: number): string {
    const block = this.#block;
    let start = this.#mark(i, NAME_END) + 1;
    let end = this.#lineAfter(i) - 2;
    while (start < end && isBlank(block.charCodeAt(start))) start++;
    while (end > start && isBlank(block.charCodeAt(end - 1))) end--;
    return block.slice(start, end);
  }

  /** The raw line of field i without its CRLF. */
  line(i: number): string {
    return this.#block.slice(this.#mark(i, 0), this.#lineAfter(i) - 2);
  }

  /** The value of the first field of that name, which must be given in lower case. */
  get(lowerName: string): string | undefined {
    const i = this.indexOf(lowerName);
    return i < 0 ? undefined : this.value(i);
  }

  /** The values of all fields of that name (lower case), in order. */
  getAll(lowerName: string): string[] {
    const values: string[] = [];
    for (let i = this.indexOf(lowerName); i >= 0; i = this.indexOf(lowerName, i + 1)) values.push(this.value(i));
    return values;
  }

  /** True when a field of that name (lower case) is there. */
  has(lowerName: string): boolean {
    return this.indexOf(lowerName) >= 0;
  }

  /** The index of the first field of that name (lower case) at or after `from`, or -1. */
  indexOf(lowerName: string, from = 0): number {
    const marks = this.#marks;
    const wanted = lowerName.length;
    if (this.#nameLengths === 0) this.#nameLengths = lengthBits(marks);
    if ((this.#nameLengths & (1 << wanted)) === 0) return -1;
    for (let at = from * STRIDE; at < marks.length; at += STRIDE) {
      const start = marks[at] ?? 0;
      if ((marks[at + NAME_END] ?? 0) - start === wanted && isNameAt(this.#block, start, lowerName)) return at / STRIDE;
    }
    return -1;
  }

  /** Name and value of each field in order. The list must not be changed while it is walked. */
  *entries(): IterableIterator<[string, string]> {
    for (let i = 0; i < this.length; i++) yield [this.name(i), this.value(i)];
  }

  /** Adds a field at the end. */
  push(name: string, value: string): void {
    this.#block += appendLine(this.#marks, this.#block.length, name, value);
    // PERF: what is known stays true of the longer list (bench/host-event).
    if (this.#nameLengths !== 0) this.#nameLengths |= 1 << name.length;
  }

  /** Puts a field before field i (0 to `length`). */
  insert(i: number, name: string, value: string): void {
    invariant(Number.isInteger(i) && i >= 0 && i <= this.length, "header fields: no such place");
    this.#splice(i, 0, name, value);
  }

  /** Gives the first field of that name this value, keeping its place and spelling, and removes the others; appends where there is none. */
  set(name: string, value: string): void {
    const lower = name.toLowerCase();
    const first = this.indexOf(lower);
    if (first < 0) return this.push(name, value);
    this.#splice(first, 1, this.name(first), value);
    this.#deleteFrom(first + 1, lower);
  }

  /** Removes all fields of that name (any case) and says how many there were. */
  delete(name: string): number {
    return this.#deleteFrom(0, name.toLowerCase());
  }

  /** Makes the list anew from fields of the present one (by number, lines untouched) and new ones (pairs), in this order. */
  replaceAll(entries: readonly FieldEntry[]): void {
    const block = this.#block;
    const marks: number[] = [];
    let text = "";
    let runStart = 0; // The block from runStart to runEnd is kept but not yet in text: neighbours are copied as one piece.
    let runEnd = 0;
    const keep = (from: number, count: number): void => {
      const start = this.#mark(from, 0);
      if (start !== runEnd || runEnd === 0) {
        text += block.slice(runStart, runEnd);
        runStart = start;
      }
      const shift = text.length - runStart;
      for (let i = from; i < from + count; i++) marks.push(this.#mark(i, 0) + shift, this.#mark(i, NAME_END) + shift);
      runEnd = this.#lineAfter(from + count - 1);
    };
    for (const entry of entries) {
      if (typeof entry === "number") keep(entry, 1);
      else if (isRun(entry)) keep(entry[0], entry[1]);
      else {
        text += block.slice(runStart, runEnd);
        runStart = runEnd = 0;
        text += appendLine(marks, text.length, entry[0], entry[1]);
      }
    }
    this.#block = text + block.slice(runStart, runEnd);
    this.#marks = marks;
    this.#forget();
  }

  /** A copy that can be changed on its own. */
  clone(): HeaderFields {
    const copy = new HeaderFields(this.#block, this.#marks.slice());
    copy.#nameLengths = this.#nameLengths;
    copy.#isPlain = this.#isPlain;
    return copy;
  }

  /** The lines as on the wire, each with its CRLF, without the empty line that ends a head. */
  toBlock(): string {
    return this.#block;
  }

  /** Each field as a line `Name: value CRLF`, with one space. PERF: a block that is spelled so already, as nearly all are, is given as it is. */
  toPlainBlock(): string {
    if ((this.#isPlain ??= this.#isSpelledPlainly())) return this.#block;
    let lines = "";
    for (let i = 0; i < this.length; i++) lines += `${this.name(i)}: ${this.value(i)}\r\n`;
    return lines;
  }

  /** Whether exactly one space, and no other blank, stands around every value. */
  #isSpelledPlainly(): boolean {
    const block = this.#block;
    const marks = this.#marks;
    for (let at = 0; at < marks.length; at += STRIDE) {
      const start = (marks[at + NAME_END] ?? 0) + 2;
      const end = (marks[at + STRIDE] ?? block.length) - 2;
      if (end < start || block.charCodeAt(start - 1) !== 0x20) return false;
      if (end > start && (isBlank(block.charCodeAt(start)) || isBlank(block.charCodeAt(end - 1)))) return false;
    }
    return true;
  }

  #mark(i: number, which: number): number {
    const mark = this.#marks[i * STRIDE + which];
    invariant(mark !== undefined, "header fields: no such field");
    return mark;
  }

  /** Where the line after field i begins. */
  #lineAfter(i: number): number {
    return this.#marks[(i + 1) * STRIDE] ?? this.#block.length;
  }

  #deleteFrom(from: number, lowerName: string): number {
    const first = this.indexOf(lowerName, from);
    if (first < 0) return 0;
    if (this.indexOf(lowerName, first + 1) < 0) {
      this.#replaceLines(first, 1, "", []);
      return 1;
    }
    const before = this.length;
    const kept: number[] = [];
    for (let i = 0; i < before; i++) {
      const start = this.#mark(i, 0);
      const isNamed = this.#mark(i, NAME_END) - start === lowerName.length && isNameAt(this.#block, start, lowerName);
      if (i < from || !isNamed) kept.push(i);
    }
    this.replaceAll(kept);
    return before - kept.length;
  }

  #splice(i: number, removed: number, name: string, value: string): void {
    const marks: number[] = [];
    const line = appendLine(marks, this.#marks[i * STRIDE] ?? this.#block.length, name, value);
    this.#replaceLines(i, removed, line, marks);
  }

  /** Puts that line (or none) with its marks in the place of `removed` (0 or 1) lines at i, and moves what follows. */
  #replaceLines(i: number, removed: number, line: string, lineMarks: readonly number[]): void {
    const from = this.#marks[i * STRIDE] ?? this.#block.length;
    const to = removed === 0 ? from : this.#lineAfter(i);
    const shift = line.length - (to - from);
    const marks = this.#marks;
    this.#block = this.#block.slice(0, from) + line + this.#block.slice(to);
    marks.splice(i * STRIDE, removed * STRIDE, ...lineMarks);
    for (let at = i * STRIDE + lineMarks.length; at < marks.length; at++) marks[at] = (marks[at] ?? 0) + shift;
    this.#forget();
  }

  /** The list has become another one. */
  #forget(): void {
    this.#nameLengths = 0;
    this.#isPlain = null;
  }
}

const isRun = (entry: Exclude<FieldEntry, number>): entry is readonly [number, number] => typeof entry[0] === "number";

/** True when that name (lower case) is spelled at that offset, in any case. */
function isNameAt(block: string, start: number, lowerName: string): boolean {
  for (let k = 0; k < lowerName.length; k++) {
    const code = block.charCodeAt(start + k);
    if ((code >= 0x41 && code <= 0x5a ? code + 0x20 : code) !== lowerName.charCodeAt(k)) return false;
  }
  return true;
}

function lengthBits(marks: readonly number[]): number {
  let bits = 0;
  for (let at = 0; at < marks.length; at += STRIDE) bits |= 1 << ((marks[at + NAME_END] ?? 0) - (marks[at] ?? 0));
  return bits;
}

/** The line of a new field, whose marks (from `start` on) are added to marks. */
function appendLine(marks: number[], start: number, name: string, value: string): string {
  invariant(isTokenText(name), "header fields: a name is not a token");
  invariant(isSendableValue(value), "header fields: a value holds a forbidden character");
  marks.push(start, start + name.length);
  return `${name}: ${trimWhitespace(value)}\r\n`;
}
