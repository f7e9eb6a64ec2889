// What must not hurt the proxy: clients and servers that reset at every stage, garbage, silence, broken invariants; and its own end,
// which must not hurt its clients. After each of them the proxy serves the next client, and nothing is left over.
import test, { type ExecutionContext } from "ava";
import { setTimeout as sleep } from "node:timers/promises";
import type { Socket } from "node:net";
import { ListenError } from "../../host/net/listener.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { rawClient, tunnelClient } from "../helpers/client.ts";
import { answering, originFor, type RawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const origin = (t: ExecutionContext, serve: (socket: Socket, index: number) => void, isTls = false): Promise<RawOrigin> => originFor(t, serve, isTls ? { tls: certificate } : {});

async function still(t: ExecutionContext, port: number): Promise<void> {
  const server = await origin(t, answering(ok));
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await client.until(/ok$/), ok);
  client.close();
}

async function settled(t: ExecutionContext, { proxy }: TestProxy): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (proxy.connectionCount > 0 && Date.now() < deadline) await sleep(20);
  t.is(proxy.connectionCount, 0, "client connections that never ended");
}

test("clients that reset at every stage of a plain request and response", async (t) => {
  const gate = recordingGate();
  const proxy = await startProxy(t, { gate });
  const server = await origin(t, (socket) => { socket.on("data", () => { socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"); setTimeout(() => socket.write("x".repeat(500)), 10); }); socket.on("end", () => socket.end()); });
  const request = `POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 5\r\n\r\nhello`;
  for (let cut = 0; cut <= request.length; cut += 9) {
    for (const wayOut of ["reset", "close"] as const) {
      const client = await rawClient(proxy.port);
      client.send(request.slice(0, cut));
      await sleep(cut % 4);
      if (wayOut === "reset") client.socket.resetAndDestroy();
      else client.close();
    }
  }
  for (const delayMs of [5, 10, 20, 40]) {
    const client = await rawClient(proxy.port);
    client.send(request);
    await sleep(delayMs);
    client.socket.resetAndDestroy();
  }
  await settled(t, proxy);
  await still(t, proxy.port);
  await settled(t, proxy);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
  const count = (name: string): number => gate.events.filter((event) => event === name).length;
  t.is(count("clientconnect"), count("clientdisconnect"));
  // An event for each opened server connection's end; failed ones have none.
  t.true(count("serverdisconnect") <= count("serverconnect"));
});

test("clients that leave at every stage of a tunnel with TLS", async (t) => {
  const gate = recordingGate();
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const server = await origin(t, answering(ok), true);
  const connect = `CONNECT localhost:${server.port} HTTP/1.1\r\nHost: x\r\n\r\n`;
  for (let cut = 1; cut < connect.length; cut += 11) {
    const client = await rawClient(proxy.port);
    client.send(connect.slice(0, cut));
    client.socket.resetAndDestroy();
  }
  const hello = Buffer.from("160301020001000001fc0303", "hex");
  for (const bytes of [Buffer.alloc(0), hello.subarray(0, 1), hello, Buffer.concat([hello, Buffer.alloc(600)])]) {
    const client = await tunnelClient(proxy.port, `localhost:${server.port}`);
    if (bytes.length > 0) client.send(bytes);
    await sleep(5);
    client.socket.resetAndDestroy();
  }
  for (const delayMs of [0, 2, 5, 10, 30]) {
    const client = await tunnelClient(proxy.port, `localhost:${server.port}`);
    const securing = client.secure({ ca: proxy.ca, servername: "localhost", ALPNProtocols: ["http/1.1"] }).catch(() => null);
    await sleep(delayMs);
    client.socket.resetAndDestroy();
    client.socket.emit("close");
    void securing;
  }
  await settled(t, proxy);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
  await still(t, proxy.port);
});

test("servers that reset at every stage", async (t) => {
  const response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  let cut = 0;
  const server = await origin(t, (socket) => socket.once("data", () => { socket.write(response.slice(0, cut)); setTimeout(() => socket.resetAndDestroy(), 5); }));
  for (const gate of [recordingGate(), recordingGate({ wants: () => false })]) {
    const proxy = await startProxy(t, { gate });
    for (cut = 0; cut < response.length - 1; cut += 6) {
      const client = await rawClient(proxy.port);
      client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);
      const text = await client.untilEnd();
      t.false(text.startsWith("HTTP/1.1 200") && text.endsWith("0\r\n\r\n"), `cut at ${cut}: ${JSON.stringify(text)}`);
      client.close();
    }
    await settled(t, proxy);
    t.deepEqual(gate.problems, []);
    t.is(gate.unreleased, 0);
  }
});

test("garbage of every kind", async (t) => {
  const proxy = await startProxy(t);
  for (const bytes of ["\x00\x01\x02\x03", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n", "\x16\x03\x01", "\x16\x03\x01\xff\xff\x00", "GET\x00http://x HTTP/1.1\r\n\r\n", "G".repeat(100_000), `GET http://x/ HTTP/1.1\r\n${"A: b\r\n".repeat(20_000)}\r\n`, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-x\r\n"]) {
    const client = await rawClient(proxy.port);
    client.send(bytes);
    client.socket.end();
    const text = await client.untilEnd();
    // The preface of HTTP/2 is no garbage, though nothing follows it: its answer begins with a SETTINGS frame.
    t.regex(text, /^(HTTP\/1\.1 [45]\d\d |$|\x15|\x00\x00.\x04)/s, JSON.stringify(bytes.slice(0, 40)));
    client.close();
  }
  await settled(t, proxy);
  await still(t, proxy.port);
});

test("silence is ended by deadlines", async (t) => {
  const server = await origin(t, () => undefined);
  const proxy = await startProxy(t, { timeouts: { headMs: 300, idleMs: 300, responseMs: 300, stallMs: 300, tunnelMs: 300, lingerMs: 300 } });
  const idle = await rawClient(proxy.port);
  t.is(await idle.untilEnd(5_000), "");
  const slow = await rawClient(proxy.port);
  slow.send("GET http://x/ HTTP/1.1\r\nHo");
  t.regex(await slow.untilEnd(5_000), /^HTTP\/1\.1 408 /);
  const waiting = await rawClient(proxy.port);
  waiting.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.regex(await waiting.until(/\r\n\r\n[^]+/, 5_000), /^HTTP\/1\.1 504 /);
  const body = await rawClient(proxy.port);
  body.send(`POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 10\r\n\r\nhalf`);
  t.regex(await body.untilEnd(5_000), /^HTTP\/1\.1 (408|504) /);
  const raw = await tunnelClient(proxy.port, `127.0.0.1:${server.port}`);
  raw.send("\x00");
  await raw.untilEnd(5_000);
  await settled(t, proxy);
});

test("a broken invariant ends its own connection and is logged", async (t) => {
  const server = await origin(t, answering(ok));
  const gate = recordingGate({ on: { request: (flow) => { if (flow.request.path === "/bug") { flow.request.method = "not a token"; flow.request.version++; } } } });
  const proxy = await startProxy({ teardown: (clean) => t.teardown(() => clean().catch((error: unknown) => { t.log(String(error).slice(0, 80)); })) }, { gate });
  const innocent = await rawClient(proxy.port);
  innocent.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  await innocent.until(/ok$/);
  const client = await rawClient(proxy.port);
  client.send(`GET http://127.0.0.1:${server.port}/bug HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await client.untilEnd(), "");
  t.is(proxy.log.filter((record) => record.fields["event"] === "invariant" && record.level === "error").length, 1);
  innocent.clear();
  innocent.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await innocent.until(/ok$/), ok);
  innocent.close();
  await settled(t, proxy);
  t.is(gate.unreleased, 0);
});

test("a drain lets exchanges end, closes idle connections at once, and cuts at its end", async (t) => {
  const server = await origin(t, (socket) => socket.on("data", (chunk: Buffer) => { if (chunk.toString().includes("/slow")) setTimeout(() => socket.write(ok), 400); else if (!chunk.toString().includes("/never")) socket.write(ok); }));
  const proxy = await startProxy(t);
  const [idle, slow, never] = [await rawClient(proxy.port), await rawClient(proxy.port), await rawClient(proxy.port)];
  const url = `http://127.0.0.1:${server.port}`;
  idle.send(`GET ${url}/ HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\n`);
  await idle.until(/ok$/);
  slow.send(`GET ${url}/slow HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\n`);
  never.send(`GET ${url}/never HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\n`);
  while (!server.received.some((bytes) => bytes.includes("/never")) || !server.received.some((bytes) => bytes.includes("/slow"))) await sleep(10);
  const begun = Date.now();
  const closing = proxy.proxy.close(1_500);
  t.is(await idle.untilEnd(1_000), ok);
  idle.close();
  t.is(await slow.untilEnd(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  slow.close();
  await t.throwsAsync(rawClient(proxy.port), { code: "ECONNREFUSED" });
  await closing;
  t.true(Date.now() - begun >= 1_400);
  t.is(await never.untilEnd(), "");
  t.is(proxy.proxy.connectionCount, 0);
  await proxy.proxy.close(0);
});

test("a port that is taken is named", async (t) => {
  const proxy = await startProxy(t);
  const error = await t.throwsAsync(proxy.proxy.listen({ host: "127.0.0.1", port: proxy.port, mode: "regular" }), { instanceOf: ListenError });
  t.is(error?.code, "ERR_LISTEN_PORT_TAKEN");
  t.regex(error?.message ?? "", new RegExp(`Port ${proxy.port} .*--port`));
  const elsewhere = await t.throwsAsync(proxy.proxy.listen({ host: "192.0.2.1", port: 0, mode: "regular" }), { instanceOf: ListenError });
  t.is(elsewhere?.code, "ERR_LISTEN_NO_SUCH_ADDRESS");
});
