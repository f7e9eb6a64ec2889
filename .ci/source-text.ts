// Reads TypeScript source well enough for the laws: where comments, strings and code are, what is imported, where functions
// begin and end. Pure; a scanner rather than a parser (TypeScript 7 has no JavaScript API), so it knows no types, and code
// that is laid out strangely may fool it. The compiler, not this file, is what guards correctness.

export interface Comment {
  readonly at: number;
  readonly text: string;
}

export interface SourceText {
  /** The source with every comment, string, template text and regular expression blanked; same length, same line breaks. */
  readonly code: string;
  readonly comments: readonly Comment[];
}

export interface Import {
  readonly at: number;
  /** What is imported; undefined when it is computed at run time. */
  readonly specifier: string | undefined;
}

export interface FunctionSpan {
  readonly at: number;
  readonly lines: number;
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

const quoted = { "'": /'(?:[^'\\\n]|\\[^])*'?/y, '"': /"(?:[^"\\\n]|\\[^])*"?/y } as const;
const lineComment = /\/\/[^\n]*/y;
const blockComment = /\/\*[^]*?(?:\*\/|$)/y;
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const templateText = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
const beforeRegularExpression = /(?:^|[(,=:[!&|?{};+\-*%^~<>]|\b(?:return|typeof|case|in|of|void|delete|throw|await|yield|else))\s*$/;

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Separates code from what only looks like it. */
export function readSource(text: string): SourceText {
  const comments: Comment[] = [];
  // For each `${` that is open: how many braces are open inside it.
  const templates: number[] = [];
  let code = "";
  const take = (part: string): void => void (code += blank(part));
  const takeTemplate = (): void => {
    take(matchAt(templateText, text, code.length) ?? "");
    if (text.startsWith("${", code.length)) {
      code += " {";
      templates.push(0);
    } else if (code.length < text.length) code += "`";
  };
  while (code.length < text.length) {
    const at = code.length;
    const character = text.charAt(at);
    const depth = templates.at(-1);
    const comment = character === "/" ? (matchAt(lineComment, text, at) ?? matchAt(blockComment, text, at)) : undefined;
    if (comment !== undefined) {
      comments.push({ at, text: comment });
      take(comment);
    } else if (character === "'" || character === '"') {
      const string = matchAt(quoted[character], text, at) ?? character;
      code += string.length < 2 ? string : character + blank(string.slice(1, -1)) + character;
    } else if (character === "`") {
      code += "`";
      takeTemplate();
    } else if (character === "}" && depth === 0) {
      templates.pop();
      code += "}";
      takeTemplate();
    } else if (character === "/" && beforeRegularExpression.test(code.trimEnd().slice(-12))) {
      take(matchAt(regularExpression, text, at) ?? character);
    } else {
      if (depth !== undefined && (character === "{" || character === "}")) templates[templates.length - 1] = depth + (character === "{" ? 1 : -1);
      code += character;
    }
  }
  return { code, comments };
}

/** The line, counted from one, of a position. */
export const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

const staticImport = /\b(?:from|import)\s*(?=["'])/g;
const dynamicImport = /\b(?:import|require|require\s*\.\s*resolve|import\s*\.\s*meta\s*\.\s*resolve|getBuiltinModule)\s*\(\s*/g;

/** Every import, also of types, re-exports, `import()`, `require()`, their `resolve`, and `process.getBuiltinModule()`. */
export function importsOf(text: string, { code }: SourceText): readonly Import[] {
  const literalAt = (at: number): string | undefined => {
    const quote = code.charAt(at);
    const end = /["'`]/.test(quote) ? code.indexOf(quote, at + 1) : -1;
    const literal = end < 0 ? undefined : text.slice(at + 1, end);
    return literal?.includes("${") === true || !/^\s*[,)]/.test(code.slice(end + 1) + ")") ? undefined : literal;
  };
  const found = (pattern: RegExp, read: (at: number) => string | undefined): Import[] =>
    [...code.matchAll(pattern)].map((match) => ({ at: match.index, specifier: read(match.index + match[0].length) }));
  const named = (at: number): string => text.slice(at + 1, code.indexOf(code.charAt(at), at + 1));
  return [...found(staticImport, named), ...found(dynamicImport, literalAt)].sort((a, b) => a.at - b.at);
}

function closingBrace(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code.charAt(at) === "{") depth += 1;
    else if (code.charAt(at) === "}" && (depth -= 1) === 0) return at;
  }
  return code.length - 1;
}

function openingParenthesis(code: string, close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    if (code.charAt(at) === ")") depth += 1;
    else if (code.charAt(at) === "(" && (depth -= 1) === 0) return at;
  }
  return 0;
}

/** Where the body opens whose parameters end at `close`, past a return type with braces of its own; undefined if none does. */
function bodyAfter(code: string, close: number): number | undefined {
  const untilBrace = /\s*(?::(?:[^;{}=]|=>)*)?\{/y;
  const untilNextBrace = /(?:[^;{}=]|=>)*\{/y;
  for (let pattern = untilBrace, at = close + 1; ; pattern = untilNextBrace) {
    const matched = matchAt(pattern, code, at);
    if (matched === undefined) return undefined;
    const open = at + matched.length - 1;
    const isTypeLiteral = /[:|&<,]\s*$/.test(matched.slice(0, -1));
    if (!isTypeLiteral) return open;
    at = closingBrace(code, open) + 1;
  }
}

const controlOrClass = /\b(?:if|for|for\s+await|while|switch|catch|extends\s+[\w.]+)\s*$/;

/** Every function with a body in braces, from the line where its body opens to the line where it closes. */
export function functionsOf({ code }: SourceText): readonly FunctionSpan[] {
  const arrows = [...code.matchAll(/=>\s*\{/g)].map((match) => match.index + match[0].length - 1);
  const others = [...code.matchAll(/\)(?=\s*[:{])/g)]
    .filter(({ index }) => !controlOrClass.test(code.slice(0, openingParenthesis(code, index)).slice(-80)))
    .map(({ index }) => bodyAfter(code, index));
  const opens = new Set([...arrows, ...others].filter((open) => open !== undefined));
  return [...opens].sort((a, b) => a - b).map((open) => ({ at: open, lines: code.slice(open, closingBrace(code, open)).split("\n").length }));
}
