// Listeners other than regular ones, with clients that are not ours: reverse, SOCKS5, raw TCP, and each inside TLS. What a mode refuses,
// it refuses in words that the client understands.
import test, { type ExecutionContext } from "ava";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { createServer as createTcp, connect } from "node:net";
import { curl } from "../helpers/e2e.ts";
import { rawClient, runProgram } from "../helpers/client.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy, type TestProxy, type TestProxyOptions } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";
import { rawOrigin } from "../helpers/origin.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => response.end(JSON.stringify({ method: request.method, url: request.url, host: request.headers.host, bytes: Buffer.concat(chunks).length })));
};

async function listen(t: ExecutionContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => { server.close(); if ("closeAllConnections" in server && typeof server.closeAllConnections === "function") server.closeAllConnections(); });
  return (server.address() as AddressInfo).port;
}

const origins = async (t: ExecutionContext) => ({ http: await listen(t, createHttp(echo)), https: await listen(t, createHttps({ key: certificate.key, cert: certificate.cert }, echo)) });

const start = (t: ExecutionContext, options: TestProxyOptions): Promise<TestProxy> => startProxy(t, { upstreamCaFile: certificate.certFile, ...options });

for (const scheme of ["http", "https"] as const) {
  test(`reverse:${scheme}: plain and TLS clients, HTTP/1 and HTTP/2, the server under its own name`, async (t) => {
    const port = (await origins(t))[scheme];
    const gate = recordingGate();
    const proxy = await start(t, { mode: `reverse:${scheme}://localhost:${port}`, gate });
    for (const args of [[`http://127.0.0.1:${proxy.port}/a?b`], ["--http2", "--cacert", proxy.caFile, `https://127.0.0.1:${proxy.port}/a?b`], ["--http1.1", "--cacert", proxy.caFile, "--connect-to", `::127.0.0.1:${proxy.port}`, "https://shop.example/a?b"], ["--http2-prior-knowledge", `http://127.0.0.1:${proxy.port}/a?b`]]) {
      // Prior knowledge of the client is shared with the server behind http, and this one speaks HTTP/1 only.
      if (scheme === "http" && args[0] === "--http2-prior-knowledge") continue;
      const answer = await curl(t, ["-d", "12345", ...args]);
      t.deepEqual(JSON.parse(answer.body || answer.stderr), { method: "POST", url: "/a?b", host: `localhost:${port}`, bytes: 5 }, args.join(" "));
    }
    t.deepEqual(gate.problems, []);
    t.is(gate.events.filter((event) => event === "response").length, scheme === "http" ? 3 : 4);
  });
}

test("reverse: --keep-host-header leaves the client's Host; CONNECT and garbage are refused; a loop is noticed", async (t) => {
  const { http } = await origins(t);
  const proxy = await start(t, { mode: `reverse:http://127.0.0.1:${http}`, keepHostHeader: true });
  t.is(JSON.parse((await curl(t, ["-H", "Host: shop.example", `${proxy.url}/`])).body).host, "shop.example");
  const connecting = await rawClient(proxy.port);
  t.regex(await connecting.send("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n").until(/reverse proxy/), /^HTTP\/1\.1 501 /);
  const garbage = await rawClient(proxy.port);
  t.regex(await garbage.send("\0\0\0\0\r\n\r\n").untilEnd(), /^HTTP\/1\.1 400 /);
  for (const client of [connecting, garbage]) client.close();
  const spare = createTcp();
  const port = await listen(t, spare);
  await new Promise((resolve) => spare.close(resolve));
  await proxy.proxy.listen({ host: "127.0.0.1", port, mode: `reverse:http://localhost:${port}` });
  const looped = await curl(t, ["-i", `http://127.0.0.1:${port}/`]);
  t.is(looped.status, 400);
  t.regex(looped.body, /this proxy itself/);
});

test("reverse: hosts that are left alone keep their own certificate", async (t) => {
  const { https } = await origins(t);
  const gate = recordingGate();
  const proxy = await start(t, { mode: `reverse:https://localhost:${https}`, ignoreHosts: [/^origin\.test:/], gate });
  const answer = await curl(t, ["--cacert", certificate.certFile, "--connect-to", `::127.0.0.1:${proxy.port}`, "https://origin.test/"]);
  t.is(JSON.parse(answer.body || answer.stderr).host, "origin.test");
  t.false(gate.events.includes("request"));
});

