// Compiles one addon to one script: TypeScript or JavaScript with its imports, by esbuild, inside the wall of its own folder
// (bundle-wall.ts). WALL: nothing of the addon runs here, no tsconfig and no plugin of its own is read. Nothing of what it makes is
// loaded into this process.
import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { build, type BuildOptions, type BuildResult, type Message, type Metafile } from "esbuild";
import { addonWall, isCode, isInside, sourceExtensions } from "./bundle-wall.ts";

export interface Bundle {
  /** ASCII: `$module(function (exports, module, require) { … })`, strict where all code in it is ES modules. */
  readonly source: Buffer;
  /** Source map as JSON, for lines of `source`; sources are relative to `folder`. */
  readonly sourceMap: string;
  /** sha256 of `source`, hex. */
  readonly hash: string;
  readonly folder: string;
  /** What the bundle is called in stack traces. */
  readonly file: string;
  readonly warnings: readonly string[];
}

export type BundleResult =
  | { readonly kind: "bundle"; readonly bundle: Bundle; readonly inputs: readonly string[] }
  /** `message`: a sentence per problem, each with `file:line:column` and the line of code under it. */
  | { readonly kind: "error"; readonly message: string; readonly inputs: readonly string[] };

/** `inputs`: what decides where to begin. */
interface Entry { readonly file: string; readonly folder: string; readonly inputs: readonly string[] }

// One line each, whatever is in it: the source map counts it.
const wrapperHead = "$module(function (exports, module, require) {\n";
const strictWrapperHead = '$module(function (exports, module, require) { "use strict";\n';
const wrapperTail = "\n});\n";
const mostMessages = 10;

/**
 * Compiles the addon at `path`, a file or a folder (its package.json's `main`, else index.ts, index.js). `inputs` are the absolute
 * paths that a watcher should look at, after an error too. Never rejects.
 */
export async function bundleAddon(path: string, bundleBytes: number): Promise<BundleResult> {
  const entry = await findEntry(resolve(path));
  if ("problem" in entry) return { kind: "error", message: entry.problem, inputs: entry.inputs };
  const inputs = new Set<string>(entry.inputs);
  try {
    const result = await build(addonOptions(entry, inputs));
    return finish(entry, result, inputs, bundleBytes);
  } catch (error) {
    const messages = messagesOf(error);
    return { kind: "error", message: messages.length === 0 ? String(error) : describe(messages, entry.folder), inputs: [...inputs] };
  }
}

function addonOptions({ file, folder }: Entry, inputs: Set<string>): BuildOptions & { readonly write: false; readonly metafile: true } {
  return {
    entryPoints: [file], absWorkingDir: folder, outfile: join(folder, "addon.js"), write: false, bundle: true, format: "cjs", platform: "neutral",
    mainFields: ["module", "main"], conditions: ["import", "module", "default"], target: "es2024", charset: "ascii", legalComments: "none", logLevel: "silent",
    metafile: true, sourcemap: "external", sourcesContent: true, sourceRoot: "", tsconfigRaw: "{}", resolveExtensions: [...sourceExtensions],
    plugins: [addonWall(folder, inputs)],
  };
}

/** Why there is no addon, and which files could make one. */
interface NoEntry { readonly problem: string; readonly inputs: readonly string[] }

const indexNames = ["index.ts", "index.mts", "index.js", "index.mjs"];

/** Where to begin, or why nobody can. */
async function findEntry(path: string): Promise<Entry | NoEntry> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return await findInFolder(path, real);
    if (sourceExtensions.includes(extname(real)) && extname(real) !== ".json") return { file: real, folder: dirname(real), inputs: [real] };
    return { problem: `${path} is no addon: it must be a .ts, .mts, .js or .mjs file, or a folder`, inputs: [path] };
  } catch (error) {
    return { problem: explainFile(path, error), inputs: [path] };
  }
}

