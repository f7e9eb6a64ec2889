// Folders for what tests and benches write: under the system's temporary folder, and gone when the process that made them ends. Not for
// what must outlive it; a process that is killed leaves its folders behind.
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];
process.once("exit", () => {
  // A program that still writes there is on its way out too.
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A fresh folder, by its real path; `name` tells whose it is. */
export function temporaryFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `flowcell-${name}-`)));
  made.push(folder);
  return folder;
}
