// Makes Flowcell's own code ready for its cells: the guest, one script for every isolate, and the runtime, one file for every cell
// process (decision 0006). Published, both have been built and are only found; from the sources they are bundled when they changed.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import type { BuildOptions, Metafile } from "esbuild";
import { guestBuildOptions, guestEntry, guestPartBuildOptions, guestParts, joinGuest, runtimeBuildOptions, runtimeEntry } from "../../sandbox-api/schema/own-builds.ts";
import type { CellEntry } from "../cells/binary.ts";
import { isPublished, ownCacheFolder, ownRoot } from "../own-place.ts";
import { builtOnce, type Built } from "./build-cache.ts";

/** The script that runs first in every isolate, with its parts (`joinGuest`), ASCII. Rejects when it can be neither found nor built. */
export async function bundleGuest(): Promise<Buffer> {
  if (isPublished) return readFile(join(ownRoot, "dist/sandbox-api/guest/guest.txt"));
  const key = JSON.stringify([esbuildVersion(), guestEntry, guestBuildOptions, guestParts, guestPartBuildOptions]);
  return builtOnce(ownCacheFolder, "guest", key, async () => {
    const { build } = await import("esbuild");
    const [main, { outputFiles, metafile }] = await Promise.all([
      bundleText(guestEntry, guestBuildOptions),
      build({ ...guestPartBuildOptions, entryPoints: guestParts, absWorkingDir: ownRoot, write: false, metafile: true, logLevel: "silent" }),
    ]);
    const parts = new Map(outputFiles.map(({ path, text }) => [basename(path, ".js"), text]));
    return { text: Buffer.from(joinGuest(main.text.toString("latin1"), parts), "latin1"), inputs: [...new Set([...main.inputs, ...inputsOf(metafile)])] };
  });
}

/**
 * The one file that a cell is started from. From the sources it is written below `node_modules/.cache`, under the hash of its
 * content, so that hosts of different versions do not disturb each other.
 */
export async function bundleRuntime(): Promise<CellEntry> {
  if (isPublished) return { file: join(ownRoot, "dist/runtime/main.cjs"), imports: [] };
  const key = JSON.stringify([esbuildVersion(), runtimeEntry, runtimeBuildOptions]);
  const text = await builtOnce(ownCacheFolder, "runtime", key, () => bundleText(runtimeEntry, runtimeBuildOptions));
  const file = join(ownCacheFolder, `cell-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.cjs`);
  const present = await readFile(file).catch(() => null);
  if (present?.equals(text) === true) return { file, imports: [] };
  await mkdir(ownCacheFolder, { recursive: true });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text);
  await rename(draft, file);
  return { file, imports: [] };
}

/** PERF: most starts build nothing, and esbuild takes a while to load. */
function esbuildVersion(): string {
  const facts: unknown = createRequire(import.meta.url)("esbuild/package.json");
  return typeof facts === "object" && facts !== null && "version" in facts ? String(facts.version) : "";
}

async function bundleText(entry: string, options: BuildOptions): Promise<Built> {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [entry], absWorkingDir: ownRoot, write: false, metafile: true, logLevel: "silent" });
  const script = outputFiles[0];
  if (script === undefined) throw new Error(`esbuild gave nothing for ${entry}`);
  return { text: Buffer.from(script.contents), inputs: inputsOf(metafile) };
}

const inputsOf = ({ inputs }: Metafile): readonly string[] => Object.keys(inputs).map((input) => join(ownRoot, input));
