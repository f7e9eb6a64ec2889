// Searches texts for the patterns of filters in time that grows with the text alone, whatever the pattern: an automaton of states
// that is built as the text needs them. There is no backtracking, so nobody can write a pattern that hangs the host; what building
// costs is counted, and a caller may bound it. Says whether a pattern occurs, never where.
import { isWordByte, readPattern, type AssertionKind, type PatternFlags, type PatternNode, type PatternProblem } from "./pattern-parse.ts";

/** LIMIT: instructions of one pattern, repetitions written out. */
export const largestPattern = 2_000;
/** States that are kept; when there are more, building begins anew. */
const mostStates = 200;

/** What a search may cost: one step a byte, and what building states takes. Below 0: it was given up, and the answer is void. */
export interface SearchBudget { steps: number }

// WALL 1: private copies, since this also runs beside addon code.
const mapGet = Function.prototype.call.bind(Map.prototype.get) as <K, V>(map: Map<K, V>, key: K) => V | undefined;
const mapSet = Function.prototype.call.bind(Map.prototype.set) as <K, V>(map: Map<K, V>, key: K, value: V) => unknown;
const charCodeAt = Function.prototype.call.bind(String.prototype.charCodeAt) as (text: string, at: number) => number;
const { fromCharCode } = String;

// Symbols beyond the bytes: the end, and a line end that is the last byte (Python's `$` matches before it).
const endSymbol = 256;
const lastLineSymbol = 257;
const symbols = 258;

type Instruction =
  | { readonly kind: "set"; readonly bytes: Uint8Array; readonly next: number }
  | { readonly kind: "split"; readonly next: number; readonly other: number }
  | { readonly kind: "assert"; readonly what: AssertionKind; readonly next: number }
  | { readonly kind: "match" };

/** What stood before a place: nothing, a line end, a letter, or anything else. */
type Before = 0 | 1 | 2 | 3;

interface State {
  readonly places: readonly number[];
  readonly before: Before;
  /** By symbol: the next state, or one of the three below. */
  readonly moves: Int16Array;
}
const unknown = -1;
const found = -2;
const over = -3;

export class Pattern {
  /** As the author wrote it. */
  readonly source: string;
  /** Instructions. */
  readonly size: number;
  readonly #program: readonly Instruction[];
  readonly #first: number;
  #states: State[] = [];
  #byKey = new Map<string, number>();

  constructor(source: string, program: readonly Instruction[], first: number) {
    this.source = source;
    this.size = program.length;
    this.#program = program;
    this.#first = first;
  }

