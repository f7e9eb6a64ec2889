// Servers and proxies that are not npm's (nginx, squid, mitmdump, …), run in the foreground on a port of our choice and killed with the
// test that started them.
import { spawn } from "node:child_process";
import { connect, createServer, type AddressInfo } from "node:net";

interface Owner { teardown(clean: () => void | Promise<void>): void }

/** A port of 127.0.0.1 that was free a moment ago: for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts it and waits until it listens on that port of 127.0.0.1; rejects with what it said when it does not within a minute. */
export async function startDaemon(t: Owner, program: string, args: readonly string[], port: number): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let hasExited = false;
  const hear = (chunk: Buffer): void => { said = (said + chunk.toString("latin1")).slice(-8_000); };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const exited = new Promise<void>((resolve) => child.once("exit", () => { hasExited = true; resolve(); }));
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && !hasExited;) {
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${program} did not open port ${port}: ${said}`);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => { socket.destroy(); resolve(true); }).once("error", () => resolve(false));
  });
}
