// The cache of TLS contexts: shared mints, bounds, order of use, expiry, spellings, and turns for others in between.
import test from "ava";
import { LeafCache, type LeafCacheOptions } from "../../../host/tls/leaf-cache.ts";
import { temporaryAuthority } from "./support.ts";

const dayMs = 86_400_000;

async function cacheOf(options?: LeafCacheOptions): Promise<LeafCache> {
  return new LeafCache((await temporaryAuthority()).authority, options);
}

test("those who ask at once share one mint", async (t) => {
  const cache = await cacheOf();
  const contexts = await Promise.all(Array.from({ length: 20 }, () => cache.contextFor({ sni: "a.example" })));
  t.is(new Set(contexts).size, 1);
  t.is(cache.size, 1);
  t.is(contexts[0], await cache.contextFor({ sni: "a.example" }));
});

test("spellings of one name share a context; other servers' certificates do not", async (t) => {
  const cache = await cacheOf();
  const first = await cache.contextFor({ sni: "bücher.example", host: "[::1]" });
  t.is(await cache.contextFor({ sni: "XN--BCHER-KVA.example.", host: "::1" }), first);
  t.not(await cache.contextFor({ sni: "bücher.example" }), first);
  t.not(await cache.contextFor({ sni: "::1", host: "bücher.example" }), first);
  const upstreamCertificate = Buffer.from("one");
  const second = await cache.contextFor({ sni: "bücher.example", host: "::1", upstreamCertificate });
  t.not(second, first);
  t.is(await cache.contextFor({ sni: "bücher.example", host: "::1", upstreamCertificate: Buffer.from("one") }), second);
  t.not(await cache.contextFor({ sni: "bücher.example", host: "::1", upstreamCertificate: Buffer.from("two") }), second);
});

test("hostile names share the context of nobody", async (t) => {
  const cache = await cacheOf();
  for (let index = 0; index < 20; index += 1) await cache.contextFor({ sni: `bad name ${index}`, host: "\u0000" });
  t.is(cache.size, 1);
});

test("is bounded, and drops what was used least recently", async (t) => {
  const cache = await cacheOf({ maxEntries: 3 });
  const a = await cache.contextFor({ sni: "a.example" });
  const b = await cache.contextFor({ sni: "b.example" });
  await cache.contextFor({ sni: "c.example" });
  t.is(await cache.contextFor({ sni: "a.example" }), a);
  await cache.contextFor({ sni: "d.example" });
  t.is(cache.size, 3);
  t.is(await cache.contextFor({ sni: "a.example" }), a);
  t.not(await cache.contextFor({ sni: "b.example" }), b);
  await Promise.all(Array.from({ length: 10 }, (_, index) => cache.contextFor({ sni: `${index}.burst.example` })));
  t.is(cache.size, 3);
});

test("an entry goes before its certificate does", async (t) => {
  let now = Date.now();
  const cache = await cacheOf({ now: () => now });
  const first = await cache.contextFor({ sni: "a.example" });
  now = first.notAfter.getTime() - 2 * dayMs;
  t.is(await cache.contextFor({ sni: "a.example" }), first);
  now = first.notAfter.getTime() - dayMs / 2;
  const second = await cache.contextFor({ sni: "a.example" });
  t.not(second, first);
  t.true(second.notAfter.getTime() > now + 100 * dayMs);
  t.is(cache.size, 1);
});

test("a burst of new hosts leaves turns to others", async (t) => {
  const cache = await cacheOf();
  const hosts = 30;
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(Array.from({ length: hosts }, (_, index) => cache.contextFor({ sni: `${index}.example` })));
  isOver = true;
  t.true(turns >= hosts, `${turns} turns for ${hosts} mints`);
});
