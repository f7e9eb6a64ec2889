// Which events come in which order for each kind of traffic (docs: events, "Sequences"), and what a change at each of them does. The
// gate is a recorder that changes flows as addons would; real sockets on both sides.
import test, { type ExecutionContext } from "ava";
import type { Socket } from "node:net";
import { HeaderFields } from "../../host/http/header-fields.ts";
import { rawClient, tunnelClient, type RawClient } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { answering, rawOrigin, type OriginOptions, type RawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { kill, made, recordingGate, type Callbacks, type RecordingGate } from "../helpers/recording-gate.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

interface Stage { readonly gate: RecordingGate; readonly port: number; readonly ca: string; readonly server: RawOrigin; readonly url: string; client(): Promise<RawClient> }

async function stage(t: ExecutionContext, serve: (socket: Socket, index: number) => void, on: Callbacks = {}, options: TestProxyOptions & OriginOptions = {}): Promise<Stage> {
  const { tls, ...rest } = options;
  const server = await rawOrigin(serve, tls === undefined ? {} : { tls });
  const gate = recordingGate({ on });
  // On a busy machine a client's first bytes may take longer than the proxy is used to wait for them.
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile, ...rest, timeouts: { peekMs: 20_000, ...rest.timeouts } });
  const clients: RawClient[] = [];
  t.teardown(() => {
    server.close();
    for (const client of clients) client.close();
  });
  const client = async (): Promise<RawClient> => {
    const opened = await rawClient(port);
    clients.push(opened);
    return opened;
  };
  return { gate, port, ca, server, url: `http://127.0.0.1:${server.port}`, client };
}

/** Waits for the end of the connection and compares everything that came. */
async function expectEvents(t: ExecutionContext, gate: RecordingGate, ...expected: readonly string[]): Promise<void> {
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.events, expected);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0, "objects that were never released");
}

const begin = ["clientconnect", "next_layer(http1)"] as const;
const finish = ["serverdisconnect", "clientdisconnect"] as const;
const whole = ["requestheaders", "request", "serverconnect", "responseheaders", "response"] as const;
const get = (url: string, fields = ""): string => `GET ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\n${fields}\r\n`;

test("a plain GET, and a second one on the same connections", async (t) => {
  const { gate, url, client } = await stage(t, answering(ok));
  const one = await client();
  for (let i = 0; i < 2; i++) {
    one.clear();
    one.send(get(url));
    t.is(await one.until(/ok$/), ok);
  }
  one.close();
  await expectEvents(t, gate, ...begin, ...whole, "requestheaders", "request", "responseheaders", "response", ...finish);
});

test("CONNECT, then HTTPS with ALPN: the server is met before the client's handshake ends", async (t) => {
  const { gate, port, ca, server } = await stage(t, answering(ok), {}, { tls: { ...certificate, ALPNProtocols: ["http/1.1"] } });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  const client = await tunnel.secure({ ca, servername: "localhost", ALPNProtocols: ["h2", "http/1.1"] });
  client.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tls)", "serverconnect", "next_layer(http1)", "requestheaders", "request", "responseheaders", "response", ...finish);
});

test("CONNECT, then HTTPS without ALPN: the server is met when there is a request", async (t) => {
  const { gate, port, ca, server } = await stage(t, answering(ok), {}, { tls: certificate });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  const client = await tunnel.secure({ ca, servername: "localhost" });
  client.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tls)", "next_layer(http1)", ...whole, ...finish);
});

test("plain HTTP inside CONNECT", async (t) => {
  const { gate, port, server } = await stage(t, answering(ok));
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  client.send("GET /x HTTP/1.1\r\nHost: y\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(http1)", ...whole, ...finish);
  t.is(server.text(), "GET /x HTTP/1.1\r\nHost: y\r\n\r\n");
});

test("passthrough chosen in next_layer shows nothing of the content and the server's own certificate", async (t) => {
  const { gate, port, server } = await stage(t, answering(ok), { next_layer: (layer) => { if (layer.name === "tls") layer.replacement = "passthrough"; } }, { tls: certificate });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  const client = await tunnel.secure({ ca: certificate.cert, servername: "localhost" });
  client.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tls)", "serverconnect", ...finish);
});

