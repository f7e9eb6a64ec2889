// Clients and servers that are not ours: curl, Python's standard library, Node's http, https and fetch, against Node's and Python's
// servers. What matters is that they notice nothing.
import test, { type ExecutionContext } from "ava";
import { createServer as createHttp, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import { Agent as HttpsAgent, createServer as createHttps, request as httpsRequest } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { createHash, randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { runProgram, tunnelClient } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy, type TestProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

/** Echoes what it was asked as JSON; "/large" gives 5 MB, "/chunks" chunked with trailers, "/slow" a body in pieces. */
const echo: RequestListener = (request, response) => {
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => { hash.update(chunk); bytes += chunk.length; });
  request.on("end", () => {
    if (request.url === "/large") return void response.end(Buffer.alloc(5_000_000, "x"));
    if (request.url === "/chunks") {
      response.setHeader("Trailer", "X-End");
      response.write("first ");
      response.addTrailers({ "X-End": "there" });
      return void setTimeout(() => response.end("second"), 50);
    }
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ method: request.method, url: request.url, version: request.httpVersion, headers: request.rawHeaders, bytes, hash: hash.digest("hex") }));
  });
};

async function listen(t: ExecutionContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => { server.close(); if ("closeAllConnections" in server && typeof server.closeAllConnections === "function") server.closeAllConnections(); });
  return (server.address() as AddressInfo).port;
}

interface Stage extends TestProxy { readonly http: string; readonly https: string }

/** Once without addons, once with addons that want everything and touch nothing. */
async function stages(t: ExecutionContext): Promise<readonly Stage[]> {
  const [plain, secure] = [await listen(t, createHttp(echo)), await listen(t, createHttps({ key: certificate.key, cert: certificate.cert }, echo))];
  const made: Stage[] = [];
  for (const gate of [undefined, recordingGate()]) {
    const proxy = await startProxy(t, { upstreamCaFile: certificate.certFile, ...(gate && { gate }) });
    if (gate !== undefined) t.teardown(() => { if (gate.problems.length > 0) throw new Error(gate.problems.join("; ")); });
    made.push({ ...proxy, http: `http://127.0.0.1:${plain}`, https: `https://localhost:${secure}` });
  }
  return made;
}

interface CurlCase { readonly name: string; readonly args: readonly string[]; readonly path?: string; readonly input?: Buffer; readonly check: (t: ExecutionContext, stdout: string) => void }

const upload = randomBytes(300_000);
const uploadHash = createHash("sha256").update(upload).digest("hex");
const curlCases: readonly CurlCase[] = [
  { name: "GET", args: [], check: (t, out) => { t.is(JSON.parse(out).method, "GET"); } },
  { name: "HTTP/1.0", args: ["--http1.0"], check: (t, out) => { t.is(JSON.parse(out).url, "/"); } },
  { name: "HEAD", args: ["-I"], check: (t, out) => { t.regex(out, /^HTTP\/1\.1 200 OK\r\n/m); } },
  { name: "POST with a length", args: ["--data-binary", "@-"], input: upload, check: (t, out) => { t.is(JSON.parse(out).hash, uploadHash); } },
  { name: "POST in chunks", args: ["-T", "-"], input: upload, check: (t, out) => { t.is(JSON.parse(out).hash, uploadHash); t.regex(out, /Transfer-Encoding/); } },
  { name: "Expect", args: ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@-"], input: upload, check: (t, out) => { t.is(JSON.parse(out).bytes, 300_000); } },
  { name: "large", args: [], path: "/large", check: (t, out) => { t.is(out.length, 5_000_000); } },
  { name: "chunks", args: ["--raw"], path: "/chunks", check: (t, out) => { t.regex(out, /second\r\n0\r\nX-End: there\r\n\r\n$/); } },
  { name: "no keep-alive", args: ["-H", "Connection: close"], check: (t, out) => { t.is(JSON.parse(out).bytes, 0); } },
  { name: "odd fields", args: ["-H", "x-ODD;", "-H", "X-Odd: two", "-H", "X-Latin: \xe9"], check: (t, out) => { t.deepEqual(JSON.parse(out).headers.filter((_: string, i: number, all: readonly string[]) => /^x-odd$/i.test(all[i - (i % 2)] ?? "")), ["x-ODD", "", "X-Odd", "two"]); } },
];

for (const { name, args, path = "/", input, check } of curlCases) {
  test(`curl: ${name}`, async (t) => {
    const curl = requireProgram(t, "curl", "curl");
    if (curl === undefined) return;
    for (const { url, caFile, http, https } of await stages(t)) {
      for (const origin of [http, https]) {
        const end = await runProgram(curl, ["-sS", "--noproxy", "", "-x", url, "--cacert", caFile, "--max-time", "15", ...args, `${origin}${path}`], input);
        t.is(end.code, 0, `${origin}: ${end.stderr}`);
        check(t, end.stdout);
      }
    }
  });
}

test("curl: several requests over one connection, plain HTTP in a tunnel", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  if (curl === undefined) return;
  for (const { url, caFile, http, https } of await stages(t)) {
    const end = await runProgram(curl, ["-sS", "-p", "-x", url, "--cacert", caFile, "-w", "\n%{num_connects}\n", `${http}/1`, `${http}/2`, `${https}/3`, `${https}/4`]);
    t.is(end.code, 0, end.stderr);
    t.deepEqual(end.stdout.split("\n").filter((line) => /^\d+$/.test(line)), ["1", "0", "1", "0"]);
  }
});