  /** Whether it occurs in a byte string (one char per byte; others count as "?") or bytes. Void when `budget` ran out. */
  isIn(text: string | Uint8Array, budget: SearchBudget): boolean {
    budget.steps -= text.length;
    let state = this.#stateOf([this.#first], 0, budget);
    let { moves } = this.#states[state]!;
    const { length } = text;
    for (let at = 0; at <= length; at++) {
      let symbol = endSymbol;
      if (at < length) {
        symbol = typeof text === "string" ? charCodeAt(text, at) : text[at]!;
        if (symbol > 0xff) symbol = 0x3f;
        else if (symbol === 10 && at === length - 1) symbol = lastLineSymbol;
      }
      let move = moves[symbol]!;
      if (move === unknown) move = this.#build(state, symbol, budget);
      if (move === found) return true;
      if (move === over || budget.steps < 0) return false;
      if (move === state) continue;
      state = move;
      ({ moves } = this.#states[state]!);
    }
    return false;
  }

  #stateOf(places: readonly number[], before: Before, budget: SearchBudget): number {
    let key = `${before}`;
    for (let index = 0; index < places.length; index++) key += fromCharCode(places[index] ?? 0);
    const known = mapGet(this.#byKey, key);
    if (known !== undefined) return known;
    if (this.#states.length >= mostStates) {
      this.#states = [];
      this.#byKey = new Map();
    }
    budget.steps -= symbols;
    const number = this.#states.length;
    this.#states[number] = { places, before, moves: new Int16Array(symbols).fill(unknown) };
    mapSet(this.#byKey, key, number);
    return number;
  }

  /** Where a state goes with a symbol. */
  #build(from: number, symbol: number, budget: SearchBudget): number {
    const state = this.#states[from];
    if (state === undefined) return over;
    const isHere = new Uint8Array(this.size);
    const isFound = this.#spread(state, symbol, isHere);
    budget.steps -= 4 * this.size;
    if (isFound) return (state.moves[symbol] = found);
    if (symbol === endSymbol) return (state.moves[symbol] = over);
    const byte = symbol === lastLineSymbol ? 10 : symbol;
    const isNext = new Uint8Array(this.size);
    isNext[this.#first] = 1; // It may begin anywhere.
    for (let place = 0; place < this.size; place++) {
      const instruction = this.#program[place];
      if (isHere[place] === 1 && instruction?.kind === "set" && instruction.bytes[byte] === 1) isNext[instruction.next] = 1;
    }
    const places: number[] = [];
    for (let place = 0; place < this.size; place++) if (isNext[place] === 1) places[places.length] = place;
    const next = this.#stateOf(places, byte === 10 ? 1 : isWordByte(byte) ? 2 : 3, budget);
    // Where the states were thrown away meanwhile, there is no place to note it.
    if (this.#states[from] === state) state.moves[symbol] = next;
    return next;
  }

  /** Marks every place that is reached without a byte; says whether the end of the pattern is one of them. */
  #spread({ places, before }: State, symbol: number, isHere: Uint8Array): boolean {
    const stack = new Uint16Array(this.size);
    let height = 0;
    let isFound = false;
    const reach = (place: number): void => {
      if (isHere[place] === 1) return;
      isHere[place] = 1;
      stack[height++] = place;
    };
    for (let index = 0; index < places.length; index++) reach(places[index] ?? 0);
    while (height > 0) {
      const instruction = this.#program[stack[--height] ?? 0];
      if (instruction?.kind === "match") isFound = true;
      else if (instruction?.kind === "split") { reach(instruction.next); reach(instruction.other); }
      else if (instruction?.kind === "assert" && holds(instruction.what, before, symbol)) reach(instruction.next);
    }
    return isFound;
  }
}

function holds(what: AssertionKind, before: Before, symbol: number): boolean {
  switch (what) {
    case "start": return before === 0;
    case "line-start": return before < 2;
    case "last": return symbol === endSymbol;
    case "end": return symbol === endSymbol || symbol === lastLineSymbol;
    case "line-end": return symbol === endSymbol || symbol === lastLineSymbol || symbol === 10;
    case "word": return (before === 2) !== (symbol < 256 && isWordByte(symbol));
    case "not-word": return (before === 2) === (symbol < 256 && isWordByte(symbol));
  }
}

/** Compiles a pattern; never throws. */
export function compilePattern(source: string, flags: PatternFlags = {}): Pattern | PatternProblem {
  const node = readPattern(source, flags);
  if (node.kind === "problem") return node;
  if (sizeOf(node) >= largestPattern) return { kind: "problem", message: `the pattern is too large when its repetitions are written out (at most ${largestPattern} steps)`, at: 0 };
  const program: Instruction[] = [{ kind: "match" }];
  const first = write(program, node, 0);
  return new Pattern(source, program, first);
}

/** Instructions that a tree becomes. Stops counting when it is too many anyway. */
function sizeOf(node: PatternNode): number {
  if (node.kind === "set" || node.kind === "assert") return 1;
  if (node.kind === "repeat") return Math.min(largestPattern, (sizeOf(node.of) + 1) * Math.max(node.most, node.least + 1, 1));
  let size = node.of.length;
  for (let index = 0; index < node.of.length; index++) {
    const part = node.of[index];
    if (part !== undefined) size += sizeOf(part);
  }
  return Math.min(largestPattern, size);
}

const add = (program: Instruction[], instruction: Instruction): number => {
  program[program.length] = instruction;
  return program.length - 1;
};

/** Writes instructions from the end to the beginning; gives where the tree begins. */
function write(program: Instruction[], node: PatternNode, next: number): number {
  switch (node.kind) {
    case "set": return add(program, { kind: "set", bytes: node.bytes, next });
    case "assert": return add(program, { kind: "assert", what: node.what, next });
    case "cat": {
      let at = next;
      for (let index = node.of.length - 1; index >= 0; index--) {
        const part = node.of[index];
        if (part !== undefined) at = write(program, part, at);
      }
      return at;
    }
    case "alt": {
      let at = -1;
      for (let index = node.of.length - 1; index >= 0; index--) {
        const part = node.of[index];
        if (part === undefined) continue;
        const branch = write(program, part, next);
        at = at < 0 ? branch : add(program, { kind: "split", next: branch, other: at });
      }
      return at;
    }
    case "repeat": return writeRepeat(program, node, next);
  }
}

function writeRepeat(program: Instruction[], { of, least, most }: Extract<PatternNode, { readonly kind: "repeat" }>, next: number): number {
  let at = next;
  if (most < 0) {
    // The split is written first, so that the loop has somewhere to come back to.
    const split = add(program, { kind: "match" });
    const body = write(program, of, split);
    program[split] = { kind: "split", next: body, other: next };
    at = split;
  } else {
    for (let count = least; count < most; count++) at = add(program, { kind: "split", next: write(program, of, at), other: next });
  }
  for (let count = 0; count < least; count++) at = write(program, of, at);
  return at;
}
