// A browser that is not ours: Chromium through the proxy, trusting its authority, loads a page over HTTP/2 with many resources, hears
// server-sent events over HTTP/2 and speaks WebSocket, all under one addon gate. The page itself says what it saw.
import test from "ava";
import { execFile, spawn } from "node:child_process";
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { WebSocketServer } from "ws";
import { testCertificate } from "../helpers/certificate.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const resources = 60;
const run = promisify(execFile);

const page = `<!doctype html><title>test</title><script>
const seen = { scripts: 0, events: [], socket: [], protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol };
const loaded = new Promise((resolve) => addEventListener("load", resolve));
const heard = new Promise((resolve) => { const source = new EventSource("/events"); source.onmessage = ({ data }) => { seen.events.push(data); if (seen.events.length === 3) { source.close(); resolve(); } }; });
const spoke = new Promise((resolve) => { const socket = new WebSocket("wss://" + location.host + "/socket"); socket.onopen = () => { socket.send("one"); socket.send("x".repeat(70000)); }; socket.onmessage = ({ data }) => { seen.socket.push(data.length > 20 ? data.length : data); if (seen.socket.length === 2) socket.close(1000, "done"); }; socket.onclose = ({ code }) => { seen.socket.push(code); resolve(); }; });
Promise.all([loaded, heard, spoke]).then(() => fetch("/done", { method: "POST", body: JSON.stringify(seen) }));
</script>${Array.from({ length: resources }, (_, i) => `<script src="/script/${i}.js"></script>`).join("")}`;

function serve(stream: ServerHttp2Stream, place: string, done: (text: string) => void): void {
  stream.on("error", () => undefined);
  if (place === "/") stream.respond({ ":status": 200, "content-type": "text/html" }), stream.end(page);
  else if (place.startsWith("/script/")) stream.respond({ ":status": 200, "content-type": "text/javascript" }), stream.end(`seen.scripts++; // ${"x".repeat(5_000)}`);
  else if (place === "/done") {
    let text = "";
    stream.on("data", (chunk: Buffer) => { text += chunk.toString(); }).on("end", () => { stream.respond({ ":status": 204 }, { endStream: true }); done(text); });
  } else if (place === "/events") {
    stream.respond({ ":status": 200, "content-type": "text/event-stream" });
    for (let i = 0; i < 3; i++) setTimeout(() => { if (!stream.destroyed) stream.write(`data: ${i}\n\n`); }, 50 * i);
  } else stream.respond({ ":status": 404 }, { endStream: true });
}

/** A home whose browser trusts that authority, as `flowcell ca install-help` explains it. */
async function home(certutil: string, caFile: string): Promise<string> {
  const folder = temporaryFolder("chromium");
  const database = path.join(folder, ".pki", "nssdb");
  await mkdir(database, { recursive: true });
  await run(certutil, ["-d", `sql:${database}`, "-N", "--empty-password"]);
  await run(certutil, ["-d", `sql:${database}`, "-A", "-t", "C,,", "-n", "flowcell", "-i", caFile]);
  return folder;
}

test.serial("Chromium: a page with many resources over HTTP/2, server-sent events, a WebSocket, with the proxy's certificates", async (t) => {
  t.timeout(100_000);
  const chromium = requireProgram(t, "chromium", "chromium");
  const certutil = requireProgram(t, "certutil", "libnss3-tools");
  if (chromium === undefined || certutil === undefined) return;
  const certificate = await testCertificate();
  const finished = Promise.withResolvers<string>();
  const origin = createSecureServer({ key: certificate.key, cert: certificate.cert, allowHTTP1: true });
  origin.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => serve(stream, headers[":path"] ?? "", finished.resolve));
  origin.on("sessionError", () => undefined);
  const sockets = new WebSocketServer({ noServer: true });
  origin.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, (web) => web.on("message", (data, isBinary) => web.send(data, { binary: isBinary }))));
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  t.teardown(() => origin.close());
  const messages: string[] = [];
  const gate = recordingGate({ on: { websocket_message: (flow) => { messages.push(flow.webSocket?.message?.fromClient === true ? "->" : "<-"); } } });
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const folder = await home(certutil, proxy.caFile);
  const url = `https://localhost:${(origin.address() as AddressInfo).port}/`;
  const browser = spawn(chromium, [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    `--user-data-dir=${path.join(folder, "profile")}`, `--proxy-server=http://127.0.0.1:${proxy.port}`, "--proxy-bypass-list=<-loopback>", "--remote-debugging-port=0", url,
  ], { env: { ...process.env, HOME: folder }, stdio: ["ignore", "ignore", "pipe"], detached: true });
  let said = "";
  browser.stderr.on("data", (chunk: Buffer) => { said += chunk.toString(); });
  const ended = new Promise<void>((resolve) => browser.once("exit", () => resolve()));
  const patience = setTimeout(() => finished.reject(new Error(`the page was not done; the browser said: ${said.slice(-2_000)}; events: ${gate.events.slice(-20).join(" ")}; log: ${JSON.stringify(proxy.log.slice(-5))}`)), 80_000);
  try {
    const seen: unknown = JSON.parse(await finished.promise);
    t.deepEqual(seen, { scripts: resources, events: ["0", "1", "2"], socket: ["one", 70_000, 1_000], protocol: "h2" });
    t.deepEqual([...messages].sort(), ["->", "->", "<-", "<-"]);
    t.deepEqual(gate.problems, []);
  } finally {
    clearTimeout(patience);
    if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    await ended;
  }
});
