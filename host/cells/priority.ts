// Lets a cell's process stand back for others that want the processor (decision 0022). It asks the kernel and is content with what it
// gets: where the kernel refuses, the cell runs on as before, within its limits. Nothing is ever raised.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** A third of the weight of an ordinary process: enough to answer on a busy machine. */
const lowNice = 5;
/** Linux takes one change of a group's weight in a tenth of a second from the whole machine. */
const tryAgainMs = 150;
const mostTries = 5;

/** `pid` as seen from this process, running. */
export function standBack(pid: number): void {
  for (const task of tasksOf(pid)) {
    try {
      setPriority(task, lowNice);
    } catch {
      // It ended meanwhile, or may not be asked: another user's, or stood back already under a system that counts this as raising.
    }
  }
  weighGroup(pid, mostTries);
}

/** On Linux each thread has a priority of its own, and new ones have their maker's. */
function tasksOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}

/** Where the kernel shares out by session (autogroup), a jailed cell is a session by itself, with as much as all of the host's together. */
function weighGroup(pid: number, tries: number): void {
  try {
    // Without a jail it is in the host's own.
    if (groupOf("self") === groupOf(pid)) return;
    writeFileSync(`/proc/${pid}/autogroup`, String(lowNice));
  } catch (error) {
    const isTooSoon = error instanceof Error && "code" in error && error.code === "EAGAIN";
    if (isTooSoon && tries > 1) setTimeout(weighGroup, tryAgainMs, pid, tries - 1).unref();
  }
}

/** Its name, e.g. "/autogroup-17". Throws where there are none. */
const groupOf = (pid: number | "self"): string | undefined => readFileSync(`/proc/${pid}/autogroup`, "utf8").split(" ", 1)[0];
