// Starts one cell process: Node with the permission model on, an empty environment, and one socket; inside whatever jail works
// here. Gives the process with its socket; knows nothing of messages. It does not decide when a cell ends.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { type CellEntry, CellStartError } from "./binary.ts";
import type { Jail } from "./jail.ts";
import { type MarkFile, openMarkFile } from "./mark-file.ts";

export interface SpawnOptions {
  readonly node: string;
  readonly entry: CellEntry;
  /** Absolute path of the isolated-vm binary. */
  readonly binary: string;
  readonly jail: Jail;
  readonly jitless: boolean;
}

export interface CellExit { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export interface CellProcess {
  readonly socket: Socket;
  /** What it runs, as it says; closed when the process is gone. Null: it does not say. */
  readonly marks: MarkFile | null;
  /** Process id of Node itself as seen from here (the jail's own process is another one); settles before the cell can answer. */
  readonly nodePid: Promise<number>;
  /** Resolves when the process is gone and has been waited for. */
  readonly exited: Promise<CellExit>;
  /** The end of what the cell has written to stderr while it booted. */
  diagnosis(): string;
  /** Stops listening to stderr: a booted cell has nothing to say there. */
  endDiagnosis(): void;
  /** SIGKILL, to the cell and its jail. Idempotent. */
  kill(): void;
}

const mostDiagnosisChars = 4_000;

/**
 * PERF: young generations of half a megabyte, which isolated-vm derives from an isolate's memory limit, are collected every fifty events and promote
 * what is merely in flight: busy isolates grew to three times their size. And helper threads cost more than they save for so little (docs/performance.md).
 */
const heapFlags = ["--max-semi-space-size=2", "--no-parallel-scavenge"];

/** Node's flags for a cell (sandbox.md §1 rule 8). */
export function cellFlags(entry: CellEntry, jitless: boolean): readonly string[] {
  return [
    "--no-node-snapshot", "--permission", "--allow-addons", "--disable-warning=SecurityWarning", ...heapFlags, ...(jitless ? ["--jitless"] : []),
    ...entry.imports.map((path) => `--allow-fs-read=${path}`),
  ];
}

const longestSetUpMs = 2_000;
/** Descriptor of the mark file in a cell; 4 is the jail's. */
const markDescriptor = 5;

/** Throws a CellStartError when the process cannot be started at all. */
export function spawnCell({ node, entry, binary, jail, jitless }: SpawnOptions): CellProcess {
  const marks = openMarkFile();
  const { file, args } = jail.wrap(node, [...cellFlags(entry, jitless), entry.file, binary, ...(marks === null ? [] : [String(markDescriptor)])], [entry.file, ...entry.imports, binary]);
  const isJailed = jail.kind === "bubblewrap";
  const child = spawn(file, args, { env: {}, cwd: "/", stdio: ["ignore", "ignore", "pipe", "pipe", isJailed ? "pipe" : "ignore", ...(marks === null ? [] : [marks.descriptor])], windowsHide: true });
  const { pid } = child;
  const socket = child.stdio[3] as Socket | null | undefined;
  if (pid === undefined || socket === null || socket === undefined) {
    child.on("error", () => undefined); // The same news as a missing pid.
    marks?.close();
    throw new CellStartError("no-start", `cannot start ${file}; is it there, and are processes and descriptors left?`);
  }
  const exited = new Promise<CellExit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: null, signal: null }));
  });
  const nodePid = isJailed ? readChildPid(child.stdio[4] as Readable) : Promise.resolve(pid);
  const pids = new Set([pid]);
  let isKnown = !isJailed;
  const known = nodePid.then((inner) => {
    isKnown = true;
    if (Number.isInteger(inner)) pids.add(inner);
  });
  const end = (): void => endProcesses(child, pids);
  const kill = (): void => {
    if (isKnown) return end();
    // Killed while it sets itself up, bubblewrap would leave behind a process inside that waits for it for ever.
    void known.then(end);
    setTimeout(end, longestSetUpMs).unref();
  };
  return { socket, marks, nodePid, exited, ...listenToStderr(child), kill };
}

function endProcesses(child: ChildProcess, pids: ReadonlySet<number>): void {
  // Once the outer process has been waited for, its number may belong to somebody else.
  if (child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** bubblewrap's `--info-fd`: JSON with the id of the process inside. Resolves to NaN when it ended without telling. */
function readChildPid(info: Readable): Promise<number> {
  return new Promise((resolve) => {
    let text = "";
    info.on("error", () => resolve(Number.NaN));
    info.on("end", () => resolve(Number.NaN));
    info.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const found = /"child-pid": (\d+)[^\d]/.exec(text);
      // Read to its end all the same: bubblewrap gives up when it cannot write the rest.
      if (found !== null) resolve(Number(found[1]));
      if (text.length > 4_096) info.destroy();
    });
  });
}

function listenToStderr({ stderr }: ChildProcess): Pick<CellProcess, "diagnosis" | "endDiagnosis"> {
  let text = "";
  stderr?.on("data", (chunk: Buffer) => { text = (text + chunk.toString("latin1")).slice(-mostDiagnosisChars); });
  stderr?.on("error", () => undefined); // Diagnosis only; its loss changes nothing.
  return { diagnosis: () => text.trim(), endDiagnosis: () => void stderr?.destroy() };
}
