// Looks at the configuration file while the proxy runs: an edit counts for every addon or for none, and whoever made it reads why in
// the log. It knows no addons; whoever does makes the change.
import type { Log } from "../log.ts";
import { readOptionsFile } from "./options-file.ts";
import type { GivenLayer } from "./options.ts";
import { AddonWatcher } from "./reload.ts";

/** `change` puts the file's options into force, or says why not and leaves all as it was. The caller closes the watcher. */
export function watchOptions({ path, isRequired }: { readonly path: string; readonly isRequired: boolean }, change: (options: GivenLayer) => Promise<string | null>, log: Log): AddonWatcher {
  const changed = async (): Promise<readonly string[]> => {
    const read = await readOptionsFile(path, isRequired);
    const refusal = read.kind === "problem" ? read.message : await change(read.options);
    if (refusal === null) log.info(`options of ${path} are in force`, { event: "options", path });
    else log.error(`options of ${path} stay as they were: ${refusal}`, { event: "options", path });
    return [path];
  };
  const watcher = new AddonWatcher({ log, changed });
  void watcher.watch(path, [path]);
  return watcher;
}
