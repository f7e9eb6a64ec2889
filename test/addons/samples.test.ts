// Every addon that ships, run by the real program over real traffic, doing what its first line says; and each hostile one, with a good addon
// beside it that goes on.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { gzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { clientFrame, rawWebSocket, webSocketOrigin } from "../helpers/websocket.ts";
import { projectRoot, startFlowcell, type RunningFlowcell } from "../helpers/flowcell.ts";

const sample = (name: string): string => path.join(projectRoot, "addons", name);

async function run(t: ExecutionContext, addons: readonly string[], args: readonly string[] = []): Promise<RunningFlowcell> {
  const proxy = await startFlowcell(addons.map(sample), args);
  t.teardown(async () => { await proxy.stop("SIGKILL"); });
  return proxy;
}

test.serial("add-header counts and marks responses", async (t) => {
  const origin = await startHttpOrigin();
  const proxy = await run(t, ["add-header"]);
  for (const count of [1, 2]) t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).header("x-flowcell"), `seen ${count}`);
  origin.close();
});

test.serial("block-hosts refuses hosts and their subdomains, in plain and in CONNECT, and lets others pass", async (t) => {
  const origin = await startHttpOrigin();
  const proxy = await run(t, ["block-hosts"], ["--set", "block_hosts=bad.example, worse.example"]);
  for (const host of ["bad.example", "cdn.worse.example"]) {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", `http://${host}/`]);
    t.is(answer.status, 403);
    t.is(answer.body, `${host} is blocked here\n`);
  }
  t.regex((await curl(t, ["-x", proxy.proxyUrl, "https://bad.example/"])).stderr, /403/);
  t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).status, 200);
  origin.close();
});

test.serial("redirect-hosts sends one host's requests elsewhere, and refuses a target that is none", async (t) => {
  const origin = await startHttpOrigin();
  const proxy = await run(t, ["redirect-hosts"], ["--set", `redirect_hosts=old.example=127.0.0.1:${origin.port}`]);
  const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", "http://old.example/page?q=1"]);
  t.is(answer.status, 200);
  t.true(answer.body.startsWith("GET /page?q=1 "));
  t.true(answer.body.includes(`127.0.0.1:${origin.port}`), answer.body);
  const broken = await run(t, ["redirect-hosts"], ["--set", "redirect_hosts=old.example=host:port"]);
  t.regex((await broken.line((line) => line.level === "error")).msg, /redirect/);
  origin.close();
});

test.serial("reply-from-proxy answers HTTP and HTTPS without a server", async (t) => {
  const proxy = await run(t, ["reply-from-proxy"]);
  for (const scheme of ["http", "https"]) {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "--cacert", proxy.caFile, "-i", `${scheme}://flowcell.example/`]);
    t.is(answer.status, 200, answer.stderr);
    t.is(answer.body, "Hello from an isolate.\n");
  }
});

test.serial("modify-body replaces text under any coding and leaves other types alone", async (t) => {
  const page = "<p>a cat and a cat</p>";
  const origin = await startHttpOrigin((request, response) => {
    if (request.url === "/gzip") response.writeHead(200, { "content-type": "text/html", "content-encoding": "gzip" }).end(gzipSync(page));
    else response.writeHead(200, { "content-type": request.url === "/plain" ? "text/plain" : "application/octet-stream" }).end(page);
  });
  const proxy = await run(t, ["modify-body"], ["--set", "modify_body=|~ts text|cat|dog"]);
  const get = async (where: string): Promise<string> => (await curl(t, ["-x", proxy.proxyUrl, "--compressed", `http://127.0.0.1:${origin.port}${where}`])).body;
  t.is(await get("/gzip"), "<p>a dog and a dog</p>");
  t.is(await get("/plain"), "<p>a dog and a dog</p>");
  t.is(await get("/binary"), page);
  origin.close();
});

