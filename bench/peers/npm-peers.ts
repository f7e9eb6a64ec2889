// Runs one of npm's proxies with or without an addon that adds a header to requests and responses. In a process of its own; the packages
// come from a folder outside the repository. Run by peers.ts: node npm-peers.ts PACKAGE FOLDER PORT header|none
import { createRequire } from "node:module";
import { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import path from "node:path";

type Fields = Record<string, unknown>;

interface Mockttp {
  generateCACertificate(): Promise<{ readonly key: string; readonly cert: string }>;
  getLocal(options: object): { forAnyRequest(): { thenPassThrough(options: object): Promise<unknown> }; start(port: number): Promise<void> };
}

interface HttpMitmContext { readonly proxyToServerRequestOptions?: { headers: Fields }; readonly serverToProxyResponse?: { headers: Fields } }
interface HttpMitmProxy {
  onError(handler: () => void): void;
  onRequest(handler: (context: HttpMitmContext, done: () => void) => void): void;
  onResponse(handler: (context: HttpMitmContext, done: () => void) => void): void;
  listen(options: object): void;
}

const [name = "", folder = "", port = "0", addon = "none"] = process.argv.slice(2);
const load = createRequire(path.join(folder, "package.json"));
const hasAddon = addon === "header";

async function startMockttp(): Promise<void> {
  const mockttp = load("mockttp") as Mockttp;
  const server = mockttp.getLocal({ https: await mockttp.generateCACertificate(), http2: false, recordTraffic: false });
  const add = (field: string) => ({ headers }: { readonly headers: Fields }) => ({ headers: { ...headers, [field]: "1" } });
  await server.forAnyRequest().thenPassThrough({
    ignoreHostHttpsErrors: true, ...(hasAddon && { beforeRequest: add("x-bench-request"), beforeResponse: add("x-bench-response") }),
  });
  await server.start(Number(port));
}

function startHttpMitmProxy(): void {
  const { Proxy: MitmProxy } = load("http-mitm-proxy") as { readonly Proxy: new () => HttpMitmProxy };
  const proxy = new MitmProxy();
  proxy.onError(() => undefined);
  if (hasAddon) {
    proxy.onRequest((context, done) => { if (context.proxyToServerRequestOptions !== undefined) context.proxyToServerRequestOptions.headers["x-bench-request"] = "1"; done(); });
    proxy.onResponse((context, done) => { if (context.serverToProxyResponse !== undefined) context.serverToProxyResponse.headers["x-bench-response"] = "1"; done(); });
  }
  proxy.listen({
    host: "127.0.0.1", port: Number(port), sslCaDir: path.join(folder, "ca"), keepAlive: true,
    httpAgent: new Agent({ keepAlive: true }), httpsAgent: new SecureAgent({ keepAlive: true, rejectUnauthorized: false }),
  });
}

if (name === "mockttp") await startMockttp();
else startHttpMitmProxy();
