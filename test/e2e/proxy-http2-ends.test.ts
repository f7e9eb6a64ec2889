// How HTTP/2 streams and connections end: resets mapped both ways, GOAWAY, kills, refusals, breaks, a drain; and that a reader who takes
// his time costs a bounded amount and nobody else's time.
import test from "ava";
import { randomBytes } from "node:crypto";
import { constants } from "node:http2";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { answerOf, ask, echo, h2Client, h2Origin, secureTunnel, sessionOver } from "../helpers/h2.ts";
import { rawOrigin } from "../helpers/origin.ts";
import { startProxy } from "../helpers/proxy.ts";
import { kill, made, recordingGate } from "../helpers/recording-gate.ts";

const { NGHTTP2_CANCEL: cancel, NGHTTP2_REFUSED_STREAM: refused, NGHTTP2_INTERNAL_ERROR: internal, NGHTTP2_HTTP_1_1_REQUIRED: http11Required } = constants;
let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function when(isTrue: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; !isTrue(); await soon(20)) if (Date.now() > deadline) throw new Error(`never: ${what}`);
}

test.serial("a client's reset reaches the server, ends its flow with an error, and leaves the other streams alone", async (t) => {
  const codes: number[] = [];
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    stream.on("close", () => { if (headers[":path"] === "/slow") codes.push(stream.rstCode); });
    if (headers[":path"] !== "/slow") echo(stream, headers);
  });
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const slow = session.request({ ":path": "/slow" });
  slow.on("error", () => undefined);
  await when(() => origin.requests.length === 1, "the request arrives");
  slow.close(cancel);
  await gate.seen("error");
  await when(() => codes.length === 1, "the reset arrives");
  t.deepEqual(codes, [cancel]);
  t.is((await ask(session, { ":method": "POST" }, Buffer.from("on"))).body.toString(), "on");
  t.is(origin.sessions.length, 1);
});

test.serial("a server's reset reaches the client with its code, before and after the head; an addon may answer in its place", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    const code = Number(headers["x-code"]);
    if (headers[":path"] === "/before" || headers[":path"] === "/page") return stream.close(code);
    // Without waiting for trailers Node would end the stream well before it resets it.
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.write("part");
    setTimeout(() => stream.close(code), 50);
  });
  const gate = recordingGate({ wants: (event) => event === "error" || event === "responseheaders", on: { error: (flow) => { if (flow.request.path === "/page") { flow.response = made(418, "", [["X-Page", "1"]]); } } } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  for (const code of [cancel, internal, http11Required]) {
    const before = await ask(session, { ":path": "/before", "x-code": String(code), ":method": "POST" }, Buffer.from("x"));
    t.deepEqual([before.status, before.code], [0, code]);
    const after = await ask(session, { ":path": "/after", "x-code": String(code) });
    t.deepEqual([after.status, after.body.toString(), after.code], [200, "part", code]);
  }
  const page = await ask(session, { ":path": "/page", "x-code": String(internal) });
  t.deepEqual([page.status, page.headers["x-page"]], [418, "1"]);
  t.is(gate.events.filter((name) => name === "error").length, 4, "where the body passed by unseen, response had already ended the flow");
});

test.serial("a refused stream is sent again, whatever its method; a second refusal is the client's", async (t) => {
  let refusals = 1;
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (refusals-- > 0) stream.close(refused);
    else echo(stream, headers);
  });
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  t.is((await ask(session, { ":method": "POST" }, Buffer.from("again"))).body.toString(), "again");
  refusals = 9;
  t.is((await ask(session, { ":method": "POST" }, Buffer.from("again"))).code, refused);
  t.is(gate.events.filter((name) => name === "request").length, 2, "addons are asked once for each");
  t.deepEqual(gate.problems, []);
});

test.serial("after GOAWAY new requests go over a new connection, and those under way end on the old one", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/slow") setTimeout(() => echo(stream, headers), 300);
    else echo(stream, headers);
  });
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const slow = ask(session, { ":path": "/slow", ":method": "POST" }, Buffer.from("old"));
  await when(() => origin.requests.length === 1, "the first arrives");
  origin.sessions[0]?.close();
  await soon(50);
  t.is((await ask(session, { ":method": "POST" }, Buffer.from("new"))).body.toString(), "new");
  t.is((await slow).body.toString(), "old");
  t.is(origin.sessions.length, 2);
  await gate.seen("serverdisconnect");
  session.close();
  await gate.seen("clientdisconnect");
  t.is(gate.events.filter((name) => name === "serverdisconnect").length, 2);
  t.is(gate.unreleased, 0);
});

