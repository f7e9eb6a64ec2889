// Starts other proxies as subjects. What is not installed is installed (npm packages into a cache folder outside the repository) or left out with
// a word (Debian's). They verify no server and trust everything: less work than Flowcell does.
import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { freePort, waitForPort, withSbin, type Origin } from "../harness/origin.ts";
import type { Subject } from "../harness/subject.ts";
import { temporaryFolder } from "../../test/helpers/temporary-folder.ts";

const run = promisify(execFile);

/** The versions that were compared; an update is a change of this line. */
const packages = { mockttp: "4", "http-mitm-proxy": "1" } as const;
export type NpmPeer = keyof typeof packages;

const cacheFolder = path.join(process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"), "flowcell-bench");

/** null: not to be had on this machine; why is said. */
export type MaybeSubject = Subject | { readonly missing: string };

/** Our floor in the same language. */
export async function startBare(origin: Origin): Promise<Subject> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "bare.ts"), origin.caFile, origin.keyFile], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await new Promise<readonly string[]>((resolve) => createInterface({ input: child.stdout }).once("line", (line) => resolve([line])));
  return subjectOf("bare", child, Number(port));
}

export async function startNpmPeer(name: NpmPeer, addon: "header" | "none"): Promise<MaybeSubject> {
  const folder = path.join(cacheFolder, name);
  try {
    await install(folder, name);
  } catch (error) {
    return { missing: `${name} could not be installed: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}` };
  }
  const port = await freePort();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "npm-peers.ts"), name, folder, String(port), addon], {
    cwd: folder, stdio: ["ignore", "ignore", "ignore"], env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_NO_WARNINGS: "1" },
  });
  return listening(name, child, port);
}

const headerScript = `
class Header:
    def request(self, flow):
        flow.request.headers["x-bench-request"] = "1"
    def response(self, flow):
        flow.response.headers["x-bench-response"] = "1"
addons = [Header()]
`;

export async function startMitmproxy(addon: "header" | "none"): Promise<MaybeSubject> {
  if (!(await exists("mitmdump", "--version"))) return { missing: "mitmdump is not installed (apt-get install mitmproxy)" };
  const folder = temporaryFolder("mitmproxy");
  const script = path.join(folder, "header.py");
  await writeFile(script, headerScript);
  const port = await freePort();
  const words = ["-q", "--listen-host", "127.0.0.1", "-p", String(port), "--set", `confdir=${folder}`, "--set", "connection_strategy=lazy", "--ssl-insecure"];
  const child = spawn("mitmdump", [...words, ...(addon === "header" ? ["-s", script] : [])], { stdio: "ignore" });
  child.once("exit", () => void rm(folder, { recursive: true, force: true }));
  return listening("mitmproxy", child, port);
}

/** What a floor in C is to do: it forwards everything to the origin. Under HTTPS it is the server, with the origin's certificate: none of them takes a tunnel. */
export interface FloorWork { readonly scheme: "http" | "https"; readonly addsHeaders: boolean }

export async function startNginx(origin: Origin, { scheme, addsHeaders }: FloorWork): Promise<MaybeSubject> {
  if (!(await exists("nginx", "-v"))) return { missing: "nginx is not installed (apt-get install nginx-light)" };
  const folder = temporaryFolder("nginx-peer");
  const port = await freePort();
  const config = path.join(folder, "nginx.conf");
  const tls = scheme === "https" ? `ssl_certificate ${origin.caFile}; ssl_certificate_key ${origin.keyFile};` : "";
  await writeFile(config, `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream origin { server 127.0.0.1:${scheme === "https" ? origin.tlsPort : origin.port}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${scheme === "https" ? " ssl" : ""}; ${tls}
    location / {
      proxy_pass ${scheme}://origin; proxy_http_version 1.1; proxy_set_header Connection ""; ${addsHeaders ? "proxy_set_header x-bench-request 1; add_header x-bench-response 1;" : ""}
    }
  }
}
`);
  const child = spawn("nginx", ["-p", folder, "-c", config], { stdio: "ignore", env: withSbin });
  child.once("exit", () => void rm(folder, { recursive: true, force: true }));
  return listening("nginx", child, port);
}

export async function startHaproxy(origin: Origin, { scheme, addsHeaders }: FloorWork): Promise<MaybeSubject> {
  if (!(await exists("haproxy", "-v"))) return { missing: "haproxy is not installed (apt-get install haproxy)" };
  const folder = temporaryFolder("haproxy");
  const port = await freePort();
  const config = path.join(folder, "haproxy.cfg");
  const pem = path.join(folder, "origin.pem");
  await writeFile(pem, `${await readFile(origin.caFile, "utf8")}${await readFile(origin.keyFile, "utf8")}`);
  const [onTls, to] = scheme === "https" ? [` ssl crt ${pem} alpn http/1.1`, `${origin.tlsPort} ssl verify none alpn http/1.1`] : ["", String(origin.port)];
  await writeFile(config, `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend in
  bind 127.0.0.1:${port}${onTls}
  http-request replace-path ^[^/:]+://[^/]*(.*) \\1
${addsHeaders ? "  http-request set-header x-bench-request 1\n  http-response set-header x-bench-response 1\n" : ""}  default_backend out
backend out
  server origin 127.0.0.1:${to}
`);
  const child = spawn("haproxy", ["-db", "-f", config], { stdio: "ignore", env: withSbin });
  child.once("exit", () => void rm(folder, { recursive: true, force: true }));
  return listening("haproxy", child, port);
}

async function install(folder: string, name: NpmPeer): Promise<void> {
  await mkdir(folder, { recursive: true });
  const isThere = await run("npm", ["ls", "--prefix", folder, name]).then(() => true, () => false);
  if (isThere) return;
  await writeFile(path.join(folder, "package.json"), "{\"private\":true}\n");
  await run("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", `${name}@${packages[name]}`], { timeout: 240_000 });
}

const exists = (program: string, word: string): Promise<boolean> => run(program, [word], { env: withSbin }).then(() => true, () => false);

async function listening(name: string, child: ReturnType<typeof spawn>, port: number): Promise<MaybeSubject> {
  const subject = subjectOf(name, child, port);
  try {
    await waitForPort(port, name, 30_000);
    return subject;
  } catch (error) {
    await subject[Symbol.asyncDispose]();
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

function subjectOf(name: string, child: ReturnType<typeof spawn>, port: number): Subject {
  const kill = (): void => { child.kill("SIGKILL"); };
  process.once("exit", kill);
  const ended = new Promise<void>((resolve) => child.once("exit", () => { process.off("exit", kill); resolve(); }));
  return { name, pid: child.pid ?? 0, port, caFile: null, [Symbol.asyncDispose]: async () => { kill(); await ended; } };
}
