// Claim: a first visit to a host costs at most 1.5 ms of CPU for its leaf certificate and TLS context, and never stops the event loop for 3 ms.
// Measures, in one process and by turns: the signature alone, the leaf, leaf and context as the cache makes them, with and without a server's certificate of
// 100 names; and the longest pause of the loop while 200 new hosts ask at once. Prints one JSON line; it compares with no other program.
// Run: node bench/leaf-minting.ts [rounds]
import { mkdtemp, rm } from "node:fs/promises";
import { sign, X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { openAuthority } from "../host/tls/authority.ts";
import { createLeafCache } from "../host/tls/leaf-cache.ts";
import { createLeafKey, mintLeaf } from "../host/tls/leaf.ts";

const rounds = Number(process.argv[2] ?? 7);
const perRound = 200;

const folder = await mkdtemp(join(tmpdir(), "flowcell-bench-"));
const authority = await openAuthority(folder);
await rm(folder, { recursive: true });
const key = createLeafKey();
const names = Array.from({ length: 100 }, (_, index) => index);
let serial = 0;
const host = (): string => `host-${(serial += 1)}.example.com`;

/** A server's certificate with many names: a leaf of ours, minted from certificates that each bring one. */
function certificateWithNames(): Buffer {
  let certificate: Buffer | undefined;
  for (const index of names) {
    certificate = mintLeaf({ sni: `name-${index}.cdn.example`, upstreamCertificate: certificate }, authority.issuer, key, new Date()).certificateDer;
  }
  return certificate ?? Buffer.alloc(0);
}

const upstreamCertificate = certificateWithNames();
// The same certificate each time, as one CDN shows it for many hosts; the host differs, so each time a leaf is minted.
const cache = createLeafCache(authority, { maxEntries: 1000 });
const message = Buffer.alloc(500);

const cases = {
  signatureOnly: async () => { sign("sha256", message, authority.issuer.privateKey); },
  leaf: async () => { mintLeaf({ sni: host() }, authority.issuer, key, new Date()); },
  leafAndContext: async () => { await cache.contextFor({ sni: host() }); },
  leafWith100NamesAndContext: async () => { await cache.contextFor({ sni: host(), upstreamCertificate }); },
  cachedContext: async () => { await cache.contextFor({ sni: "known.example" }); },
} as const;

/** Milliseconds of CPU, user and system, per call. */
async function cpuPerCall(call: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < perRound; index += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / perRound;
}

function summary(values: readonly number[]): { readonly median: number; readonly least: number; readonly most: number } {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (index: number): number => Number((sorted[index] ?? Number.NaN).toFixed(4));
  return { median: at(Math.floor(sorted.length / 2)), least: at(0), most: at(sorted.length - 1) };
}

const cpuMs = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, call] of Object.entries(cases)) {
    const value = await cpuPerCall(call);
    // The first round warms the compiler up.
    if (round > 0) cpuMs.get(name)?.push(value);
  }
}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await Promise.all(Array.from({ length: 200 }, () => cache.contextFor({ sni: host() })));
delay.disable();

console.log(JSON.stringify({
  bench: "leaf-minting",
  rounds,
  perRound,
  namesInServerCertificate: new X509Certificate(upstreamCertificate).subjectAltName?.split(", ").length,
  cpuMsPerCall: Object.fromEntries([...cpuMs].map(([name, values]) => [name, summary(values)])),
  // The timer that measures ticks each millisecond: about 1 is no pause at all.
  loopPauseMsWhile200Mint: { p99: Number((delay.percentile(99) / 1e6).toFixed(2)), most: Number((delay.max / 1e6).toFixed(2)) },
}));
