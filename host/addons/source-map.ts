// Finds the author's source behind places in a compiled bundle: maps stack traces, and gives the line of code for a message. Knows
// one bundle; never fails on a trace it cannot read (a hostile addon may have made it up), it leaves such lines as they are.
import { SourceMap } from "node:module";

export interface SourcePlace {
  /** `file:line:column`; how the file is called is up to who made the map. */
  readonly location: string;
  /** The line of source there, trimmed; of a long one what is around the place. */
  readonly codeLine: string | null;
  /** Where in `codeLine` it is, from 0. */
  readonly caret: number | null;
}

export interface MappedStack {
  readonly stack: string;
  /** The topmost frame that lies in the author's source. */
  readonly place: SourcePlace | null;
}

const longestCodeLine = 200;
const mostFrames = 50;
/** Frames of the guest around the addon: minified, and nothing that the author could mend. */
const guestFrame = /^\s*at .*\bflowcell:guest:\d+:\d+\)?$/;

interface Payload { readonly sources: readonly string[]; readonly sourcesContent: readonly (string | null)[] }

function cutLine(line: string, column: number): Pick<SourcePlace, "codeLine" | "caret"> {
  const indent = line.length - line.trimStart().length;
  const from = column - indent < longestCodeLine * 0.75 ? indent : column - longestCodeLine / 2;
  const mark = from > indent ? "…" : "";
  const codeLine = `${mark}${line.slice(from, from + longestCodeLine).trimEnd()}`;
  return { codeLine, caret: Math.min(Math.max(0, column - from + mark.length), codeLine.length) };
}

/** The source map of one bundle. `file` is what the bundle is called in stack traces. */
export class BundleSourceMap {
  readonly #map: SourceMap;
  readonly #contents: ReadonlyMap<string, readonly string[]>;
  readonly #frame: RegExp;
  readonly #pathOf: (source: string) => string;

  /** `json` is the bundle's own map, as esbuild made it: trusted. `pathOf` gives the name that a person knows a source by. */
  constructor(json: string, file: string, pathOf: (source: string) => string = (source) => source) {
    this.#pathOf = pathOf;
    const payload: ConstructorParameters<typeof SourceMap>[0] & Payload = JSON.parse(json);
    this.#map = new SourceMap(payload);
    this.#contents = new Map(payload.sources.map((source, index) => [source, (payload.sourcesContent[index] ?? "").split("\n")]));
    this.#frame = new RegExp(`${file.replace(/[^\w]/g, "\\$&")}:(\\d{1,7}):(\\d{1,7})`);
  }

  /** The source place for a 1-based line and column of the bundle; null outside the author's code (wrapper, esbuild's own helpers). */
  place(line: number, column: number): SourcePlace | null {
    const entry = this.#map.findEntry(line - 1, column - 1);
    if (!("originalSource" in entry)) return null;
    // An entry may begin on an earlier line: then the place asked for has no source of its own.
    if (entry.generatedLine !== line - 1) return null;
    const source = entry.originalSource;
    const text = this.#contents.get(source)?.[entry.originalLine];
    const location = `${this.#pathOf(source)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    return { location, ...(text === undefined ? { codeLine: null, caret: null } : cutLine(text, entry.originalColumn)) };
  }

  /** A stack trace (or a place `file:line:column`) with every place in the bundle replaced by its source. */
  mapStack(stack: string): MappedStack {
    let top: SourcePlace | null = null;
    const lines = stack.split("\n").slice(0, mostFrames).filter((text) => !guestFrame.test(text)).map((text) =>
      text.replace(this.#frame, (whole: string, line: string, column: string) => {
        const place = this.place(Number(line), Number(column));
        top ??= place;
        return place?.location ?? whole;
      }));
    return { stack: lines.join("\n"), place: top };
  }
}
