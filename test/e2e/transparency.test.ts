// What nobody changes arrives as it was sent, byte for byte: random heads and bodies through the proxy without addons, and with
// addons that want everything and touch nothing. The exceptions are named here: the request line's target and the hop-by-hop fields.
import test, { type ExecutionContext } from "ava";
import type { Socket } from "node:net";
import { rawClient, tunnelClient, type RawClient } from "../helpers/client.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { countRequests, rawOrigin } from "../helpers/origin.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";

const exchanges = 120;

/** Mulberry32: the same numbers for the same seed, everywhere. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Maker {
  readonly #random: () => number;
  constructor(seed: number) { this.#random = randomSource(seed); }

  below(limit: number): number { return Math.floor(this.#random() * limit); }
  pick<T>(from: readonly [T, ...T[]]): T { return from[this.below(from.length)] ?? from[0]; }
  text(alphabet: string, most: number): string { return Array.from({ length: this.below(most + 1) }, () => alphabet[this.below(alphabet.length)]).join(""); }

  /** One field line without CRLF: odd spelling, spaces, bytes beyond ASCII, empty values. */
  field(): string {
    const name = `X${this.text("-_.!#$%&'*+^`|~0123456789abcXYZ", 12)}`;
    const value = this.text("abc ,;:\t\"'()<>@\\/[]?={}\xe4\xff\x80!~", 60).trim();
    return `${name}:${this.pick(["", " ", "  ", "\t "])}${value}${this.pick(["", "", " ", "\t"])}`;
  }

  fields(most: number): string[] { return Array.from({ length: this.below(most + 1) }, () => this.field()); }

  bytes(most: number): string { return Array.from({ length: this.below(most + 1) }, () => String.fromCharCode(this.below(256))).join(""); }

  /** The framing field (somewhere among the others) and the body in one chunk, as any recipient would send it on. */
  message(fields: string[], isBodyNeeded: boolean): { readonly head: string; readonly body: string } {
    const lines = [...fields];
    const kind = this.pick(isBodyNeeded ? ["length", "chunked"] : ["none", "length", "chunked"]);
    const at = this.below(lines.length + 1);
    const body = this.bytes(this.pick([0, 10, 3_000]));
    if (kind === "none") return { head: `${lines.map((line) => `${line}\r\n`).join("")}\r\n`, body: "" };
    const framing = kind === "length" ? `${this.pick(["Content-Length", "content-length", "CONTENT-length"])}: ${body.length}` : `${this.pick(["Transfer-Encoding", "transfer-ENCODING"])}: chunked`;
    lines.splice(at, 0, framing);
    const trailers = kind === "chunked" && this.below(2) === 0 ? this.fields(3) : [];
    const chunk = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
    return { head: `${lines.map((line) => `${line}\r\n`).join("")}\r\n`, body: kind === "length" ? body : `${chunk}0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n` };
  }
}

/** Answers each whole request with the next prepared response. */
function serving(responses: readonly string[]): (socket: Socket) => void {
  let next = 0;
  return (socket) => {
    let text = "";
    let answered = 0;
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (const whole = countRequests(text); answered < whole; answered++) socket.write(responses[next++] ?? "", "latin1");
    });
    socket.on("end", () => socket.end());
  };
}

async function compare(t: ExecutionContext, seed: number, way: "plain" | "tunnel" | "tls", isWatched: boolean): Promise<void> {
  const maker = new Maker(seed);
  const requests = Array.from({ length: exchanges }, (_, i) => {
    const method = maker.pick(["GET", "POST", "PUT", "DELETE", "X-ODD", "m!#$"]);
    const path = `/${i}/${maker.text("abc%20;=&?/._~-\xe4", 40)}`;
    const host = `Host: ${maker.pick(["example.test", "EXAMPLE.test:81", "[::1]:8080"])}`;
    const fields = maker.fields(8);
    fields.splice(maker.below(fields.length + 1), 0, host);
    return { method, path, ...maker.message(fields, false) };
  });
  const responses = requests.map(() => {
    const status = maker.pick(["200 OK", "201 ", "404 not\tfound at \xe4ll", "500 X", "299 odd"]);
    const { head, body } = maker.message(maker.fields(8), true);
    return `HTTP/1.1 ${status}\r\n${head}${body}`;
  });
  const certificate = await testCertificate();
  const server = await rawOrigin(serving(responses), way === "tls" ? { tls: certificate } : {});
  t.teardown(() => server.close());
  const gate = recordingGate();
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile, ...(isWatched && { gate }) });
  const client = await open(way, port, server.port, ca);
  t.teardown(() => client.close());
  let expected = "";
  for (const [i, { method, path, head: made, body }] of requests.entries()) {
    // A whole address and Host must name the same server.
    const head = way === "plain" ? made.replace(/^Host: .*$/m, `Host: 127.0.0.1:${server.port}`) : made;
    const target = way === "plain" ? `http://127.0.0.1:${server.port}${path}` : path;
    client.clear();
    client.send(`${method} ${target} HTTP/1.1\r\n${head}${body}`);
    const response = responses[i] ?? "";
    const deadline = Date.now() + 10_000;
    while (client.bytes.length < response.length && Date.now() < deadline && !client.isClosed) await new Promise((resolve) => setImmediate(resolve));
    if (client.text !== response) return void t.is(JSON.stringify(client.text), JSON.stringify(response), `response ${i} of seed ${seed} to ${JSON.stringify(`${method} ${target} ${head}${body}`)}`);
    expected += `${method} ${path} HTTP/1.1\r\n${head}${body}`;
  }
  t.is(server.connectionCount, 1);
  t.true(server.text() === expected, "what the server got is not what the client sent");
  t.deepEqual(gate.problems, []);
}

async function open(way: "plain" | "tunnel" | "tls", port: number, serverPort: number, ca: string): Promise<RawClient> {
  if (way === "plain") return rawClient(port);
  const tunnel = await tunnelClient(port, `localhost:${serverPort}`);
  return way === "tls" ? tunnel.secure({ ca, servername: "localhost" }) : tunnel;
}

for (const way of ["plain", "tunnel", "tls"] as const) {
  for (const isWatched of [false, true]) {
    test(`random messages, ${way}, ${isWatched ? "with addons that touch nothing" : "without addons"}`, async (t) => {
      for (const seed of [1, 20_261_122]) await compare(t, seed, way, isWatched);
    });
  }
}

test("the named exceptions: hop-by-hop fields go, nothing else does", async (t) => {
  const server = await rawOrigin(serving(["HTTP/1.1 200 OK\r\nA: 1\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\nB: 2\r\n\r\n"]));
  t.teardown(() => server.close());
  const { port } = await startProxy(t);
  const client = await rawClient(port);
  client.send(`GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nA: 1\r\nproxy-connection: keep-alive\r\nConnection: X-Mine\r\nX-Mine: 1\r\nTE: gzip\r\nProxy-Authorization: Basic eA==\r\nB: 2\r\n\r\n`);
  t.is(await client.until(/\r\n\r\n$/), "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\nB: 2\r\n\r\n");
  t.is(server.text(), `GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nA: 1\r\nB: 2\r\n\r\n`);
  client.close();
});
