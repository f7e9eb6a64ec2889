// Starts load generators and talks to them. One generator is one set of clients with one target; several may run at once.
import { fork, type ChildProcess } from "node:child_process";
import path from "node:path";
import type { LoadAnswer, LoadCommand, LoadReport, LoadSettings, RunLimits } from "./load-protocol.ts";

export interface Load extends AsyncDisposable {
  readonly settings: LoadSettings;
  /** Sends requests until a limit is reached. Rejects when anything but a right response came, unless `mayFail`. */
  run(limits: RunLimits, mayFail?: boolean): Promise<LoadReport>;
}

/** Opens all connections; rejects when one cannot be opened. */
export async function openLoad(settings: LoadSettings): Promise<Load> {
  const child = fork(path.join(import.meta.dirname, "load-process.ts"), [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const opened = await ask(child, { kind: "open", settings });
  if (opened.kind === "failed") {
    child.disconnect();
    throw new Error(`the load generator could not connect: ${opened.message}`);
  }
  return {
    settings,
    async run(limits, mayFail = false) {
      const ran = await ask(child, { kind: "run", limits });
      if (ran.kind !== "report") throw new Error(`the load generator failed: ${ran.kind === "failed" ? ran.message : ran.kind}`);
      if (!mayFail && ran.report.failures > 0) throw new Error(`${ran.report.failures} of ${ran.report.requests} requests failed; the first: ${ran.report.firstFailure}`);
      return ran.report;
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.disconnect();
      await ended;
    },
  };
}

function ask(child: ChildProcess, command: LoadCommand): Promise<LoadAnswer> {
  return new Promise((resolve, reject) => {
    const answered = (answer: LoadAnswer): void => { child.off("exit", ended); resolve(answer); };
    const ended = (code: number | null): void => { child.off("message", answered); reject(new Error(`the load generator ended with code ${code}`)); };
    child.once("message", answered).once("exit", ended);
    child.send(command);
  });
}
