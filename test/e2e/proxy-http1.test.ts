// Plain HTTP/1 forward proxying, byte by byte, between raw clients and raw servers. No addons; events are tested elsewhere.
import test from "ava";
import { rawClient } from "../helpers/client.ts";
import { answering, originFor as origin, rawOrigin } from "../helpers/origin.ts";
import { startProxy } from "../helpers/proxy.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

test("an absolute-form GET goes out in origin-form with its fields as they came", async (t) => {
  const server = await origin(t, answering("HTTP/1.1 200 Fine by me\r\nX-a:  1 \r\ncontent-LENGTH: 2\r\nx-A: 2\r\n\r\nok"));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/a?b=c%20d HTTP/1.1\r\nhOST: 127.0.0.1:${server.port}\r\nAccept:*/*\r\nX-Two: 1\r\nx-two:\t2  \r\nProxy-Connection: keep-alive\r\n\r\n`);
  t.is(await client.until(/ok$/), "HTTP/1.1 200 Fine by me\r\nX-a:  1 \r\ncontent-LENGTH: 2\r\nx-A: 2\r\n\r\nok");
  t.is(server.text(), `GET /a?b=c%20d HTTP/1.1\r\nhOST: 127.0.0.1:${server.port}\r\nAccept:*/*\r\nX-Two: 1\r\nx-two:\t2  \r\n\r\n`);
  client.close();
});

test("a Host that names the proxy itself is replaced by the address's, in its place and spelling", async (t) => {
  const server = await origin(t, answering(ok));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nA: 1\r\nhOST: some.name:${port}\r\nB: 2\r\n\r\n`);
  await client.until(/ok$/);
  t.is(server.text(), `GET / HTTP/1.1\r\nA: 1\r\nhOST: 127.0.0.1:${server.port}\r\nB: 2\r\n\r\n`);
  client.close();
});

test("both connections are kept for the next request, and one per origin", async (t) => {
  const [one, two] = [await origin(t, answering(ok)), await origin(t, answering(ok))];
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  for (const server of [one, two, one, two, one]) {
    client.clear();
    client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    await client.until(/ok$/);
  }
  t.is(one.connectionCount, 1);
  t.is(two.connectionCount, 1);
  client.close();
});

