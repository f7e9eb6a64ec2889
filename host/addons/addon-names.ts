// How addons are called: by the name of their file or folder, which the operator chose, never by what they say of themselves. Pure.
import { basename, dirname, extname, resolve } from "node:path";

/** The name for the addon at `path`: the folder's or file's; a number after it where that is taken. */
export function freeName(path: string, isTaken: (name: string) => boolean): string {
  const full = resolve(path);
  const plain = basename(full, extname(full));
  const wanted = plain === "index" ? basename(dirname(full)) : plain;
  for (let number = 2, name = wanted; ; number++) {
    if (!isTaken(name)) return name;
    name = `${wanted}-${number}`;
  }
}

/** The names of the addons at these paths, in order. */
export function addonNames(paths: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (const path of paths) names.push(freeName(path, (name) => names.includes(name)));
  return names;
}
