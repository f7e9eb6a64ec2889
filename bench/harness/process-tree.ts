// CPU time and memory of a process with everything below it, read from /proc (Linux only). Ended children count once their parent
// has waited for them. It starts and stops nothing; a process that is gone counts as nothing.
import { readFileSync, readdirSync } from "node:fs";

/** Clock ticks per second of /proc on every Linux that Node runs on (USER_HZ). */
const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  /** Own and waited-for children's user and system time, in ticks. */
  readonly ticks: number;
}

export interface TreeReading {
  /** User and system time of the tree so far, in seconds; grows only. */
  readonly cpuSeconds: number;
  /** Resident memory of the tree, in MiB; shared pages count once for each process that maps them. */
  readonly residentMiB: number;
  /** The same with shared pages divided among those that map them, in MiB; null where the kernel does not tell. */
  readonly proportionalMiB: number | null;
  readonly processes: number;
}

/** Reads the tree below (and with) that process. `withMemory` off: memory is not read, which is cheaper. */
export function readTree(root: number, withMemory = false): TreeReading {
  const all = readAll();
  let ticks = 0;
  let residentMiB = 0;
  let proportionalMiB: number | null = 0;
  const tree = membersOf(root, all);
  for (const id of tree) {
    ticks += all.get(id)?.ticks ?? 0;
    if (!withMemory) continue;
    residentMiB += kibibytes(`/proc/${id}/status`, /^VmRSS:\s+(\d+)/m) / 1024;
    const share = kibibytes(`/proc/${id}/smaps_rollup`, /^Pss:\s+(\d+)/m) / 1024;
    proportionalMiB = proportionalMiB === null || share === 0 ? null : proportionalMiB + share;
  }
  return { cpuSeconds: ticks / ticksPerSecond, residentMiB, proportionalMiB: withMemory ? proportionalMiB : null, processes: tree.length };
}

/** The processes below that one, itself not included. */
export function descendantsOf(root: number): readonly number[] {
  return membersOf(root, readAll()).slice(1);
}

/** Seconds that all cores of the machine together were busy so far; the difference of two readings says how loaded it was. */
export function busySeconds(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + soft) / ticksPerSecond;
}

function membersOf(root: number, all: ReadonlyMap<number, Stat>): number[] {
  const tree = all.has(root) ? [root] : [];
  for (const id of tree) for (const [child, { parent }] of all) if (parent === id) tree.push(child);
  return tree;
}

function readAll(): ReadonlyMap<number, Stat> {
  const all = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    const text = readOrEmpty(`/proc/${id}/stat`);
    // The command may hold spaces and brackets; the fields begin after the last one.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields.length < 15) continue;
    all.set(id, { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]) });
  }
  return all;
}

function kibibytes(file: string, pattern: RegExp): number {
  return Number(pattern.exec(readOrEmpty(file))?.[1] ?? 0);
}

/** Processes come and go while they are read. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
