// What the TLS tests share: a folder that goes away, an authority in it, openssl and other programs as witnesses.
// Nothing here asserts by itself.
import type { ExecutionContext } from "ava";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { openAuthority, type Authority } from "../../../host/tls/authority.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

/** An authority of the test's own, and the folder it is in. */
export async function temporaryAuthority(): Promise<{ readonly folder: string; readonly authority: Authority }> {
  const folder = temporaryFolder("tls");
  return { folder, authority: await openAuthority(folder) };
}

export interface ProgramResult {
  readonly status: number;
  readonly output: string;
}

/** Runs a program to its end, at most ten seconds; stdout and stderr together. */
export function run(program: string, args: readonly string[], input = ""): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { timeout: 10_000, encoding: "latin1" }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : typeof error.code === "number" ? error.code : -1, output: stdout + stderr });
    });
    child.stdin?.on("error", () => undefined).end(input);
  });
}

/** Writes a file into a folder and names it. */
export async function written(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

/** A TCP server on a free port of this machine that ends with the test. */
export async function listen(t: ExecutionContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return isAddressInfo(address) ? address.port : 0;
}

function isAddressInfo(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
