// Peers for end-to-end tests that are not ours: curl as a client (with a parsed answer), simple origins on loopback. Everything listens on
// 127.0.0.1 with a port of the system's choice.
import { execFile } from "node:child_process";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { ExecutionContext } from "ava";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache } from "../../host/tls/leaf-cache.ts";
import { requireProgram } from "./programs.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface CurlAnswer {
  /** Exit code of curl. */
  readonly code: number;
  /** Of the last head in the output (`-i`), after those of CONNECT and interim responses. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  readonly stderr: string;
  header(name: string): string | undefined;
}

/** Runs curl with `-sS` and reads its output; give `-i` to see heads. A missing curl fails in CI and skips elsewhere. */
export async function curl(t: ExecutionContext, args: readonly string[]): Promise<CurlAnswer> {
  const program = requireProgram(t, "curl", "curl");
  if (program === undefined) throw new Error("curl is not installed");
  return new Promise((resolve) => {
    execFile(program, ["-sS", "--max-time", "30", ...args], { maxBuffer: 256 * 1024 * 1024, encoding: "latin1" }, (error, stdout, stderr) => {
      resolve(readAnswer(error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr));
    });
  });
}

function readAnswer(code: number, stdout: string, stderr: string): CurlAnswer {
  let rest = stdout;
  let head = "";
  while (/^HTTP\/[\d.]+ \d{3}/.test(rest)) {
    const end = rest.indexOf("\r\n\r\n");
    head = rest.slice(0, end === -1 ? undefined : end);
    rest = end === -1 ? "" : rest.slice(end + 4);
  }
  return {
    code, head, body: rest, stderr, status: Number(/^HTTP\/[\d.]+ (\d{3})/.exec(head)?.[1] ?? 0),
    header: (name) => new RegExp(`^${name}: ?(.*?)\\r?$`, "im").exec(head)?.[1],
  };
}

export interface Origin { readonly port: number; readonly caFile: string; close(): void }

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => response.end(`${request.method ?? ""} ${request.url ?? ""} ${JSON.stringify(request.rawHeaders)} ${Buffer.concat(chunks).toString("latin1")}`));
};

/** An HTTP server; without a listener it answers with what it was asked. */
export async function startHttpOrigin(listener: RequestListener = echo): Promise<Origin> {
  return opened(createHttpServer(listener), "");
}

/** Likewise with TLS, for the name localhost, signed by an authority of its own (`caFile`). */
export async function startHttpsOrigin(listener: RequestListener = echo): Promise<Origin> {
  const authority = await openAuthority(temporaryFolder("origin-ca"));
  const { secureContext } = await createLeafCache(authority).contextFor({ sni: "localhost", host: "localhost" });
  return opened(createHttpsServer({ SNICallback: (_name, done) => done(null, secureContext) }, listener), authority.files.certPem);
}

async function opened(server: Server & { closeAllConnections?: () => void }, caFile: string): Promise<Origin> {
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  return { port, caFile, close: () => { server.close(); server.closeAllConnections?.(); } };
}
