// Bodies that pass on while they come: large ones, streams by nature (server-sent events, gRPC), over HTTP/1 and HTTP/2, with addons
// that would take them whole; and bodies that may not pass at all. Stream functions are tested in proxy-events.
import test, { type ExecutionContext } from "ava";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { rawClient, tunnelClient, type RawClient } from "../helpers/client.ts";
import { bare, sessionOver } from "../helpers/h2.ts";
import { rawOrigin, type RawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { recordingGate, type RecordingGate } from "../helpers/recording-gate.ts";

interface Stage { readonly gate: RecordingGate; readonly port: number; readonly url: string; readonly server: RawOrigin; readonly states: string[]; readonly client: RawClient }

/** A proxy whose addons take every body; `states` are what `request` and `response` were shown of it. */
async function stage(t: ExecutionContext, serve: (socket: Socket, text: () => string) => void, options: TestProxyOptions = {}): Promise<Stage> {
  const server = await rawOrigin((socket, index) => serve(socket, () => server.text(index)));
  const states: string[] = [];
  const gate = recordingGate({ on: {
    request: (flow) => { states.push(`request ${flow.request.body.state}`); },
    response: (flow) => { states.push(`response ${flow.response?.body.state}`); },
  } });
  const { port } = await startProxy(t, { gate, ...options });
  const client = await rawClient(port);
  t.teardown(() => {
    server.close();
    client.close();
  });
  return { gate, port, url: `http://127.0.0.1:${server.port}`, server, states, client };
}

const body = "x".repeat(30_000);
const withLength = (text: string): string => `Content-Length: ${text.length}\r\n\r\n${text}`;
const inChunks = (text: string): string => `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const isWhole = (text: string): boolean => text.endsWith(body) || text.endsWith(`${body}\r\n0\r\n\r\n`);

for (const [form, written, atEnd] of [["a length", withLength, /x{30000}$/], ["chunks", inChunks, /x\r\n0\r\n\r\n$/]] as const) {
  test.serial(`--stream-large-bodies lets bodies with ${form} pass that are larger, and collects the others`, async (t) => {
    const here = await stage(t, (socket, text) => {
      socket.on("data", () => { if (isWhole(text())) socket.write(`HTTP/1.1 200 OK\r\n${written(body)}`); else if (text().endsWith("small")) socket.write(`HTTP/1.1 200 OK\r\n${withLength("small")}`); });
    }, { streamLargeBodiesBytes: 20_000 });
    here.client.send(`POST ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n${written(body)}`);
    const text = await here.client.until(atEnd);
    t.true(isWhole(text));
    t.true(isWhole(here.server.text()));
    here.client.clear();
    here.client.send(`POST ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n${withLength("small")}`);
    t.regex(await here.client.until(/small$/), /^HTTP\/1\.1 200 /);
    t.deepEqual(here.states, ["request streamed", "response streamed", "request whole", "response whole"]);
    t.deepEqual(here.gate.problems, []);
  });
}

test.serial("a body larger than both bounds is streamed, not truncated, when the smaller one is --stream-large-bodies", async (t) => {
  const here = await stage(t, (socket, text) => { socket.on("data", () => { if (isWhole(text())) socket.write(`HTTP/1.1 200 OK\r\n${inChunks(body)}`); }); }, { streamLargeBodiesBytes: 5_000, bodyBytes: 10_000 });
  here.client.send(`POST ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n${inChunks(body)}`);
  t.true(isWhole(await here.client.until(/x\r\n0\r\n\r\n$/)));
  t.deepEqual(here.states, ["request streamed", "response streamed"]);
});

test.serial("server-sent events pass one by one although addons take responses", async (t) => {
  const next = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const here = await stage(t, (socket) => {
    socket.once("data", async () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n");
      for (const [index, { promise }] of next.entries()) {
        socket.write(`data: ${index}\n\n`);
        await promise;
      }
      socket.end();
    });
  });
  here.client.send(`GET ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\nAccept: text/event-stream\r\n\r\n`);
  for (const [index, { resolve }] of next.entries()) {
    // The server waits until we have seen this one.
    await here.client.until(new RegExp(`data: ${index}\n\n`));
    resolve();
  }
  await here.client.untilEnd();
  t.deepEqual(here.states, ["request whole", "response streamed"]);
  t.deepEqual(here.gate.problems, []);
});

test.serial("a request does not get past addons by calling itself a stream", async (t) => {
  const types = ["text/event-stream", "multipart/x-mixed-replace; boundary=x", "application/grpc"];
  for (const type of types) {
    const here = await stage(t, (socket) => { socket.on("data", () => socket.write(`HTTP/1.1 200 OK\r\n${withLength("ok")}`)); });
    here.client.send(`POST ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    await here.client.until(/ok$/);
    t.deepEqual(here.states, ["request whole", "response whole"], type);
  }
});

