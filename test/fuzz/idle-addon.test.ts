// "No addon" and "an addon that touches nothing" are the same traffic: random requests and responses, with odd heads, chunks, trailers and sizes
// around every boundary, through two proxies, one with real cells behind its gate. Heads, bodies and trailers must be the same bytes on
// both wires. Where a chunked body was cut is not compared: an addon is given whole bodies, so it may be cut elsewhere (RFC 9112 §7.1).
import test from "ava";
import fc from "fast-check";
import { connect, type Socket } from "node:net";
import { createAddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { makeLog } from "../../host/log.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import { rawOrigin } from "../helpers/origin.ts";
import { startProxy } from "../helpers/proxy.ts";

const bodyBytes = 200_000;
const idleAddon = `
export function clientconnect() {} export function next_layer() {} export function requestheaders() {} export function serverconnect() {}
export function request(flow: any) { void flow.request.headers.get("host"); void flow.request.body; flow.metadata.seen = 1; }
export function responseheaders(flow: any) { void flow.response.statusCode; } export function response(flow: any) { void flow.response.text; void [...flow.response.headers]; }
export function error() {}
`;

/** Of one message: what must be the same. */
interface Message { readonly head: string; readonly body: string; readonly trailers: string }
interface Sent extends Message { readonly wire: string; readonly sizes: readonly number[] }

const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_.!#$%&'*+^`|~"), minLength: 1, maxLength: 10 });
const content = fc.string({ unit: fc.constantFrom(..."abc ,;:\t\"'()<>@\\/[]?={}\xe4\xff\x80!~"), maxLength: 30 }).map((text) => text.trim());
const field = fc.tuple(token, fc.constantFrom(":", ": ", ":\t", ":  "), content).map(([name, colon, value]) => `X-${name}${colon}${value}\r\n`);
const fields = fc.array(field, { maxLength: 6 }).map((lines) => lines.join(""));
const size = fc.oneof(fc.constantFrom(0, 1, 2, 15, 16, 4_095, 4_096, 4_097, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, bodyBytes - 1, bodyBytes, bodyBytes + 1), fc.nat(3_000));
const body = fc.tuple(size, fc.nat(255)).map(([length, seed]) => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 17 + seed) & 0xff)).toString("latin1"));
const sizes = fc.array(fc.constantFrom(1, 7, 1_000, 4_096, 16_384, 70_000), { minLength: 1, maxLength: 4 });

