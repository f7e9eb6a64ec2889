// The wall around an addon's compilation (sandbox.md §3): an esbuild plugin that resolves and reads every import itself. Imports
// end in the addon's own folder (node_modules included) or at "flowcell"; everything else is an error that names the import and
// says what to do. It compiles nothing.
import { readFile, realpath } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { extname, isAbsolute, relative, sep } from "node:path";
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";

/** What an addon may be made of, in the order in which an import without extension is tried. */
export const sourceExtensions: readonly string[] = [".ts", ".mts", ".js", ".mjs", ".cts", ".cjs", ".json"];

const sourceLoaders: readonly (readonly [string, Loader])[] = [
  [".ts", "ts"], [".mts", "ts"], [".cts", "ts"], [".js", "js"], [".mjs", "js"], [".cjs", "js"], [".json", "json"],
];

/** Files whose default export is their text, or their bytes (a Uint8Array). */
const textExtensions = [".html", ".txt", ".css", ".svg", ".xml", ".csv", ".md"] as const;
const byteExtensions = [".png", ".jpg", ".gif", ".webp", ".ico", ".woff2", ".pdf", ".bin"] as const;

const loaders: ReadonlyMap<string, Loader> = new Map<string, Loader>([
  ...sourceLoaders, ...textExtensions.map((extension) => [extension, "text"] as const), ...byteExtensions.map((extension) => [extension, "binary"] as const),
]);

/** Whether a file is compiled as code, by its name; everything else is data. */
export const isCode = (path: string): boolean => extname(path) !== ".json" && sourceLoaders.some(([extension]) => extension === extname(path));

/** Whether `file` lies in `folder`; both real paths. */
export function isInside(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

/** The plugin for one build; notes each file it reads or finds in `inputs`. `folder` is a real path. */
export function addonWall(folder: string, inputs: Set<string>): Plugin {
  return {
    name: "addon-wall",
    setup(build: PluginBuild): void {
      build.onResolve({ filter: /.*/ }, (args) => (args.pluginData === folder ? undefined : resolveImport(build, folder, args)));
      build.onLoad({ filter: /.*/ }, ({ path, namespace }) => load(folder, inputs, path, namespace));
    },
  };
}

const refuse = (text: string): OnResolveResult => ({ errors: [{ text }] });

function refusalByName(specifier: string): string | null {
  const name = `import "${specifier.slice(0, 200)}"`;
  if (specifier.startsWith("node:") || isBuiltin(specifier)) return `${name}: Node's modules do not exist in the sandbox; use the web APIs that "flowcell" provides`;
  if (/^([a-z][a-z0-9+.-]+:|\/\/)/i.test(specifier)) return `${name}: addons cannot import by URL; install the package in the addon's own node_modules`;
  if (isAbsolute(specifier) || /^[a-z]:[\\/]/i.test(specifier)) return `${name}: an absolute path leaves the addon's folder; copy the file into it and import it by "./"`;
  return null;
}

async function resolveImport(build: PluginBuild, folder: string, args: OnResolveArgs): Promise<OnResolveResult | undefined> {
  if (args.kind === "entry-point") return undefined;
  if (args.path === "flowcell") return { path: "flowcell", external: true };
  const refusal = refusalByName(args.path);
  if (refusal !== null) return refuse(refusal);
  const name = `import "${args.path.slice(0, 200)}"`;
  const attribute = Object.entries(args.with).find(([key, value]) => key !== "type" || value !== "json");
  if (attribute !== undefined) return refuse(`${name}: the import attribute ${attribute[0]}: "${attribute[1]}" is not supported; only JSON can be imported beside code`);
  const { importer, namespace, resolveDir, kind } = args;
  const found = await build.resolve(args.path, { importer, namespace, resolveDir, kind, pluginData: folder });
  if (found.errors.length > 0 || found.path === "") return refuse(await explainMissing(args.path));
  if (found.external || found.namespace !== "file") return refuse(`${name}: package.json maps it away ("browser": false or the like); addons are compiled without such maps`);
  const real = await realpath(found.path);
  if (!isInside(folder, real)) return refuse(`${name} leaves the addon's folder ${folder}; copy or install what it needs inside`);
  if (!loaders.has(extname(real))) return refuse(`${name}: files of type "${extname(real)}" cannot be imported; only ${[...loaders.keys()].join(", ")} can`);
  return { path: real, sideEffects: found.sideEffects };
}

async function explainMissing(specifier: string): Promise<string> {
  const name = `import "${specifier.slice(0, 200)}"`;
  if (specifier.startsWith(".")) return `${name}: there is no such file (with one of ${sourceExtensions.join(", ")})`;
  return specifier.startsWith("#") ? `${name}: package.json "imports" does not lead to a file in the addon's folder` : `${name}: no such package; install it in the addon's own node_modules`;
}

/** Read here and not by esbuild, so that what was checked is what is read, and no input's own source map is followed. */
async function load(folder: string, inputs: Set<string>, path: string, namespace: string): Promise<OnLoadResult> {
  inputs.add(path);
  const loader = loaders.get(extname(path));
  if (namespace !== "file" || loader === undefined || !isInside(folder, await realpath(path))) return { errors: [{ text: `${path} is not a source file in the addon's folder` }] };
  try {
    // Data is kept as it is; the bundle's limit bounds it.
    if (loader === "text" || loader === "binary") return { contents: await readFile(path), loader };
    const contents = (await readFile(path, "utf8")).replaceAll("sourceMappingURL=", "sourceMappingURL:");
    return { contents, loader };
  } catch (error) {
    return { errors: [{ text: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }] };
  }
}
