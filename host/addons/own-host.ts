// Makes the bundle of the host that the next start from this checkout takes (own-bundle.ts). It runs beside the proxy that it was
// started with, and whatever keeps it from being made costs the next start its time and nothing else.
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { build } from "esbuild";
import { hostBuildOptions, hostEntries, hostExternals } from "../../sandbox-api/schema/own-builds.ts";
import { stampsOf } from "../file-stamp.ts";
import { ownBundleFile, ownBundleFolder, type OwnBundle } from "../own-bundle.ts";
import { ownCacheFolder, ownRoot } from "../own-place.ts";

/** A proxy may run from an old one and not have loaded all of it yet. */
const keptMs = 30 * 24 * 3_600_000;

/** Drafts are written in a moment: who has left an older one was killed over it. */
const draftMs = 3_600_000;
const draftName = /^draft-[0-9a-f-]+(\.json)?$/;

/** Bundles the sources as they are. Rejects when they cannot be bundled, or the cache cannot be written to. */
export async function keepOwnBundle(): Promise<void> {
  const beganMs = Date.now();
  const { outputFiles, metafile } = await build({ ...hostBuildOptions, external: [...hostExternals], entryPoints: hostEntries, absWorkingDir: ownRoot, outdir: path.join(ownCacheFolder, "host"), write: false, metafile: true, logLevel: "silent" });
  const packages = ["package.json", createRequire(import.meta.url).resolve("esbuild/package.json")];
  const stamps = stampsOf([...Object.keys(metafile.inputs), ...packages].map((file) => path.resolve(ownRoot, file)), beganMs);
  if (stamps === null) return;
  const hash = createHash("sha256");
  for (const { path: file, contents } of outputFiles) hash.update(path.basename(file)).update(contents);
  const bundle: OwnBundle = { folder: `host-${hash.digest("hex").slice(0, 16)}`, stamps };
  const draft = path.join(ownCacheFolder, `draft-${randomUUID()}`);
  await mkdir(draft, { recursive: true });
  await Promise.all(outputFiles.map(({ path: file, contents }) => writeFile(path.join(draft, path.basename(file)), contents)));
  await moveIn(draft, path.join(ownCacheFolder, bundle.folder));
  await writeFile(`${draft}.json`, JSON.stringify(bundle));
  await rename(`${draft}.json`, ownBundleFile);
  await removeOld(bundle.folder);
}

/** In one step, so that nobody finds half of it. The same content may be there already. */
async function moveIn(draft: string, folder: string): Promise<void> {
  try {
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST" || error.code === "EPERM"))) throw error;
  }
}

async function removeOld(current: string): Promise<void> {
  for (const name of await readdir(ownCacheFolder)) {
    const mostMs = draftName.test(name) ? draftMs : name !== current && ownBundleFolder.test(name) ? keptMs : Infinity;
    if (mostMs !== Infinity && (await ageMs(path.join(ownCacheFolder, name))) > mostMs) await rm(path.join(ownCacheFolder, name), { recursive: true, force: true });
  }
}

/** 0: it is gone already, as another start that does the same has removed it. */
async function ageMs(file: string): Promise<number> {
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
}
