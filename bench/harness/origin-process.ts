// A raw origin for machines without nginx: answers every GET with a file of one folder, from memory, in a process of its own.
// It reads requests without bodies only and checks nothing.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import path from "node:path";
import { createServer as createTlsServer } from "node:tls";

const [www = "", port, tlsPort, certFile = "", keyFile = ""] = process.argv.slice(2);

/** What is larger is not kept in memory, and not served. */
const largestBytes = 200_000_000;

const responses = new Map(readdirSync(www).filter((name) => statSync(path.join(www, name)).size <= largestBytes).map((name) => {
  const body = readFileSync(path.join(www, name));
  const type = name.endsWith(".html") ? "text/html" : "application/octet-stream";
  return [`/${name}`, Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n`), body])];
}));
const missing = Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");

function serve(socket: Socket): void {
  let held = "";
  socket.on("data", (chunk: Buffer) => {
    held += chunk.toString("latin1");
    for (let end = held.indexOf("\r\n\r\n"); end >= 0; end = held.indexOf("\r\n\r\n")) {
      socket.write(responses.get(held.split(" ", 2)[1] ?? "") ?? missing);
      held = held.slice(end + 4);
    }
  });
  socket.on("error", () => socket.destroy());
}

createServer({ noDelay: true }, serve).listen(Number(port), "127.0.0.1");
createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile), noDelay: true }, serve).listen(Number(tlsPort), "127.0.0.1");
process.on("disconnect", () => process.exit(0));
