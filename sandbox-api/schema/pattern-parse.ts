// Regular expressions of filters, read into a tree: Python's and JavaScript's common syntax, without what cannot be searched for in
// linear time (back-references, look-around) and with bounds on size and depth. A pattern is about bytes: characters beyond ASCII
// stand for their UTF-8 bytes, upper and lower case of ASCII letters are the same. It searches nothing (pattern.ts does).

/** What a pattern is made of. Sets have 256 places, 1: that byte. Assertions: see `AssertionKind`. */
export type PatternNode =
  | { readonly kind: "set"; readonly bytes: Uint8Array }
  | { readonly kind: "assert"; readonly what: AssertionKind }
  | { readonly kind: "cat" | "alt"; readonly of: readonly PatternNode[] }
  /** `most` -1: without end. */
  | { readonly kind: "repeat"; readonly of: PatternNode; readonly least: number; readonly most: number };

export type AssertionKind = "start" | "end" | "line-start" | "line-end" | "last" | "word" | "not-word";

export interface PatternFlags {
  /** `^` and `$` are the ends of every line. */
  readonly multiline?: boolean;
  /** `.` is a line end as well. */
  readonly dotAll?: boolean;
}

/** Why a text is no pattern: a sentence, and the place in the text from 0. */
export interface PatternProblem { readonly kind: "problem"; readonly message: string; readonly at: number }

export const longestPattern = 1_000;
const deepestNesting = 50;
const mostRepeats = 1_000;

// WALL 1: private copies, since this also runs beside addon code.
const exec = Function.prototype.call.bind(RegExp.prototype.exec) as (pattern: RegExp, text: string) => RegExpExecArray | null;
const codeAt = Function.prototype.call.bind(String.prototype.codePointAt) as (text: string, at: number) => number | undefined;
const slice = Function.prototype.call.bind(String.prototype.slice) as (text: string, from: number, to?: number) => string;

class Unreadable {
  readonly message: string;
  readonly at: number;
  constructor(message: string, at: number) {
    this.message = message;
    this.at = at;
  }
}

/** Reads a pattern. Never throws. */
export function readPattern(text: string, flags: PatternFlags): PatternNode | PatternProblem {
  if (text.length > longestPattern) return { kind: "problem", message: `a pattern may have at most ${longestPattern} characters`, at: longestPattern };
  try {
    return new PatternReader(text, flags).read();
  } catch (error) {
    if (error instanceof Unreadable) return { kind: "problem", message: error.message, at: error.at };
    throw error;
  }
}

const setOf = (isIn: (byte: number) => boolean): Uint8Array => {
  const bytes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) if (isIn(byte)) bytes[byte] = 1;
  return bytes;
};
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
/** Letters, digits, underscore: what `\w` and `\b` go by. */
export const isWordByte = (byte: number): boolean => isLetter(byte) || isDigit(byte) || byte === 0x5f;
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const classes: { readonly [letter: string]: ((byte: number) => boolean) | undefined } = {
  __proto__: null as never, d: isDigit, D: (byte) => !isDigit(byte), w: isWordByte, W: (byte) => !isWordByte(byte), s: isSpace, S: (byte) => !isSpace(byte),
};
const assertions: { readonly [letter: string]: AssertionKind | undefined } = { __proto__: null as never, b: "word", B: "not-word", A: "start", Z: "last", z: "last" };
const controls: { readonly [letter: string]: number | undefined } = { __proto__: null as never, n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0, a: 7 };

/** Both cases of every letter in it. */
function fold(bytes: Uint8Array): Uint8Array {
  for (let byte = 0x41; byte <= 0x5a; byte++) {
    const either = (bytes[byte] ?? 0) | (bytes[byte + 32] ?? 0);
    bytes[byte] = either;
    bytes[byte + 32] = either;
  }
  return bytes;
}

const single = (byte: number): PatternNode => ({ kind: "set", bytes: fold(setOf((other) => other === byte)) });

