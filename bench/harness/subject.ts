// A proxy under measurement: its process tree, its port and what clients must trust. Flowcell's is made here; the others' in ../peers.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { keepOwnBundle } from "../../host/addons/own-host.ts";
import { findOwnBundle, wantsBundle } from "../../host/own-bundle.ts";
import { startFlowcell, type RunningFlowcell } from "../../test/helpers/flowcell.ts";
import type { Origin } from "./origin.ts";
import { temporaryFolder } from "../../test/helpers/temporary-folder.ts";

export interface Subject extends AsyncDisposable {
  readonly name: string;
  /** Root of the process tree whose CPU time counts. */
  readonly pid: number;
  readonly port: number;
  /** null: clients do not verify (or it does not intercept). */
  readonly caFile: string | null;
}

/** Name of a subject that is meant to have trouble; its warnings are not shown. */
export const troubled = "troubled";

export interface FlowcellSubject extends Subject { readonly flowcell: RunningFlowcell }

/** Runs `flowcell run` as an operator would, as after the first start of these sources; only the origin's own authority is added. */
export async function startSubject(name: string, addons: readonly string[], origin: Origin, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<FlowcellSubject> {
  if (wantsBundle() && findOwnBundle() === null) await keepOwnBundle();
  const flowcell = await startFlowcell(addons, ["--upstream-ca", origin.caFile, ...args], environment);
  const failed = flowcell.lines.find(({ level }) => level === "error");
  if (failed !== undefined || flowcell.process.pid === undefined) {
    await flowcell.stop("SIGKILL");
    throw new Error(`flowcell (${name}) did not start well: ${failed?.msg ?? "no process"}`);
  }
  return { name, pid: flowcell.process.pid, port: flowcell.port, caFile: flowcell.caFile, flowcell, [Symbol.asyncDispose]: () => stopAndTell(name, flowcell) };
}

/** What the proxy warned of belongs beside the figures, unless trouble is what the bench makes. */
async function stopAndTell(name: string, flowcell: RunningFlowcell): Promise<void> {
  await flowcell.stop();
  if (name === troubled) return;
  const warnings = flowcell.lines.filter(({ level }) => level === "warn" || level === "error");
  for (const { msg } of warnings.slice(0, 3)) process.stdout.write(`  flowcell (${name}) warned: ${msg.split("\n", 1)[0]}\n`);
  if (warnings.length > 3) process.stdout.write(`  … and ${warnings.length - 3} times more\n`);
}

/** Writes an addon's source into a folder that is removed when the bench ends; gives its path. */
export async function addonFile(name: string, source: string): Promise<string> {
  const folder = temporaryFolder("bench-addon");
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.ts`);
  await writeFile(file, source);
  return file;
}

/** The process may have hundreds of temporary folders; each has a listener. */
process.setMaxListeners(0);
