// The host as a few bundled files, made of the sources after a start and taken by the next one if none of them has changed since:
// Node spends less on twenty modules than on two hundred (docs/performance.md). Only finds it; addons/own-host.ts makes it.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { isStamp, isUnchanged, type Stamp } from "./file-stamp.ts";
import { isPublished, ownCacheFolder } from "./own-place.ts";

export interface OwnBundle {
  /** Name of a folder in `ownCacheFolder`. */
  readonly folder: string;
  /** Of every file that it was made of. */
  readonly stamps: readonly Stamp[];
}

export const ownBundleFile = path.join(ownCacheFolder, "host.json");
/** By its content, so that who runs from a bundle finds all of it while newer ones are made. */
export const ownBundleFolder = /^host-[0-9a-f]{16}$/;

/** In the environment, with any value: run from the sources, and make no bundle of them. */
export const fromSourcesVariable = "FLOWCELL_FROM_SOURCES";

/** Whether this process should run from a bundle where there is one, and make it where there is none. */
export const wantsBundle = (): boolean => !isPublished && import.meta.url.endsWith(".ts") && (process.env[fromSourcesVariable] ?? "") === "";

/** URL of the bundle's `main.js`; null when there is none that is made of the sources as they are. */
export function findOwnBundle(): string | null {
  const bundle = wantsBundle() ? readOwnBundle() : null;
  if (bundle === null || !bundle.stamps.every(isUnchanged)) return null;
  const main = path.join(ownCacheFolder, bundle.folder, "main.js");
  return statSync(main, { throwIfNoEntry: false }) === undefined ? null : pathToFileURL(main).href;
}

function readOwnBundle(): OwnBundle | null {
  try {
    const value: unknown = JSON.parse(readFileSync(ownBundleFile, "utf8"));
    return isOwnBundle(value) ? value : null;
  } catch {
    return null; // Not there, not readable, or half of one: the sources are always there.
  }
}

const isOwnBundle = (value: unknown): value is OwnBundle =>
  typeof value === "object" && value !== null && "folder" in value && typeof value.folder === "string" && ownBundleFolder.test(value.folder) &&
  "stamps" in value && Array.isArray(value.stamps) && value.stamps.length > 0 && value.stamps.every(isStamp);