test.serial("requests that a dying connection never looked at are sent again; a broken response is reset", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/part") {
      stream.respond({ ":status": 200 });
      stream.write("part");
      setTimeout(() => stream.session?.socket.destroy(), 50);
    } else if (origin.sessions.length === 1 && headers[":path"] === "/die") stream.session?.destroy();
    else echo(stream, headers);
  });
  const gate = recordingGate({ wants: (event) => event !== "response" && event !== "error" });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  t.is((await ask(session, {})).status, 200);
  t.is((await ask(session, { ":path": "/die" })).status, 200, "an idempotent request, on a connection that had worked");
  t.is(origin.sessions.length, 2);
  const broken = await ask(session, { ":path": "/part" });
  t.deepEqual([broken.status, broken.body.toString()], [200, "part"]);
  t.not(broken.code, 0);
  t.is((await ask(session, {})).status, 200);
  session.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("an HTTP/1 server that breaks off resets the stream", async (t) => {
  const server = await rawOrigin((socket) => { socket.once("data", () => { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"); setTimeout(() => socket.destroy(), 50); }); }, { tls: certificate });
  t.teardown(() => { server.close(); });
  const home = await h2Origin(t, certificate, echo);
  const gate = recordingGate({ wants: (event) => event === "requestheaders", on: { requestheaders: (flow) => { flow.request.port = server.port; } } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, home.port, ca);
  const answer = await ask(session, {});
  t.deepEqual([answer.status, answer.body.toString(), answer.code], [200, "half", internal]);
});

test.serial("kill resets the one stream with CANCEL; a failed addon with policy closed gives it 502", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const gate = recordingGate({ on: {
    request: (flow) => {
      if (flow.request.path === "/kill") kill(flow);
      if (flow.request.path === "/fail") flow.refusal = { addon: "broken", event: "request", fault: { code: "exception", message: "it threw" } as never };
    },
    responseheaders: (flow) => { if (flow.request.path === "/kill-late") kill(flow); },
  } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const [killed, late, failed, well] = await Promise.all(["/kill", "/kill-late", "/fail", "/well"].map((path) => ask(session, { ":path": path })));
  t.deepEqual([killed?.status, killed?.code], [0, cancel]);
  t.deepEqual([late?.status, late?.code], [0, cancel]);
  t.deepEqual([failed?.status, failed?.code], [502, 0]);
  t.is(well?.status, 200);
  t.deepEqual(gate.problems, []);
});

test.serial("a server that answers before the request is complete: the client is told to stop sending", async (t) => {
  const origin = await h2Origin(t, certificate, (stream) => {
    stream.respond({ ":status": 413 });
    stream.end("enough");
  });
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const stream = session.request({ ":method": "POST" });
  stream.write("first");
  const answer = await answerOf(stream);
  t.deepEqual([answer.status, answer.body.toString(), answer.code], [413, "enough", 0]);
});

test.serial("a slow reader is bounded and stalls no other stream; a slow server likewise", async (t) => {
  const sent = { bytes: 0 };
  const received = { bytes: 0 };
  const chunk = Buffer.alloc(16_384, 1);
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/endless") {
      stream.respond({ ":status": 200 });
      const more = (): void => {
        while (!stream.destroyed) {
          sent.bytes += chunk.length;
          if (!stream.write(chunk)) break;
        }
        if (!stream.destroyed) stream.once("drain", more);
      };
      more();
    } else if (headers[":path"] === "/deaf") stream.pause();
    else echo(stream, headers);
  });
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const endless = session.request({ ":path": "/endless" });
  endless.on("error", () => undefined);
  await new Promise((resolve) => endless.once("response", resolve)); // never read further
  const deaf = session.request({ ":path": "/deaf", ":method": "POST" });
  deaf.on("error", () => undefined);
  const pour = (): void => {
    while (!deaf.destroyed) {
      received.bytes += chunk.length;
      if (!deaf.write(chunk)) break;
    }
    if (!deaf.destroyed) deaf.once("drain", pour);
  };
  pour();
  const body = randomBytes(2_000_000);
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask(session, { ":method": "POST" }, body)));
  for (const answer of answers) t.true(answer.body.equals(body));
  await soon(500);
  const before = { sent: sent.bytes, received: received.bytes };
  await soon(300);
  t.deepEqual({ sent: sent.bytes, received: received.bytes }, before, "both stand still");
  t.true(sent.bytes < 2_000_000, `the endless response got ${sent.bytes} bytes ahead`);
  t.true(received.bytes < 2_000_000, `the unread request got ${received.bytes} bytes ahead`);
  endless.close(cancel);
  deaf.close(cancel);
});

test.serial("a client that closes its session gets the answers under way", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => { setTimeout(() => echo(stream, headers), 200); });
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const socket = await secureTunnel(t, port, `localhost:${origin.port}`, ca);
  const session = sessionOver(t, socket);
  const answer = ask(session, { ":method": "POST" }, Buffer.from("last"));
  await when(() => origin.requests.length === 1, "the request arrives");
  session.close();
  t.is((await answer).body.toString(), "last");
});

