// `npm run demo`: a local HTTPS server, the proxy with a good addon and a hostile one, and curl as the client. It shows in the terminal that
// the good addon's work goes on while the hostile one is stopped, moved to a process of its own and suspended. Exits 1 if it is not so.
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import path from "node:path";
import { promisify } from "node:util";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache } from "../../host/tls/leaf-cache.ts";
import { projectRoot, startFlowcell, type RunningFlowcell } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const run = promisify(execFile);
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const rounds = 8;

interface Answer { readonly status: number; readonly seen: string | null; readonly ms: number }

/** An HTTPS server on loopback with a certificate of an authority made for the occasion; gives its port and the authority's file. */
async function startOrigin(folder: string): Promise<{ readonly server: Server; readonly port: number; readonly caFile: string }> {
  const authority = await openAuthority(folder);
  const leaf = await createLeafCache(authority).contextFor({ sni: "localhost", host: "localhost" });
  const server = createServer({ SNICallback: (_name, done) => done(null, leaf.secureContext) }, (_request, response) => {
    response.end("the server's own words\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { server, port: address.port, caFile: authority.files.certPem };
}

async function request(proxy: RunningFlowcell, url: string): Promise<Answer> {
  const began = performance.now();
  const { stdout } = await run("curl", ["-sS", "-i", "--max-time", "20", "-x", proxy.proxyUrl, "--cacert", proxy.caFile, url]);
  // The head of the answer to CONNECT comes first, then the server's.
  const head = stdout.slice(stdout.indexOf("\r\n\r\n") + 4);
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), seen: /^x-flowcell: (.*?)\r?$/im.exec(head)?.[1] ?? null,
    ms: Math.round(performance.now() - began),
  };
}

async function demonstrate(proxy: RunningFlowcell, url: string): Promise<boolean> {
  let isGood = true;
  let shown = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const answer = await request(proxy, url);
    isGood &&= answer.status === 200 && answer.seen !== null;
    say(`  ${String(round).padStart(2)}. curl ${url}  →  ${answer.status}, good addon says "${answer.seen ?? "nothing"}", ${answer.ms} ms`);
    for (const line of proxy.lines.slice(shown)) if (line.level === "warn" || line.level === "error") say(`        ${line.level}: ${line.msg}`);
    shown = proxy.lines.length;
  }
  return isGood;
}

async function main(): Promise<void> {
  const folder = temporaryFolder("demo");
  const origin = await startOrigin(folder);
  const addons = ["addons/add-header", "addons/hostile/loop.ts"].map((addon) => path.join(projectRoot, addon));
  say("Two addons: add-header (good) counts and adds a header; hostile/loop runs `for (;;) {}` at every request.\n");
  const proxy = await startFlowcell(addons, ["--upstream-ca", origin.caFile]);
  try {
    const isGood = await demonstrate(proxy, `https://localhost:${origin.port}/`);
    const said = (word: RegExp): boolean => proxy.lines.some((line) => word.test(line.msg));
    const facts: readonly (readonly [string, boolean])[] = [
      ["every request was answered by the server, with the good addon's header", isGood],
      ["the looping addon was stopped by its CPU limit", said(/CPU time/)],
      ["it was moved to a process of its own", said(/moved to a process of its own/)],
      ["it was suspended after repeated failures", said(/suspended/)],
    ];
    say("");
    for (const [fact, holds] of facts) say(`  ${holds ? "✓" : "✗"} ${fact}`);
    if (!facts.every(([, holds]) => holds)) process.exitCode = 1;
  } finally {
    await proxy.stop();
    origin.server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
