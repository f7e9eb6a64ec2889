// Reads saved flows from a file, whatever form they are in: our own (docs/saved-flows.md) or HAR 1.2. The one door for everybody who
// reads: `-r`, replays, `inspect`, `test`.
import { open, type FileHandle } from "node:fs/promises";
import { OperatorError } from "../../operator-error.ts";
import { readFlowFile, type OnProblem } from "./flow-file-reader.ts";
import { fileKind, formatVersion } from "./frame.ts";
import { readHar } from "./har-read.ts";
import { savedLimits } from "./record-limits.ts";
import type { SavedFlow } from "./saved-flow.ts";

export type { OnProblem, ReadProblem } from "./flow-file-reader.ts";

/**
 * The flows of a file, in its order, one at a time. Throws an OperatorError (`ERR_SAVED_FLOWS`) with a sentence that names the file when it
 * cannot be opened or is no such file; parts of it that cannot be read are told to `onProblem` and skipped.
 */
export async function* readFlows(path: string, onProblem: OnProblem = () => {}): AsyncGenerator<SavedFlow, void, undefined> {
  const file = await openToRead(path);
  try {
    if ((await formOf(file, path)) === "own") yield* readFlowFile(file, onProblem);
    else yield* readHar(await wholeText(file, path), onProblem, (sentence) => refusal(path, sentence));
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw refusal(path, `cannot be read: ${error.message}`, error);
    throw error;
  } finally {
    await file.close();
  }
}

/** Throws as `readFlows` would at its beginning: for those who want to know before they start anything else. */
export async function checkSavedFile(path: string): Promise<void> {
  const file = await openToRead(path);
  try {
    await formOf(file, path);
  } finally {
    await file.close();
  }
}

/** By the first bytes. */
async function formOf(file: FileHandle, path: string): Promise<"own" | "har"> {
  const { buffer: first, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
  const kind = fileKind(first.subarray(0, bytesRead));
  if (kind.kind === "flows") return "own";
  if (kind.kind === "other-version") throw refusal(path, `is of version ${kind.version} of the format, and this Flowcell reads version ${formatVersion}; use the Flowcell that wrote it, or a newer one`);
  if (/^(\xef\xbb\xbf)?\s*\{/.test(first.toString("latin1", 0, bytesRead))) return "har";
  throw refusal(path, bytesRead === 0 ? "is empty" : whatElse(first));
}

function refusal(path: string, sentence: string, cause?: unknown): OperatorError {
  return new OperatorError("ERR_SAVED_FLOWS", `${path} ${sentence}`, { cause });
}

function whatElse(first: Buffer): string {
  return /^\d+:/.test(first.toString("latin1")) ? "looks like a flow file of mitmproxy, which is not read here; save it as HAR there" : "is neither a flow file of Flowcell nor a HAR file";
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    throw refusal(path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  throw refusal(path, "is not a file");
}

async function wholeText(file: FileHandle, path: string): Promise<string> {
  const { size } = await file.stat();
  if (size > savedLimits.harBytes) throw refusal(path, `is a HAR file of ${size} bytes; at most ${savedLimits.harBytes} are read, since it must be read as a whole`);
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.toString("utf8", size >= 3 && bytes[0] === 0xef ? 3 : 0, filled);
}
