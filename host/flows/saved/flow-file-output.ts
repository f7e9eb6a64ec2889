// Where flows go that are saved in our own form: a new file, or the end of one that is there. Only files that are ours are written over.
import { endOfRecords } from "./flow-file-reader.ts";
import { fileHeader, fileHeaderBytes, fileKind, formatVersion, recordHeader } from "./frame.ts";
import { writeRecord } from "./record.ts";
import type { SavedFlow } from "./saved-flow.ts";
import { cannotWrite, firstBytes, openToWrite, WholeWrites } from "./whole-writes.ts";

/** A file that flows are saved in. */
export interface SavedOutput {
  readonly path: string;
  /** The flow as bytes of this file; null: this form has no place for it. */
  encode(flow: SavedFlow): readonly Buffer[] | null | Promise<readonly Buffer[] | null>;
  /** Adds what `encode` gave for some flows, all or nothing. */
  write(pieces: readonly Buffer[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens it. A name that begins with "+" means: add to that file. `tornBytes`: what was cut off the end of a file that was not closed well. */
export async function openFlowFile(name: string): Promise<SavedOutput & { readonly tornBytes: number }> {
  const mayAppend = name.startsWith("+");
  const path = mayAppend ? name.slice(1) : name;
  const first = await firstBytes(path);
  const kind = first === null || first.length === 0 ? null : fileKind(first);
  if (kind?.kind === "unknown") throw cannotWrite(path, "the file is there and is no flow file; give another name, or remove it");
  if (kind?.kind === "other-version" && mayAppend) throw cannotWrite(path, `it is of version ${kind.version} of the format, and flows are added in version ${formatVersion}; give another name`);
  const { writes, tornBytes } = kind !== null && mayAppend ? await reopen(path) : { writes: await create(path), tornBytes: 0 };
  return {
    path, tornBytes, write: (pieces) => writes.add(pieces), close: () => writes.close(),
    encode(flow) {
      const { head, blobs } = writeRecord(flow);
      return [recordHeader(head, blobs), head, ...blobs];
    },
  };
}

async function create(path: string): Promise<WholeWrites> {
  const writes = new WholeWrites(await openToWrite(path, "w"), 0);
  try {
    await writes.add([fileHeader()]);
  } catch (error) {
    throw cannotWrite(path, error instanceof Error ? error.message : String(error), error);
  }
  return writes;
}

async function reopen(path: string): Promise<{ readonly writes: WholeWrites; readonly tornBytes: number }> {
  const file = await openToWrite(path, "r+");
  const end = Math.max(fileHeaderBytes, await endOfRecords(file));
  const { size } = await file.stat();
  if (size > end) await file.truncate(end);
  return { writes: new WholeWrites(file, end), tornBytes: size - end };
}
