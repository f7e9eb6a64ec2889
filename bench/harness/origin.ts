// The server behind the proxies: nginx with a few files, over HTTP and HTTPS on loopback; without nginx, a small raw server of our own.
// Its CPU time is never counted.
import { execFile, fork, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "../../test/helpers/temporary-folder.ts";

const run = promisify(execFile);

/** What the origin serves, by path. */
export const files = { "/1k": 1_024, "/page.html": 100 * 1_024, "/10m": 10_000_000, "/100m": 100_000_000, "/1g": 1_000_000_000 } as const;
/** From this size on a file is a hole: zeros that take no room. */
const hollowBytes = 500_000_000;

export interface Origin extends AsyncDisposable {
  readonly name: "nginx" | "node";
  readonly port: number;
  readonly tlsPort: number;
  /** Its certificate, which is its own authority; for localhost, 127.0.0.1 and every name under bench.test. */
  readonly caFile: string;
  readonly keyFile: string;
}

export async function startOrigin(): Promise<Origin> {
  const folder = temporaryFolder("origin");
  const certificate = await makeCertificate(folder);
  await writeFiles(path.join(folder, "www"));
  const [port, tlsPort] = [await freePort(), await freePort()];
  const hasNginx = await run("nginx", ["-v"], { env: withSbin }).then(() => true, () => false);
  const child = hasNginx ? await startNginx(folder, port, tlsPort, certificate) : startOwn(path.join(folder, "www"), port, tlsPort, certificate);
  const kill = (): void => { child.kill("SIGKILL"); };
  process.once("exit", kill);
  await Promise.all([waitForPort(port), waitForPort(tlsPort)]);
  return {
    name: hasNginx ? "nginx" : "node", port, tlsPort, caFile: certificate.certFile, keyFile: certificate.keyFile,
    async [Symbol.asyncDispose]() {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      kill();
      process.off("exit", kill);
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Where Debian keeps servers. */
export const withSbin = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

interface CertificateFiles { readonly certFile: string; readonly keyFile: string }

async function makeCertificate(folder: string): Promise<CertificateFiles> {
  const certFile = path.join(folder, "origin.pem");
  const keyFile = path.join(folder, "origin.key");
  await run("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost,DNS:*.bench.test,IP:127.0.0.1", "-keyout", keyFile, "-out", certFile,
  ]);
  return { certFile, keyFile };
}

async function writeFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes >= hollowBytes) {
      await writeFile(path.join(folder, name), "");
      await truncate(path.join(folder, name), bytes);
      continue;
    }
    const paragraph = "<p>A paragraph of a page, with a <a href=\"/link\">link</a> and some words.</p>\n";
    const content = name.endsWith(".html") ? Buffer.alloc(bytes, `<!doctype html><html><body>${paragraph.repeat(20)}`) : bytes > 1e6 ? Buffer.alloc(bytes, randomBytes(65_536)) : Buffer.alloc(bytes, "x");
    await writeFile(path.join(folder, name), content);
  }
}

/** A port that was free a moment ago: not every server can choose one itself. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address === null || typeof address === "string" ? reject(new Error("no port")) : resolve(address.port)));
    });
  });
}

async function startNginx(folder: string, port: number, tlsPort: number, { certFile, keyFile }: CertificateFiles): Promise<ChildProcess> {
  const config = path.join(folder, "nginx.conf");
  await writeFile(config, `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr error; ${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600s; open_file_cache max=100;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  types { text/html html; } default_type application/octet-stream;
  ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; ssl_session_cache shared:tls:4m;
  server { listen 127.0.0.1:${port} backlog=1024; listen 127.0.0.1:${tlsPort} ssl http2 backlog=1024; root ${folder}/www; }
}
`);
  return spawn("nginx", ["-p", folder, "-e", "stderr", "-c", config], { env: withSbin, stdio: ["ignore", "ignore", "inherit"] });
}

function startOwn(www: string, port: number, tlsPort: number, { certFile, keyFile }: CertificateFiles): ChildProcess {
  return fork(path.join(import.meta.dirname, "origin-process.ts"), [www, String(port), String(tlsPort), certFile, keyFile]);
}

export async function waitForPort(port: number, who = "the origin", mostMs = 10_000): Promise<void> {
  const until = Date.now() + mostMs;
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port }, () => { socket.destroy(); resolve(true); });
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return;
    if (Date.now() > until) throw new Error(`${who} does not listen on port ${port}`);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}