test("raw TCP inside CONNECT, with half-close, and messages that are changed or dropped", async (t) => {
  const messages: string[] = [];
  const { gate, port, server } = await stage(t, (socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
    socket.on("end", () => socket.end("bye"));
  }, {
    tcp_message: (flow) => {
      if (flow.message === null) return;
      messages.push(`${flow.message.fromClient ? ">" : "<"} ${flow.message.content.toString()}`);
      if (flow.message.content.toString() === "one\x00") flow.message.content = Buffer.from("uno\x00");
      if (flow.message.content.toString() === "drop\x00") flow.message.content = Buffer.alloc(0);
    },
  });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  client.send("one\x00");
  t.is(await client.until(/echo uno\x00/), "echo uno\x00");
  client.send("drop\x00");
  await gate.seen("tcp_message", 3);
  client.socket.end();
  t.is(await client.untilEnd(), "echo uno\x00bye");
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tcp)", "serverconnect", "tcp_start", "tcp_message", "tcp_message", "tcp_message", "tcp_message", "tcp_end", ...finish);
  t.deepEqual(messages, ["> one\x00", "< echo uno\x00", "> drop\x00", "< bye"]);
  t.is(server.text(), "uno\x00");
});

test("a server that speaks first inside CONNECT is heard after a short wait", async (t) => {
  const { gate, port, server } = await stage(t, (socket) => { socket.write("220 hello\r\n"); socket.on("end", () => socket.end()); }, {}, { timeouts: { peekMs: 300 } });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  t.is(await client.until(/hello\r\n/), "220 hello\r\n");
  client.socket.end();
  await client.untilEnd();
  await expectEvents(t, gate, ...begin, "http_connect", "serverconnect", "next_layer(tcp)", "tcp_start", "tcp_message", "tcp_end", ...finish);
});

test("a client that is slow to speak is no raw TCP: its HTTP is seen, on the connection that waited for the server's word", async (t) => {
  const { gate, port, server } = await stage(t, answering(ok), {}, { timeouts: { peekMs: 30 } });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  await gate.seen("serverconnect", 1);
  client.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);
  t.regex(await client.untilEnd(), /^HTTP\/1\.1 200 OK\r\n/);
  await expectEvents(t, gate, ...begin, "http_connect", "serverconnect", "next_layer(http1)", "requestheaders", "request", "responseheaders", "response", ...finish);
  t.is(server.connectionCount, 1);
});

test("a silent client whose server cannot be reached: what it says in the end gets the reason", async (t) => {
  const { gate, port, server } = await stage(t, answering(ok), {}, { timeouts: { peekMs: 30 } });
  server.close();
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  await client.untilEnd();
  await expectEvents(t, gate, ...begin, "http_connect", "serverconnect", "next_layer(tcp)", "tcp_start", "tcp_error", "tcp_end", "clientdisconnect");
});

test("a TCP connection that is reset has a tcp_error, one that cannot be opened as well", async (t) => {
  const { gate, port, server } = await stage(t, (socket) => { socket.once("data", () => socket.resetAndDestroy()); });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  client.send("\x00");
  await client.untilEnd();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tcp)", "serverconnect", "tcp_start", "tcp_message", "tcp_error", "tcp_end", ...finish);
  gate.clear();
  server.close();
  const second = await tunnelClient(port, `127.0.0.1:${server.port}`);
  second.send("\x00");
  await second.untilEnd();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tcp)", "serverconnect", "tcp_start", "tcp_error", "tcp_end", "clientdisconnect");
});

test("killing a TCP flow closes both sides", async (t) => {
  const { gate, port, server } = await stage(t, () => undefined, { tcp_message: kill });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  client.send("\x00secret");
  await client.untilEnd();
  await expectEvents(t, gate, ...begin, "http_connect", "next_layer(tcp)", "serverconnect", "tcp_start", "tcp_message", "tcp_end", ...finish);
  t.is(server.text(), "");
});

for (const event of ["requestheaders", "request"] as const) {
  test(`answered by an addon in ${event}: no server`, async (t) => {
    const { gate, url, client } = await stage(t, answering(ok), { [event]: (flow: { response: unknown }) => { flow.response = made(418, "tea", [["X-Made", "yes"]]); } });
    const one = await client();
    one.send(get(url));
    t.is(await one.until(/tea$/), "HTTP/1.1 418 Made\r\nX-Made: yes\r\nContent-Length: 3\r\n\r\ntea");
    one.close();
    await expectEvents(t, gate, ...begin, "requestheaders", "request", "responseheaders", "response", "clientdisconnect");
  });
}

test("a server that cannot be reached", async (t) => {
  const { gate, url, server, client } = await stage(t, answering(ok));
  server.close();
  const one = await client();
  one.send(get(url));
  t.regex(await one.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 /);
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "serverconnect", "error", "clientdisconnect");
});

