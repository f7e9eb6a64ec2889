// Storage and fetch as addons use them: real isolates in real cells, a real SQLite file, a real server on this machine. What a failed
// call wrote is gone, what is not granted throws with the line of the manifest, and an unload cuts what is under way.
import test, { type ExecutionContext } from "ava";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost, type AddonHost } from "../../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../../host/addons/own-code.ts";
import type { CellPool } from "../../../host/cells/cell.ts";
import { makeCellPool } from "../../../host/cells/pool.ts";
import type { HttpFlow } from "../../../host/flows/flow.ts";
import { makeLog, type LogRecord } from "../../../host/log.ts";
import { StorageFile } from "../../../host/services/storage-file.ts";
import { defaultLimits, type Limits } from "../../../sandbox-api/schema/limits.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const cells: { pool?: CellPool } = {};
test.before(async () => {
  cells.pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 1_000, jail: "off", jitless: false });
});
test.after.always(() => cells.pool?.close());

interface Stage { readonly host: AddonHost; readonly records: LogRecord[]; readonly folder: string; readonly paths: readonly string[]; readonly storage: StorageFile }

async function stage(t: ExecutionContext, sources: { readonly [name: string]: string }, limits: Partial<Limits> = {}, folder = temporaryFolder("services")): Promise<Stage> {
  const records: LogRecord[] = [];
  const log = makeLog((record) => { records.push(record); });
  const storage = new StorageFile({ path: join(folder, "storage.sqlite"), log });
  const network = { resolve: () => Promise.reject(new Error("nothing is resolved here")), isOwn: () => false, tls: {} };
  const host = createAddonHost({
    log, pool: cells.pool ?? t.fail("no cells") as never, failure: "open", cells: "shared", options: new Map(), watch: false, services: { storage, network },
    limits: { ...defaultLimits, cpuMs: 1_000, startupMs: 5_000, wallMs: 5_000, cpuBudgetShare: 64, cpuBudgetBurstMs: 60_000, ...limits },
  });
  t.teardown(async () => { await host.close(); storage.close(); });
  const paths = Object.entries(sources).map(([name, source]) => {
    const path = join(folder, `${name}.ts`);
    writeFileSync(path, source);
    return path;
  });
  t.deepEqual(await host.loadAll(paths), []);
  return { host, records, folder, paths, storage };
}

/** An addon whose `request` handler has this body; `say(text)` puts text into the header x-said. */
const addon = (permissions: string, body: string, rest = ""): string => `import { ctx } from "flowcell";
  export const manifest = { permissions: { read: ["request"], write: ["request"], ${permissions} } };
  ${rest}
  export async function request(flow) { const say = (text) => flow.request.headers.set("x-said", String(text)); const how = flow.request.path; ${body} }`;

async function ask(host: AddonHost, path = "/"): Promise<string> {
  const flow = makeHttpFlow();
  flow.request.path = path;
  await host.gate.held("request", flow);
  host.gate.release(flow);
  return said(flow);
}
const said = (flow: HttpFlow): string => flow.request.headers.get("x-said") ?? `failed: ${flow.history.map(({ failed }) => failed).join()}`;

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  t.teardown(() => { server.close(); server.closeAllConnections(); });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.serial("values come back as they were kept: data, bytes, nothing", async (t) => {
  const { host } = await stage(t, { kv: addon('storage: "1MiB"', `
    const { storage } = ctx;
    await storage.set("data", { a: [1, "\\u00e9\\ud83d\\ude00", null, { b: true }], skip: undefined });
    await storage.set("bytes", new Uint8Array([0, 200, 255]));
    await storage.set("empty", new Uint8Array(0));
    await storage.set("null", null);
    const bytes = await storage.get("bytes"), empty = await storage.get("empty");
    say(JSON.stringify([await storage.get("data"), bytes instanceof Uint8Array && [...bytes], empty.length, await storage.get("null"), await storage.get("none") === undefined, await storage.list({ prefix: "", limit: 3 }), await storage.delete("data"), await storage.delete("data")]).replace(/[^ -~]/g, "?"));`) });
  t.is(await ask(host), '[{"a":[1,"???",null,{"b":true}]},[0,200,255],0,null,true,["bytes","data","empty"],true,false]');
});

