// Claim: a first visit to a host costs at most 1.5 ms of CPU for its leaf certificate and TLS context, and never stops the event loop for 3 ms.
// Measures, in one process and by turns: the signature alone, the leaf, leaf and context as the cache makes them, with and without a server's certificate of
// 100 names; and the longest pause of the loop while 200 new hosts ask at once. It compares with no other program.
// Run: node bench/leaf-minting.ts [--full]
import { rm } from "node:fs/promises";
import { sign } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { openAuthority, type Authority } from "../host/tls/authority.ts";
import { createLeafCache } from "../host/tls/leaf-cache.ts";
import { figure, type Claim, type Figure } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { createLeafKey, mintLeaf } from "../host/tls/leaf.ts";
import { temporaryFolder } from "../test/helpers/temporary-folder.ts";

const perRound = 200;
const atOnce = 200;
const namesOfServer = 100;

export const leafMinting: Claim = {
  name: "leaf-minting",
  title: `a leaf and its TLS context for a new host (in process), and the loop while ${atOnce} hosts ask at once`,
  async run(effort) {
    const folder = temporaryFolder("bench");
    const authority = await openAuthority(folder);
    await rm(folder, { recursive: true });
    return [...(await costs(authority, effort.name === "quick" ? 3 : 7)), await pause(authority)];
  },
};

/** Names nobody asked for before. */
function makeHosts(): () => string {
  let serial = 0;
  return () => `host-${(serial += 1)}.example.com`;
}

async function costs(authority: Authority, rounds: number): Promise<readonly Figure[]> {
  const key = createLeafKey();
  const host = makeHosts();
  const message = Buffer.alloc(500);
  const upstreamCertificate = certificateWithNames(authority, key);
  // The same certificate each time, as one CDN shows it for many hosts; the host differs, so each time a leaf is minted.
  const cache = createLeafCache(authority, { maxEntries: 1_000 });
  const cases: Readonly<Record<string, () => Promise<void>>> = {
    "signature alone": async () => { sign("sha256", message, authority.issuer.privateKey); },
    "leaf": async () => { mintLeaf({ sni: host() }, authority.issuer, key, new Date()); },
    "leaf and context": async () => { await cache.contextFor({ sni: host() }); },
    [`leaf with ${namesOfServer} names, and context`]: async () => { await cache.contextFor({ sni: host(), upstreamCertificate }); },
    "context of a known host": async () => { await cache.contextFor({ sni: "known.example" }); },
  };
  const samples = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, call] of Object.entries(cases)) {
      const value = await cpuPerCall(call);
      // The first round warms the compiler up.
      if (round > 0) samples.get(name)?.push(value);
    }
  }
  return [...samples].map(([what, list]) => figure(list, { what, unit: "ms CPU" }));
}

/** A server's certificate with many names: a leaf of ours, minted from certificates that each bring one. */
function certificateWithNames({ issuer }: Authority, key: ReturnType<typeof createLeafKey>): Buffer {
  let certificate: Buffer | undefined;
  for (let index = 0; index < namesOfServer; index += 1) certificate = mintLeaf({ sni: `name-${index}.cdn.example`, upstreamCertificate: certificate }, issuer, key, new Date()).certificateDer;
  return certificate ?? Buffer.alloc(0);
}

/** User and system time. */
async function cpuPerCall(call: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < perRound; index += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / perRound;
}

async function pause(authority: Authority): Promise<Figure> {
  const host = makeHosts();
  const cache = createLeafCache(authority, { maxEntries: 1_000 });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await Promise.all(Array.from({ length: atOnce }, () => cache.contextFor({ sni: host() })));
  delay.disable();
  // The timer that measures ticks each millisecond: about 1 is no pause at all.
  return figure([delay.max / 1e6], { what: `longest pause of the loop while ${atOnce} hosts ask at once`, unit: "ms", beside: { "p99 ms": delay.percentile(99) / 1e6 } });
}

if (import.meta.main) await runAlone(leafMinting);
