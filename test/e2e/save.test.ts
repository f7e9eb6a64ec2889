// The program saves what passes (-w, --har), survives its own death with what it saved, runs addons over saved flows (-r), and says
// clearly what does not work. Real sockets, real cells, real files.
import { execFile, spawnSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { readFlows } from "../../host/flows/saved/read-flows.ts";
import type { SavedFlow, SavedHttpFlow } from "../../host/flows/saved/saved-flow.ts";
import { rawClient, tunnelClient } from "../helpers/client.ts";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { rawOrigin } from "../helpers/origin.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

async function read(file: string): Promise<{ readonly flows: readonly SavedFlow[]; readonly skipped: number }> {
  let skipped = 0;
  const flows: SavedFlow[] = [];
  for await (const flow of readFlows(file, () => { skipped++; })) flows.push(flow);
  return { flows, skipped };
}

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

async function flowcell(...words: readonly string[]): Promise<Ended> {
  const confdir = temporaryFolder("confdir");
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectRoot, "host", "main.ts"), ...words, "--confdir", confdir, "--log-format", "json"], { timeout: 60_000 }, (error, stdout, stderr) => {
      void rm(confdir, { recursive: true }).then(() => resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr }));
    });
  });
}

async function savedFolder(): Promise<string> {
  const folder = temporaryFolder("saved");
  return folder;
}

const httpOnly = (flows: readonly SavedFlow[]): readonly SavedHttpFlow[] => flows.filter((flow) => flow.kind === "http");

test.serial("-w and --har save what passed: bodies that nobody wanted, failures, TCP; never proxy credentials", async (t) => {
  const folder = await savedFolder();
  const [own, har] = [path.join(folder, "t.flows"), path.join(folder, "t.har")];
  const origin = await startHttpOrigin((request, response) => {
    request.resume().on("end", () => { response.writeHead(200, { "Content-Type": "application/octet-stream", Trailer: "x-sum" }); response.write("part one, "); response.addTrailers({ "x-sum": "7" }); response.end(Buffer.from([0, 255])); });
  });
  t.teardown(() => origin.close());
  const tcp = await rawOrigin((socket) => socket.on("data", (chunk: Buffer) => { socket.end(`got ${chunk.toString()}`); }));
  t.teardown(() => tcp.close());
  const flowcell = await startFlowcell([], ["-w", own, "--har", har]);
  await curl(t, ["-x", flowcell.proxyUrl, "-H", "Proxy-Authorization: Basic c2VjcmV0", "--data-binary", "the question", `http://127.0.0.1:${origin.port}/ask?a=1`]);
  const closed = await rawOrigin(() => {});
  closed.close();
  await curl(t, ["-x", flowcell.proxyUrl, `http://127.0.0.1:${closed.port}/`]);
  const tunnel = await tunnelClient(flowcell.port, `127.0.0.1:${tcp.port}`);
  tunnel.send("\x00\x01ping");
  await tunnel.untilEnd();
  tunnel.close();
  const code = await flowcell.stop();
  t.is(code, 0);
  const { flows, skipped } = await read(own);
  t.is(skipped, 0);
  t.deepEqual(flows.map(({ kind }) => kind), ["http", "http", "tcp"]);
  const [asked, failed] = httpOnly(flows);
  t.like(asked?.request, { method: "POST", path: "/ask?a=1", host: "127.0.0.1", port: origin.port, body: { kind: "whole", bytes: Buffer.from("the question") } });
  t.like(asked?.response, { statusCode: 200, trailers: [["x-sum", "7"]], body: { kind: "whole", bytes: Buffer.concat([Buffer.from("part one, "), Buffer.from([0, 255])]) } });
  t.truthy(asked?.server.timestampTcpSetup);
  t.is(asked?.client.address.host, "127.0.0.1");
  t.regex(failed?.error?.msg ?? "", /refused|connect/i);
  const stream = flows[2];
  t.deepEqual(stream?.kind === "tcp" ? stream.messages.map(({ fromClient, content }) => [fromClient, content.toString()]) : null, [[true, "\x00\x01ping"], [false, "got \x00\x01ping"]]);
  t.false((await readFile(own, "latin1")).includes("c2VjcmV0"));
  t.false((await readFile(har, "latin1")).includes("c2VjcmV0"));
  const fromHar = await read(har);
  t.deepEqual(httpOnly(fromHar.flows).map(({ request, response }) => [request.method, request.path, response?.statusCode ?? null]), [["POST", "/ask?a=1", 200], ["GET", "/", null]]);
  t.deepEqual(httpOnly(fromHar.flows)[0]?.response?.body, asked?.response?.body);
});

