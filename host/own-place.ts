// Where this program lies: the folder of its package, whether run from the sources, from a bundle of them or published. Looks, and
// changes nothing.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

interface Place { readonly root: string; readonly version: string }

/** The nearest folder above whose package.json is ours. */
function findPlace(): Place {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const version = versionIn(folder);
    if (version !== null) return { root: folder, version };
    if (path.dirname(folder) === folder) return { root: path.dirname(import.meta.dirname), version: "unknown" };
  }
}

function versionIn(folder: string): string | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    return typeof parsed === "object" && parsed !== null && "name" in parsed && parsed.name === "flowcell" && "version" in parsed ? String(parsed.version) : null;
  } catch (error) {
    // In a test runner's realm, errors of Node are no instances of its Error.
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

const place = findPlace();

/** Absolute path of the package's folder, with package.json in it. */
export const ownRoot = place.root;
/** The version of this program, from its package.json. */
export const ownVersion = place.version;
/** Everything has been built, below `dist`, and there are no sources. */
export const isPublished = !existsSync(path.join(ownRoot, "runtime", "main.ts"));
/** For what is made of the sources, until they change; for a checkout only. */
export const ownCacheFolder = path.join(ownRoot, "node_modules", ".cache", "flowcell");
