// HTTP/2 on both sides with real sockets: what goes through, translated or not, comes out as it went in. Node's HTTP/2 and raw HTTP/1
// are the peers here. How streams and connections end is in proxy-http2-ends.test.ts, programs in proxy-http2-programs.test.ts, hostile
// peers in proxy-http2-attacks.test.ts.
import test, { type ExecutionContext } from "ava";
import { randomBytes } from "node:crypto";
import type { ClientHttp2Session } from "node:http2";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { rawClient, tunnelClient } from "../helpers/client.ts";
import { answerOf, ask, bare, echo, h2Client, h2Origin, secureTunnel, sessionOver } from "../helpers/h2.ts";
import { answering, rawOrigin, type RawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { made, recordingGate } from "../helpers/recording-gate.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const pairs = (raw: readonly string[]): readonly string[] => raw.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${raw[i + 1]}`] : []));
const own = (raw: readonly string[]): readonly string[] => pairs(raw).filter((line) => !line.startsWith(":"));

test.serial("h2 to h2: events in order, names and version as they should be", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const seen: string[] = [];
  const gate = recordingGate({ on: {
    request: (flow) => { seen.push(`${flow.client.alpn} ${flow.request.httpVersion} ${flow.request.authority === `localhost:${origin.port}`} ${flow.request.scheme}`); },
    response: (flow) => { seen.push(`${flow.response?.httpVersion} ${flow.server.alpn}`); },
  } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const answer = await ask(session, { ":method": "POST", ":path": "/x?y", ":authority": `localhost:${origin.port}` }, Buffer.from("hello"));
  t.is(answer.status, 200);
  t.is(answer.body.toString(), "hello");
  t.is(answer.headers["x-path"], "/x?y");
  session.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.events, ["clientconnect", "next_layer(http1)", "http_connect", "next_layer(tls)", "serverconnect", "next_layer(http2)", "requestheaders", "request", "responseheaders", "response", "serverdisconnect", "clientdisconnect"]);
  t.deepEqual(seen, ["h2 HTTP/2.0 true https", "HTTP/2.0 h2"]);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("100 streams at once over one connection to each side, bodies of any size byte for byte", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const bodies = Array.from({ length: 100 }, (_, i) => randomBytes(i === 0 ? 0 : Math.floor(Math.random() * (i % 10 === 0 ? 700_000 : 5_000))));
  const answers = await Promise.all(bodies.map((body) => ask(session, { ":method": "POST" }, body)));
  for (const [i, answer] of answers.entries()) t.true(answer.body.equals(bodies[i] ?? Buffer.alloc(1)), `body ${i} of ${bodies[i]?.length} bytes came back with ${answer.body.length}, code ${answer.code}`);
  t.is(origin.sessions.length, 1);
});

test.serial("events of many streams at once: each flow in its order, with bodies for addons", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const orders = new Map<string, string[]>();
  const note = (name: string) => async (flow: { readonly id: string }): Promise<void> => {
    const order = orders.get(flow.id) ?? [];
    orders.set(flow.id, [...order, name]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  };
  const gate = recordingGate({ on: {
    requestheaders: note("requestheaders"), responseheaders: note("responseheaders"), response: note("response"),
    request: async (flow) => { await note("request")(flow); flow.request.body.complete(Buffer.from(`${flow.request.body.raw?.toString()}!`)); flow.request.version++; },
  } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(session, { ":method": "POST", "content-length": String(`${i}`.length) }, Buffer.from(`${i}`))));
  t.deepEqual(answers.map(({ body }) => body.toString()), answers.map((_, i) => `${i}!`));
  session.close();
  await gate.seen("clientdisconnect");
  t.is(orders.size, 40);
  for (const order of orders.values()) t.deepEqual(order, ["requestheaders", "request", "responseheaders", "response"]);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
  t.is(gate.events.filter((name) => name === "serverconnect").length, 1);
});

test.serial("heads keep order and duplicates both ways; cookies stay apart", async (t) => {
  const origin = await h2Origin(t, certificate, (stream) => {
    stream.respond([":status", "200", "b", "1", "set-cookie", "x=1", "a", "2", "set-cookie", "y=2", "b", "3", "latin", "caf\xe9"], { sendDate: false } as object);
    stream.end("ok");
  });
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const answer = await answerOf(session.request([":method", "GET", ":path", "/", ":scheme", "https", ":authority", "named.test", "z", "1", "cookie", "a=1", "y", "2", "cookie", "b=2; c=3", "z", "caf\xe9", "te", "trailers"], { endStream: true }));
  t.deepEqual(own(answer.raw), ["b: 1", "set-cookie: x=1", "a: 2", "set-cookie: y=2", "b: 3", "latin: caf\xe9"]);
  t.deepEqual(pairs(origin.requests[0] ?? []), [":method: GET", ":scheme: https", ":authority: named.test", ":path: /", "z: 1", "cookie: a=1", "y: 2", "cookie: b=2; c=3", "z: caf\xe9", "te: trailers"]);
});

test.serial("trailers both ways, with and without bodies for addons", async (t) => {
  const origin = await h2Origin(t, certificate, (stream) => {
    let sent = "";
    stream.on("trailers", (fields) => { sent = String(fields["x-sum"]); });
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-saw": sent }));
      stream.end("body");
    });
  });
  for (const gate of [recordingGate({ wants: () => false }), recordingGate()]) {
    const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
    const session = await h2Client(t, port, origin.port, ca);
    const stream = session.request({ ":method": "POST", te: "trailers" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "12" }));
    stream.end("hello");
    const answer = await answerOf(stream);
    t.is(answer.body.toString(), "body");
    t.is(answer.trailers?.["grpc-status"], "0");
    t.is(answer.trailers?.["x-saw"], "12");
    t.is(answer.code, 0);
  }
});

