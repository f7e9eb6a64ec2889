// Bytes that are only relayed say nothing of their length: who is cut must see that, on either side. And nobody is switched to another protocol who
// has not asked for it on this connection, or has not said everything yet.
import test, { type ExecutionContext } from "ava";
import type { Socket } from "node:net";
import { rawClient, type RawClient } from "../helpers/client.ts";
import { originFor as origin } from "../helpers/origin.ts";
import { startProxy } from "../helpers/proxy.ts";

async function connect(t: ExecutionContext, port: number): Promise<RawClient> {
  const client = await rawClient(port);
  t.teardown(() => client.close());
  return client;
}

type Seen = "end" | "reset" | "nothing";

/** How the server's connection ended. */
const endOf = (socket: Socket): Promise<Seen> => new Promise((resolve) => {
  socket.once("end", () => resolve("end"));
  socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNRESET" ? "reset" : "nothing"));
  socket.resume();
});

const switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\nfirst";

test("a client that is reset in a raw relay is reset for the server, too", async (t) => {
  const seen = Promise.withResolvers<Seen>();
  const server = await origin(t, (socket) => {
    socket.write("first");
    void endOf(socket).then(seen.resolve);
  });
  const { port } = await startProxy(t, { mode: `tcp:127.0.0.1:${server.port}` });
  const client = await connect(t, port);
  await client.until(/first$/);
  client.send("half of what there");
  client.socket.resetAndDestroy();
  t.is(await seen.promise, "reset");
});

test("likewise after an upgrade", async (t) => {
  const seen = Promise.withResolvers<Seen>();
  const server = await origin(t, (socket) => {
    socket.once("data", () => {
      socket.write(switched);
      void endOf(socket).then(seen.resolve);
    });
  });
  const { port } = await startProxy(t);
  const client = await connect(t, port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n`);
  await client.until(/first$/);
  client.socket.resetAndDestroy();
  t.is(await seen.promise, "reset");
});

test("a client that ends is ended for the server", async (t) => {
  const seen = Promise.withResolvers<Seen>();
  const server = await origin(t, (socket) => {
    socket.write("first");
    void endOf(socket).then((end) => { seen.resolve(end); socket.end(); });
  });
  const { port } = await startProxy(t, { mode: `tcp:127.0.0.1:${server.port}` });
  const client = await connect(t, port);
  await client.until(/first$/);
  client.socket.end("all of it");
  t.is(await seen.promise, "end");
});

for (const [what, fields] of [["h2c", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"], ["websocket", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"]] as const) {
  for (const [version, connection] of [["1.1", ""], ["1.1", "Connection: keep-alive\r\n"], ["1.0", "Connection: Upgrade\r\n"]] as const) {
    test(`Upgrade: ${what} in HTTP/${version} with "${connection.trim()}" is no wish, and nothing is switched`, async (t) => {
      const server = await origin(t, (socket) => { socket.once("data", () => socket.write(switched)); });
      const { port } = await startProxy(t);
      const client = await connect(t, port);
      client.send(`GET http://127.0.0.1:${server.port}/ HTTP/${version}\r\nHost: 127.0.0.1:${server.port}\r\n${connection}${fields}\r\n`);
      t.regex(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 502 /);
      t.notRegex(server.text(), /^upgrade:/im);
    });
  }
}

test("a server that switches before the request is over is refused, and what is left of the request is not relayed", async (t) => {
  const seen = Promise.withResolvers<Seen>();
  const server = await origin(t, (socket) => {
    socket.once("data", () => socket.write(switched));
    void endOf(socket).then(seen.resolve);
  });
  const { port } = await startProxy(t);
  const client = await connect(t, port);
  client.send(`POST http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: other\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  t.regex(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 502 /);
  client.send("0\r\n\r\nsmuggled");
  await seen.promise;
  t.notRegex(server.text(), /smuggled/);
});
