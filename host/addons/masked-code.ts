// JavaScript with everything blanked that is no code: comments, strings, templates' texts, regular expressions. Positions stay. Good enough
// for looking for words in what esbuild wrote; it is no parser. Pure.

const beforeRegExp = /(?:^|[=([{,;:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))\s*$/;

/** `code` with the same length and line ends. Takes time in proportion to its length. */
export function maskCode(code: string): string {
  return new Masker(code).run();
}

class Masker {
  readonly #code: string;
  #at = 0;
  #kept = 0;
  #masked = "";
  /** Braces that are open in each template expression around the place. */
  readonly #templates: number[] = [];

  constructor(code: string) {
    this.#code = code;
  }

  run(): string {
    while (this.#at < this.#code.length) this.#step();
    return this.#masked + this.#code.slice(this.#kept);
  }

  #step(): void {
    const code = this.#code;
    const char = code[this.#at];
    const two = code.slice(this.#at, this.#at + 2);
    if (two === "//") return this.#blank(this.#endOf("\n", this.#at));
    if (two === "/*") return this.#blank(this.#endOf("*/", this.#at + 2) + 2);
    if (char === '"' || char === "'") return this.#blank(this.#endOfString(char));
    if (char === "`") return this.#template();
    if (char === "/" && beforeRegExp.test(code.slice(Math.max(0, this.#at - 20), this.#at))) return this.#blank(this.#endOfRegExp());
    const depth = this.#templates.at(-1);
    if (depth !== undefined && char === "{") this.#templates[this.#templates.length - 1] = depth + 1;
    if (depth !== undefined && char === "}") {
      if (depth === 0) { this.#templates.pop(); return this.#template(); }
      this.#templates[this.#templates.length - 1] = depth - 1;
    }
    this.#at++;
  }

  #endOf(text: string, from: number): number {
    const end = this.#code.indexOf(text, from);
    return end < 0 ? this.#code.length : end;
  }

  #endOfString(quote: string): number {
    let at = this.#at + 1;
    while (at < this.#code.length && this.#code[at] !== quote && this.#code[at] !== "\n") at += this.#code[at] === "\\" ? 2 : 1;
    return at + 1;
  }

  #endOfRegExp(): number {
    let isClass = false;
    let at = this.#at + 1;
    for (; at < this.#code.length && this.#code[at] !== "\n"; at++) {
      const char = this.#code[at];
      if (char === "\\") at++;
      else if (char === "[") isClass = true;
      else if (char === "]") isClass = false;
      else if (char === "/" && !isClass) break;
    }
    return at + 1;
  }

  /** From a backtick, or from the end of an expression in a template, to its end or to the next expression. */
  #template(): void {
    let at = this.#at + 1;
    while (at < this.#code.length && this.#code[at] !== "`") {
      if (this.#code[at] === "$" && this.#code[at + 1] === "{") {
        this.#templates.push(0);
        return this.#blank(at + 2);
      }
      at += this.#code[at] === "\\" ? 2 : 1;
    }
    this.#blank(at + 1);
  }

  #blank(end: number): void {
    const to = Math.min(end, this.#code.length);
    this.#masked += this.#code.slice(this.#kept, this.#at) + this.#code.slice(this.#at, to).replace(/[^\n]/g, " ");
    this.#at = to;
    this.#kept = to;
  }
}
