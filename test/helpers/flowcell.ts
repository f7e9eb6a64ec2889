// Starts the real program (`flowcell run …`) as a child process for end-to-end tests, reads its JSON log and stops it. Every started
// process is killed at the latest when the test process ends. It never looks inside the proxy.
import { spawn, type ChildProcess } from "node:child_process";
import { rm, writeFile, mkdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { temporaryFolder } from "./temporary-folder.ts";

export const projectRoot = path.join(import.meta.dirname, "..", "..");

export interface LogLine { readonly time: string; readonly level: string; readonly msg: string; readonly [field: string]: unknown }

export interface RunningFlowcell {
  readonly port: number;
  readonly proxyUrl: string;
  readonly confdir: string;
  /** CA certificate file that clients must trust. */
  readonly caFile: string;
  readonly process: ChildProcess;
  /** All log lines so far. */
  readonly lines: readonly LogLine[];
  /** The first line, past or coming, that `matches`; rejects after `timeoutMs` with all lines. */
  line(matches: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** SIGTERM, then waits; gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs `flowcell run` with a confdir of its own and in one process, unless `args` says otherwise. Resolves at the ready line. */
export async function startFlowcell(addons: readonly string[], args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<RunningFlowcell> {
  const given = args.indexOf("--confdir");
  const confdir = given === -1 ? temporaryFolder("confdir") : args[given + 1] ?? "";
  const words = ["run", ...addons, "--port", "0", "--log-format", "json", ...(given === -1 ? ["--confdir", confdir] : []), ...(args.includes("--workers") ? [] : ["--workers", "1"]), ...args];
  const child = spawn(process.execPath, [path.join(projectRoot, "host", "launch.ts"), ...words], {
    // Compiled code is kept, as for an operator, but not in the home of whoever runs this.
    cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, XDG_CACHE_HOME: path.join(projectRoot, "node_modules", ".cache"), ...environment },
  });
  const kill = (): void => { child.kill("SIGKILL"); };
  process.once("exit", kill);
  const journal = new Journal(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => { process.off("exit", kill); resolve(code); }));
  const ready = await journal.line((line) => line["event"] === "ready", 90_000 + 200 * addons.length);
  const [listener] = ready["listeners"] as readonly { readonly port: number }[];
  const port = listener?.port ?? 0;
  return {
    port, confdir, process: child, lines: journal.lines, proxyUrl: `http://127.0.0.1:${port}`, caFile: path.join(confdir, "flowcell-ca-cert.pem"),
    line: (matches, timeoutMs = 60_000) => journal.line(matches, timeoutMs),
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      const code = await exited;
      if (given === -1) await rm(confdir, { recursive: true, force: true });
      return code;
    },
  };
}

class Journal {
  readonly lines: LogLine[] = [];
  readonly #waiting = new Set<(line: LogLine | null) => void>();
  #stderr = "";

  constructor(child: ChildProcess) {
    if (child.stdout === null || child.stderr === null) throw new Error("the child has no output to read");
    createInterface({ input: child.stdout }).on("line", (text) => this.#take(text));
    child.stderr.on("data", (chunk: Buffer) => { this.#stderr = (this.#stderr + chunk.toString()).slice(-8_000); });
    child.once("exit", () => { for (const waiter of this.#waiting) waiter(null); });
  }

  #take(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { time: "", level: "unparseable", msg: text };
    }
    this.lines.push(line);
    for (const waiter of this.#waiting) waiter(line);
  }

  line(matches: (line: LogLine) => boolean, timeoutMs: number): Promise<LogLine> {
    const past = this.lines.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const end = (): void => { clearTimeout(timer); this.#waiting.delete(waiter); };
      const fail = (why: string): void => {
        end();
        reject(new Error(`${why}; log:\n${this.lines.map((line) => JSON.stringify(line)).join("\n")}\nstderr:\n${this.#stderr}`));
      };
      const waiter = (line: LogLine | null): void => {
        if (line === null) fail("flowcell ended");
        else if (matches(line)) { end(); resolve(line); }
      };
      const timer = setTimeout(() => fail(`no such line within ${timeoutMs} ms`), timeoutMs);
      this.#waiting.add(waiter);
    });
  }
}

/** Writes an addon (and files beside it) into a folder of its own; gives the addon's path. */
export async function writeAddon(source: string, files: Readonly<Record<string, string>> = {}, name = "addon.ts"): Promise<string> {
  const folder = temporaryFolder("addon");
  for (const [relative, text] of Object.entries({ ...files, [name]: source })) {
    const file = path.join(folder, relative);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return path.join(folder, name);
}