test.serial("interim responses, 100-continue, HEAD, 204, 304 and a declared length", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    const path = headers[":path"];
    if (path === "/early") {
      stream.additionalHeaders({ ":status": 103, link: "</a>; rel=preload" });
      stream.additionalHeaders({ ":status": 103, link: "</b>; rel=preload" });
    }
    if (headers.expect === "100-continue") {
      stream.additionalHeaders({ ":status": 100 });
      return echo(stream, headers);
    }
    if (path === "/204" || path === "/304") return stream.respond({ ":status": Number(path.slice(1)), etag: "x" }, { endStream: true });
    stream.respond({ ":status": 200, "content-length": 4 });
    stream.end(headers[":method"] === "HEAD" ? undefined : "four");
  });
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const early = await ask(session, { ":path": "/early" });
  t.deepEqual(early.interim.map((fields) => `${fields[":status"]} ${fields["link"]}`), ["103 </a>; rel=preload", "103 </b>; rel=preload"]);
  t.is(early.body.toString(), "four");
  t.is(early.headers["content-length"], "4");
  const head = await ask(session, { ":method": "HEAD" });
  t.deepEqual([head.status, head.headers["content-length"], head.body.length, head.code], [200, "4", 0, 0]);
  for (const status of [204, 304]) {
    const answer = await ask(session, { ":path": `/${status}` });
    t.deepEqual([answer.status, answer.headers.etag, answer.body.length, answer.code], [status, "x", 0, 0]);
  }
  const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue" });
  stream.once("continue", () => stream.end("waited"));
  t.is((await answerOf(stream)).body.toString(), "waited");
});

async function cleartext(t: ExecutionContext, server: RawOrigin, options: TestProxyOptions = {}): Promise<ClientHttp2Session> {
  const { port } = await startProxy(t, options);
  // The client speaks HTTP/2 to the proxy itself, and the proxy HTTP/1 to the server.
  const client = await rawClient(port);
  t.teardown(() => { client.close(); server.close(); });
  return sessionOver(t, bare(client));
}

