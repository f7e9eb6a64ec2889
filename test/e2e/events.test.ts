// The order of events as real addons see it, for each kind of traffic in the specification's table of sequences: the real program, real
// isolates, curl and openssl as clients. The addon logs each event by name; the log is the witness.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon, type RunningFlowcell } from "../helpers/flowcell.ts";

const recorder = (body = ""): string => `
import { layers, Response } from "flowcell";
const say = (name: string, extra = "") => console.log("EVENT " + name + extra);
let hook: (name: string, object: any) => unknown = () => undefined;
${body}
export function clientconnect(o: any) { say("clientconnect"); return hook("clientconnect", o); }
export function clientdisconnect(o: any) { say("clientdisconnect"); }
export function next_layer(o: any) { say("next_layer", " " + o.name + (o.clientHello ? "+hello" : "")); return hook("next_layer", o); }
export function serverconnect(o: any) { say("serverconnect"); hook("serverconnect", o); }
export function serverdisconnect(o: any) { say("serverdisconnect"); }
export function http_connect(o: any) { say("http_connect"); hook("http_connect", o); }
export function requestheaders(o: any) { say("requestheaders"); hook("requestheaders", o); }
export function request(o: any) { say("request"); hook("request", o); }
export function websockets_handshake(o: any) { say("websockets_handshake"); hook("websockets_handshake", o); }
export function responseheaders(o: any) { say("responseheaders", " " + o.response.statusCode); hook("responseheaders", o); }
export function response(o: any) { say("response"); hook("response", o); }
export function error(o: any) { say("error"); hook("error", o); }
export function tcp_start(o: any) { say("tcp_start"); }
export function tcp_message(o: any) { const m = o.messages.at(-1); say("tcp_message", m.fromClient ? " ->" : " <-"); }
export function tcp_error(o: any) { say("tcp_error"); }
export function tcp_end(o: any) { say("tcp_end"); }
void layers; void Response;
`;

async function record(t: ExecutionContext, hook: string, args: readonly string[], traffic: (proxy: RunningFlowcell) => Promise<void>): Promise<readonly string[]> {
  const proxy = await startFlowcell([await writeAddon(recorder(hook))], args);
  try {
    await traffic(proxy);
    await proxy.line((line) => line.msg.includes("EVENT clientdisconnect"));
  } finally {
    t.is(await proxy.stop(), 0);
  }
  t.deepEqual(proxy.lines.filter((line) => line.level === "error").map((line) => line.msg), []);
  return proxy.lines.map((line) => /EVENT (.*)/.exec(line.msg)?.[1]).filter((event) => event !== undefined);
}

test.serial("plain GET in absolute form", async (t) => {
  const origin = await startHttpOrigin();
  const events = await record(t, "", [], async (proxy) => {
    t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).status, 200);
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "serverconnect", "responseheaders 200", "response", "serverdisconnect", "clientdisconnect"]);
  origin.close();
});

test.serial("a second request on the same connections", async (t) => {
  const origin = await startHttpOrigin();
  const url = `http://127.0.0.1:${origin.port}/`;
  const events = await record(t, "", [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, url, url]);
    t.is(answer.body.split("GET / ").length, 3);
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "serverconnect", "responseheaders 200", "response",
    "requestheaders", "request", "responseheaders 200", "response", "serverdisconnect", "clientdisconnect"]);
  origin.close();
});

test.serial("CONNECT, then HTTPS", async (t) => {
  const origin = await startHttpsOrigin();
  const events = await record(t, "", ["--upstream-ca", origin.caFile], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "--cacert", proxy.caFile, "-i", `https://localhost:${origin.port}/secret`]);
    t.is(answer.status, 200, answer.stderr);
    t.regex(answer.body, /^GET \/secret /);
  });
  const expected = ["clientconnect", "next_layer http1", "http_connect", "next_layer tls+hello", "serverconnect", "next_layer http1", "requestheaders", "request",
    "responseheaders 200", "response", "serverdisconnect", "clientdisconnect"];
  t.deepEqual(events, expected);
  origin.close();
});

