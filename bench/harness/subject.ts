// A proxy under measurement: its process tree, its port and what clients must trust. Flowcell's is made here; the others' in ../peers.
import { rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { startFlowcell, temporaryFolder, type RunningFlowcell } from "../../test/helpers/flowcell.ts";
import type { Origin } from "./origin.ts";

export interface Subject extends AsyncDisposable {
  readonly name: string;
  /** Root of the process tree whose CPU time counts. */
  readonly pid: number;
  readonly port: number;
  /** null: clients do not verify (or it does not intercept). */
  readonly caFile: string | null;
}

export interface FlowcellSubject extends Subject { readonly flowcell: RunningFlowcell }

/** Runs `flowcell run` as an operator would; only the origin's own authority is added. */
export async function startSubject(name: string, addons: readonly string[], origin: Origin, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<FlowcellSubject> {
  const flowcell = await startFlowcell(addons, ["--upstream-ca", origin.caFile, ...args], environment);
  const failed = flowcell.lines.find(({ level }) => level === "error");
  if (failed !== undefined || flowcell.process.pid === undefined) {
    await flowcell.stop("SIGKILL");
    throw new Error(`flowcell (${name}) did not start well: ${failed?.msg ?? "no process"}`);
  }
  return { name, pid: flowcell.process.pid, port: flowcell.port, caFile: flowcell.caFile, flowcell, [Symbol.asyncDispose]: async () => void (await flowcell.stop()) };
}

/** Writes an addon's source into a folder that is removed when the bench ends; gives its path. */
export async function addonFile(name: string, source: string): Promise<string> {
  const folder = await temporaryFolder("bench-addon");
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.ts`);
  await writeFile(file, source);
  return file;
}

/** The process may have hundreds of temporary folders; each has a listener. */
process.setMaxListeners(0);