const python = `
import sys, ssl, json, http.client, urllib.request
proxy_port, http_url, https_url, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
proxy = "http://127.0.0.1:%d" % proxy_port
context = ssl.create_default_context(cafile=ca)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy}), urllib.request.HTTPSHandler(context=context))
for url in (http_url, https_url):
    answer = json.load(opener.open(url + "/a?b=c", data=b"x" * 1000, timeout=10))
    assert answer["method"] == "POST" and answer["bytes"] == 1000 and answer["url"] == "/a?b=c", answer
host, port = https_url[8:].split(":")
connection = http.client.HTTPSConnection("127.0.0.1", proxy_port, context=context, timeout=10)
connection.set_tunnel(host, int(port))
for i in range(3):
    connection.request("PUT", "/%d" % i, body=iter([b"one", b"two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    answer = json.loads(connection.getresponse().read())
    assert answer["bytes"] == 6 and answer["url"] == "/%d" % i, answer
print("fine", connection.sock.version())
`;

test("Python: urllib and http.client", async (t) => {
  const program = requireProgram(t, "python3", "python3");
  if (program === undefined) return;
  for (const { port, caFile, http, https } of await stages(t)) {
    const end = await runProgram(program, ["-c", python, String(port), http, https, caFile]);
    t.is(end.code, 0, end.stderr);
    t.regex(end.stdout, /^fine TLSv1\.[23]/);
  }
});

test("Python's http.server as origin: files, HTTP/1.0 without keep-alive", async (t) => {
  const program = requireProgram(t, "python3", "python3");
  if (program === undefined) return;
  const folder = temporaryFolder("files");
  const content = randomBytes(200_000);
  await writeFile(join(folder, "file.bin"), content);
  const child = spawn(program, ["-u", "-c", "import http.server,sys,os; os.chdir(sys.argv[1]); s=http.server.ThreadingHTTPServer(('127.0.0.1',0),http.server.SimpleHTTPRequestHandler); print(s.server_port); s.serve_forever()", folder], { stdio: ["ignore", "pipe", "ignore"] });
  t.teardown(async () => { child.kill("SIGKILL"); await rm(folder, { recursive: true }); });
  const port = await new Promise<number>((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString()))));
  const proxy = await startProxy(t);
  for (let i = 0; i < 2; i++) {
    const { body, response } = await viaProxy(proxy.port, `http://127.0.0.1:${port}/file.bin`);
    t.is(response.statusCode, 200);
    t.true(body.equals(content));
  }
});

/** Node's own client in absolute-form. */
function viaProxy(port: number, url: string, agent?: HttpsAgent): Promise<{ readonly response: IncomingMessage; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path: url, headers: { host: new URL(url).host }, ...(agent && { agent }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve({ response, body: Buffer.concat(chunks) })).on("error", reject);
    });
    request.on("error", reject).end();
  });
}

test("Node: http with trailers, https inside a tunnel, fetch with a proxy from the environment", async (t) => {
  for (const { port, url, ca, caFile, http, https } of await stages(t)) {
    const { response, body } = await viaProxy(port, `${http}/chunks`);
    t.is(body.toString(), "first second");
    t.is(response.trailers["x-end"], "there");
    const place = new URL(https).host;
    const tunnel = await tunnelClient(port, place);
    tunnel.socket.removeAllListeners("data");
    const text = await new Promise<string>((resolve, reject) => {
      const agent = new HttpsAgent({ keepAlive: false });
      httpsRequest({ host: "localhost", path: "/inside", socket: tunnel.socket, agent, ca, createConnection: undefined } as object, (answer) => {
        let all = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => { all += chunk; }).on("end", () => resolve(all));
      }).on("error", reject).end();
    });
    t.regex(text, /"url":"\/inside"/);
    const script = `for (const u of process.argv.slice(1)) { const r = await fetch(u, { method: "POST", body: "abc" }); const j = await r.json(); if (j.bytes !== 3) throw new Error(JSON.stringify(j)); console.log(r.status, j.method); }`;
    const end = await new Promise<{ code: number | null; out: string }>((resolve) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, http, https], { env: { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: "", NODE_EXTRA_CA_CERTS: caFile } });
      let out = "";
      child.stdout.on("data", (chunk: Buffer) => { out += chunk.toString(); });
      child.stderr.on("data", (chunk: Buffer) => { out += chunk.toString(); });
      child.once("close", (code) => resolve({ code, out }));
    });
    t.is(end.code, 0, end.out);
    t.is(end.out, "200 POST\n200 POST\n");
  }
});
