// Counts system calls of a running proxy for each request: those of its main thread, and of the cell where there is an addon. One
// connection and one request at a time, so that reads and writes do not fall together by chance. Needs strace.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { descendants } from "../../test/faults/leftovers.ts";
import { findProgram } from "../../test/helpers/programs.ts";
import { headerAddon, headerField } from "../harness/addons.ts";
import { Stage } from "../harness/stage.ts";
import type { Load } from "../harness/load.ts";
import type { Count } from "./bands.ts";

const requests = 500;
/** What threads and the collector do depends on the machine's mood. */
const uncounted: ReadonlySet<string> = new Set(["futex", "madvise", "mmap", "munmap", "mprotect", "brk", "sched_yield", "getpid", "restart_syscall", "rt_sigprocmask", "rt_sigaction"]);

/** Empty where strace is not installed. `times`: requests for each that is counted as one. */
export async function countSystemCalls(times: number): Promise<readonly Count[]> {
  const strace = findProgram("strace");
  if (strace === undefined) return [];
  await using stage = await Stage.open();
  const counts: Count[] = [];
  for (const [what, addons] of [["no addon", []], ["header addon", [await headerAddon()]]] as const) {
    const subject = await stage.flowcell("flowcell", addons, ["--jail", "off"]);
    const load = await stage.load(subject, "http", { connections: 1, ...(addons.length > 0 && { expectedField: headerField() }) });
    await load.run({ requests: 2_000 });
    counts.push({ name: `system calls: proxy, ${what}`, value: (await counted(strace, subject.pid, load, times)) / requests });
    const cell = addons.length === 0 ? undefined : busiest(descendants(subject.pid));
    if (cell !== undefined) counts.push({ name: `system calls: cell, ${what}`, value: (await counted(strace, cell, load, times)) / requests });
  }
  return counts;
}

/** The cell that has worked; the others stand by. */
function busiest(pids: readonly number[]): number | undefined {
  const ticks = (pid: number): number => {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11]);
  };
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("cell-")).toSorted((one, other) => ticks(other) - ticks(one))[0];
}

async function counted(strace: string, pid: number, load: Load, times: number): Promise<number> {
  const child = spawn(strace, ["-c", "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const attached = new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => { said += chunk.toString(); if (said.includes("attached")) resolve(); });
    child.once("exit", () => reject(new Error(`strace could not attach: ${said}`)));
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await attached;
  await load.run({ requests: requests * times });
  child.kill("SIGINT");
  await exited;
  let sum = 0;
  for (const [, calls, rest = ""] of said.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(.*)$/gm)) {
    const name = rest.trim().split(/\s+/).at(-1) ?? "";
    if (name !== "total" && !uncounted.has(name)) sum += Number(calls);
  }
  if (sum === 0) throw new Error(`strace counted nothing:\n${said}`);
  return sum;
}