const failures: readonly (readonly [how: string, code: string])[] = [
  ["throw new Error('no')", "threw"], ["flow.request.headers.set('x', 'a\\r\\nb')", "illegal-change"], ["for (;;);", "restarted|cpu-limit|starved"], ["await new Promise(() => {})", "wall-limit"],
  ["(3n ** 30000000n).toString()", "restarted|cpu-limit|starved|suspended|unresponsive|cell-died|wall-limit"], ["flow.response = null", "illegal-change"], ["flow.request.method = 'a b'", "illegal-change"],
];
for (const [how, code] of failures) {
  test.serial(`what a call wrote is undone when it fails: ${how}`, async (t) => {
    const { host } = await stage(t, { kv: addon('storage: "1MiB"', `
      if (how === "/read") return say(JSON.stringify([await ctx.storage.get("n"), await ctx.storage.list()]));
      await ctx.storage.set("n", ((await ctx.storage.get("n")) ?? 0) + 1);
      if (how === "/good") return say(await ctx.storage.get("n"));
      await ctx.storage.set("more", new Uint8Array(1000)); void ctx.storage.delete("n");
      ${how};`) }, { cpuMs: 200, wallMs: 1_500 });
    t.is(await ask(host, "/good"), "1");
    t.regex(await ask(host, "/bad"), new RegExp(`^failed: (${code})$`));
    for (const { name } of host.addons()) host.resume(name);
    t.is(await ask(host, "/read"), '[1,["n"]]');
    t.is(await ask(host, "/good"), "2");
  });
}

test.serial("a change that the host refuses undoes the writes of that call, not of its neighbours in the frame", async (t) => {
  const reader = (name: string): string => addon('storage: "1KiB"', `if (how === "/read") say((flow.request.headers.get("x-said") ?? "") + " ${name}:" + JSON.stringify(await ctx.storage.get("n"))); else void ctx.storage.set("n", 1);`);
  const { host } = await stage(t, {
    first: reader("first"),
    second: reader("second").replace('write: ["request"], ', "").replace("else void", 'else { flow.request.path = "/not-granted"; } if (how !== "/read") void').replace("say((flow", "console.log((flow"),
    third: reader("third"),
  });
  await ask(host, "/write");
  t.is(await ask(host, "/read"), "first:1 third:1");
});

test.serial("writes of calls that overlap are apart; those of timers after the call count at once", async (t) => {
  const { host } = await stage(t, { kv: addon('storage: "1MiB"', `
    if (how === "/slow") { await ctx.storage.set("slow", 1); await new Promise((resolve) => setTimeout(resolve, 300)); await ctx.storage.set("slow", 2); throw new Error("after all"); }
    if (how === "/later") { setTimeout(async () => { await ctx.storage.set("later", 1); }, 100); return; }
    say(JSON.stringify(await ctx.storage.list()));`) });
  const slow = ask(host, "/slow");
  await sleep(100);
  t.is(await ask(host, "/list"), "[]", "not seen by others while it lasts");
  t.is(await slow, "failed: threw");
  t.is(await ask(host, "/list"), "[]");
  await ask(host, "/later");
  for (let i = 0; i < 100 && (await ask(host, "/list")) === "[]"; i++) await sleep(20);
  t.is(await ask(host, "/list"), '["later"]');
});

test.serial("start and told events are calls too, and a refused quota is an error that says so", async (t) => {
  const { host, records } = await stage(t, { kv: addon('storage: "100B"', `
    try { await ctx.storage.set("big", "x".repeat(200)); } catch (error) { say(error.message + " / " + JSON.stringify(await ctx.storage.list())); }`,
  'export async function start() { await ctx.storage.set("started", 1); }  export async function done() { await ctx.storage.set("done", 1); throw new Error("not kept"); }') });
  t.is(await ask(host), 'ctx.storage: this would make 213 bytes; 100 are granted (permissions.storage, limit storageBytes) / ["started"]');
  await host.close();
  t.true(records.some(({ msg }) => msg.includes("not kept")));
});

