// The floor: a forward proxy of raw sockets without addons or features, in as few lines as it takes. It finds heads and body ends on both sides,
// keeps one server connection for each client connection, and shows every client the same certificate. It checks nothing.
// Run by peers.ts: node bare.ts CERT KEY; prints its port.
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { ResponseScanner } from "../harness/response-scanner.ts";

const [certFile = "", keyFile = ""] = process.argv.slice(2);
const secureContext = createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) });

interface Target { readonly host: string; readonly port: number; readonly isSecure: boolean }

/** Requests without bodies, one after the other. `fixed`: where a tunnel leads. */
function serve(client: Socket, fixed: Target | null): void {
  let server: Socket | null = null;
  let held = "";
  const onData = (chunk: Buffer): void => {
    held += chunk.toString("latin1");
    const end = held.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = held.slice(0, end + 4);
    held = held.slice(end + 4);
    const [method, target = ""] = head.split(" ", 2);
    if (method === "CONNECT") return intercept(client.off("data", onData), target);
    const url = fixed === null ? new URL(target) : null;
    server ??= open(client, fixed ?? { host: url?.hostname ?? "", port: Number(url?.port || 80), isSecure: false });
    server.write(url === null ? head : `${method} ${url.pathname}${url.search}${head.slice(head.indexOf(" HTTP/1."))}`, "latin1");
  };
  client.on("data", onData).on("error", () => client.destroy()).on("close", () => server?.destroy());
}

function intercept(client: Socket, authority: string): void {
  const at = authority.lastIndexOf(":");
  client.removeAllListeners("error").removeAllListeners("close").on("error", () => client.destroy());
  client.write("HTTP/1.1 200 OK\r\n\r\n");
  serve(new TLSSocket(client, { isServer: true, secureContext }), { host: authority.slice(0, at), port: Number(authority.slice(at + 1)), isSecure: true });
}

function open(client: Socket, { host, port, isSecure }: Target): Socket {
  const scanner = new ResponseScanner();
  const server = isSecure ? connectTls({ host, port, servername: host, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] }) : connect({ host, port, noDelay: true });
  server.on("data", (chunk: Buffer) => {
    scanner.push(chunk);
    if (!client.write(chunk)) server.pause();
  });
  client.on("drain", () => server.resume());
  return server.on("error", () => client.destroy()).on("close", () => client.destroy());
}

const listener = createServer({ noDelay: true }, (client) => serve(client, null)).listen(0, "127.0.0.1", () => {
  const address = listener.address();
  process.stdout.write(`${address === null || typeof address === "string" ? "" : address.port}\n`);
});