for (const [name, option] of [["--socks5-hostname", "localhost"], ["--socks5", "127.0.0.1"]] as const) {
  test(`socks5: curl ${name}, HTTP and HTTPS, each as inside CONNECT`, async (t) => {
    const { http, https } = await origins(t);
    const gate = recordingGate();
    // A client that a busy machine keeps silent for a moment must not have its server met before it speaks.
    const proxy = await start(t, { mode: "socks5", gate, timeouts: { peekMs: 30_000 } });
    const plain = await curl(t, [name, `127.0.0.1:${proxy.port}`, `http://${option}:${http}/plain`]);
    t.is(JSON.parse(plain.body || plain.stderr).url, "/plain");
    t.deepEqual(gate.events.filter((event) => event !== "serverdisconnect" && event !== "clientdisconnect"), ["clientconnect", "next_layer(http1)", "requestheaders", "request", "serverconnect", "responseheaders", "response"]);
    gate.clear();
    const secure = await curl(t, [name, `127.0.0.1:${proxy.port}`, "--cacert", proxy.caFile, `https://localhost:${https}/secure`]);
    t.is(JSON.parse(secure.body || secure.stderr).url, "/secure");
    t.true(gate.events.includes("next_layer(tls)"));
    t.deepEqual(gate.problems, []);
  });
}

test("socks5: IPv6, Python's bytes, a server that speaks first", async (t) => {
  const python = requireProgram(t, "python3", "python3");
  if (python === undefined) return;
  const greeting = await rawOrigin((socket) => { socket.write("220 first\r\n"); }, { host: "::1" });
  t.teardown(() => greeting.close());
  const proxy = await start(t, { mode: "socks5" });
  const script = `
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", ${proxy.port})); s.settimeout(15)
s.sendall(b"\\x05\\x01\\x00"); assert s.recv(2) == b"\\x05\\x00"
s.sendall(b"\\x05\\x01\\x00\\x04" + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("!H", ${greeting.port}))
reply = s.recv(10); assert reply[:2] == b"\\x05\\x00", reply
print(s.recv(100))`;
  const end = await runProgram(python, ["-c", script]);
  t.is(end.stdout, "b'220 first\\r\\n'\n", end.stderr);
});

test("socks5 with a user and a password: the right ones, wrong ones, none", async (t) => {
  const { http } = await origins(t);
  const { openProxyAuth } = await import("../../host/access/proxy-auth.ts");
  const proxy = await start(t, { mode: "socks5", proxyAuth: await openProxyAuth({ kind: "pair", pair: { user: "ada", password: "s3cr:t" } }) });
  const ask = (user: string): ReturnType<typeof curl> => curl(t, ["--socks5-hostname", `127.0.0.1:${proxy.port}`, ...(user === "" ? [] : ["--proxy-user", user]), `http://localhost:${http}/`]);
  t.is(JSON.parse((await ask("ada:s3cr:t")).body).url, "/");
  for (const user of ["ada:wrong", "", "eve:s3cr:t"]) t.is((await ask(user)).code, 97, user);
  t.true(proxy.log.some(({ msg }) => /its user or password is wrong/.test(msg)));
  t.true(proxy.log.some(({ msg }) => /no user and password/.test(msg)));
  t.false(JSON.stringify(proxy.log).includes("s3cr"));
});

const refusals: readonly (readonly [string, string, RegExp])[] = [
  ["no method that fits", "050101", /^05ff$/], ["BIND", "050100 05020001 7f000001 0050", /^050005070001/], ["UDP", "050100 05030001 7f000001 0050", /^050005070001/],
  ["an unknown type of address", "050100 05010009", /^050005080001/], ["a name with a line end", "050100 05010003 03 610d0a 0050", /^050005010001/], ["another version", "050100 04010003", /^0500$/],
  ["SOCKS4", "04010050 7f000001 00", /^005b000000000000$/], ["no methods", "0500", /^$/], ["garbage", "00000000", /^$/], ["ff", "ff", /^$/],
];
for (const [name, bytes, reply] of refusals) {
  test(`socks5 refuses: ${name}`, async (t) => {
    const proxy = await start(t, { mode: "socks5" });
    const client = await rawClient(proxy.port);
    client.send(Buffer.from(bytes.replaceAll(" ", ""), "hex"));
    await client.untilEnd();
    t.regex(client.bytes.toString("hex"), reply);
    client.close();
    t.is(proxy.log.filter(({ fields }) => fields["event"] === "refused").length, 1);
  });
}