test.serial("passthrough chosen in next_layer: nothing about the content, and the server's own certificate", async (t) => {
  const origin = await startHttpsOrigin();
  const hook = `hook = (name, o) => (name === "next_layer" && o.name === "tls" ? layers.passthrough() : undefined);`;
  const events = await record(t, hook, [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "--cacert", origin.caFile, "-i", `https://localhost:${origin.port}/secret`]);
    t.is(answer.status, 200, answer.stderr);
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "http_connect", "next_layer tls+hello", "serverconnect", "serverdisconnect", "clientdisconnect"]);
  origin.close();
});

test.serial("raw TCP inside CONNECT, server half-close kept", async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => { socket.on("data", (data) => socket.write(`<${data.toString()}>`)); socket.on("end", () => socket.end("last")); });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  const events = await record(t, "", [], async (proxy) => {
    const socket = await tunnel(proxy.port, `127.0.0.1:${port}`);
    socket.write("\x00hello");
    const [echo] = await once(socket, 1);
    t.is(echo, "<\x00hello>");
    socket.end();
    t.is((await rest(socket)), "last");
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "http_connect", "next_layer tcp", "serverconnect", "tcp_start", "tcp_message ->", "tcp_message <-", "tcp_message <-", "tcp_end", "serverdisconnect", "clientdisconnect"]);
  server.close();
});

test.serial("answered by an addon in request: no serverconnect", async (t) => {
  const hook = `hook = (name, o) => { if (name === "request") o.response = Response.make(418, "tea", { "x-a": "b" }); };`;
  const events = await record(t, hook, [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", "http://nowhere.invalid/"]);
    t.is(answer.status, 418);
    t.is(answer.body, "tea");
    t.is(answer.header("x-a"), "b");
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "responseheaders 418", "response", "clientdisconnect"]);
});

test.serial("an addon answers HTTPS for a host that does not exist", async (t) => {
  const hook = `hook = (name, o) => { if (name === "request") o.response = Response.make(200, "made"); };`;
  const proxy = await startFlowcell([await writeAddon(recorder(hook))]);
  const answer = await curl(t, ["-x", proxy.proxyUrl, "--cacert", proxy.caFile, "-i", "https://nowhere.invalid/"]);
  t.is(answer.status, 200, answer.stderr);
  t.is(answer.body, "made");
  t.is(await proxy.stop(), 0);
});

test.serial("a server that cannot be reached", async (t) => {
  const events = await record(t, "", [], async (proxy) => {
    const closed = createServer();
    await new Promise<void>((resolve) => { closed.listen(0, "127.0.0.1", resolve); });
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${port}/`])).status, 502);
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "serverconnect", "error", "clientdisconnect"]);
});

test.serial("killed in request: error, and not another byte", async (t) => {
  const events = await record(t, `hook = (name, o) => { if (name === "request") o.kill(); };`, [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", "http://127.0.0.1:9/"]);
    t.is(answer.code, 52, answer.stderr);
    t.is(answer.head, "");
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "error", "clientdisconnect"]);
});

test.serial("a response that breaks off in the body: error, and the client's connection is cut", async (t) => {
  const server = createServer((socket) => { socket.once("data", () => { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"); setTimeout(() => socket.destroy(), 50); }); });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  const events = await record(t, "", [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${port}/`]);
    t.true(answer.code !== 0 || answer.status === 502, `code ${answer.code}, status ${answer.status}`);
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "serverconnect", "responseheaders 200", "error", "serverdisconnect", "clientdisconnect"]);
  server.close();
});