test.serial("killed in the middle of writing: everything but the last batch is read", async (t) => {
  const folder = await savedFolder();
  const own = path.join(folder, "t.flows");
  const har = path.join(folder, "t.har");
  const origin = await startHttpOrigin((_request, response) => response.end("x".repeat(50_000)));
  t.teardown(() => origin.close());
  const flowcell = await startFlowcell([], ["-w", own, "--har", har]);
  const clients = await Promise.all([1, 2, 3, 4].map(() => rawClient(flowcell.port)));
  const request = `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n\r\n`;
  let answered = 0;
  const isEnough = Promise.withResolvers<void>();
  for (const client of clients) {
    client.socket.on("data", () => {
      const whole = Math.floor(client.bytes.length / 50_000);
      if (whole > 0) { client.clear(); answered += whole; client.send(request); }
      if (answered > 100) isEnough.resolve();
    });
    client.send(request);
  }
  await isEnough.promise;
  await flowcell.stop("SIGKILL");
  for (const client of clients) client.close();
  const { flows, skipped } = await read(own);
  t.true(flows.length > 20, `${flows.length} of about ${answered}`);
  t.true(skipped <= 1);
  t.true(flows.every((flow) => flow.kind === "http" && (flow.response === null || flow.response.body.kind === "missing" || flow.response.body.bytes.length === 50_000)));
  t.log(`${answered} answered, ${flows.length} saved, ${skipped} torn`);
});

const marker = `
  let count = 0;
  export function requestheaders(flow) { if (flow.request.body !== null) throw new Error("too early"); }
  export function request(flow) { flow.request.headers.set("X-Seen", String(++count)); if (flow.request.path === "/kill") flow.kill(); }
  export function response(flow) { flow.comment = flow.response.text.toUpperCase(); flow.response.text = flow.response.text + "!"; }
  export function error(flow) { console.log("error", flow.error.msg); }
  export function done() { console.log("done", count); }`;

test.serial("-r runs addons over saved flows without a network, and -w saves what they make of it", async (t) => {
  const folder = await savedFolder();
  const [own, out, har] = [path.join(folder, "in.flows"), path.join(folder, "out.flows"), path.join(folder, "out.har")];
  const origin = await startHttpOrigin((request, response) => response.end(`you asked ${request.url ?? ""}`));
  const flowcellRunning = await startFlowcell([], ["-w", own]);
  for (const place of ["/one", "/two", "/kill"]) await curl(t, ["-x", flowcellRunning.proxyUrl, `http://127.0.0.1:${origin.port}${place}`]);
  await flowcellRunning.stop();
  origin.close();
  const addon = await writeAddon(marker);
  const ended = await flowcell("run", addon, "-r", own, "-w", out, "--har", har);
  t.is(ended.code, 0, ended.stdout + ended.stderr);
  t.regex(ended.stdout, /"event":"played".*"played":3/);
  t.regex(ended.stdout, /done 3/);
  t.regex(ended.stdout, /error Connection killed/);
  const { flows } = await read(out);
  t.deepEqual(httpOnly(flows).map(({ comment, request, response, error }) => [comment, request.headers.at(-1)?.[1], response?.body.kind === "whole" ? response.body.bytes.toString() : null, error?.msg]), [
    ["YOU ASKED /ONE", "1", "you asked /one!", undefined], ["YOU ASKED /TWO", "2", "you asked /two!", undefined], ["", "3", null, "Connection killed"],
  ]);
  const seen = await flowcell("inspect", addon, own);
  t.like((JSON.parse(seen.stdout) as { readonly seen: object }).seen, { kind: "seen", skipped: 0, hosts: [{ host: "127.0.0.1", flows: 3, ofFlows: 3, requests: 3, responses: 3, responseBodies: 3 }] });
  // And from HAR, with a filter.
  const again = await flowcell("run", addon, "-r", har, "-w", out, "--save-filter", "~u two");
  t.is(again.code, 0, again.stderr);
  t.deepEqual(httpOnly((await read(out)).flows).map(({ comment }) => comment), ["YOU ASKED /TWO!"]);
  const part = await flowcell("run", addon, "-r", own, "--filter", "~u one");
  t.regex(part.stdout, /"event":"played".*"played":1/, part.stderr);
});