test.serial("prior knowledge to the proxy itself, HTTP/1 to the server: heads are translated", async (t) => {
  const server = await rawOrigin(answering("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\nHTTP/1.1 200 Fine\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nSet-Cookie: a=1\r\nTransfer-Encoding: chunked\r\nSet-Cookie: b=2\r\n\r\n3\r\nabc\r\n0\r\nX-Trail: 9\r\n\r\n"));
  const session = await cleartext(t, server);
  const place = `127.0.0.1:${server.port}`;
  const answer = await answerOf(session.request([":method", "GET", ":path", "/p", ":scheme", "http", ":authority", place, "Cookie", "a=1", "x-a", "1", "cookie", "b=2", "te", "trailers"], { endStream: true }));
  t.is(server.text(), `GET /p HTTP/1.1\r\nHost: ${place}\r\ncookie: a=1; b=2\r\nx-a: 1\r\nte: trailers\r\nconnection: TE\r\n\r\n`);
  t.deepEqual(own(answer.raw), ["set-cookie: a=1", "set-cookie: b=2"]);
  t.deepEqual(answer.interim.map((fields) => fields["link"]), ["</a>"]);
  t.is(answer.body.toString(), "abc");
  t.is(answer.trailers?.["x-trail"], "9");
});

test.serial("to HTTP/1: bodies with and without a length, empty ones, trailers", async (t) => {
  const server = await rawOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  const session = await cleartext(t, server);
  const place = { ":authority": `127.0.0.1:${server.port}`, ":scheme": "http", ":method": "POST" };
  t.is((await ask(session, { ...place, ":path": "/length", "content-length": "3" }, Buffer.from("abc"))).body.toString(), "ok");
  t.is((await ask(session, { ...place, ":path": "/none" }, null)).body.toString(), "ok");
  const stream = session.request({ ...place, ":path": "/unknown" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
  stream.end("abcd");
  t.is((await answerOf(stream)).body.toString(), "ok");
  const text = server.received.map(String).join("");
  t.regex(text, /POST \/length HTTP\/1\.1\r\nHost: 127[^]*?content-length: 3\r\n\r\nabc/);
  t.regex(text, /POST \/none HTTP\/1\.1\r\nHost: [\d.:]+\r\nContent-Length: 0\r\n\r\n/);
  t.regex(text, /POST \/unknown HTTP\/1\.1\r\nHost: [\d.:]+\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nx-sum: 1\r\n\r\n/);
  t.is(server.connectionCount, 1, "one after the other: the connection is kept");
});

test.serial("to HTTP/1: each request under way has a connection of its own, and responses that end with theirs arrive whole", async (t) => {
  const body = randomBytes(300_000);
  const server = await rawOrigin((socket) => {
    socket.once("data", () => setTimeout(() => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.end(body);
    }, 50));
  });
  const session = await cleartext(t, server);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(session, { ":authority": `127.0.0.1:${server.port}`, ":scheme": "http" })));
  for (const answer of answers) t.true(answer.body.equals(body));
  t.is(server.connectionCount, 20);
});