test("socks5: HTTP to it gets a page that says what it is; its own address is refused", async (t) => {
  const proxy = await start(t, { mode: "socks5" });
  const page = await curl(t, ["-i", "-x", proxy.url, "http://x.example/"]);
  t.is(page.status, 400);
  t.regex(page.body, /SOCKS5 proxy.*socks5h:\/\//);
  const own = await rawClient(proxy.port);
  own.send(Buffer.from(`0501000501000309${Buffer.from("127.0.0.1").toString("hex")}${proxy.port.toString(16).padStart(4, "0")}`, "hex"));
  await own.untilEnd();
  t.regex(own.bytes.toString("hex"), /^050005020001/);
  own.close();
  const name = await curl(t, ["-i", "--socks5-hostname", `127.0.0.1:${proxy.port}`, `http://localhost:${proxy.port}/`]);
  t.regex(name.body, /this proxy itself/);
});

test("socks5: one byte at a time is understood; a client that stops is not waited for", async (t) => {
  const { http } = await origins(t);
  const proxy = await start(t, { mode: "socks5" });
  const impatient = await start(t, { mode: "socks5", timeouts: { headMs: 1_000 } });
  const slow = await rawClient(proxy.port);
  const bytes = Buffer.concat([Buffer.from("0501000501000309", "hex"), Buffer.from("localhost"), Buffer.from([http >> 8, http & 255])]);
  for (const byte of bytes) {
    slow.send(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  t.regex(await slow.until(/\/slow/), /HTTP\/1\.1 200/);
  slow.close();
  for (const prefix of ["05", "0502", "050100", "050100050100", "0501000501000309"]) {
    const stopped = await rawClient(impatient.port);
    stopped.send(Buffer.from(prefix, "hex"));
    await stopped.untilEnd(15_000);
    t.true(stopped.hasEnd || stopped.isClosed, prefix);
    stopped.close();
  }
});

test("socks5 at every cut and with every byte changed: no exchange gets hurt", async (t) => {
  const { http } = await origins(t);
  const proxy = await start(t, { mode: "socks5" });
  const good = Buffer.concat([Buffer.from("0501000501000309", "hex"), Buffer.from("localhost"), Buffer.from([http >> 8, http & 255])]);
  const variants = [...good.keys()].flatMap((at) => [good.subarray(0, at), Buffer.from(good).fill(0xff, at, at + 1), Buffer.from(good).fill(0, at, at + 1)]);
  await Promise.all(variants.map(async (bytes) => {
    const socket = connect({ host: "127.0.0.1", port: proxy.port });
    socket.on("error", () => undefined);
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
  }));
  const fine = await curl(t, ["--socks5-hostname", `127.0.0.1:${proxy.port}`, `http://localhost:${http}/`]);
  t.is(JSON.parse(fine.body).url, "/");
});

test("tcp: bytes as they are, TLS included, events of TCP, no wait for the client", async (t) => {
  const { https } = await origins(t);
  const gate = recordingGate();
  const proxy = await start(t, { mode: `tcp:127.0.0.1:${https}`, gate });
  const answer = await curl(t, ["--cacert", certificate.certFile, "--connect-to", `::127.0.0.1:${proxy.port}`, "https://origin.test/"]);
  t.is(JSON.parse(answer.body || answer.stderr).host, "origin.test");
  await gate.seen("tcp_end");
  t.deepEqual(gate.events.slice(0, 4), ["clientconnect", "next_layer(tcp)", "serverconnect", "tcp_start"]);
  const first = await rawOrigin((socket) => { socket.end("first\r\n"); });
  t.teardown(() => first.close());
  const silent = await start(t, { mode: `tcp:127.0.0.1:${first.port}`, timeouts: { peekMs: 60_000 } });
  const client = await rawClient(silent.port);
  t.is(await client.untilEnd(), "first\r\n");
  client.close();
});

test("TLS to the proxy itself: curl's https:// proxies, in every mode that clients know, and SOCKS and TCP inside", async (t) => {
  const { http, https } = await origins(t);
  for (const mode of ["regular", "regular+tls"]) {
    const proxy = await start(t, { mode });
    const through = ["-x", `https://127.0.0.1:${proxy.port}`, "--proxy-cacert", proxy.caFile, "--cacert", proxy.caFile];
    for (const url of [`http://127.0.0.1:${http}/x`, `https://localhost:${https}/x`]) {
      const answer = await curl(t, [...through, url]);
      t.is(JSON.parse(answer.body || answer.stderr).url, "/x", `${mode} ${url}`);
    }
  }
  const { proxy, port, ca, url } = await start(t, { mode: "regular+tls" });
  const plain = await curl(t, ["-i", "-x", url, `http://127.0.0.1:${http}/`]);
  t.is(plain.status, 400);
  t.regex(plain.body, /takes TLS only.*https:\/\//);
  const first = await rawOrigin((socket) => { socket.end("first\r\n"); });
  t.teardown(() => first.close());
  const tcp = await proxy.listen({ host: "127.0.0.1", port: 0, mode: `tcp+tls:127.0.0.1:${first.port}` });
  const inTls = await (await rawClient(tcp.port)).secure({ ca, servername: "" , checkServerIdentity: () => undefined });
  t.is(await inTls.untilEnd(), "first\r\n");
  inTls.close();
  const reverse = await proxy.listen({ host: "127.0.0.1", port: 0, mode: `reverse+tls:http://127.0.0.1:${http}` });
  t.is((await curl(t, ["-i", `http://127.0.0.1:${reverse.port}/`])).status, 400);
  const { body } = await curl(t, ["-k", `https://127.0.0.1:${reverse.port}/reversed`]);
  t.is(JSON.parse(body).url, "/reversed");
  const socks = await proxy.listen({ host: "127.0.0.1", port: 0, mode: "socks5+tls" });
  const inside = await (await rawClient(socks.port)).secure({ ca, servername: "proxy.example" });
  inside.send(Buffer.concat([Buffer.from("0501000501000309", "hex"), Buffer.from("127.0.0.1"), Buffer.from([http >> 8, http & 255])])).send("GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
  t.regex(await inside.until(/\/in/), /HTTP\/1\.1 200/);
  inside.close();
  t.true(port > 0);
});

test("left alone by address or by name, in SOCKS and CONNECT alike; allowed by either; TCP by the name in the hello", async (t) => {
  const { https } = await origins(t);
  const cases: readonly (readonly [TestProxyOptions, boolean])[] = [
    [{ ignoreHosts: [/^127\.0\.0\.1:/] }, true], [{ ignoreHosts: [/^origin\.test:/] }, true], [{ ignoreHosts: [/^other\.test:/] }, false],
    [{ allowHosts: [/^127\.0\.0\.1:/] }, false], [{ allowHosts: [/^origin\.test:/] }, false], [{ allowHosts: [/^other\.test:/] }, true],
  ];
  for (const [options, isLeftAlone] of cases) {
    for (const [mode, ...way] of [["socks5", "--socks5", "127.0.0.1:"], ["regular", "-x", "http://127.0.0.1:"]] as const) {
      const gate = recordingGate();
      const proxy = await start(t, { mode, gate, ...options });
      const url = `https://origin.test:${https}/`;
      // The client asks for the address, and names the server in its hello.
      const to = mode === "socks5" ? ["--resolve", `origin.test:${https}:127.0.0.1`] : ["--connect-to", `::127.0.0.1:${https}`];
      const answer = await curl(t, [way[0], `${way[1]}${proxy.port}`, ...to, "--cacert", isLeftAlone ? certificate.certFile : proxy.caFile, url]);
      t.is(JSON.parse(answer.body || `"${answer.stderr.trim()}"`).host, `origin.test:${https}`, `${mode} ${JSON.stringify(options, (_, value: unknown) => (value instanceof RegExp ? value.source : value))}`);
      t.is(gate.events.includes("request"), !isLeftAlone);
    }
  }
  const gate = recordingGate();
  const tcp = await start(t, { mode: "socks5", gate, tcpHosts: [/^origin\.test:/] });
  await curl(t, ["--http1.1", "--socks5", `127.0.0.1:${tcp.port}`, "--resolve", `origin.test:${https}:127.0.0.1`, "--cacert", tcp.caFile, `https://origin.test:${https}/`]);
  t.true(gate.events.includes("tcp_message"), gate.events.join());
});

test("the program: several listeners in one ready line, each with its mode; a port that is taken is named", async (t) => {
  const { http } = await origins(t);
  const { startFlowcell } = await import("../helpers/flowcell.ts");
  const flowcell = await startFlowcell([], ["-m", "regular", "-m", "socks5@0", "-m", `reverse:http://127.0.0.1:${http}@0`, "-m", `tcp:127.0.0.1:${http}@[::1]:0`]);
  const ready = await flowcell.line((line) => line["event"] === "ready");
  const listeners = ready["listeners"] as readonly { readonly mode: string; readonly host: string; readonly port: number }[];
  t.deepEqual(listeners.map(({ mode, host }) => [mode, host]), [["regular", "127.0.0.1"], ["socks5", "127.0.0.1"], [`reverse:http://127.0.0.1:${http}`, "127.0.0.1"], [`tcp:127.0.0.1:${http}`, "::1"]]);
  const [, socks, reverse] = listeners;
  t.is(JSON.parse((await curl(t, ["--socks5-hostname", `127.0.0.1:${socks?.port}`, `http://localhost:${http}/s`])).body).url, "/s");
  t.is(JSON.parse((await curl(t, [`http://127.0.0.1:${reverse?.port}/r`])).body).url, "/r");
  await t.throwsAsync(startFlowcell([], ["-m", `socks5@${flowcell.port}`]), { message: new RegExp(`Port ${flowcell.port} on 127\\.0\\.0\\.1 is taken`) });
  t.is(await flowcell.stop(), 0);
});