/** A character as the bytes of its UTF-8 form. */
function literal(code: number): PatternNode {
  if (code < 0x80) return single(code);
  const tail = (shift: number): PatternNode => single(0x80 | ((code >> shift) & 0x3f));
  if (code < 0x800) return { kind: "cat", of: [single(0xc0 | (code >> 6)), tail(0)] };
  if (code < 0x10000) return { kind: "cat", of: [single(0xe0 | (code >> 12)), tail(6), tail(0)] };
  return { kind: "cat", of: [single(0xf0 | (code >> 18)), tail(12), tail(6), tail(0)] };
}

class PatternReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #isMultiline: boolean;
  #isDotAll: boolean;

  constructor(text: string, flags: PatternFlags) {
    this.#text = text;
    this.#isMultiline = flags.multiline === true;
    this.#isDotAll = flags.dotAll === true;
  }

  read(): PatternNode {
    const inline = exec(/^\(\?([ims]+)\)/, this.#text);
    if (inline !== null) {
      const letters = inline[1] ?? "";
      for (let index = 0; index < letters.length; index++) {
        if (letters[index] === "m") this.#isMultiline = true;
        if (letters[index] === "s") this.#isDotAll = true;
      }
      this.#at = inline[0].length;
    }
    const node = this.#alternatives();
    if (this.#at < this.#text.length) this.#refuse('there is a ")" without "("');
    return node;
  }

  #refuse(message: string, at = this.#at): never {
    throw new Unreadable(message, at);
  }
  get #next(): string {
    return this.#text[this.#at] ?? "";
  }

  #alternatives(): PatternNode {
    if (++this.#depth > deepestNesting) this.#refuse(`groups may be nested ${deepestNesting} deep`);
    const of: PatternNode[] = [this.#sequence()];
    while (this.#next === "|") {
      this.#at++;
      of[of.length] = this.#sequence();
    }
    this.#depth--;
    return of.length === 1 ? of[0] ?? { kind: "cat", of: [] } : { kind: "alt", of };
  }

  #sequence(): PatternNode {
    const of: PatternNode[] = [];
    while (this.#at < this.#text.length && this.#next !== "|" && this.#next !== ")") of[of.length] = this.#quantified();
    return { kind: "cat", of };
  }

  #quantified(): PatternNode {
    const start = this.#at;
    const atom = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === null) return atom;
    if (atom.kind === "assert") this.#refuse("an anchor cannot be repeated", start);
    if (this.#next === "?") this.#at++; // Lazy: the same texts match.
    else if (this.#next === "+") this.#refuse("possessive quantifiers are not supported");
    if (this.#quantifier() !== null) this.#refuse("a quantifier follows a quantifier; write a group");
    return { kind: "repeat", of: atom, least: bounds[0], most: bounds[1] };
  }

  #quantifier(): readonly [least: number, most: number] | null {
    switch (this.#next) {
      case "*": this.#at++; return [0, -1];
      case "+": this.#at++; return [1, -1];
      case "?": this.#at++; return [0, 1];
      case "{": break;
      default: return null;
    }
    const match = exec(/^\{(\d{1,6})(,(\d{0,6}))?\}/, slice(this.#text, this.#at, this.#at + 20));
    if (match === null) return null; // A brace that counts nothing is one.
    const least = +(match[1] ?? "");
    const most = match[2] === undefined ? least : match[3] === "" ? -1 : +(match[3] ?? "");
    if (least > mostRepeats || most > mostRepeats) this.#refuse(`a quantifier may count to ${mostRepeats}`);
    if (most >= 0 && most < least) this.#refuse("a quantifier's numbers are out of order");
    this.#at += match[0].length;
    return [least, most];
  }

  #atom(): PatternNode {
    const code = codeAt(this.#text, this.#at) ?? 0;
    switch (this.#next) {
      case "(": return this.#group();
      case "[": return { kind: "set", bytes: this.#set() };
      case ".": this.#at++; return { kind: "set", bytes: setOf((byte) => this.#isDotAll || byte !== 10) };
      case "^": this.#at++; return { kind: "assert", what: this.#isMultiline ? "line-start" : "start" };
      case "$": this.#at++; return { kind: "assert", what: this.#isMultiline ? "line-end" : "end" };
      case "*": case "+": case "?": return this.#refuse("there is nothing to repeat before the quantifier");
      case "\\": return this.#escape();
      default: this.#at += code > 0xffff ? 2 : 1; return literal(code);
    }
  }

  #group(): PatternNode {
    const start = this.#at;
    const opening = exec(/^\((\?(?::|P?<[A-Za-z_]\w{0,40}>|[\s\S]{0,2}))?/, slice(this.#text, start, start + 60))?.[0] ?? "(";
    const isPlain = opening === "(" || opening === "(?:" || opening[opening.length - 1] === ">";
    if (!isPlain) this.#refuse("groups are (…), (?:…) or named; look-ahead, look-behind and the like cannot be searched for in linear time");
    this.#at += opening.length;
    const node = this.#alternatives();
    if (this.#next !== ")") this.#refuse('there is a "(" without ")"', start);
    this.#at++;
    return node;
  }

  #escape(): PatternNode {
    const letter = this.#text[this.#at + 1] ?? "";
    const isClass = classes[letter];
    const assertion = assertions[letter];
    if (isClass !== undefined || assertion !== undefined) {
      this.#at += 2;
      return isClass !== undefined ? { kind: "set", bytes: setOf(isClass) } : { kind: "assert", what: assertion ?? "start" };
    }
    return literal(this.#escapedCode());
  }

  /** The character that an escape stands for. */
  #escapedCode(): number {
    const start = this.#at;
    const rest = slice(this.#text, start + 1, start + 12);
    const control = controls[rest[0] ?? ""];
    const hex = exec(/^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})/, rest);
    if (hex !== null) {
      this.#at += 1 + hex[0].length;
      return +`0x${hex[1] ?? hex[2] ?? hex[3] ?? "0"}` & 0x1fffff;
    }
    if (control !== undefined) { this.#at += 2; return control; }
    if (rest === "") this.#refuse("a backslash stands at the end");
    if (exec(/^[1-9]/, rest) !== null) this.#refuse("back-references cannot be searched for in linear time");
    if (exec(/^[A-Za-z]/, rest) !== null) this.#refuse(`\\${rest[0] ?? ""} means nothing here`);
    const code = codeAt(rest, 0) ?? 0;
    this.#at += code > 0xffff ? 3 : 2;
    return code;
  }

  #set(): Uint8Array {
    const start = this.#at++;
    const isNegated = this.#next === "^";
    if (isNegated) this.#at++;
    const bytes = new Uint8Array(256);
    for (let isFirst = true; isFirst || this.#next !== "]"; isFirst = false) {
      if (this.#at >= this.#text.length) this.#refuse('there is a "[" without "]"', start);
      this.#setMember(bytes);
    }
    this.#at++;
    fold(bytes);
    return isNegated ? setOf((byte) => bytes[byte] === 0) : bytes;
  }

  #setMember(bytes: Uint8Array): void {
    const isClass = this.#next === "\\" ? classes[this.#text[this.#at + 1] ?? ""] : undefined;
    if (isClass !== undefined) {
      this.#at += 2;
      for (let byte = 0; byte < 256; byte++) if (isClass(byte)) bytes[byte] = 1;
      return;
    }
    const start = this.#at;
    const from = this.#setCode();
    let to = from;
    if (this.#next === "-" && this.#at + 1 < this.#text.length && this.#text[this.#at + 1] !== "]") {
      this.#at++;
      to = this.#setCode();
    }
    if (to < from) this.#refuse("a range is out of order", start);
    for (let byte = from; byte <= to; byte++) bytes[byte] = 1;
  }

  #setCode(): number {
    const start = this.#at;
    if (this.#next === "\\" && this.#text[this.#at + 1] === "b") { this.#at += 2; return 8; }
    const isHexByte = exec(/^\\x/, slice(this.#text, start, start + 2)) !== null;
    const code = this.#next === "\\" ? this.#escapedCode() : codeAt(this.#text, this.#at++) ?? 0;
    if (code > 0xff || (code > 0x7f && !isHexByte)) this.#refuse("characters beyond ASCII cannot stand in [ ]; write (ä|ö)", start);
    return code;
  }
}
