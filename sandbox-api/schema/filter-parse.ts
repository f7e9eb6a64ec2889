// Reads a filter expression (filter.ts) into its tree, or says what is wrong and in which column. Binding as in mitmproxy: "!" before
// "&" before "|" before words that stand side by side (all must match). Bounded in length, depth and the size of all patterns
// together, since expressions come from manifests of strangers. Never throws.
import { assetTypes, filterTable, type Filter, type FilterOperator } from "./filter.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import type { PatternFlags } from "./pattern-parse.ts";

/** LIMIT: characters of an expression, operators in it, and instructions of its patterns together. */
export const longestFilter = 1_000;
const mostOperators = 50;
const largestPatterns = 4_000;
const deepestNesting = 50;

export type FilterResult =
  | { readonly kind: "filter"; readonly filter: Filter; readonly operators: readonly string[] }
  /** `column` from 1. */
  | { readonly kind: "problem"; readonly message: string; readonly column: number };

// WALL 1: private copies, since this also runs beside addon code.
const exec = Function.prototype.call.bind(RegExp.prototype.exec) as (pattern: RegExp, text: string) => RegExpExecArray | null;
const slice = Function.prototype.call.bind(String.prototype.slice) as (text: string, from: number, to?: number) => string;

class Unreadable {
  readonly message: string;
  readonly at: number;
  constructor(message: string, at: number) {
    this.message = message;
    this.at = at;
  }
}

/** Reads an expression. */
export function parseFilter(text: string): FilterResult {
  if (text.length > longestFilter) return { kind: "problem", message: `a filter may have at most ${longestFilter} characters`, column: longestFilter + 1 };
  try {
    const parser = new FilterParser(text);
    const filter = parser.parse();
    return { kind: "filter", filter, operators: parser.operators };
  } catch (error) {
    if (error instanceof Unreadable) return { kind: "problem", message: error.message, column: error.at + 1 };
    throw error;
  }
}

/** A text argument, and where each of its characters stands in the expression. */
interface Argument { readonly text: string; readonly places: readonly number[] }