test("an addon's response in error replaces the proxy's page; a kill sends nothing", async (t) => {
  let isKilling = false;
  const errors: string[] = [];
  const { gate, url, server, client } = await stage(t, answering(ok), { error: (flow) => {
    errors.push(flow.error?.msg ?? "");
    if (isKilling) kill(flow);
    else flow.response = made(503, "later");
  } });
  server.close();
  const one = await client();
  one.send(get(url));
  t.is(await one.until(/later$/), "HTTP/1.1 503 Made\r\nContent-Length: 5\r\n\r\nlater");
  isKilling = true;
  one.clear();
  one.send(get(url));
  t.is(await one.untilEnd(), "");
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "serverconnect", "error", "requestheaders", "request", "serverconnect", "error", "clientdisconnect");
  t.regex(errors[0] ?? "", /refused the connection/);
});

for (const [event, expected] of [
  ["requestheaders", ["requestheaders", "error", "clientdisconnect"]],
  ["request", ["requestheaders", "request", "error", "clientdisconnect"]],
  ["responseheaders", ["requestheaders", "request", "serverconnect", "responseheaders", "error", ...finish]],
  ["response", [...whole, ...finish]],
] as const) {
  test(`killed in ${event}`, async (t) => {
    const { gate, url, client } = await stage(t, answering(ok), { [event]: kill });
    const one = await client();
    one.send(get(url));
    t.is(await one.untilEnd(), "");
    await expectEvents(t, gate, ...begin, ...expected);
  });
}

test("killed in clientconnect: closed without a byte", async (t) => {
  const { gate, client } = await stage(t, answering(ok), { clientconnect: (root) => { root.killed = true; } });
  const one = await client();
  one.send("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n");
  t.is(await one.untilEnd(), "");
  await expectEvents(t, gate, "clientconnect", "clientdisconnect");
});

test("a response that breaks off in its body", async (t) => {
  const { gate, url, client } = await stage(t, (socket) => socket.once("data", () => { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"); setTimeout(() => socket.end(), 50); }));
  const one = await client();
  one.send(get(url));
  // Addons had asked for the whole body, so nothing of the response went out.
  t.regex(await one.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 /);
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "serverconnect", "responseheaders", "error", ...finish);
});

test("a client that leaves while the server thinks", async (t) => {
  const errors: string[] = [];
  const { gate, url, server, client } = await stage(t, () => undefined, { error: (flow) => { errors.push(flow.error?.msg ?? ""); } });
  const one = await client();
  one.send(get(url));
  while (server.text() === "") await new Promise((resolve) => setTimeout(resolve, 20));
  one.socket.resetAndDestroy();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "serverconnect", "error", ...finish);
  t.regex(errors[0] ?? "", /client closed/);
});

test("an addon refuses the connection to a server", async (t) => {
  const { gate, url, server, client } = await stage(t, answering(ok), { serverconnect: (connection) => { connection.killed = true; } });
  const one = await client();
  one.send(get(url));
  t.regex(await one.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 .*An addon refused the connection/s);
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "serverconnect", "error", "clientdisconnect");
  t.is(server.connectionCount, 0);
});

test("serverconnect may send the connection elsewhere", async (t) => {
  const other = await rawOrigin(answering(ok));
  t.teardown(() => other.close());
  const { url, server, client } = await stage(t, answering(""), { serverconnect: (connection) => { connection.address = { host: "127.0.0.1", port: other.port }; } });
  const one = await client();
  one.send(get(url));
  t.is(await one.until(/ok$/), ok);
  t.deepEqual([server.connectionCount, other.connectionCount], [0, 1]);
});

