// Headless Chromium as a client of the proxy: opens one page and is killed when the test ends. What it saw, the page must tell its server.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { temporaryFolder } from "./temporary-folder.ts";

interface Owner {
  log(...values: unknown[]): void;
  teardown(clean: () => void | Promise<void>): void;
}

/** Opens `url` through the proxy, believing every certificate: the proxy's authority can be given to it only by tools of its own. `program`: of `requireProgram(t, "chromium", "chromium")`. */
export async function openInChromium(t: Owner, program: string, url: string, proxyPort: number): Promise<void> {
  const profile = temporaryFolder("chromium");
  const child = spawn(program, [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-features=OptimizationHints,MediaRouter", `--user-data-dir=${profile}`, `--proxy-server=http://127.0.0.1:${proxyPort}`,
    // Loopback goes through the proxy, too.
    "--proxy-bypass-list=<-loopback>", "--ignore-certificate-errors", url,
  ], { stdio: ["ignore", "ignore", "pipe"], detached: true, env: { ...process.env, HOME: profile } });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4_000); });
  const ended = new Promise<void>((resolve) => { child.once("close", () => resolve()).once("error", () => resolve()); });
  const kill = (): void => {
    // Its helpers are in its process group.
    try { if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL"); } catch { /* Gone already. */ }
  };
  process.once("exit", kill);
  t.teardown(async () => {
    kill();
    await ended;
    process.off("exit", kill);
    if (said.includes("ERR_")) t.log(said);
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
}
