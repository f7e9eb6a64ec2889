// Large bodies that nobody looks at, both ways, plain and under TLS, in every framing, many at once: not a byte is lost, moved or
// written over, though the memory they were read into is freed while others still read.
import test from "ava";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { tunnelClient } from "../helpers/client.ts";
import { startProxy } from "../helpers/proxy.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Bytes that differ from place to place and from seed to seed, so that any that are moved show. */
function content(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0, state = seed * 2_654_435_761 + 1; at < length; at++) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Answers with the body that it got, framed as the path says, and in pieces of odd lengths. */
const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
    const body = Buffer.concat(chunks);
    if (request.url === "/length") response.setHeader("Content-Length", body.length);
    if (request.url === "/close") response.useChunkedEncodingByDefault = false;
    for (let at = 0, step = 1; at < body.length; at += step, step = (step * 7) % 100_003 + 1) response.write(body.subarray(at, at + step));
    response.end();
  });
};

async function collect(response: IncomingMessage, isSlow: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    if (isSlow) await new Promise((resolve) => setImmediate(resolve));
  }
  return Buffer.concat(chunks);
}

/** TLS with the proxy in the server's place. */
async function intercepted(port: number, place: string, ca: string): Promise<Socket> {
  const client = await (await tunnelClient(port, place)).secure({ ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  return client.socket.removeAllListeners("data");
}

for (const scheme of ["http", "https"] as const) {
  test(`bodies in every framing, eight at once: ${scheme}`, async (t) => {
    const server = scheme === "http" ? createServer(echo) : createSecureServer({ cert: certificate.cert, key: certificate.key }, echo);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.teardown(() => void server.close().closeAllConnections());
    const place = `localhost:${(server.address() as AddressInfo).port}`;
    const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
    const framings = ["/length", "/chunked", "/close"];
    await Promise.all(Array.from({ length: 8 }, async (_, index) => {
      const body = content(index, 1_500_000 + index * 70_001);
      const path = framings[index % framings.length] ?? "/length";
      const headers = index % 2 === 0 ? { "Content-Length": body.length, Host: place } : { "Transfer-Encoding": "chunked", Host: place };
      const tunnel = scheme === "http" ? null : await intercepted(port, place, ca);
      const sent = request({ ...(tunnel === null ? { host: "127.0.0.1", port, agent: false } : { createConnection: () => tunnel }), path: tunnel === null ? `http://${place}${path}` : path, method: "POST", headers });
      sent.end(body);
      const response = await new Promise<IncomingMessage>((resolve, reject) => void sent.once("response", resolve).once("error", reject));
      t.is(response.statusCode, 200);
      t.is(sha256(await collect(response, index > 4)), sha256(body), `${path}, ${index}`);
    }));
  });
}