test.serial("two addons have two stores, a restart has the same one", async (t) => {
  const source = (value: number): string => addon('storage: "1MiB"', `if (how === "/loop") for (;;); const before = await ctx.storage.get("k"); await ctx.storage.set("k", ${value}); say((flow.request.headers.get("x-said") ?? "") + before + ";");`);
  const { host, folder } = await stage(t, { a: source(1), b: source(2) }, { cpuMs: 200 });
  t.is(await ask(host), "undefined;undefined;");
  await ask(host, "/loop");
  t.is(await ask(host), "1;2;");
  await host.close();
  const again = await stage(t, { b: source(3) }, {}, folder);
  t.is(await ask(again.host), "2;");
});

test.serial("without a grant: an error that names the line of the manifest, and the fault is a permission", async (t) => {
  const { host } = await stage(t, {
    none: addon("", `try { await ${"ctx.storage.get"}("k"); } catch (error) { say(error.message.slice(0, 70)); } if (how === "/fetch") await fetch("https://example.com/").catch((error) => say(error.message.slice(0, 69))); if (how === "/through") ctx.storage;`),
    script: 'import { ctx } from "flowcell"; export function response(flow) { ctx.storage; }',
    body: 'import { ctx } from "flowcell"; let kept = ""; try { void ctx.storage; kept = "at once"; } catch (error) { kept = error.message; } export const manifest = { permissions: { storage: "1KiB" } }; export function start() { if (kept !== "at once") throw new Error(kept); }',
  });
  t.is(await ask(host, "/storage"), "ctx.storage is not granted: the manifest must ask for it, permissions:");
  t.is(await ask(host, "/fetch"), "fetch is not granted: the manifest must name the origin, permissions:");
  t.is(await ask(host, "/through"), "failed: permission");
});

test.serial("many writes at once count as host calls, and their work as the addon's", async (t) => {
  const { host, records } = await stage(t, { flood: addon('storage: "1MiB"', 'for (let i = 0; i < 60; i++) void ctx.storage.set("k" + i, i);', "") }, { hostCalls: 50 });
  t.is(await ask(host), "failed: host-calls", JSON.stringify(records));
  t.true((host.addons()[0]?.restarts ?? 0) >= 0);
});

test.serial("questions that breed questions are dropped, and nobody else waits for them", async (t) => {
  const { host, records } = await stage(t, {
    flood: addon('storage: "1MiB"', "if (how === '/flood') more(); say('flood');", 'function more() { for (let i = 0; i < 400; i++) ctx.storage.get("k").then(more); }'),
    good: addon("", "say('good');"),
  }, { hostCalls: 500, cpuBudgetShare: 0.5, cpuBudgetBurstMs: 500 });
  await ask(host, "/flood");
  for (let i = 0; i < 500 && !records.some(({ msg }) => msg.includes("its questions are dropped (limit hostCalls)")); i++) await sleep(10);
  t.true(records.some(({ msg, fields }) => msg.includes("its questions are dropped (limit hostCalls)") && fields["addon"] === "flood"), JSON.stringify(records));
  const startedAt = performance.now();
  t.is(await ask(host), "good");
  t.true(performance.now() - startedAt < 15_000);
});

