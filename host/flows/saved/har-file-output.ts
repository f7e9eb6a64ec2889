// Where flows go that are saved as HAR: a file that is whole JSON after every batch, since each batch is written with the end of the
// document behind it, which the next one overwrites. TCP flows have no place in it.
import type { SavedOutput } from "./flow-file-output.ts";
import { harEntry, harHead, harTail } from "./har-write.ts";
import { cannotWrite, firstBytes, openToWrite, WholeWrites } from "./whole-writes.ts";

/** Opens it. Only a file that could be HAR is written over. `version`: of this program. */
export async function openHarFile(path: string, version: string): Promise<SavedOutput> {
  const first = await firstBytes(path);
  if (first !== null && first.length > 0 && !/^(\xef\xbb\xbf)?\s*\{/.test(first.toString("latin1"))) throw cannotWrite(path, "the file is there and is no HAR file; give another name, or remove it");
  const writes = new WholeWrites(await openToWrite(path, "w"), 0);
  const tail = Buffer.from(harTail);
  try {
    await writes.add([Buffer.from(harHead(version))], tail);
  } catch (error) {
    throw cannotWrite(path, error instanceof Error ? error.message : String(error), error);
  }
  let isFirst = true;
  return {
    path,
    async encode(flow) {
      if (flow.kind !== "http") return null;
      const entry = JSON.stringify(await harEntry(flow));
      return [Buffer.from(`,\n${entry}`)];
    },
    async write(pieces) {
      const [head, ...rest] = pieces;
      if (head === undefined) return;
      await writes.add(isFirst ? [head.subarray(1), ...rest] : pieces, tail);
      isFirst = false;
    },
    close: () => writes.close(),
  };
}