test.serial("a drain says GOAWAY, lets streams end and takes no new ones", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => { setTimeout(() => echo(stream, headers), headers[":path"] === "/slow" ? 300 : 0); });
  const gate = recordingGate();
  const { proxy, port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const [busy, idle] = [await h2Client(t, port, origin.port, ca), await h2Client(t, port, origin.port, ca)];
  t.is((await ask(idle, {})).status, 200);
  const slow = ask(busy, { ":path": "/slow", ":method": "POST" }, Buffer.from("slow"));
  await when(() => origin.requests.length === 2, "the slow one arrives");
  const codes: number[] = [];
  for (const session of [busy, idle]) session.on("goaway", (code) => { codes.push(code); });
  await proxy.close(5_000);
  t.is((await slow).body.toString(), "slow");
  t.true(codes.length >= 2 && codes.every((code) => code === 0), codes.join());
  t.is(gate.unreleased, 0);
});

test.serial("an idle connection is closed with GOAWAY", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile, timeouts: { idleMs: 500 } });
  const session = await h2Client(t, port, origin.port, ca);
  const closed = new Promise((resolve) => session.once("close", resolve));
  t.is((await ask(session, {})).status, 200);
  await closed;
  t.pass();
});

test.serial("connections of both sides that break in every phase leave nothing behind", async (t) => {
  const origin = await h2Origin(t, certificate, (stream, headers) => {
    if (headers[":path"] === "/server") stream.session?.socket.destroy();
    else if (headers[":path"] !== "/never") echo(stream, headers);
  });
  const gate = recordingGate();
  const { proxy, port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  for (const phase of ["/server", "/never", "/half", "/at-once"]) {
    const socket = await secureTunnel(t, port, `localhost:${origin.port}`, ca);
    const session = sessionOver(t, socket);
    const stream = session.request({ ":path": phase, ":method": "POST" });
    stream.on("error", () => undefined);
    stream.write("x");
    if (phase !== "/half") stream.end();
    if (phase === "/server") t.true([0, 502].includes((await answerOf(stream)).status));
    else if (phase !== "/at-once") await soon(150);
    socket.destroy();
  }
  await when(() => proxy.connectionCount === 0, "every connection ends");
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("an HTTP/1 server sees a client's reset as a closed connection", async (t) => {
  const server = await rawOrigin((socket) => { socket.on("end", () => socket.end()); }, { tls: certificate });
  t.teardown(() => { server.close(); });
  const home = await h2Origin(t, certificate, echo);
  const gate = recordingGate({ wants: (event) => event === "requestheaders" || event === "error", on: { requestheaders: (flow) => { flow.request.port = server.port; } } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, home.port, ca);
  const stream = session.request({});
  stream.on("error", () => undefined);
  await when(() => server.text().length > 0, "the request arrives");
  stream.close(cancel);
  await gate.seen("error");
  await when(() => server.sockets[0]?.destroyed === true || server.sockets[0]?.readableEnded === true, "the connection ends");
  t.pass();
});

