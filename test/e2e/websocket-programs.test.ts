// WebSockets with clients and servers that are not Node's: Python's websockets and wsproto, and a page in headless Chromium.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createInterface } from "node:readline";
import test, { type ExecutionContext } from "ava";
import { WebSocketServer } from "ws";
import type { HttpFlow } from "../../host/flows/flow.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { openInChromium } from "../helpers/chromium.ts";
import { runProgram } from "../helpers/client.ts";
import { requireProgram, requirePython } from "../helpers/programs.ts";
import { startProxy, type TestProxy } from "../helpers/proxy.ts";
import { kill, recordingGate } from "../helpers/recording-gate.ts";
import { echoMessages, webSocketOrigin } from "../helpers/websocket.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

interface Stage { readonly proxy: TestProxy; readonly seen: string[]; readonly versions: string[]; readonly ended: Promise<readonly unknown[]> }

async function stage(t: ExecutionContext): Promise<Stage> {
  const seen: string[] = [];
  const versions: string[] = [];
  const ended = Promise.withResolvers<readonly unknown[]>();
  // A browser asks its maker for many things; none of that leaves this machine.
  const keepHere = (flow: HttpFlow): void => { if (flow.request.host !== "localhost") kill(flow); };
  const gate = recordingGate({ on: {
    http_connect: keepHere, requestheaders: keepHere,
    websockets_handshake: ({ request }) => void versions.push(request.httpVersion),
    websocket_message: ({ webSocket }) => {
      const message = webSocket?.message;
      if (message == null) return;
      seen.push(`${message.fromClient ? ">" : "<"} ${message.type === "text" ? message.content.toString() : message.content.toString("hex")}`);
      if (message.content.toString() === "drop me") message.dropped = true;
    },
    websocket_end: ({ webSocket, error }) => ended.resolve([webSocket?.closeCode, webSocket?.closeReason, webSocket?.closedByClient, error]),
  } });
  const proxy = await startProxy(t, { gate, upstreamCaFile: certificate.certFile, timeouts: { peekMs: 60_000 } });
  t.teardown(() => { if (gate.problems.length > 0) throw new Error(gate.problems.join("; ")); });
  return { proxy, seen, versions, ended: ended.promise };
}

const tunnelInPython = `
import socket, ssl, sys
proxy, origin, ca = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def tunnel():
    s = socket.create_connection(("127.0.0.1", proxy))
    s.sendall(b"CONNECT localhost:%d HTTP/1.1\\r\\nHost: localhost:%d\\r\\n\\r\\n" % (origin, origin))
    head = b""
    while not head.endswith(b"\\r\\n\\r\\n"): head += s.recv(1)
    assert b" 200 " in head, head
    return s
`;

const websocketsClient = `${tunnelInPython}
import asyncio, websockets
async def main():
    context = ssl.create_default_context(cafile=ca)
    async with websockets.connect("wss://localhost:%d/py" % origin, sock=tunnel(), ssl=context, server_hostname="localhost", max_size=None) as ws:
        print("extensions", [e.name for e in ws.extensions])
        for message in ["h\\u00e9", b"\\x00\\xff", "x" * 200000, ["in ", "three ", "pieces"], "drop me", ""]:
            await ws.send(message)
        for _ in range(5):
            got = await ws.recv()
            print(type(got).__name__, len(got))
        await asyncio.wait_for(await ws.ping(b"data"), 20)
        print("pong")
        await ws.close(4000, "bye")
    print("closed", ws.close_code, ws.close_reason)
asyncio.run(main())
`;

const websocketsServer = `
import asyncio, ssl, sys, websockets
async def echo(ws, path=None):
    try:
        async for message in ws: await ws.send(message)
    except websockets.ConnectionClosed: pass
    finally: print("closed", ws.close_code, ws.close_reason, flush=True)
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
`;

