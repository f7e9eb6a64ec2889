// WALL 4: what the operating system adds around a cell. Composes command lines for bubblewrap, and for what is left without it
// (no core dumps, end with the parent). Probes once what works here; it never weakens a wall silently: every gap is a note.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CellStartError } from "./binary.ts";

export type JailMode = "auto" | "require" | "off";

export interface Command { readonly file: string; readonly args: readonly string[] }

export interface Jail {
  readonly kind: "bubblewrap" | "none";
  /** What is missing, for the operator's log; empty when nothing is. */
  readonly notes: readonly string[];
  /**
   * The command that starts `node` with `args` inside. `readable`: files and folders it needs. bubblewrap writes the process id
   * of Node as seen from here to descriptor 4 (JSON, "child-pid").
   */
  wrap(node: string, args: readonly string[], readable: readonly string[]): Command;
}

export interface JailOptions {
  readonly mode: JailMode;
  readonly node: string;
  /** Cap on data memory in MiB by `ulimit -d`; only sound with `--jitless` (isolated-vm.md §F). */
  readonly dataMiB: number | null;
}

const isLinux = process.platform === "linux";
const isWindows = process.platform === "win32";

function findProgram(name: string): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
  return folders.filter((folder) => folder.startsWith("/")).map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** Probes what works on this machine. Blocks for some milliseconds. Throws a CellStartError when `mode` is "require" and it does not. */
export function prepareJail({ mode, node, dataMiB }: JailOptions): Jail {
  if (mode !== "off") {
    const tried = tryBubblewrap(node, dataMiB);
    if (typeof tried !== "string") return tried;
    if (mode === "require") throw new CellStartError("no-jail", `--jail require: ${tried}`);
    return withoutJail(dataMiB, [`addons run without a jail: ${tried}`]);
  }
  return withoutJail(dataMiB, []);
}

function withoutJail(dataMiB: number | null, notes: readonly string[]): Jail {
  const setpriv = isLinux ? findProgram("setpriv") : null;
  const gaps = [
    ...notes,
    ...(isLinux && setpriv === null ? ["setpriv is not installed: a cell that loops may outlive a proxy that is killed with SIGKILL"] : []),
    ...(isLinux ? [] : [`resident memory of cells is not watched on ${process.platform}`]),
    ...(Number(process.versions.node.split(".")[0]) < 25 ? ["Node 24 leaves the network open to a cell whose isolate was escaped; use Node 26 or a jail"] : []),
  ];
  const prefix = setpriv === null ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
  return {
    kind: "none",
    notes: gaps,
    wrap: (file, args) => (isWindows ? { file, args } : withUlimit([...prefix, file, ...args], dataMiB)),
  };
}

/** The shell is replaced by the command, so the process id stays. No core dumps: they would hold addon data. Files grow no further than a block: the mark needs 8 bytes. */
function withUlimit(command: readonly string[], dataMiB: number | null): Command {
  const data = dataMiB === null ? "" : `ulimit -d ${dataMiB * 1024}; `;
  return { file: "/bin/sh", args: ["-c", `ulimit -c 0; ulimit -f 1; ${data}unset PWD OLDPWD SHLVL _; exec "$@"`, "sh", ...command] };
}

/** A jail, or the reason why there is none. */
function tryBubblewrap(node: string, dataMiB: number | null): Jail | string {
  if (!isLinux) return `bubblewrap does not exist on ${process.platform}`;
  const program = findProgram("bwrap");
  if (program === null) return "bubblewrap (bwrap) is not installed";
  const libraries = librariesOf(node);
  const jail: Jail = {
    kind: "bubblewrap",
    notes: [],
    wrap: (file, args, readable) => withUlimit([program, ...walls, ...binds([file, ...libraries, ...readable]), "--remount-ro", "/", "--", file, ...args], dataMiB),
  };
  const { file, args } = jail.wrap(node, ["--version"], []);
  const probe = spawnSync(file, args, { env: {}, cwd: "/", encoding: "utf8", timeout: 5_000, stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"] });
  if (probe.status === 0) return jail;
  const reason = probe.error?.message ?? probe.stderr.trim().split("\n").at(-1) ?? "";
  return `bubblewrap does not work here: ${reason === "" ? `exit ${probe.status ?? probe.signal}` : reason}`;
}

const walls = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--as-pid-1", "--info-fd", "4", "--chdir", "/"];

const binds = (paths: readonly string[]): readonly string[] => [...new Set(paths)].flatMap((path) => ["--ro-bind", path, path]);

/** The shared libraries that the dynamic loader wants for `node`, under the names it looks for; whole folders where it does not tell. */
function librariesOf(node: string): readonly string[] {
  const trace = spawnSync(node, [], { env: { LD_TRACE_LOADED_OBJECTS: "1" }, encoding: "utf8", timeout: 5_000, stdio: ["ignore", "pipe", "ignore"] });
  const found = [...(trace.stdout ?? "").matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].flatMap(([, path]) => (path === undefined ? [] : [path]));
  if (found.length > 0) return [...found, "/etc/ld.so.cache"].filter((path) => existsSync(path));
  return ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"].filter((path) => existsSync(path));
}
