// Where in an author's source something is that is known by its name or its place in the bundle: a handler, a word of the manifest, a
// use. Knows one bundle; gives places for messages and decides nothing.
import { codeLines } from "../log-format.ts";
import { shownPath, type Bundle } from "./bundle.ts";
import { maskCode } from "./masked-code.ts";
import { BundleSourceMap, type SourcePlace } from "./source-map.ts";

/** A sentence and the place that it is about, if one is known. */
export interface CheckWarning {
  readonly message: string;
  /** `file:line:column`. */
  readonly location: string | null;
  readonly codeLine: string | null;
  /** Where in `codeLine`, from 0. */
  readonly caret: number | null;
}

export class CodePlaces {
  /** The bundle's text; places are offsets in it. */
  readonly code: string;
  readonly #masked: string;
  readonly #map: BundleSourceMap;

  constructor(bundle: Bundle) {
    this.code = bundle.source.toString("latin1");
    this.#masked = maskCode(this.code);
    this.#map = new BundleSourceMap(bundle.sourceMap, bundle.file, (source) => shownPath(bundle.folder, source));
  }

  at(offset: number): SourcePlace | null {
    const before = this.code.slice(0, offset);
    return this.#map.place(before.split("\n").length, offset - before.lastIndexOf("\n"));
  }

  /** Where a function, class, variable or method of that name is made. */
  ofName(name: string): SourcePlace | null {
    const word = name.replace(/[^\w$]/g, "\\$&");
    for (const pattern of [`\\bfunction\\*?\\s+(?=${word}\\b)`, `\\b(?:var|let|const|class)\\s+(?=${word}\\b)`, `^\\s*(?:async\\s+|\\*\\s*|static\\s+)*(?=${word}\\s*\\()`, `^\\s*(?=${word}\\s*[:=])`]) {
      const match = new RegExp(pattern, "m").exec(this.#masked);
      if (match !== null) return this.at(match.index + match[0].length);
    }
    return null;
  }

  /** Where the manifest has these words, each after the one before; words that it has not are passed over. */
  inManifest(words: readonly string[]): SourcePlace | null {
    let at = /\bmanifest\s*=/.exec(this.#masked)?.index;
    if (at === undefined) return null;
    for (const word of words) {
      const found = /^[\w.:@/*-]{1,60}$/.test(word) ? this.code.slice(at).search(new RegExp(`(?<![\\w.])${word.replace(/[^\w]/g, "\\$&")}(?![\\w.])`)) : -1;
      if (found > 0) at += found;
    }
    return this.at(at);
  }
}

/** A warning at a place. */
export const warningAt = (message: string, place: SourcePlace | null): CheckWarning => ({ message, location: place?.location ?? null, codeLine: place?.codeLine ?? null, caret: place?.caret ?? null });

/** As lines: the place and the sentence, the code, a caret. */
export function warningLines({ message, location, codeLine, caret }: CheckWarning): readonly string[] {
  return [location === null ? message : `${location}: ${message}`, ...codeLines({ codeLine, caret }).map((line) => `    ${line}`)];
}

const described = /^(\S.*:\d+:\d+): ([^]*?)\n {4}([^\n]*)\n {4}( *)\^/;

/** What bundle.ts wrote of one message of esbuild. */
export function warningOf(text: string): CheckWarning {
  const match = described.exec(text);
  if (match === null) return warningAt(text, null);
  const [, location = "", message = "", codeLine = "", indent = ""] = match;
  return { message, location, codeLine, caret: indent.length };
}
