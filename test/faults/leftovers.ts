// What a test may leave behind: nothing. Counts descriptors of this process and looks for processes by id. Where there is no /proc it sees nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Open descriptors of a process; null where they cannot be counted. */
export function descriptorCount(pid: number | "self" = "self"): number | null {
  return existsSync(`/proc/${pid}/fd`) ? readdirSync(`/proc/${pid}/fd`).length : null;
}

/** Whether the process is there and not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false; // No such process (any more).
  }
}

/** Children of a process, and theirs. */
export function descendants(pid: number): readonly number[] {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((candidate) => parentOf(candidate) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0; // It ended while we looked.
  }
}

/** Resident memory of a process in MiB; 0 where it cannot be read. */
export function residentMiB(pid: number | "self" = "self"): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** Waits until it is so; the milliseconds that took, or null when it never was. */
export async function until(isSo: () => boolean, mostMs: number): Promise<number | null> {
  const begun = performance.now();
  while (!isSo()) {
    if (performance.now() - begun > mostMs) return null;
    await sleep(10);
  }
  return performance.now() - begun;
}