async function findInFolder(path: string, folder: string): Promise<Entry | NoEntry> {
  const about = join(folder, "package.json");
  const { main, problem } = await mainOf(about);
  if (problem !== null) return { problem: `${path}: ${problem}`, inputs: [about] };
  const names = main === null ? indexNames : [main];
  for (const name of names) {
    const file = await realpath(join(folder, name)).catch(() => null);
    if (file === null) continue;
    if (isInside(folder, file)) return { file, folder, inputs: main === null ? [file] : [file, about] };
    return { problem: `${path}: "main" in package.json leaves the addon's folder; move the file into it`, inputs: [about] };
  }
  return {
    problem: main === null ? `${path} has no index.ts or index.js, and no package.json that names a "main"` : `${path}: package.json names "${main}" as "main", but there is no such file`,
    inputs: [about, ...names.map((name) => join(folder, name))],
  };
}

function explainFile(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `there is no addon at ${path}`;
  if (code === "EACCES" || code === "EPERM") return `${path} cannot be read: permission denied`;
  return `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

/** `main`: null where there is no such file, or it names none. */
async function mainOf(file: string): Promise<{ readonly main: string | null; readonly problem: string | null }> {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return { main: null, problem: null };
  try {
    // Editors may begin a file with a byte order mark.
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
    return { main: typeof value === "object" && value !== null && "main" in value && typeof value.main === "string" ? value.main : null, problem: null };
  } catch (error) {
    return { main: null, problem: `package.json is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function finish(entry: Entry, result: BuildResult<{ write: false; metafile: true }>, inputs: ReadonlySet<string>, bundleBytes: number): BundleResult {
  const code = result.outputFiles.find(({ path }) => path.endsWith(".js"));
  const map = result.outputFiles.find(({ path }) => path.endsWith(".map"));
  if (code === undefined || map === undefined) return { kind: "error", message: `${entry.file}: esbuild gave no code`, inputs: [...inputs] };
  const source = Buffer.from((isStrict(result.metafile) ? strictWrapperHead : wrapperHead) + asciiOnly(code.text) + wrapperTail, "latin1");
  if (source.length > bundleBytes) {
    return { kind: "error", message: `${entry.file}: the bundle has ${source.length} bytes, at most ${bundleBytes} are allowed (limit bundleBytes)`, inputs: [...inputs] };
  }
  const hash = createHash("sha256").update(source).digest("hex");
  // One line for the wrapper's head: the map counts lines of the whole script.
  const sourceMap = map.text.replace('"mappings": "', '"mappings": ";');
  const warnings = result.warnings.slice(0, mostMessages).map((warning) => describe([warning], entry.folder));
  const file = `${basename(entry.file, extname(entry.file)).replace(/[^\w.-]/g, "_")}.bundle.js`;
  return { kind: "bundle", bundle: { source, sourceMap, hash, folder: entry.folder, file, warnings }, inputs: [...inputs] };
}

/**
 * Whether the standard makes all of this code strict. esbuild checks modules as strict and then writes them into a script, which is not,
 * unless we say so. A file that imports and exports nothing may be meant as either, so it stays as it is, and CommonJS with it.
 */
const isStrict = ({ inputs }: Metafile): boolean => Object.entries(inputs).every(([path, { format }]) => format === "esm" || !isCode(path));

/** esbuild escapes strings and identifiers; what else is there (regular expressions, comments) means the same when escaped. */
const asciiOnly = (code: string): string => code.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

function messagesOf(error: unknown): readonly Message[] {
  return typeof error === "object" && error !== null && "errors" in error && Array.isArray(error.errors) ? (error.errors as readonly Message[]) : [];
}

/** How a person who stands in the working folder calls a file of an addon: by the shorter of its relative and its absolute path. */
export function shownPath(folder: string, file: string): string {
  const absolute = resolve(folder, file);
  const relativePath = relative(process.cwd(), absolute);
  return relativePath.startsWith("..") ? absolute : relativePath;
}

function describe(messages: readonly Message[], folder: string): string {
  const lines = messages.slice(0, mostMessages).map(({ text, location, notes }) => {
    const note = notes.map((item) => `\n    ${item.text.replaceAll("\n", " ")}`).join("");
    if (location === null) return text + note;
    const { file, line, column, lineText } = location;
    return `${shownPath(folder, file)}:${line}:${column + 1}: ${text}\n    ${lineText.slice(0, 200)}\n    ${" ".repeat(Math.min(column, 200))}^${note}`;
  });
  if (messages.length > mostMessages) lines.push(`and ${messages.length - mostMessages} more`);
  return lines.join("\n");
}
