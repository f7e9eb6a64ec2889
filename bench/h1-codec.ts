// Claim: the HTTP/1 codec costs a few microseconds per head. Decodes and encodes a 20-field request head and response
// head, whole and cut in two, in ns per operation by CPU time and by wall clock, medians of several rounds.
// No sockets; the cost of writing is not in here. Run: node bench/h1-codec.ts [--full]
import { encodeRequestHead, encodeResponseHead } from "../host/http/h1-encoder.ts";
import { RequestDecoder, ResponseDecoder } from "../host/http/h1-decoder.ts";
import { endToEnd } from "../host/http/hop-by-hop.ts";
import type { HttpEvent, RequestHead, ResponseHead } from "../host/http/http-event.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";

const TURNS = 30_000;

const requestBytes = Buffer.from([
  "GET http://origin.example:8080/assets/app.js?version=20240131&lang=en HTTP/1.1",
  "Host: origin.example:8080", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd", "DNT: 1", "Sec-GPC: 1", "Connection: keep-alive", "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1", "Priority: u=0, i",
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=all", "Referer: http://origin.example:8080/index.html",
  "Cache-Control: max-age=0", "If-None-Match: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"", "Pragma: no-cache",
  "X-Request-Id: 7b9f1c9e-93a5-4f0c-8a0e-1f2d3c4b5a69", "", "",
].join("\r\n"));

const responseBytes = Buffer.from([
  "HTTP/1.1 200 OK", "Date: Wed, 31 Jan 2024 10:00:00 GMT", "Server: nginx/1.22.1", "Content-Type: application/javascript; charset=utf-8",
  "Content-Length: 0", "Connection: keep-alive", "Last-Modified: Tue, 30 Jan 2024 09:00:00 GMT", "ETag: \"65b8c1f0-400\"",
  "Expires: Thu, 30 Jan 2025 10:00:00 GMT", "Cache-Control: public, max-age=31536000, immutable", "Vary: Accept-Encoding",
  "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY", "Referrer-Policy: strict-origin-when-cross-origin",
  "Strict-Transport-Security: max-age=63072000; includeSubDomains; preload", "Set-Cookie: a=1; Path=/; HttpOnly; SameSite=Lax",
  "Set-Cookie: b=2; Path=/; Secure", "Content-Security-Policy: default-src 'self'; img-src *; script-src 'self' 'unsafe-inline'",
  "Access-Control-Allow-Origin: *", "Accept-Ranges: bytes", "Age: 12", "", "",
].join("\r\n"));

function take(decoder: { next(): HttpEvent | null }): HttpEvent {
  const head = decoder.next();
  if (head === null || decoder.next()?.kind !== "end") throw new Error("the benchmark's head was not decoded");
  return head;
}

function requestHead(decoder: RequestDecoder): RequestHead {
  const head = take(decoder);
  decoder.nextMessage();
  if (head.kind !== "request-head") throw new Error(`got ${head.kind}`);
  return head;
}

function responseHead(decoder: ResponseDecoder): ResponseHead {
  const head = take(decoder);
  if (head.kind !== "response-head") throw new Error(`got ${head.kind}`);
  return head;
}

const requests = new RequestDecoder();
const responses = new ResponseDecoder();
const decodedRequest = (requests.push(requestBytes), requestHead(requests));
const decodedResponse = (responses.expect("GET"), responses.push(responseBytes), responseHead(responses));
const firstHalf = requestBytes.subarray(0, 300);
const secondHalf = requestBytes.subarray(300);

/** Each returns something that depends on the work, so that none of it can be left out. */
const cases: Readonly<Record<string, () => number>> = {
  "decode request head": () => {
    requests.push(requestBytes);
    return requestHead(requests).headers.length;
  },
  "decode request head, cut in two": () => {
    requests.push(firstHalf);
    requests.next();
    requests.push(secondHalf);
    return requestHead(requests).headers.length;
  },
  "decode response head": () => {
    responses.expect("GET");
    responses.push(responseBytes);
    return responseHead(responses).headers.length;
  },
  "look up an absent field": () => decodedRequest.headers.indexOf("x-correlation-id"),
  "all names and values": () => {
    let sum = 0;
    for (const [name, value] of decodedRequest.headers.entries()) sum += name.length + value.length;
    return sum;
  },
  "endToEnd and encode request head": () => Buffer.from(encodeRequestHead({ ...decodedRequest, version: "1.1", headers: endToEnd(decodedRequest.headers) }), "latin1").length,
  "encode response head": () => Buffer.from(encodeResponseHead({ ...decodedResponse, version: "1.1" }), "latin1").length,
  "clone, set, push, encode": () => {
    const headers = decodedRequest.headers.clone();
    headers.set("user-agent", "flowcell");
    headers.push("X-Added", "1");
    return Buffer.from(encodeRequestHead({ ...decodedRequest, version: "1.1", headers }), "latin1").length;
  },
};

function measure(run: () => number): { readonly wallNs: number; readonly cpuNs: number } {
  let sum = 0;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < TURNS; turn++) sum += run();
  const wallNs = Number(process.hrtime.bigint() - start) / TURNS;
  const used = process.cpuUsage(cpu);
  if (sum === Number.MIN_VALUE) throw new Error("unreachable: keeps the sum alive");
  return { wallNs, cpuNs: ((used.user + used.system) * 1_000) / TURNS };
}

export const h1Codec: Claim = {
  name: "h1-codec",
  title: `HTTP/1 heads decoded and encoded (request ${requestBytes.length} bytes, response ${responseBytes.length} bytes, 20 fields each)`,
  run: (effort) => Promise.resolve(figures(effort.name === "quick" ? 3 : 7)),
};

function figures(rounds: number): readonly Figure[] {
  const samples = new Map<string, { readonly wallNs: number; readonly cpuNs: number }[]>(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) samples.get(name)?.push(measure(run));
  }
  return [...samples].map(([what, list]) => figure(list.map(({ cpuNs }) => cpuNs), { what, unit: "ns CPU", beside: { "wall ns": median(list.map(({ wallNs }) => wallNs)) } }));
}

if (import.meta.main) await runAlone(h1Codec);
