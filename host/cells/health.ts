// Reads a process's resident memory and CPU time from /proc, through descriptors opened once. Where there is no /proc it says
// null. Readings only; the watchdog draws conclusions.
import { closeSync, openSync, readSync } from "node:fs";

export interface Health {
  /** Resident memory in MiB; null where it cannot be read, or the process is gone. */
  residentMiB(): number | null;
  /** CPU milliseconds of the main thread since the process began; null likewise. */
  cpuMs(): number | null;
  close(): void;
}

/** The kernel counts in pages; their size is what makes our own count agree with what Node says of us. */
function pageBytes(): number {
  const self = openReading("/proc/self/statm");
  const pages = self.field(1);
  self.close();
  return pages === null ? 4_096 : 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages));
}

/** `pid` as seen from this process. */
export function openHealth(pid: number): Health {
  const memory = openReading(`/proc/${pid}/statm`);
  const pageMiB = pageBytes() / (1024 * 1024);
  const schedule = openReading(`/proc/${pid}/schedstat`);
  return {
    residentMiB: () => {
      const pages = memory.field(1);
      return pages === null ? null : pages * pageMiB;
    },
    cpuMs: () => {
      const nanos = schedule.field(0);
      return nanos === null ? null : nanos / 1e6;
    },
    close: () => { memory.close(); schedule.close(); },
  };
}

interface Reading { field(index: number): number | null; close(): void }

function openReading(path: string): Reading {
  const buffer = Buffer.alloc(256);
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, "r");
  } catch {
    descriptor = null; // Not Linux, or gone already: every field is null.
  }
  return {
    field: (index) => {
      if (descriptor === null) return null;
      try {
        const length = readSync(descriptor, buffer, 0, buffer.length, 0);
        const value = Number(buffer.toString("latin1", 0, length).split(" ")[index]);
        return Number.isFinite(value) && length > 0 ? value : null;
      } catch {
        return null; // The process is gone (ESRCH).
      }
    },
    close: () => {
      if (descriptor !== null) closeSync(descriptor);
      descriptor = null;
    },
  };
}