test("pipelined requests are answered in order", async (t) => {
  const server = await origin(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n", "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nthree"));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  const url = `http://127.0.0.1:${server.port}`;
  client.send(`GET ${url}/1 HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\nPOST ${url}/2 HTTP/1.1\r\nHost: ${url.slice(7)}\r\nContent-Length: 4\r\n\r\nbodyGET ${url}/3 HTTP/1.1\r\nHost: ${url.slice(7)}\r\n\r\n`);
  const text = await client.until(/three$/);
  t.regex(text, /one.*two.*404.*three/s);
  t.is(server.connectionCount, 1);
  t.regex(server.text(), /GET \/1.*POST \/2.*\r\n\r\nbodyGET \/3/s);
  client.close();
});

test("chunked bodies and their trailers pass in both directions", async (t) => {
  const server = await origin(t, answering("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum:  9\r\n\r\n"));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n3\r\nabc\r\n0\r\ndigest: q\r\n\r\n`);
  t.is(await client.until(/\r\n\r\n$/), "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum:  9\r\n\r\n");
  t.true(server.text().endsWith("\r\n\r\n3\r\nabc\r\n0\r\ndigest: q\r\n\r\n"));
  client.close();
});

test("an HTTP/1.0 client never gets chunks, and its connection ends unless it asked otherwise", async (t) => {
  const server = await origin(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ok));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.0\r\n\r\n`);
  t.is(await client.untilEnd(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  t.is(server.text(), `GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  client.close();
  const second = await rawClient(port);
  second.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.0\r\nHost: 127.0.0.1:${server.port}\r\nConnection: keep-alive\r\n\r\n`);
  t.is(await second.until(/ok$/), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  second.close();
});

test("a body that ends with the connection stays so", async (t) => {
  const server = await origin(t, (socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\nServer: old\r\n\r\nuntil the end")));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await client.untilEnd(), "HTTP/1.1 200 OK\r\nServer: old\r\nConnection: close\r\n\r\nuntil the end");
  t.is(client.error, null);
  client.close();
});

test("HEAD, 204 and 304 have no body whatever they declare", async (t) => {
  const heads = ["HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"];
  const server = await origin(t, answering(...heads, ok));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  for (const [i, method] of ["HEAD", "GET", "GET"].entries()) {
    client.clear();
    client.send(`${method} http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    t.is(await client.until(/\r\n\r\n/), heads[i] ?? "");
  }
  client.clear();
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await client.until(/ok$/), ok);
  client.close();
});

test("interim responses pass, and only to clients that know them", async (t) => {
  const server = await origin(t, answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${ok}`));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await client.until(/ok$/), `HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${ok}`);
  client.close();
  const old = await rawClient(port);
  old.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.0\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  t.is(await old.untilEnd(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  old.close();
});

test("Expect: 100-continue goes to the server, whose 100 comes back before the body is sent", async (t) => {
  const server = await origin(t, (socket) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      if (text.endsWith("body")) socket.write(ok);
    });
  });
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`PUT http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
  t.is(await client.until(/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n");
  t.regex(server.text(), /\r\nExpect: 100-continue\r\n/);
  client.send("body");
  t.true((await client.until(/ok$/)).endsWith(ok));
  client.close();
});

test("a client that shuts down writing after its request still gets the response", async (t) => {
  const server = await origin(t, (socket) => {
    socket.once("data", () => setTimeout(() => socket.write(ok), 100));
    socket.on("end", () => socket.end());
  });
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  client.socket.end();
  t.is(await client.untilEnd(), ok);
});

test("a server that answers before the request is complete is heard at once", async (t) => {
  const server = await origin(t, (socket) => socket.once("data", () => socket.write("HTTP/1.1 413 Too much\r\nContent-Length: 4\r\n\r\nfull")));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 1000000\r\n\r\nbeginning`);
  t.is(await client.untilEnd(), "HTTP/1.1 413 Too much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull");
  client.close();
});

for (const [name, beginning] of [
  ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
  ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
] as const) {
  test(`a body ${name} that the server breaks off never looks whole`, async (t) => {
    const server = await origin(t, (socket) => socket.once("data", () => { socket.write(beginning); setTimeout(() => socket.end(), 50); }));
    const { port } = await startProxy(t);
    const client = await rawClient(port);
    client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    const text = await client.untilEnd();
    t.true(text === beginning || client.error !== null, JSON.stringify(text));
    client.close();
  });
}

test("a body until the end of the connection that is reset ends in a reset for the client as well", async (t) => {
  const server = await origin(t, (socket) => socket.once("data", () => { socket.write("HTTP/1.1 200 OK\r\n\r\nhalf"); setTimeout(() => socket.resetAndDestroy(), 100); }));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  await client.untilEnd();
  t.true(client.error !== null && "code" in client.error && client.error.code === "ECONNRESET", String(client.error));
});

test("a kept connection that the server closed meanwhile is replaced without the client noticing", async (t) => {
  const server = await origin(t, (socket, index) => {
    let requests = 0;
    socket.on("data", () => {
      if (index === 0 && requests++ > 0) socket.resetAndDestroy();
      else socket.write(ok);
    });
  });
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  for (let i = 0; i < 2; i++) {
    client.clear();
    client.send(`GET http://127.0.0.1:${server.port}/${i} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    t.is(await client.until(/ok$/), ok);
  }
  t.is(server.connectionCount, 2);
  client.close();
});

test("a server that announces its close is not asked again on that connection", async (t) => {
  const server = await origin(t, (socket, index) => socket.on("data", () => socket.write(index === 0 ? "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" : ok)));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  for (let i = 0; i < 3; i++) {
    client.clear();
    client.send(`POST http://127.0.0.1:${server.port}/${i} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 1\r\n\r\nx`);
    t.is(await client.until(/ok$/), ok);
  }
  t.is(server.connectionCount, 2);
  client.close();
});

test("a POST is not sent twice when its kept connection dies", async (t) => {
  let posts = 0;
  const server = await origin(t, (socket, index) => {
    socket.on("data", (chunk: Buffer) => {
      if (chunk.toString().startsWith("POST")) posts++;
      if (index === 0 && posts > 0) socket.resetAndDestroy();
      else socket.write(ok);
    });
  });
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
  await client.until(/ok$/);
  client.clear();
  client.send(`POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 1\r\n\r\nx`);
  t.regex(await client.until(/\r\n\r\n[^]+/), /^HTTP\/1\.1 502 /);
  t.is(posts, 1);
  client.close();
});

test("what cannot be a request is answered and ends the connection", async (t) => {
  const { port } = await startProxy(t);
  const cases: readonly (readonly [string, RegExp])[] = [
    ["GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", /^HTTP\/1\.1 400 .*example\.test/s],
    ["GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n", /^HTTP\/1\.1 400 .*different servers/s],
    ["GET http://a.test/ HTTP/1.1\r\nHost: a.test:81\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://a.test/ HTTP/1.1\r\nHost:\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://user:pass@x/ HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://x/ HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://x/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET http://x/ HTTP/3.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 505 /],
    ["complete nonsense\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["CONNECT nowhere HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
  ];
  for (const [request, expected] of cases) {
    const client = await rawClient(port);
    client.send(request);
    if (request.startsWith("CONNECT")) t.regex(await client.until(/\r\n\r\n[^]+/), expected, request);
    else t.regex(await client.untilEnd(), expected, request);
    client.close();
  }
});

test("a server that cannot be reached, or sends no HTTP, gives a page with the cause", async (t) => {
  const gone = await rawOrigin(() => undefined);
  gone.close();
  const garbage = await origin(t, answering("SSH-2.0-OpenSSH_9.9\r\n"));
  const silent = await origin(t, (socket) => socket.once("data", () => socket.end()));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  const cases = [[gone, /^HTTP\/1\.1 502 .*refused the connection/s], [garbage, /^HTTP\/1\.1 502 .*status-line/s], [silent, /^HTTP\/1\.1 502 .*closed the connection/s]] as const;
  for (const [server, expected] of cases) {
    client.clear();
    client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: application/json\r\n\r\n`);
    t.regex(await client.until(/\r\n\r\n\{.*\}\n$/s), expected);
  }
  client.clear();
  client.send("GET http://no-such-name.invalid/ HTTP/1.1\r\nHost: no-such-name.invalid\r\n\r\n");
  t.regex(await client.until(/\r\n\r\n[^]+\n$/), /^HTTP\/1\.1 502 .*could not be resolved/s);
  client.close();
});

test("the proxy does not go round through itself", async (t) => {
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  for (const host of ["127.0.0.1", "localhost"]) {
    client.clear();
    client.send(`GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
    t.regex(await client.until(/\r\n\r\n[^]+\n$/), /^HTTP\/1\.1 (400 .*this proxy itself|502)/s);
  }
  client.close();
});

test("an upgrade that the server accepts becomes a raw relay with half-close", async (t) => {
  const server = await origin(t, (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nfirst");
      socket.on("data", (chunk: Buffer) => socket.write(chunk));
      socket.on("end", () => socket.end("last"));
    });
  });
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  t.is(await client.until(/first$/), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nfirst");
  t.is(server.text(), `GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  client.send("\x00\xff raw");
  await client.until(/\x00\xff raw$/);
  client.socket.end();
  t.true((await client.untilEnd()).endsWith("last"));
});

test("a slow client makes the server wait", async (t) => {
  const size = 64 * 1024 * 1024;
  let sent = 0;
  const server = await origin(t, (socket) => socket.once("data", () => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    const piece = Buffer.alloc(65_536, 1);
    const more = (): void => {
      while (sent < size) {
        sent += piece.length;
        if (!socket.write(piece)) return void socket.once("drain", more);
      }
    };
    more();
  }));
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.socket.pause();
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  // The kernel's socket buffers take up to about 6 MiB on each of the two hops; the proxy itself a few hundred KiB.
  t.true(sent < size / 2, `${sent} bytes were taken from the server while the client read nothing`);
  let received = 0;
  client.socket.removeAllListeners("data");
  client.socket.on("data", (chunk: Buffer) => { received += chunk.length; });
  client.socket.resume();
  await new Promise<void>((resolve) => client.socket.once("end", resolve));
  t.true(received > size);
});
