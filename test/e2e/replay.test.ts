// Requests sent again by addons, through the real program: what the server sees, what events say of it, and where it ends: without a
// grant, at a replay of a replay, at too many, and with the addon.
import test from "ava";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { curl, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon, type RunningFlowcell } from "../helpers/flowcell.ts";

interface Seen { readonly method: string; readonly url: string; readonly fields: readonly string[]; readonly body: string }
interface Teardown { teardown(clean: () => unknown): void }

/** A server that remembers, and answers with how many requests it had; never, on the path /hang. */
async function remembering(t: Teardown): Promise<{ readonly url: string; readonly seen: readonly Seen[]; readonly gone: () => number }> {
  const seen: Seen[] = [];
  let gone = 0;
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("latin1");
  };
  const server = createServer((request, response) => {
    response.on("close", () => { if (!response.writableFinished) gone++; });
    void bodyOf(request).then((body) => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", fields: request.rawHeaders, body });
      if (request.url !== "/hang" || seen.length === 1) response.end(`answer ${seen.length}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => { server.close(); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, gone: () => gone };
}

/** Waits for what comes from another process. */
async function until(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !isTrue();) {
    if (Date.now() > end) throw new Error("it did not come");
    await sleep(20);
  }
}

const said = ({ lines }: RunningFlowcell): readonly string[] => lines.flatMap(({ msg }) => /say: (.*)/.exec(msg)?.[1] ?? []);
const has = (flowcell: RunningFlowcell, text: string): Promise<unknown> => flowcell.line(({ msg }) => msg.includes(`say: ${text}`));

/** Every event says itself; `response` replays. */
const replayer = (body: string, permissions = 'read: ["request", "request.body", "response", "response.body", "connection"], act: ["replay"]'): string => `
  import { ctx, type HTTPFlow } from "flowcell";
  export const manifest = { permissions: { ${permissions} } };
  const say = (text: unknown) => ctx.log("say: " + text);
  export function requestheaders(flow: HTTPFlow) { say("requestheaders " + flow.isReplay); }
  export function request(flow: HTTPFlow) { say("request " + flow.isReplay + " " + flow.request.text); }
  export function responseheaders(flow: HTTPFlow) { say("responseheaders " + flow.isReplay); }
  export async function response(flow: HTTPFlow) { say("response " + flow.isReplay + " " + flow.response?.text); ${body} }
  export function error(flow: HTTPFlow) { say("error " + flow.isReplay + " " + flow.error?.msg); }`;

async function start(t: Teardown, source: string, args: readonly string[] = []): Promise<RunningFlowcell> {
  const flowcell = await startFlowcell([await writeAddon(source, {}, "again.ts")], args);
  t.teardown(() => flowcell.stop("SIGKILL"));
  return flowcell;
}

test.serial("a request is sent again as a flow of its own, with all its events, and its response goes nowhere", async (t) => {
  const origin = await remembering(t);
  const flowcell = await start(t, replayer('if (flow.isReplay === null) { const { id } = flow; await ctx.replay(flow); say("begun"); }'));
  const answer = await curl(t, ["-i", "-x", flowcell.proxyUrl, "-d", "a body", "-H", "X-Twice: \u00e9", `${origin.url}/path?q`]);
  t.is(answer.body, "answer 1");
  await has(flowcell, "response request answer 2");
  t.deepEqual(said(flowcell).filter((text) => !text.startsWith("begun")), [
    "requestheaders null", "request null a body", "responseheaders null", "response null answer 1",
    "requestheaders request", "request request a body", "responseheaders request", "response request answer 2",
  ]);
  t.true(said(flowcell).includes("begun"));
  t.is(origin.seen.length, 2);
  t.deepEqual(origin.seen[1], origin.seen[0], "the same line, fields and body");
  await curl(t, ["-x", flowcell.proxyUrl, "-d", "in chunks", "-H", "Transfer-Encoding: chunked", origin.url]);
  await has(flowcell, "response request answer 4");
  t.deepEqual(origin.seen.slice(2).map(({ body }) => body), ["in chunks", "in chunks"]);
  t.true(origin.seen[3]?.fields.includes("Content-Length"), "what is whole is sent with its length");
  t.is(await flowcell.stop(), 0);
});

test.serial("over HTTP/2 and TLS as well, where the server has another name than its address", async (t) => {
  const origin = await startHttpsOrigin();
  t.teardown(() => origin.close());
  const flowcell = await start(t, replayer("if (flow.isReplay === null) await ctx.replay(flow);"), ["--upstream-ca", origin.caFile]);
  const { status } = await curl(t, ["-i", "--http2", "-x", flowcell.proxyUrl, "--cacert", flowcell.caFile, "-d", "secret", `https://localhost:${origin.port}/tls`]);
  t.is(status, 200);
  await has(flowcell, "response request POST /tls");
  t.regex(said(flowcell).find((text) => text.startsWith("response request")) ?? "", / secret$/);
  t.is(await flowcell.stop(), 0);
});

test.serial("an addon that replays whatever it sees ends at the first replay, and hears why", async (t) => {
  const origin = await remembering(t);
  const source = replayer('await ctx.replay(flow).then(() => say("begun"), (error) => say(error.message));');
  const flowcell = await start(t, source);
  t.is((await curl(t, ["-x", flowcell.proxyUrl, origin.url])).body, "answer 1");
  await has(flowcell, "ctx.replay: this flow is a replay itself; look at flow.isReplay first (limit replayDepth, 1)");
  t.is(origin.seen.length, 2);
  t.is(await flowcell.stop(), 0);
  const deeper = await start(t, source, ["--limit", "replayDepth=3"]);
  await curl(t, ["-x", deeper.proxyUrl, origin.url]);
  await has(deeper, "ctx.replay: this flow is a replay itself");
  t.is(origin.seen.length, 6, "one, and three replays");
  t.is(await deeper.stop(), 0);
});

test.serial("one that replays for ever is held to so many at once, and they are cut when it is loaded anew", async (t) => {
  const origin = await remembering(t);
  const body = 'if (flow.isReplay === null) for (let n = 0; n < 100; n++) await ctx.replay(flow).then(() => say("begun"), (error) => say("no: " + error.message));';
  const addon = await writeAddon(replayer(body), {}, "again.ts");
  const flowcell = await startFlowcell([addon], ["--limit", "replaysAtOnce=5"]);
  t.teardown(() => flowcell.stop("SIGKILL"));
  t.is((await curl(t, ["-x", flowcell.proxyUrl, `${origin.url}/hang`])).body, "answer 1");
  t.is(said(flowcell).filter((text) => text === "begun").length, 5);
  t.is(said(flowcell).filter((text) => text === "no: ctx.replay: 5 replays are under way already (limit replaysAtOnce)").length, 95);
  await until(() => origin.seen.length === 6);
  t.is(origin.gone(), 0);
  await writeFile(addon, replayer(""));
  await until(() => origin.gone() === 5);
  t.is(origin.seen.length, 6);
  t.is(await flowcell.stop(), 0);
});

test.serial("a replay is protected as any flow: an addon cannot lead it into the proxy itself", async (t) => {
  const origin = await remembering(t);
  const flowcell = await start(t, `
    import { ctx, type HTTPFlow } from "flowcell";
    export async function request(flow: HTTPFlow) {
      if (flow.isReplay === null) await ctx.replay(flow);
      else flow.request.port = Number(flow.request.headers.get("x-port"));
    }
    export function error(flow: HTTPFlow) { ctx.log("say: " + flow.isReplay + " " + flow.error?.msg); }`);
  t.is((await curl(t, ["-x", flowcell.proxyUrl, "-H", `X-Port: ${flowcell.port}`, origin.url])).body, "answer 1");
  await flowcell.line(({ msg }) => /say: request .*proxy/.test(msg));
  t.is(origin.seen.length, 1);
  t.is(await flowcell.stop(), 0);
});

test.serial("without the grant nothing is sent, and the author reads which line is missing", async (t) => {
  const origin = await remembering(t);
  const flowcell = await start(t, replayer("await ctx.replay(flow).catch((error) => say(error.message));", 'read: ["request", "request.body", "response", "response.body"]'));
  t.is((await curl(t, ["-x", flowcell.proxyUrl, origin.url])).body, "answer 1");
  await has(flowcell, 'ctx.replay is not granted: the manifest must ask for it, permissions: { act: ["replay"] }');
  t.is(origin.seen.length, 1);
  t.is(await flowcell.stop(), 0);
});

test.serial("what cannot be sent again is refused with the reason: copies, ended flows, bodies that were not kept", async (t) => {
  const origin = await remembering(t);
  const flowcell = await start(t, `
    import { ctx, type HTTPFlow } from "flowcell";
    const say = (text: unknown) => ctx.log("say: " + text);
    const attempt = (what: string, flow: unknown) => ctx.replay(flow as HTTPFlow).then(() => say(what + " begun"), (error) => say(what + " " + error.name + " " + error.message));
    let last: HTTPFlow | null = null;
    export async function requestheaders(flow: HTTPFlow) { if (flow.request.path === "/head") await attempt("head", flow); if (flow.request.path === "/stream") flow.request.stream = true; }
    export async function request(flow: HTTPFlow) {
      if (flow.request.path === "/stream") await attempt("stream", flow);
      if (flow.request.path === "/copy") { await attempt("copy", flow.copy()); await attempt("nothing", { id: flow.id }); if (last !== null) await attempt("ended", last); }
      if (flow.request.headers.has("upgrade")) await attempt("upgrade", flow);
      last = flow;
    }`);
  const ask = async (path: string, ...args: readonly string[]): Promise<void> => { await curl(t, ["-x", flowcell.proxyUrl, ...args, `${origin.url}${path}`]); };
  await ask("/head", "-d", "x");
  await ask("/stream", "-d", "x");
  await ask("/copy");
  await ask("/upgrade", "-H", "Connection: Upgrade", "-H", "Upgrade: other");
  await has(flowcell, "upgrade");
  t.deepEqual(said(flowcell), [
    "head Error ctx.replay: the body of the request has not been received, or nobody asked for it; handle `request`, and replay there or later",
    "stream Error ctx.replay: the body of the request was streamed and is not here any more",
    "copy TypeError ctx.replay: a copy of a flow cannot be replayed; give it the flow of the event",
    "nothing TypeError ctx.replay: give it an HTTPFlow",
    "ended Error ctx.replay: this flow has ended",
    "upgrade Error ctx.replay: a request that asks for another protocol cannot be replayed",
  ]);
  t.is(origin.seen.length, 4);
  t.is(await flowcell.stop(), 0);
});
