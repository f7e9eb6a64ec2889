// TLS interception with clients and servers that are not ours: certificates, failures that have to be explained, and the tunnel's
// odd guests. Events are tested in proxy-events.
import test from "ava";
import { createServer as createTlsServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { X509Certificate } from "node:crypto";
import { rawClient, runProgram, tunnelClient } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { answering, rawOrigin } from "../helpers/origin.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

test("a certificate that is not trusted gives a page inside the tunnel that says why", async (t) => {
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const { port, ca } = await startProxy(t);
  for (const ALPNProtocols of [["http/1.1"], undefined]) {
    const tunnel = await tunnelClient(port, `localhost:${server.port}`);
    const client = await tunnel.secure({ ca, servername: "localhost", ...(ALPNProtocols && { ALPNProtocols }) });
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n");
    const text = await client.until(/<\/html>/);
    t.regex(text, /^HTTP\/1\.1 502 /);
    t.regex(text, /signed by itself.*--ssl-insecure/s);
    t.regex(text, /Content-Type: text\/html/);
    // The connection lives on, and the next request tries again.
    client.clear();
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    t.regex(await client.until(/\r\n\r\n[^]+\n$/), /^HTTP\/1\.1 502 /);
    client.close();
  }
});

test("a certificate for another name, and one that is over, are refused with the reason", async (t) => {
  const other = await testCertificate("DNS:elsewhere.test");
  const server = await rawOrigin(answering(ok), { tls: other });
  t.teardown(() => server.close());
  const { port, ca } = await startProxy(t, { upstreamCaFile: other.certFile });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  const client = await tunnel.secure({ ca, servername: "localhost" });
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.regex(await client.until(/\r\n\r\n[^]+\n$/), /^HTTP\/1\.1 502 .*(name|elsewhere)/s);
  client.close();
});

test("a client that is slow to begin its handshake is intercepted all the same", async (t) => {
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile, timeouts: { peekMs: 20 } });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  await gate.seen("serverconnect", 1);
  const client = await tunnel.secure({ ca, servername: "localhost" });
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
});

test("under --ssl-insecure any certificate is taken", async (t) => {
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const { port, ca } = await startProxy(t, { sslInsecure: true });
  const tunnel = await tunnelClient(port, `127.0.0.1:${server.port}`);
  const client = await tunnel.secure({ ca, host: "127.0.0.1" });
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.close();
});

test("a client that does not trust the authority is logged with what to do", async (t) => {
  const { port, log } = await startProxy(t, { sslInsecure: true });
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  await t.throwsAsync(tunnel.secure({ servername: "localhost" }));
  tunnel.close();
  const deadline = Date.now() + 5_000;
  while (!log.some((record) => record.fields["event"] === "client-handshake") && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  t.regex(log.map((record) => record.msg).join("\n"), /localhost/);
});

test("a server that breaks off the handshake, and one that speaks no TLS", async (t) => {
  const rude = await rawOrigin((socket) => socket.once("data", () => socket.resetAndDestroy()));
  const plain = await rawOrigin((socket) => socket.once("data", () => socket.write(ok)));
  t.teardown(() => { rude.close(); plain.close(); });
  const { port, ca } = await startProxy(t);
  for (const server of [rude, plain]) {
    const tunnel = await tunnelClient(port, `localhost:${server.port}`);
    const client = await tunnel.secure({ ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    t.regex(await client.until(/\r\n\r\n[^]+\n$/), /^HTTP\/1\.1 502 /);
    client.close();
  }
});

test("the server's ALPN answer is given to the client, and its other names are in the leaf", async (t) => {
  const secure = createTlsServer({ key: certificate.key, cert: certificate.cert, ALPNProtocols: ["http/1.1"] }, (socket) => { socket.on("error", () => undefined); socket.end(); });
  await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
  t.teardown(() => { secure.close(); });
  const { port } = secure.address() as AddressInfo;
  const { port: proxyPort, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const tunnel = await tunnelClient(proxyPort, `localhost:${port}`);
  const client = await tunnel.secure({ ca, servername: "localhost", ALPNProtocols: ["h2", "http/1.1"] });
  const socket = client.socket as import("node:tls").TLSSocket;
  t.is(socket.alpnProtocol, "http/1.1");
  const leaf = new X509Certificate(socket.getPeerCertificate(true).raw);
  t.regex(leaf.subjectAltName ?? "", /origin\.test/);
  client.close();
});

test("TLS bytes that are no hello, and garbage in a tunnel, are relayed as they are", async (t) => {
  const server = await rawOrigin((socket) => { socket.on("data", (chunk: Buffer) => socket.write(chunk)); socket.on("end", () => socket.end()); });
  t.teardown(() => server.close());
  const gate = recordingGate();
  const { port } = await startProxy(t, { gate });
  const client = await tunnelClient(port, `127.0.0.1:${server.port}`);
  client.send(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0xff, 0xff, 0xff, 0xff, 0xff]));
  await client.until(/\xff{5}$/);
  client.socket.end();
  await client.untilEnd();
  await gate.seen("tcp_end");
  t.deepEqual(gate.problems, []);
});

test("HTTP inside TLS to the proxy itself works like HTTP to it", async (t) => {
  const server = await rawOrigin(answering(ok));
  t.teardown(() => server.close());
  const { port, ca } = await startProxy(t);
  const outer = await (await rawClient(port)).secure({ ca, servername: "proxy.test" });
  outer.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await outer.until(/ok$/), ok);
  outer.close();
});

test("--ignore-hosts leaves TLS alone, by tunnel and by server name; --allow-hosts everything else", async (t) => {
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  for (const options of [{ ignoreHosts: [/^localhost:/] }, { ignoreHosts: [/^origin\.test:\d+$/] }, { allowHosts: [/^nothing\.test/] }]) {
    const { port } = await startProxy(t, options);
    const tunnel = await tunnelClient(port, `localhost:${server.port}`);
    const client = await tunnel.secure({ ca: certificate.cert, servername: "origin.test" });
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    t.is(await client.until(/ok$/), ok);
    client.close();
  }
});

test("--tcp-hosts gives TCP events for what is inside TLS", async (t) => {
  const server = await rawOrigin(answering(ok), { tls: certificate });
  t.teardown(() => server.close());
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { gate, tcpHosts: [/^localhost:/], upstreamCaFile: certificate.certFile });
  const tunnel = await tunnelClient(port, `localhost:${server.port}`);
  const client = await tunnel.secure({ ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  t.is(await client.until(/ok$/), ok);
  client.socket.end();
  await client.untilEnd();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.events, ["clientconnect", "next_layer(http1)", "http_connect", "next_layer(tls)", "serverconnect", "next_layer(tcp)", "tcp_start", "tcp_message", "tcp_message", "tcp_end", "serverdisconnect", "clientdisconnect"]);
  t.deepEqual(gate.problems, []);
});

test("openssl s_client through the proxy", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const server = await rawOrigin(answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"), { tls: certificate });
  t.teardown(() => server.close());
  const { port, caFile } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const end = await runProgram(openssl, ["s_client", "-proxy", `127.0.0.1:${port}`, "-connect", `localhost:${server.port}`, "-servername", "localhost", "-CAfile", caFile, "-verify_return_error", version, "-ign_eof"], "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    t.regex(end.stdout, /Verify return code: 0 \(ok\)/, end.stderr);
    t.regex(end.stdout, /hello/);
  }
});