test("another host in request sends it elsewhere; the connections to both are kept", async (t) => {
  const other = await rawOrigin(answering(ok));
  t.teardown(() => other.close());
  const { gate, url, client } = await stage(t, answering(ok), { request: (flow) => { if (flow.request.path === "/away") flow.request.port = other.port; } });
  const one = await client();
  for (const path of ["/here", "/away", "/here", "/away"]) {
    one.clear();
    one.send(`GET ${url}${path} HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\n`);
    await one.until(/ok$/);
  }
  one.close();
  await gate.seen("clientdisconnect");
  t.is(gate.events.filter((event) => event === "serverconnect").length, 2);
  t.is(gate.events.filter((event) => event === "serverdisconnect").length, 2);
  t.is(gate.events.at(-1), "clientdisconnect");
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test("another scheme in request: TLS to the server for a client that speaks none", async (t) => {
  const { url, server, client } = await stage(t, answering(ok), { request: (flow) => { flow.request.scheme = "https"; flow.request.host = "localhost"; } }, { tls: certificate });
  const one = await client();
  for (let i = 0; i < 2; i++) {
    one.clear();
    one.send(get(url));
    t.is(await one.until(/ok$/), ok);
  }
  t.is(server.connectionCount, 1);
  one.clear();
  one.send(`GET https://localhost:${server.port}/direct HTTP/1.1\r\nHost: localhost:${server.port}\r\n\r\n`);
  t.is(await one.until(/ok$/), ok);
  t.is(server.connectionCount, 1);
});

test("a refused flow gives a page that names the addon and the reason", async (t) => {
  const { gate, url, server, client } = await stage(t, answering(ok), { request: (flow) => { flow.refusal = { addon: "guard", event: "request", fault: { code: "threw", message: "it broke" } }; } });
  const one = await client();
  one.send(get(url));
  t.regex(await one.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 .*"guard" failed in request: it broke/s);
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "error", "clientdisconnect");
  t.is(server.connectionCount, 0);
});

test("http_connect can refuse, kill, and see the target", async (t) => {
  const seen: string[] = [];
  const { gate, client } = await stage(t, answering(ok), { http_connect: (flow) => {
    seen.push(`${flow.request.method} ${flow.request.host}:${flow.request.port}`);
    if (flow.request.host === "refused.test") flow.response = made(403, "no", [["X-Why", "because"]]);
    else kill(flow);
  } });
  const one = await client();
  one.send("CONNECT refused.test:443 HTTP/1.1\r\nHost: refused.test\r\n\r\n");
  t.is(await one.until(/no$/), "HTTP/1.1 403 Made\r\nX-Why: because\r\nContent-Length: 2\r\n\r\nno");
  one.clear();
  one.send("CONNECT killed.test:443 HTTP/1.1\r\nHost: killed.test\r\n\r\n");
  t.is(await one.untilEnd(), "");
  await expectEvents(t, gate, ...begin, "http_connect", "http_connect", "clientdisconnect");
  t.deepEqual(seen, ["CONNECT refused.test:443", "CONNECT killed.test:443"]);
});

test("a WebSocket has its events, and frames pass as they were", async (t) => {
  const { gate, url, client } = await stage(t, (socket) => {
    socket.once("data", () => { socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi", "latin1"); });
    socket.on("end", () => socket.end());
  });
  const one = await client();
  one.send(get(url, "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"));
  t.regex(await one.until(/hi$/), /^HTTP\/1\.1 101 /);
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "request", "websockets_handshake", "serverconnect", "responseheaders", "response", "websocket_start", "websocket_message", "websocket_end", ...finish);
});

test("what addons change goes out, with framing by the host", async (t) => {
  const { url, server, client } = await stage(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), {
    request: (flow) => {
      flow.request.method = "PUT";
      flow.request.path = "/new";
      flow.request.headers.push("X-Added", "yes");
      flow.request.version++;
      flow.request.body.complete(Buffer.from("longer body"));
    },
    response: (flow) => {
      if (flow.response === null) return;
      flow.response.statusCode = 201;
      flow.response.reason = "Changed";
      flow.response.headers.set("x-a", "2");
      flow.response.version++;
      flow.response.body.complete(Buffer.from("ABCDEF"));
    },
  });
  const one = await client();
  one.send(`POST ${url}/old HTTP/1.1\r\nHost: ${url.slice(7)}\r\nContent-Length: 4\r\nX-B: b\r\n\r\nbody`);
  t.is(await one.until(/ABCDEF$/), "HTTP/1.1 201 Changed\r\nContent-Length: 6\r\nX-A: 2\r\n\r\nABCDEF");
  t.is(server.text(), `PUT /new HTTP/1.1\r\nHost: ${url.slice(7)}\r\nContent-Length: 11\r\nX-B: b\r\nX-Added: yes\r\n\r\nlonger body`);
});

test("a response made in responseheaders replaces the server's, whose body is dropped", async (t) => {
  const { gate, url, client } = await stage(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", ok), { responseheaders: (flow) => { if (flow.response?.headers.get("content-length") === "6") flow.response = made(451, "no"); } });
  const one = await client();
  one.send(get(url));
  t.is(await one.until(/no$/), "HTTP/1.1 451 Made\r\nContent-Length: 2\r\n\r\nno");
  one.clear();
  one.send(get(url));
  t.is(await one.until(/ok$/), ok);
  one.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.problems, []);
});

test("a streamed body passes while it comes; request and response fire when it has passed", async (t) => {
  const states: string[] = [];
  const hasFirst = Promise.withResolvers<void>();
  const { gate, url, server, client } = await stage(t, (socket) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.endsWith("one")) socket.write("");
      if (text.endsWith("two")) { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfir"); void hasFirst.promise.then(() => socket.write("st!")); }
    });
  }, {
    requestheaders: (flow) => { flow.request.stream = true; },
    request: (flow) => { states.push(flow.request.body.state); },
    responseheaders: (flow) => { if (flow.response !== null) flow.response.stream = async (chunk) => (chunk.length === 0 ? [Buffer.from("|end")] : [Buffer.from(chunk.toString().toUpperCase())]); },
    response: (flow) => { states.push(flow.response?.body.state ?? ""); },
  });
  const one = await client();
  one.send(`POST ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\nContent-Length: 6\r\n\r\none`);
  while (!server.text().endsWith("one")) await new Promise((resolve) => setTimeout(resolve, 20));
  one.send("two");
  await one.until(/FIR\r\n/);
  hasFirst.resolve();
  t.is(await one.until(/0\r\n\r\n$/), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nFIR\r\n3\r\nST!\r\n4\r\n|end\r\n0\r\n\r\n");
  one.close();
  await expectEvents(t, gate, ...begin, "requestheaders", "serverconnect", "request", "responseheaders", "response", ...finish);
  t.deepEqual(states, ["streamed", "streamed"]);
});