test.serial("an HTTP/1 client and a server that speaks HTTP/2 alone", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/length") stream.respond({ ":status": 404, "content-length": 2 });
    else stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-t": "1" }));
    stream.end("ok");
  });
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const tunnel = await tunnelClient(port, `localhost:${origin.port}`);
  const client = await tunnel.secure({ ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  client.send("GET /chunks HTTP/1.1\r\nHost: named.test\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nCookie: a=1; b=2\r\n\r\n");
  const text = await client.until(/\r\n\r\n$/);
  t.regex(text, /^HTTP\/1\.1 200 OK\r\n(?:date: .*\r\n)?Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n$/);
  client.clear();
  client.send("GET /length HTTP/1.1\r\nHost: named.test\r\n\r\n");
  t.regex(await client.until(/ok$/), /^HTTP\/1\.1 404 Not Found\r\ncontent-length: 2\r\n(?:date: .*\r\n)?\r\nok$/);
  t.deepEqual(pairs(origin.requests[0] ?? []), [":method: GET", ":scheme: https", ":authority: named.test", ":path: /chunks", "cookie: a=1", "cookie: b=2"]);
  t.is(origin.sessions.length, 1);
  client.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("prior knowledge inside CONNECT is shared with the server", async (t) => {
  const origin = await h2Origin(t, null, echo);
  const gate = recordingGate();
  const { port } = await startProxy(t, { gate });
  const session = sessionOver(t, bare(await tunnelClient(port, `127.0.0.1:${origin.port}`)));
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => ask(session, { ":method": "PUT", ":scheme": "http" }, Buffer.from(`${i}`))));
  t.deepEqual(answers.map(({ body }) => body.toString()), answers.map((_, i) => `${i}`));
  t.is(origin.sessions.length, 1, "streams that come at once wait for one connection");
  session.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.events.slice(0, 4), ["clientconnect", "next_layer(http1)", "http_connect", "next_layer(http2)"]);
  t.is(gate.events.filter((name) => name === "serverconnect").length, 1);
  t.is(gate.unreleased, 0);
});

test.serial("ALPN is mirrored: a server of HTTP/1 gives the client HTTP/1, and without --http2 there is none", async (t) => {
  const both = await h2Origin(t, certificate, echo, { allowHTTP1: true });
  const one = await rawOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), { tls: { ...certificate, ALPNProtocols: ["http/1.1"] } });
  t.teardown(() => { one.close(); });
  const cases: readonly (readonly [number, TestProxyOptions, string])[] = [[both.port, {}, "h2"], [one.port, {}, "http/1.1"], [both.port, { http2: false }, "http/1.1"]];
  for (const [originPort, options, expected] of cases) {
    const { port, ca } = await startProxy(t, { ...options, upstreamCaFile: certificate.certFile });
    const socket = await secureTunnel(t, port, `localhost:${originPort}`, ca, ["h2", "http/1.1"]);
    t.is(socket.alpnProtocol, expected);
  }
});

test.serial("a server that cannot be reached: the client still speaks HTTP/2, gets the page, or what an addon answers", async (t) => {
  const gone = await rawOrigin(() => undefined);
  gone.close();
  const gate = recordingGate({ on: { request: (flow) => { if (flow.request.path === "/made") flow.response = made(203, "made", [["X-Made", "1"]]); } } });
  const { port, ca } = await startProxy(t, { gate });
  const session = await h2Client(t, port, gone.port, ca);
  const page = await ask(session, { accept: "application/json" });
  t.is(page.status, 502);
  t.is((JSON.parse(page.body.toString()) as { error: { cause: string } }).error.cause, "connect-refused");
  const answer = await ask(session, { ":path": "/made" });
  t.deepEqual([answer.status, answer.headers["x-made"], answer.body.toString()], [203, "1", "made"]);
  session.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("a flow sent elsewhere reaches a server of either protocol, under its name", async (t) => {
  const home = await h2Origin(t, certificate, echo);
  const away = await h2Origin(t, certificate, echo);
  const old = await rawOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold"), { tls: certificate });
  t.teardown(() => { old.close(); });
  const gate = recordingGate({ on: { request: (flow) => {
    if (flow.request.path === "/home") return;
    flow.request.port = flow.request.path === "/old" ? old.port : away.port;
    flow.request.authority = `localhost:${flow.request.port}`;
    flow.request.version++;
  } } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, home.port, ca);
  const answers = await Promise.all(["/home", "/away", "/old", "/away"].map((path) => ask(session, { ":path": path })));
  t.deepEqual(answers.map(({ headers, body }) => headers["x-path"] ?? body.toString()), ["/home", "/away", "old", "/away"]);
  t.deepEqual([home.sessions.length, away.sessions.length, old.connectionCount], [1, 1, 1]);
  t.true(pairs(away.requests[0] ?? []).includes(`:authority: localhost:${away.port}`));
  t.regex(old.text(), new RegExp(`Host: localhost:${old.port}\r\n`));
});