function chunked(text: string, cuts: readonly number[], trailers: string): string {
  let wire = "";
  for (let at = 0, k = 0; at < text.length; k++) {
    const piece = text.slice(at, at + (cuts[k % cuts.length] === 1 ? 500 : cuts[k % cuts.length] ?? 1));
    wire += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${wire}0\r\n${trailers}\r\n`;
}

const framed = (first: fc.Arbitrary<string>, isRequest: boolean): fc.Arbitrary<Sent> =>
  fc.tuple(first, fields, fields, fc.constantFrom("none", "length", "chunked", "close"), body, sizes, fields).map(([line, before, after, wanted, text, cuts, trailers]) => {
    const framing = isRequest ? (wanted === "close" ? "none" : wanted) : wanted === "none" ? "length" : wanted;
    const host = isRequest ? "Host: PLACE\r\n" : "";
    const how = framing === "length" ? `Content-LENGTH: ${text.length}\r\n` : framing === "chunked" ? "transfer-Encoding: chunked\r\n" : "";
    const head = `${line}\r\n${before}${host}${how}${after}\r\n`;
    const sent = framing === "none" ? "" : text;
    const tail = framing === "chunked" ? trailers : "";
    return { head, body: sent, trailers: tail, sizes: cuts, wire: head + (framing === "chunked" ? chunked(sent, cuts, tail) : sent) };
  });

const request = framed(fc.tuple(fc.constantFrom("GET", "POST", "PUT", "m!#$"), fc.string({ unit: fc.constantFrom(..."abcXYZ019-_.!$&*+~;=,@/?"), maxLength: 12 })).map(([method, path]) => `${method} TARGET/${path} HTTP/1.1`), true);
const response = framed(fc.constantFrom("200 OK", "201 ", "404 not\tfound at \xe4ll", "299 odd").map((status) => `HTTP/1.1 ${status}`), false);

/** The message that begins the bytes, once it is whole; `hasEnd`: no more will come. */
function parse(bytes: string, hasEnd: boolean): Message | null {
  const end = bytes.indexOf("\r\n\r\n") + 4;
  if (end < 4) return null;
  const head = bytes.slice(0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= end + Number(length) ? { head, body: bytes.slice(end), trailers: "" } : null;
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return head.startsWith("HTTP/") && !hasEnd ? null : { head, body: bytes.slice(end), trailers: "" };
  let [text, at] = ["", end];
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return null;
    const count = Number.parseInt(bytes.slice(at, line), 16);
    at = line + 2;
    if (count === 0) {
      const close = bytes.startsWith("\r\n", at) ? at : bytes.indexOf("\r\n\r\n", at) + 2;
      return close < 2 ? null : { head, body: text, trailers: bytes.slice(at, close) };
    }
    if (bytes.length < at + count + 2) return null;
    text += bytes.slice(at, at + count);
    at += count + 2;
  }
}

async function inPieces(socket: Socket, text: string, cuts: readonly number[]): Promise<void> {
  for (let at = 0, k = 0; at < text.length && !socket.destroyed; k++) {
    const count = k > 40 ? text.length : cuts[k % cuts.length] ?? 1;
    socket.write(text.slice(at, at + count), "latin1");
    at += count;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Passed { readonly request: Message | null; readonly response: Message | null }

async function pass(proxyPort: number, asked: Sent, answered: Sent): Promise<Passed> {
  const got: { request: Message | null } = { request: null };
  const server = await rawOrigin((socket) => {
    let bytes = "";
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.toString("latin1");
      if (got.request !== null) return;
      got.request = parse(bytes, false);
      if (got.request !== null) void inPieces(socket, answered.wire, answered.sizes).then(() => { if (!/content-length|transfer-enc/i.test(answered.head)) socket.end(); });
    });
    socket.on("end", () => socket.end());
  });
  const client = connect({ host: "127.0.0.1", port: proxyPort });
  try {
    const ended = new Promise<Message | null>((resolve, reject) => {
      let bytes = "";
      const timer = setTimeout(() => reject(new Error(`no whole response within 20 s: ${JSON.stringify(bytes.slice(0, 300))}`)), 20_000);
      const look = (hasEnd: boolean): void => {
        const whole = parse(bytes, hasEnd);
        if (whole !== null || hasEnd) { clearTimeout(timer); resolve(whole); }
      };
      client.on("data", (chunk: Buffer) => { bytes += chunk.toString("latin1"); look(false); });
      client.on("end", () => look(true));
      client.on("error", reject);
    });
    await inPieces(client, asked.wire.replace("TARGET", `http://127.0.0.1:${server.port}`).replace("PLACE", `127.0.0.1:${server.port}`), asked.sizes);
    return { request: got.request === null ? await ended.then(() => got.request) : got.request, response: await ended };
  } finally {
    client.destroy();
    server.close();
  }
}

test("no addon and an addon that touches nothing are the same traffic, byte for byte", async (t) => {
  t.timeout(100_000);
  const log = makeLog((record) => void (typeof record.fields["fault"] === "string" && t.log(record.msg)));
  const pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false });
  // A loaded machine must not make a fault of a large body's way into the isolate.
  const addons = createAddonHost({ log, pool, limits: { ...defaultLimits, bodyBytes, cpuMs: 2_000, cpuBudgetBurstMs: 600_000 }, failure: "closed", cells: "shared", options: new Map(), watch: false });
  t.teardown(async () => { await addons.close(); await pool.close(); });
  t.deepEqual(await addons.loadAll([await writeAddon(idleAddon)]), []);
  const plain = await startProxy(t, { bodyBytes });
  const watched = await startProxy(t, { bodyBytes, gate: addons.gate });
  await fc.assert(fc.asyncProperty(request, response, async (asked, answered) => {
    const without = await pass(plain.port, asked, answered);
    const withIdle = await pass(watched.port, asked, answered);
    const sameHost = (message: Message | null): Message | null => message && { ...message, head: message.head.replace(/127\.0\.0\.1:\d+/, "") };
    t.deepEqual(sameHost(withIdle.request), sameHost(without.request));
    t.deepEqual(withIdle.response, without.response);
    t.is(without.request?.body, asked.body);
    t.is(without.request?.trailers, asked.trailers);
    t.is(without.response?.body, answered.body);
    t.is(without.response?.trailers, answered.trailers);
  }), { numRuns: 120 });
  const [state] = addons.addons();
  t.true((state?.calls ?? 0) > 300 && state?.failures === 0, JSON.stringify(state));
});