test("bodies beyond the limit are not shown and pass all the same", async (t) => {
  const large = "x".repeat(50_000);
  const states: string[] = [];
  const { gate, url, server, client } = await stage(t, answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n${large}\r\n0\r\n\r\n`), {
    request: (flow) => { states.push(flow.request.body.state); },
    response: (flow) => { states.push(flow.response?.body.state ?? ""); },
  }, { bodyBytes: 10_000 });
  const one = await client();
  one.send(`POST ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n`).send(`${large}\r\n0\r\n\r\n`);
  const text = await one.until(/\r\n0\r\n\r\n$/);
  t.is(text.replaceAll(/[^x]/g, "").length, 50_000);
  t.is(server.text().replaceAll(/[^x]/g, "").length, 50_000);
  t.deepEqual(states, ["truncated", "truncated"]);
  one.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.problems, []);
});

test("bodies beyond --body-size-limit are refused with an error", async (t) => {
  const { gate, url, client } = await stage(t, answering(`HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${"x".repeat(2_000)}`), {}, { bodySizeLimitBytes: 1_000 });
  const one = await client();
  one.send(`POST ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\nContent-Length: 2000\r\n\r\n${"x".repeat(2_000)}`);
  t.regex(await one.untilEnd(), /^HTTP\/1\.1 413 /);
  const two = await client();
  two.send(get(url));
  t.regex(await two.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 .*larger than 1000 bytes/s);
  two.close();
  await gate.seen("clientdisconnect", 2);
  t.is(gate.events.filter((event) => event === "error").length, 2);
  t.deepEqual(gate.problems, []);
});

test("the proxy itself says 100 when a body has to be collected before the server is asked", async (t) => {
  const { url, server, client } = await stage(t, answering(ok));
  const one = await client();
  one.send(`PUT ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
  t.is(await one.until(/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n");
  t.is(server.connectionCount, 0);
  one.send("body");
  t.true((await one.until(/ok$/)).endsWith(ok));
});

test("next_layer can close, and force TCP", async (t) => {
  let choice: "close" | "tcp" = "close";
  const { gate, port, server } = await stage(t, (socket) => { socket.on("data", (chunk: Buffer) => socket.write(chunk)); socket.on("end", () => socket.end()); }, { next_layer: (layer) => { if (layer.dataClient.toString("latin1").startsWith("GET /inner")) layer.replacement = choice; } });
  const one = await tunnelClient(port, `127.0.0.1:${server.port}`);
  one.send("GET /inner HTTP/1.1\r\nHost: x\r\n\r\n");
  t.is(await one.untilEnd(), "");
  choice = "tcp";
  const two = await tunnelClient(port, `127.0.0.1:${server.port}`);
  two.send("GET /inner HTTP/1.1\r\nHost: x\r\n\r\n");
  t.is(await two.until(/\r\n\r\n$/), "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n");
  two.close();
  await gate.seen("tcp_end");
  t.deepEqual(gate.problems, []);
});

test("trailers can be seen, and survive a changed body", async (t) => {
  const { url, client } = await stage(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"), {
    response: (flow) => {
      if (flow.response?.trailers?.get("x-t") === "1") flow.response.trailers = HeaderFields.from([["X-T", "2"]]);
      flow.response?.body.complete(Buffer.from("changed"));
    },
  });
  const one = await client();
  one.send(get(url));
  t.is(await one.until(/\r\n\r\n[^]*\r\n\r\n$/), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n7\r\nchanged\r\n0\r\nX-T: 2\r\n\r\n");
});
