// The library's addons that choose connections, answer from what passed, or take time, run by the real program over real traffic.
import test, { type ExecutionContext } from "ava";
import path from "node:path";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { projectRoot, startFlowcell, type RunningFlowcell } from "../helpers/flowcell.ts";
import { rawOrigin } from "../helpers/origin.ts";

async function run(t: ExecutionContext, addon: string, ...args: string[]): Promise<RunningFlowcell> {
  const proxy = await startFlowcell([path.join(projectRoot, "addons", addon)], args);
  t.teardown(async () => { await proxy.stop("SIGKILL"); });
  return proxy;
}

test.serial("upstream-by-host sends one host through another proxy, and the others directly", async (t) => {
  const other = await rawOrigin((socket) => { socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nby the proxy\n")); });
  t.teardown(() => other.close());
  const origin = await startHttpOrigin();
  const proxy = await run(t, "upstream-by-host", "--set", `upstream_by_host=*.corp.test=http://127.0.0.1:${other.port}`);
  t.is((await curl(t, ["-x", proxy.proxyUrl, "http://a.corp.test/x"])).body, "by the proxy\n");
  t.regex(other.text(), /^GET http:\/\/a\.corp\.test\/x HTTP\/1\.1\r\n/);
  t.regex((await curl(t, ["-x", proxy.proxyUrl, `http://127.0.0.1:${origin.port}/y`])).body, /^GET \/y /);
  origin.close();
});

test.serial("dns-spoof-by-sni leads a name in the handshake, and in an address, to another place", async (t) => {
  const secure = await startHttpsOrigin();
  const plain = await startHttpOrigin();
  const proxy = await run(t, "dns-spoof-by-sni", "--ssl-insecure", "--set", `dns_spoof=shop.test=127.0.0.1:${secure.port},plain.test=127.0.0.1:${plain.port}`);
  const answer = await curl(t, ["-x", proxy.proxyUrl, "--cacert", proxy.caFile, "-i", "https://shop.test/basket"]);
  t.is(answer.status, 200, answer.stderr);
  t.regex(answer.body, /^GET \/basket /);
  t.regex((await curl(t, ["-x", proxy.proxyUrl, "http://plain.test/z"])).body, /^GET \/z /);
  secure.close();
  plain.close();
});

test.serial("tls-passthrough-learner relays what a client refuses to have intercepted, and still intercepts for those who do not", async (t) => {
  const origin = await startHttpsOrigin();
  const proxy = await run(t, "tls-passthrough-learner", "--upstream-ca", origin.caFile);
  const url = `https://localhost:${origin.port}/`;
  // A client that trusts the server's own certificate alone.
  const pinned = ["-x", proxy.proxyUrl, "--cacert", origin.caFile, "-i", url];
  t.not((await curl(t, pinned)).code, 0);
  await proxy.line((line) => line.msg.includes("localhost: the client refused interception"));
  t.is((await curl(t, pinned)).status, 200);
  const second = await run(t, "tls-passthrough-learner", "--upstream-ca", origin.caFile);
  t.is((await curl(t, ["-x", second.proxyUrl, "--cacert", second.caFile, "-i", url])).status, 200);
  t.is((await curl(t, ["-x", second.proxyUrl, "--cacert", second.caFile, "-i", url])).status, 200, "no failure was counted");
  origin.close();
});

test.serial("throttle takes its time, and passes everything", async (t) => {
  const body = "x".repeat(100 * 1_024);
  const origin = await startHttpOrigin((_request, response) => response.end(body));
  const proxy = await run(t, "throttle", "--set", "throttle_kib=100");
  const before = Date.now();
  t.is((await curl(t, ["-x", proxy.proxyUrl, `http://127.0.0.1:${origin.port}/`])).body, body);
  t.true(Date.now() - before >= 700, `${Date.now() - before} ms`);
  origin.close();
});

test.serial("duplicate-and-replay asks twice and says whether the answers differ", async (t) => {
  let count = 0;
  const origin = await startHttpOrigin((_request, response) => response.end(String(++count)));
  const proxy = await run(t, "duplicate-and-replay", "--set", "duplicate=~m POST");
  const answer = await curl(t, ["-x", proxy.proxyUrl, "-d", "x=1", `http://127.0.0.1:${origin.port}/order`]);
  t.is(answer.body, "1");
  t.regex((await proxy.line((line) => line.msg.includes("the second time"))).msg, /POST http:\/\/127\.0\.0\.1:\d+\/order: 200 first, 200 the second time, with another body/);
  t.is(count, 2);
  origin.close();
});

test.serial("server-replay learns and then answers without the server, changed while it runs", async (t) => {
  let count = 0;
  const origin = await startHttpOrigin((_request, response) => { count++; response.writeHead(200, "Fine", { "x-count": String(count), "content-type": "text/plain" }).end("hello"); });
  const learner = await run(t, "server-replay");
  const ask = (): ReturnType<typeof curl> => curl(t, ["-x", learner.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/a`]);
  t.is((await ask()).header("x-count"), "1");
  t.is((await ask()).header("x-count"), "2", "learning asks the server");
  origin.close();
});