test.serial("Python's websockets on both ends, compressed: text, bytes, fragments, ping, close", async (t) => {
  const python = requirePython(t, "websockets", "python3-websockets");
  if (python === undefined) return;
  const { proxy, seen, ended } = await stage(t);
  const server = spawn(python, ["-c", websocketsServer, certificate.certFile, certificate.keyFile], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(async () => { server.kill("SIGKILL"); await once(server, "close"); });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  const { code, stdout, stderr } = await runProgram(python, ["-c", websocketsClient, String(proxy.port), String(port), proxy.caFile], "", 60_000);
  t.is(code, 0, stderr);
  t.deepEqual(stdout.trim().split("\n"), ["extensions ['permessage-deflate']", "str 2", "bytes 2", "str 200000", "str 15", "str 0", "pong", "closed 4000 bye"]);
  t.is((await lines.next()).value, "closed 4000 bye");
  const short = (line: string): string => (line.length > 100 ? `${line.slice(0, 4)}…` : line);
  t.deepEqual(seen.filter((line) => line.startsWith(">")).map(short), ["> hé", "> 00ff", "> xx…", "> in three pieces", "> drop me", "> "]);
  t.deepEqual(seen.filter((line) => line.startsWith("<")).map(short), ["< hé", "< 00ff", "< xx…", "< in three pieces", "< "]);
  t.deepEqual(await ended, [4000, "bye", true, null]);
});

const wsprotoClient = `${tunnelInPython}
from wsproto import WSConnection, ConnectionType
from wsproto.events import Request, AcceptConnection, TextMessage, BytesMessage, Ping, Pong, CloseConnection
from wsproto.extensions import PerMessageDeflate
s = tunnel()
ws = WSConnection(ConnectionType.CLIENT)
s.sendall(ws.send(Request(host="localhost:%d" % origin, target="/", extensions=[PerMessageDeflate(client_no_context_takeover=True, server_max_window_bits=10)])))
text = ""
parts = {"done": 0}
open_ = True
while open_:
    data = s.recv(65536)
    ws.receive_data(data or None)
    for event in ws.events():
        if isinstance(event, AcceptConnection):
            print("accepted", [str(e) != "" for e in event.extensions])
            out = b""
            for i in range(50):
                out += ws.send(TextMessage(data="part %d " % i, message_finished=(i == 49)))
                if i == 25: out += ws.send(Ping(payload=b"mid"))
            out += ws.send(BytesMessage(data=b"\\x01" * 70000))
            # One byte at a time at first, then the rest.
            for i in range(40): s.sendall(out[i:i+1])
            s.sendall(out[40:])
        elif isinstance(event, Pong): print("pong", bytes(event.payload))
        elif isinstance(event, TextMessage):
            text += event.data
            if event.message_finished: print("text", text == "".join("part %d " % i for i in range(50)))
        elif isinstance(event, BytesMessage):
            parts["done"] += len(event.data)
            if event.message_finished:
                print("bytes", parts["done"])
                s.sendall(ws.send(CloseConnection(code=1001, reason="leaving")))
        elif isinstance(event, CloseConnection):
            print("closed", event.code, event.reason)
            open_ = False
`;

test.serial("wsproto, compressed in fifty fragments with a ping between them, byte by byte", async (t) => {
  const python = requirePython(t, "wsproto", "python3-wsproto");
  if (python === undefined) return;
  const { proxy, seen, ended } = await stage(t);
  const origin = await webSocketOrigin(t, echoMessages, { perMessageDeflate: { threshold: 0 } });
  const { code, stdout, stderr } = await runProgram(python, ["-c", wsprotoClient, String(proxy.port), String(origin.port), proxy.caFile], "", 60_000);
  t.is(code, 0, stderr);
  t.deepEqual(stdout.trim().split("\n").sort(), ["accepted [True]", "bytes 70000", "closed 1001 leaving", "pong b'mid'", "text True"]);
  t.is(seen.length, 4);
  t.deepEqual(await ended, [1001, "leaving", true, null]);
});

const page = `<!doctype html><script>
const said = [];
const socket = new WebSocket("wss://" + location.host + "/chat", ["chat.v1"]);
socket.binaryType = "arraybuffer";
const tell = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
socket.onopen = () => { socket.send("h\\u00e9"); socket.send("drop me"); socket.send(new Uint8Array([1, 2, 3])); socket.send("x".repeat(100000)); };
socket.onmessage = ({ data }) => { said.push(typeof data === "string" ? data.length : "bytes " + data.byteLength); if (said.length === 3) socket.close(3001, "page"); };
socket.onclose = ({ code, reason, wasClean }) => tell({ said, code, reason, wasClean, protocol: socket.protocol, extensions: socket.extensions });
socket.onerror = () => said.push("error");
</script>`;

test.serial("a page in headless Chromium: its WebSocket goes over HTTP/2 to the proxy and over HTTP/1.1 to the server", async (t) => {
  const chromium = requireProgram(t, "chromium", "chromium");
  if (chromium === undefined) return;
  t.timeout(110_000);
  const { proxy, seen, versions, ended } = await stage(t);
  const result = Promise.withResolvers<unknown>();
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  const server = createSecureServer({ key: certificate.key, cert: certificate.cert, allowHTTP1: true }, (request: Http2ServerRequest, response: Http2ServerResponse) => {
    if (request.url === "/result") request.on("data", (data: Buffer) => { result.resolve(JSON.parse(data.toString())); response.end(); });
    else if (request.url === "/") response.writeHead(200, { "content-type": "text/html" }).end(page);
    else response.writeHead(404).end();
  });
  server.on("upgrade", (request, socket, head) => webSockets.handleUpgrade(request, socket, head, echoMessages));
  server.on("error", () => undefined).on("sessionError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => { server.close(); for (const socket of webSockets.clients) socket.terminate(); });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await openInChromium(t, chromium, `https://localhost:${port}/`, proxy.port);
  t.deepEqual(await result.promise, { said: [2, "bytes 3", 100_000], code: 3001, reason: "page", wasClean: true, protocol: "chat.v1", extensions: "permessage-deflate" });
  t.deepEqual(versions, ["HTTP/2.0"]);
  t.deepEqual(seen.filter((line) => line.startsWith(">")).map((line) => line.slice(0, 9)), ["> hé", "> drop me", "> 010203", "> xxxxxxx"]);
  t.deepEqual(await ended, [3001, "page", true, null]);
});