test.serial("tcp-log logs opening, messages and end of a raw connection", async (t) => {
  const server = createServer((socket) => socket.on("data", () => socket.end("pong\x01")).on("error", () => socket.destroy()));
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  const proxy = await run(t, ["tcp-log"]);
  const socket = connect(proxy.port, "127.0.0.1");
  socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  socket.once("data", () => socket.write("\x02ping"));
  await proxy.line((line) => line.msg.endsWith(`tcp 127.0.0.1:${port}: closed`));
  const said = proxy.lines.map((line) => line.msg).filter((msg) => msg.includes("tcp 127"));
  t.deepEqual(said, [`tcp 127.0.0.1:${port}: opened`, `tcp 127.0.0.1:${port} -> 5 bytes: .ping`, `tcp 127.0.0.1:${port} <- 5 bytes: pong.`, `tcp 127.0.0.1:${port}: closed`]);
  socket.destroy();
  server.close();
});

test.serial("websocket-log logs opening, messages in both directions and the close", async (t) => {
  const origin = await webSocketOrigin(t, (socket) => socket.on("message", (data, isBinary) => socket.send(isBinary ? "bytes came" : `you said ${String(data)}`)));
  const proxy = await run(t, ["websocket-log"]);
  const client = await rawWebSocket(proxy.port, origin.port);
  client.send(clientFrame(0x81, "hello\nworld")).send(clientFrame(0x82, Buffer.from([0, 1, 2])));
  await client.until(/you said[^]*bytes came/);
  client.send(clientFrame(0x88, Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from("done")])));
  await proxy.line((line) => line.msg.includes("closed by the client"));
  client.close();
  const where = `websocket http://localhost:${origin.port}/`;
  const said = proxy.lines.map((line) => line.msg).filter((msg) => msg.includes(where)).map((msg) => msg.slice(msg.indexOf(where) + where.length));
  t.deepEqual([...said].sort(), [": closed by the client, 1000 done", ": opened", ' -> "hello\\nworld"', " -> 3 bytes: 00 01 02", ' <- "bytes came"', ' <- "you said hello\\nworld"'].sort());
  t.is(said[0], ": opened");
  t.is(said.at(-1), ": closed by the client, 1000 done");
});

test.serial("passthrough-by-sni leaves one host its own certificate and intercepts the others", async (t) => {
  const origin = await startHttpsOrigin();
  const url = `https://localhost:${origin.port}/`;
  const past = await run(t, ["passthrough-by-sni"], ["--set", "passthrough=localhost", "--upstream-ca", origin.caFile]);
  t.is((await curl(t, ["-x", past.proxyUrl, "--cacert", origin.caFile, "-i", url])).status, 200);
  const through = await run(t, ["passthrough-by-sni"], ["--upstream-ca", origin.caFile]);
  t.is((await curl(t, ["-x", through.proxyUrl, "--cacert", through.caFile, "-i", url])).status, 200);
  t.not((await curl(t, ["-x", through.proxyUrl, "--cacert", origin.caFile, "-i", url])).code, 0);
  origin.close();
});

const hostile = readdirSync(sample("hostile")).filter((name) => name.endsWith(".ts"));

test("every hostile sample is tested", (t) => t.true(hostile.length >= 9));

for (const name of hostile) {
  test.serial(`hostile/${name}: the good addon's work goes on`, async (t) => {
    const origin = await startHttpOrigin();
    const proxy = await run(t, [`hostile/${name}`, "add-header"], ["--wall-ms", "500"]);
    for (let count = 0; count < 3; count += 1) {
      const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`]);
      t.is(answer.status, 200, answer.stderr);
      t.regex(answer.header("x-flowcell") ?? "", /^seen \d$/);
      t.true(answer.body.startsWith("GET / "));
      t.false(answer.body.includes("x-smuggled") || answer.body.includes("x-innocent"));
    }
    if (name !== "polluter.ts") t.truthy(await proxy.line((line) => line["addon"] === name.replace(".ts", "") && line["fault"] !== undefined));
    if (name === "spy.ts") t.true(proxy.lines.some((line) => line.msg.includes("nothing found")));
    origin.close();
  });
}

test.serial("npm run demo shows what it says", async (t) => {
  const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "test", "demo", "demo.ts")], { timeout: 90_000 }, (error, out) => resolve({ code: error === null ? 0 : 1, stdout: out }));
  });
  t.is(code, 0, stdout);
  t.is(stdout.split("✓").length, 5, stdout);
});