test.serial("fetch by grant: method, headers, body, JSON, bytes", async (t) => {
  const origin = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
      response.writeHead(201, "Made", { "content-type": "application/json", "set-cookie": ["a=1", "b=2"] });
      response.end(JSON.stringify({ method: request.method, url: request.url, body: Buffer.concat(chunks).toString(), type: request.headers["content-type"], mine: request.headers["x-mine"], cookie: request.headers.cookie ?? null }));
    });
  });
  const { host } = await stage(t, { net: addon(`fetch: ["${origin}"]`, `
    const response = await fetch(new URL("/p?q=1", "${origin}"), { method: "post", body: "h\\u00e9llo", headers: { "X-Mine": "1" } });
    const json = await response.json();
    let again = ""; try { await response.text(); } catch (error) { again = error.message; }
    say(JSON.stringify([response.status, response.statusText, response.ok, response.url.endsWith("/p?q=1"), response.redirected, response.headers.get("content-type"), response.headers.getSetCookie(), json, response.bodyUsed, again]).replace(/[^ -~]/g, "?"));`) });
  t.is(await ask(host), '[201,"Made",true,true,false,"application/json",["a=1","b=2"],{"method":"POST","url":"/p?q=1","body":"h?llo","type":"text/plain;charset=UTF-8","mine":"1","cookie":null},true,"the body has been read already, or its stream is locked"]');
});

const refusedFetches: readonly (readonly [source: string, expected: RegExp])[] = [
  ['fetch("http://127.0.0.1:1/")', /^TypeError fetch: the origin http:\/\/127\.0\.0\.1:1 is not granted \(permissions\.fetch\)$/],
  ['fetch("nonsense")', /Invalid URL/], ['fetch(ORIGIN, { method: "CONNECT" })', /"CONNECT" is not a method that can be requested/],
  ['fetch(ORIGIN, { headers: { host: "evil.example" } })', /host is set by the proxy|header host/], ['fetch(ORIGIN, { headers: { "proxy-authorization": "x" } })', /set by the proxy/],
  ['fetch(ORIGIN, { body: "x" })', /GET or HEAD cannot have a body/], ['fetch(ORIGIN, { redirect: "sometimes" })', /redirect: "sometimes" is not one of its values/], ['fetch(ORIGIN, { signal: {} })', /signal must be an AbortSignal/],
  ['fetch(ORIGIN, { method: "POST", body: new Uint8Array(2000) })', /2000 bytes; 1000 are the most \(limit fetchRequestBytes\)/], ['fetch({})', /Invalid URL/],
];
test.serial("refused fetches reject with the rule", async (t) => {
  const origin = await serve(t, (_, response) => response.end("never seen"));
  const cases = refusedFetches.map(([source], index) => `if (how === "/${index}") await ${source.replaceAll("ORIGIN", JSON.stringify(origin))};`).join("\n");
  const { host } = await stage(t, { net: addon(`fetch: ["${origin}"]`, `try { ${cases} } catch (error) { say(error.name + " " + error.message); }`) }, { fetchRequestBytes: 1_000 });
  for (const [index, [source, expected]] of refusedFetches.entries()) t.regex(await ask(host, `/${index}`), expected, source);
});

test.serial("an unload cuts the fetches of the instance", async (t) => {
  const gone = Promise.withResolvers<void>();
  const come = Promise.withResolvers<void>();
  const origin = await serve(t, (request) => { come.resolve(); request.once("close", () => gone.resolve()); });
  const { host, paths } = await stage(t, { net: addon(`fetch: ["${origin}"]`, `setTimeout(() => void fetch("${origin}/").catch(() => {}), 1);`) }, { wallMs: 60_000 });
  await ask(host);
  await come.promise;
  writeFileSync(paths[0] ?? "", addon("", "say(2);"));
  t.is(await host.reload("net"), null);
  await gone.promise;
  t.is(await ask(host), "2");
});

test.serial("a call that waits for a fetch too long fails, and the fetch ends with its isolate", async (t) => {
  const gone = Promise.withResolvers<void>();
  const origin = await serve(t, (request) => { request.once("close", () => gone.resolve()); });
  const { host } = await stage(t, { net: addon(`fetch: ["${origin}"]`, `await fetch("${origin}/"); say("answered");`) }, { wallMs: 500 });
  t.regex(await ask(host), /^failed: (wall-limit|threw)$/);
  await gone.promise;
});