for (const [what, words, code, message] of [
  ["a file that is not there", ["run", "-r", "/nowhere/x"], 1, /\/nowhere\/x cannot be read: ENOENT/],
  ["a place that cannot be written", ["run", "-p", "0", "-w", "/nowhere/x"], 1, /cannot write \/nowhere\/x: ENOENT/],
] as const) {
  test.serial(`refused with one line: ${what}`, async (t) => {
    const ended = await flowcell(...words);
    t.is(ended.code, code, ended.stderr);
    t.regex(ended.stderr, message);
    t.is(ended.stderr.trim().split("\n").length, 1, ended.stderr);
  });
}

test.serial("a torn file is read as far as it goes, and the rest is told in bytes", async (t) => {
  const folder = await savedFolder();
  const own = path.join(folder, "t.flows");
  const origin = await startHttpOrigin((_request, response) => response.end("hello"));
  t.teardown(() => origin.close());
  const running = await startFlowcell([], ["-w", own]);
  for (let at = 0; at < 2; at++) await curl(t, ["-x", running.proxyUrl, `http://127.0.0.1:${origin.port}/`]);
  await running.stop();
  const bytes = await readFile(own);
  await writeFile(own, bytes.subarray(0, bytes.length - 100));
  const ended = await flowcell("run", "-r", own);
  t.is(ended.code, 0);
  t.regex(ended.stdout, /"played":1/);
  t.regex(ended.stdout, /the last \d+ bytes of the file are skipped/);
});

test.serial("a disk that fills: traffic goes on, the loss is told, what was saved is read", async (t) => {
  const folder = temporaryFolder("disk");
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k,mode=0700", "none", folder]).status !== 0) {
    t.log("skipped: no small file system can be mounted here (not root, or no mount)");
    return t.pass();
  }
  t.teardown(async () => { spawnSync("umount", ["-l", folder]); await rm(folder, { recursive: true, force: true }); });
  const own = path.join(folder, "t.flows");
  const origin = await startHttpOrigin((_request, response) => response.end(Buffer.alloc(100_000, "x")));
  t.teardown(() => origin.close());
  const running = await startFlowcell([], ["-w", own]);
  for (let at = 0; at < 5; at++) t.is((await curl(t, ["-x", running.proxyUrl, "-o", "/dev/null", "-i", "-w", "HTTP/1.1 %{http_code} \r\n\r\n", `http://127.0.0.1:${origin.port}/`])).code, 0);
  await running.line((line) => line["event"] === "save" && /ENOSPC/.test(line.msg));
  t.is(await running.stop(), 0);
  const { flows, skipped } = await read(own);
  t.is(skipped, 0);
  // Two fit; a batch of the second and the third does not.
  t.true(flows.length === 1 || flows.length === 2, `${flows.length}`);
});