test.serial("WebSocket opening: the handshake event, 101, then bytes untouched", async (t) => {
  const server = createServer((socket) => {
    let isOpen = false;
    socket.on("data", (data) => {
      if (isOpen) { socket.write(data); return; }
      isOpen = true;
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  const events = await record(t, "", [], async (proxy) => {
    const socket = connect(proxy.port, "127.0.0.1");
    socket.write(`GET http://127.0.0.1:${port}/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    const [head] = await once(socket, 1);
    t.regex(head ?? "", /^HTTP\/1\.1 101 /);
    socket.write("\x81\x85\x00\x00\x00\x00Hello", "latin1");
    const [echo] = await once(socket, 1);
    t.is(echo, "\x81\x85\x00\x00\x00\x00Hello");
    socket.destroy();
  });
  t.deepEqual(events, ["clientconnect", "next_layer http1", "requestheaders", "request", "websockets_handshake", "serverconnect", "responseheaders 101", "response", "serverdisconnect", "clientdisconnect"]);
  server.close();
});

test.serial("kill in clientconnect closes without a byte", async (t) => {
  const events = await record(t, `hook = (name, o) => { if (name === "clientconnect") o.kill(); };`, [], async (proxy) => {
    const socket = connect(proxy.port, "127.0.0.1");
    socket.write("GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n");
    t.is(await rest(socket).catch((error: NodeJS.ErrnoException) => (error.code === "ECONNRESET" ? "" : String(error))), "");
  });
  t.deepEqual(events, ["clientconnect", "clientdisconnect"]);
});

test.serial("http_connect refused by an addon", async (t) => {
  const hook = `hook = (name, o) => { if (name === "http_connect") o.response = Response.make(403, "not there"); };`;
  const events = await record(t, hook, [], async (proxy) => {
    const answer = await curl(t, ["-x", proxy.proxyUrl, "-i", "https://blocked.example/"]);
    t.is(answer.code, 56, answer.stderr);
    t.regex(answer.stderr, /403/);
  });
  t.deepEqual(events.slice(0, 3), ["clientconnect", "next_layer http1", "http_connect"]);
  t.is(events.at(-1), "clientdisconnect");
});

test.serial("lifecycle: module body, start, configure, traffic, done; start may replace the addon", async (t) => {
  const origin = await startHttpOrigin();
  const addon = await writeAddon(`
console.log("EVENT body");
class Real {
  start() { console.log("EVENT inner start"); }
  configure(options: any, updated: Set<string>) { console.log("EVENT configure " + options.colour + " " + updated.has("colour")); }
  request() { console.log("EVENT request"); }
  done() { console.log("EVENT done"); }
}
export function start() { console.log("EVENT start"); return new Real(); }
export function request() { console.log("EVENT replaced"); }
`);
  const proxy = await startFlowcell([addon], ["--set", "colour=red"]);
  await curl(t, ["-x", proxy.proxyUrl, `http://127.0.0.1:${origin.port}/`]);
  await proxy.stop();
  t.deepEqual(proxy.lines.map((line) => /EVENT (.*)/.exec(line.msg)?.[1]).filter((event) => event !== undefined), ["body", "start", "inner start", "configure red true", "request", "done"]);
  origin.close();
});

test.serial("tick comes several times a second, log tells of other addons' lines", async (t) => {
  const ticking = await writeAddon(`let n = 0;\nexport function tick() { n += 1; if (n % 5 === 0) console.log("EVENT ticked " + n); }\n`, {}, "ticking.ts");
  const listening = await writeAddon(`export function log(entry: any) { if (entry.msg.includes("EVENT ticked")) console.log("HEARD " + entry.level + entry.msg.slice(entry.msg.lastIndexOf(" "))); }\n`, {}, "listening.ts");
  const proxy = await startFlowcell([ticking, listening]);
  t.truthy(await proxy.line((line) => line.msg.includes("HEARD info")));
  await proxy.stop();
  // The first ones may have been before the listener was there.
  const heard = proxy.lines.flatMap((line) => /HEARD info \d+/.exec(line.msg) ?? []);
  t.deepEqual(heard, [...new Set(heard)], "each once");
});

async function tunnel(port: number, target: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const [head] = await once(socket, 1);
  if (head?.startsWith("HTTP/1.1 200") !== true) throw new Error(`no tunnel: ${head}`);
  return socket;
}

/** The next `count` chunks as latin1. */
async function once(socket: Socket, count: number): Promise<readonly string[]> {
  const chunks: string[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    chunks.push((chunk as Buffer).toString("latin1"));
    if (chunks.length === count) break;
  }
  return chunks;
}

async function rest(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += (chunk as Buffer).toString("latin1");
  return text;
}