class FilterParser {
  readonly operators: string[] = [];
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #size = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    this.#skipBlanks();
    if (this.#isOver) this.#refuse('the filter is empty; "~all" matches everything');
    const filter = this.#expression();
    if (!this.#isOver) this.#refuse('there is a ")" without "("');
    return filter;
  }

  #refuse(message: string, at = this.#at): never {
    throw new Unreadable(message, at);
  }
  get #isOver(): boolean {
    return this.#at >= this.#text.length;
  }
  get #next(): string {
    return this.#text[this.#at] ?? "";
  }
  #take(): string {
    return this.#text[this.#at++] ?? "";
  }
  #skipBlanks(): void {
    while (!this.#isOver && exec(/\s/, this.#next) !== null) this.#at++;
  }

  /** Disjunctions side by side. */
  #expression(): Filter {
    if (++this.#depth > deepestNesting) this.#refuse(`parentheses may be nested ${deepestNesting} deep`);
    const of: Filter[] = [];
    do of[of.length] = this.#joined("|", () => this.#joined("&", () => this.#negation()));
    while (!this.#isOver && this.#next !== ")");
    this.#depth--;
    return of.length === 1 ? of[0]! : { kind: "and", of };
  }

  #joined(sign: "|" | "&", operand: () => Filter): Filter {
    const of = [operand()];
    while (this.#next === sign) {
      this.#at++;
      of[of.length] = operand();
    }
    return of.length === 1 ? of[0]! : { kind: sign === "&" ? "and" : "or", of };
  }

  #negation(): Filter {
    this.#skipBlanks();
    let isNegated = false;
    for (; this.#next === "!"; this.#skipBlanks()) {
      isNegated = !isNegated;
      this.#at++;
    }
    const filter = this.#primary();
    this.#skipBlanks();
    return isNegated ? { kind: "not", of: filter } : filter;
  }

  #primary(): Filter {
    const start = this.#at;
    const next: string = this.#next;
    if (this.#isOver) this.#refuse("the filter ends where an expression is expected");
    if (next === "&" || next === "|") this.#refuse(`there is nothing before "${next}"`);
    if (next === ")") this.#refuse('an expression is expected before ")"');
    if (next === "(") {
      this.#at++;
      this.#skipBlanks();
      const filter = this.#expression();
      if (this.#take() !== ")") this.#refuse('there is a "(" without ")"', start);
      return filter;
    }
    this.#count();
    if (next === "~") return this.#operator();
    this.operators[this.operators.length] = "u";
    return { kind: "search", in: ["url"], pattern: this.#pattern(this.#argument("u"), {}, start) };
  }

  #count(): void {
    if (this.operators.length >= mostOperators) this.#refuse(`a filter may have ${mostOperators} operators`);
  }

  #operator(): Filter {
    const start = this.#at;
    const name = exec(/^~([A-Za-z]*)/, slice(this.#text, start, start + 32))?.[1] ?? "";
    const operator: FilterOperator | undefined = filterTable[name];
    if (operator === undefined) this.#refuse(`there is no operator "~${name}"${nearOperator(name)}; a "~" in a word needs quotes`, start);
    this.#at += 1 + name.length;
    if (!this.#isOver && exec(/[\s()]/, this.#next) === null) this.#refuse(`a space must follow "~${name}"`);
    this.operators[this.operators.length] = name;
    if (operator.takes === "nothing") return operator.fact === "asset" ? this.#asset() : { kind: "fact", fact: operator.fact };
    this.#skipBlanks();
    const at = this.#at;
    const argument = this.#argument(name);
    if (operator.takes === "pattern") return { kind: "search", in: operator.in, pattern: this.#pattern(argument, operator.flags, at) };
    if (exec(/^\d{1,9}$/, argument.text) === null) this.#refuse(`"~${name}" takes a number`, at);
    return { kind: "code", code: +argument.text };
  }

  #asset(): Filter {
    return { kind: "search", in: ["response.type"], pattern: this.#pattern({ text: assetTypes, places: [] }, {}, this.#at) };
  }

  #argument(operator: string): Argument {
    const start = this.#at;
    const quote = this.#next;
    if (quote === '"' || quote === "'") return this.#quoted(quote);
    const text = exec(/^[^()~'"\s]*/, slice(this.#text, start))?.[0] ?? "";
    if (text === "") this.#refuse(`"~${operator}" needs something to look for`);
    this.#at += text.length;
    const places: number[] = [];
    for (let index = 0; index < text.length; index++) places[index] = start + index;
    return { text, places };
  }

  /** As in mitmproxy, a backslash takes the meaning of the quote and of a backslash; before anything else it stays: "\d" and "\\d" are digits. */
  #quoted(quote: string): Argument {
    const start = this.#at++;
    const places: number[] = [];
    let text = "";
    for (; this.#next !== quote; this.#at++) {
      if (this.#isOver) this.#refuse(`the ${quote} is not closed`, start);
      const after = this.#text[this.#at + 1];
      if (this.#next === "\\" && (after === quote || after === "\\")) this.#at++;
      places[text.length] = this.#at;
      text += this.#next;
    }
    this.#at++;
    return { text, places };
  }

  #pattern({ text, places }: Argument, flags: PatternFlags, start: number): Pattern {
    const pattern = compilePattern(text, flags);
    if ("kind" in pattern) return this.#refuse(pattern.message, places[pattern.at] ?? (pattern.at > 0 ? this.#at : start));
    this.#size += pattern.size;
    if (this.#size > largestPatterns) this.#refuse(`the patterns of the filter are too large together (at most ${largestPatterns} steps)`, start);
    return pattern;
  }
}

/** `; did you mean "~x"?` for operators that differ in one letter. */
function nearOperator(name: string): string {
  for (const operator in filterTable) {
    if (name.length > 1 && operator.length > 1 && (operator === name + "s" || name === operator + "s" || isOneOff(operator, name))) return `; did you mean "~${operator}"?`;
  }
  return "";
}

function isOneOff(a: string, b: string): boolean {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  const rest = [slice(a, same), slice(b, same)] as const;
  return slice(rest[0], 1) === slice(rest[1], 1) || slice(rest[0], 1) === rest[1] || rest[0] === slice(rest[1], 1);
}