test.serial("a response that is on hold (a long poll) reaches the client with its first byte, and earlier interim responses at once", async (t) => {
  const released = Promise.withResolvers<void>();
  const here = await stage(t, (socket) => {
    socket.once("data", async () => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      await released.promise;
      socket.write(`HTTP/1.1 200 OK\r\n${withLength("news")}`);
    });
  });
  here.client.send(`GET ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n\r\n`);
  await here.client.until(/103 Early Hints\r\n/);
  released.resolve();
  t.regex(await here.client.until(/news$/), /HTTP\/1\.1 200 OK\r\n/);
});

test.serial("gRPC over HTTP/2: each side's messages pass while the other still sends, addons or not", async (t) => {
  const origin = createHttp2();
  origin.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("data", (chunk: Buffer) => stream.write(`echo ${chunk.toString()};`)).on("end", () => stream.end());
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const states: string[] = [];
  const gate = recordingGate({ on: { request: (flow) => { states.push(flow.request.body.state); }, response: (flow) => { states.push(flow.response?.body.state ?? ""); } } });
  const { port } = await startProxy(t, { gate });
  const session = sessionOver(t, bare(await tunnelClient(port, `127.0.0.1:${(origin.address() as AddressInfo).port}`)));
  t.teardown(() => origin.close());
  const stream = session.request({ ":method": "POST", ":path": "/call", ":scheme": "http", "content-type": "application/grpc", te: "trailers" });
  let text = "";
  const heard = async (what: string): Promise<void> => { while (!text.includes(what)) await new Promise((resolve) => stream.once("data", resolve)); };
  stream.on("data", (chunk: Buffer) => { text += chunk.toString(); });
  const trailers = new Promise<unknown>((resolve) => stream.on("trailers", (fields) => resolve(fields["grpc-status"])));
  for (const word of ["one", "two", "three"]) {
    stream.write(word);
    await heard(`echo ${word};`);
  }
  stream.end();
  t.is(await trailers, "0");
  t.deepEqual(states, ["streamed", "streamed"]);
  // Streams of gRPC have no length: what declares one is collected and shown.
  const sized = session.request({ ":method": "POST", ":path": "/call", ":scheme": "http", "content-type": "application/grpc", "content-length": "5" });
  sized.end("hello").resume();
  await new Promise((resolve) => sized.once("end", resolve));
  t.is(states[2], "whole");
});

test.serial("--body-size-limit: what declares to be larger is refused before a byte of it passes", async (t) => {
  const here = await stage(t, (socket) => { socket.on("data", () => socket.write(`HTTP/1.1 200 OK\r\n${withLength(body)}`)); }, { bodySizeLimitBytes: 20_000, gate: recordingGate({ wants: () => false }) });
  here.client.send(`POST ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\nContent-Length: 30000\r\n\r\n`);
  t.regex(await here.client.untilEnd(), /^HTTP\/1\.1 413 .*20000 bytes.*--body-size-limit/s);
  t.is(here.server.connectionCount, 0);
  const second = await rawClient(here.port);
  t.teardown(() => second.close());
  second.send(`GET ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n\r\n`);
  const text = await second.until(/--body-size-limit/);
  t.regex(text, /^HTTP\/1\.1 502 /);
  t.false(text.includes("xxx"));
});

test.serial("--body-size-limit: a body of unknown length is cut where it crosses the limit, and ends in an error", async (t) => {
  const seen = Promise.withResolvers<void>();
  const here = await stage(t, (socket) => {
    socket.once("data", async () => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n${"x".repeat(10_000)}\r\n`);
      await seen.promise;
      socket.write(`2af8\r\n${"x".repeat(11_000)}\r\n0\r\n\r\n`);
    });
  }, { bodySizeLimitBytes: 20_000, streamLargeBodiesBytes: 1_000 });
  here.client.send(`GET ${here.url}/ HTTP/1.1\r\nHost: ${here.url.slice(7)}\r\n\r\n`);
  await here.client.until(/x{10000}/);
  seen.resolve();
  const text = await here.client.untilEnd();
  t.false(text.endsWith("0\r\n\r\n"), "no proper end");
  await here.gate.seen("error");
  t.deepEqual(here.gate.problems, []);
});
