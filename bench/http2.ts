// Claim: HTTP/2 inside a tunnel, 8 connections with 8 streams each, 1 KB responses, costs at most 0.30 CPU s per 1,000 requests with a header
// addon; one connection with a hundred streams beside it. h2load is the client (it knows no proxies: a small relay in this process opens the tunnels), nginx the server; neither counts.
// Needs both. Run: node bench/http2.ts [--full]
import { execFile } from "node:child_process";
import { connect, createServer, type AddressInfo } from "node:net";
import { promisify } from "node:util";
import { headerAddon } from "./harness/addons.ts";
import type { BudgetName } from "./harness/budgets.ts";
import type { Effort } from "./harness/effort.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";

const run = promisify(execFile);

interface Shape { readonly connections: number; readonly streams: number }
interface Contestant extends Shape { readonly what: string; readonly pid: number; readonly tunnelPort: number; readonly budget?: BudgetName }
interface Sample { readonly perThousand: number; readonly perSecond: number }

const several: Shape = { connections: 8, streams: 8 };
const one: Shape = { connections: 1, streams: 100 };

/** A port where each connection is a tunnel of the proxy to the origin; closed by the caller. */
async function openTunnels(proxyPort: number, originPort: number): Promise<{ readonly port: number; close(): void }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    const proxy = connect({ host: "127.0.0.1", port: proxyPort, noDelay: true });
    const end = (): void => { client.destroy(); proxy.destroy(); };
    client.on("error", end).on("close", end);
    proxy.on("error", end).on("close", end);
    proxy.write(`CONNECT localhost:${originPort} HTTP/1.1\r\nHost: localhost:${originPort}\r\n\r\n`);
    // The answer to CONNECT comes alone: the client has sent nothing yet.
    proxy.once("data", () => { client.pipe(proxy); proxy.pipe(client); });
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return { port: (server.address() as AddressInfo).port, close: () => { server.close(); } };
}

/** Sends that many requests; rejects when one of them fails or HTTP/2 was not spoken. */
async function load({ tunnelPort, connections, streams }: Contestant, originPort: number, requests: number): Promise<{ readonly seconds: number }> {
  const began = performance.now();
  const { stdout } = await run("h2load", ["-n", String(requests), "-c", String(connections), "-m", String(streams), `--connect-to=127.0.0.1:${tunnelPort}`, `https://localhost:${originPort}/1k`], { maxBuffer: 1e7 });
  if (!stdout.includes(`${requests} succeeded`) || !stdout.includes("Application protocol: h2")) throw new Error(`h2load: ${stdout.slice(-900)}`);
  return { seconds: (performance.now() - began) / 1_000 };
}

async function sample(contestant: Contestant, originPort: number, requests: number): Promise<Sample> {
  const before = readTree(contestant.pid).cpuSeconds;
  const { seconds } = await load(contestant, originPort, requests);
  return { perThousand: ((readTree(contestant.pid).cpuSeconds - before) / requests) * 1_000, perSecond: requests / seconds };
}

/** Warms each up, then alternates. */
async function measure(contestants: readonly Contestant[], originPort: number, effort: Effort): Promise<readonly Figure[]> {
  for (const contestant of contestants) await load(contestant, originPort, effort.warmUpRequests);
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]));
  const requests = effort.roundMs * 4;
  for (let round = 0; round < effort.rounds; round++) {
    for (const [contestant, list] of samples) list.push(await sample(contestant, originPort, requests));
    await effort.lap?.();
  }
  return [...samples].map(([{ what, budget }, list]) => figure(list.map(({ perThousand }) => perThousand), {
    what, unit: "CPU s per 1,000", budget, beside: { "req/s": median(list.map(({ perSecond }) => perSecond)) },
  }));
}

export const http2: Claim = {
  name: "http2",
  title: "HTTP/2 in the tunnel, 1 KB, 8 connections × 8 streams and 1 × 100",
  async run(effort) {
    await using stage = await Stage.open();
    await using stack = new AsyncDisposableStack();
    const contestants: Contestant[] = [];
    for (const addons of [[], [await headerAddon()]]) {
      const what = addons.length === 0 ? "no addon" : "header addon";
      const subject = await stage.flowcell(what, addons);
      const tunnels = await openTunnels(subject.port, stage.origin.tlsPort);
      stack.defer(() => tunnels.close());
      const common = { pid: subject.pid, tunnelPort: tunnels.port };
      contestants.push({ what: `${what}, 8 × 8 streams`, ...common, ...several, ...(addons.length > 0 && { budget: "http2-header" as const }) }, { what: `${what}, 1 × 100 streams`, ...common, ...one });
    }
    return await measure(contestants, stage.origin.tlsPort, effort);
  },
};

if (import.meta.main) await runAlone(http2);
