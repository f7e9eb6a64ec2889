// On what a figure was measured: processor, cores, versions, commit, date, and how busy the machine was before. Read only.
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { projectRoot } from "../../test/helpers/flowcell.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  /** Sources differ from the commit. */
  readonly isDirty: boolean;
  readonly date: string;
  /** Load average of the last minute when the bench began: other work on the machine. */
  readonly loadBefore: number;
}

/** Load average of the last minute: at the end of a bench it counts the bench itself, one to three on two cores. */
export const loadNow = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

export function describeMachine(): Machine {
  const git = (...words: string[]): string => {
    try {
      return execFileSync("git", words, { cwd: projectRoot, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return "";
    }
  };
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown", cores: availableParallelism(), memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(), node: process.version,
    commit: git("rev-parse", "--short", "HEAD") || "unknown", isDirty: git("status", "--porcelain", "--", "host", "runtime", "sandbox-api") !== "",
    date: new Date().toISOString().slice(0, 16), loadBefore: loadNow(),
  };
}
