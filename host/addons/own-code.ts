// Makes Flowcell's own code ready for its cells: the guest, one script for every isolate, and the runtime, one file for every cell
// process (decision 0006). Published, both have been built and are only found; from the sources they are bundled at each start.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { guestBuildOptions, guestEntry, guestPartBuildOptions, guestParts, joinGuest, runtimeBuildOptions, runtimeEntry } from "../../sandbox-api/schema/own-builds.ts";
import type { CellEntry } from "../cells/binary.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isPublished = import.meta.url.endsWith(".js");

/** The script that runs first in every isolate, with its parts (`joinGuest`), ASCII. Rejects when it can be neither found nor built. */
export async function bundleGuest(): Promise<Buffer> {
  if (isPublished) return readFile(join(root, "sandbox-api/guest/guest.txt"));
  const [main, { outputFiles }] = await Promise.all([
    bundleText(guestEntry, guestBuildOptions),
    build({ ...guestPartBuildOptions, entryPoints: guestParts, absWorkingDir: root, write: false, logLevel: "silent" }),
  ]);
  return Buffer.from(joinGuest(main.toString("latin1"), new Map(outputFiles.map(({ path, text }) => [basename(path, ".js"), text]))), "latin1");
}

/**
 * The one file that a cell is started from. From the sources it is written below `node_modules/.cache`, under the hash of its
 * content, so that hosts of different versions do not disturb each other.
 */
export async function bundleRuntime(): Promise<CellEntry> {
  if (isPublished) return { file: join(root, "runtime/main.cjs"), imports: [] };
  const text = await bundleText(runtimeEntry, runtimeBuildOptions);
  const folder = join(root, "node_modules/.cache/flowcell");
  const file = join(folder, `cell-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.cjs`);
  const present = await readFile(file).catch(() => null);
  if (present?.equals(text) === true) return { file, imports: [] };
  await mkdir(folder, { recursive: true });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text);
  await rename(draft, file);
  return { file, imports: [] };
}

async function bundleText(entry: string, options: BuildOptions): Promise<Buffer> {
  const { outputFiles } = await build({ ...options, entryPoints: [entry], absWorkingDir: root, write: false, logLevel: "silent" });
  const script = outputFiles?.[0];
  if (script === undefined) throw new Error(`esbuild gave nothing for ${entry}`);
  return Buffer.from(script.contents);
}
