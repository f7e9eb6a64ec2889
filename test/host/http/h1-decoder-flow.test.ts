// How a decoder is driven: pausing between messages, hand-over to another protocol, the end of the connection, limits,
// what it holds, and that a peer who sends byte by byte costs no more than his bytes.
import test from "ava";
import { RequestDecoder, ResponseDecoder } from "../../../host/http/h1-decoder.ts";
import { h1Limits, h1LimitTable } from "../../../host/http/h1-limits.ts";
import { InvariantError } from "../../../host/invariant.ts";
import { latin1, transcribeRequests, transcribeResponses } from "./h1-transcript.ts";
import type { HttpEvent } from "../../../host/http/http-event.ts";

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function kinds(decoder: { next(): HttpEvent | null }): string[] {
  const list: string[] = [];
  for (let event = decoder.next(); event !== null; event = decoder.next()) list.push(event.kind);
  return list;
}

test("pipelined requests wait until the owner goes on", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1(request + request));
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  t.is(decoder.bufferedBytes, request.length);
  t.false(decoder.isIdle);
  t.is(decoder.next(), null);
  decoder.nextMessage();
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  t.is(decoder.bufferedBytes, 0);
  t.true(decoder.isIdle);
});

test("events not taken stay, whatever is pushed meanwhile", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab"));
  t.is(decoder.next()?.kind, "request-head");
  decoder.push(latin1("cd"));
  decoder.push(latin1("ef"));
  t.is(decoder.bufferedBytes, 6);
  const data: string[] = [];
  for (let event = decoder.next(); event?.kind === "data"; event = decoder.next()) data.push(event.data.toString());
  t.deepEqual(data, ["ab", "cd", "ef"]);
});

test("data are views on the input, not copies", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encod"));
  t.is(decoder.next(), null);
  const chunk = latin1("ing: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  decoder.push(chunk);
  t.is(decoder.next()?.kind, "request-head");
  const event = decoder.next();
  t.true(event?.kind === "data" && event.data.buffer === chunk.buffer && event.data.byteOffset === chunk.byteOffset + 19);
});

test("a whole chunk of body is handed on as it is", (t) => {
  const decoder = new ResponseDecoder();
  decoder.expect("GET");
  decoder.push(latin1("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"));
  decoder.next();
  const chunk = latin1("01234567");
  decoder.push(chunk);
  const event = decoder.next();
  t.true(event?.kind === "data" && event.data === chunk);
});

test("takeRemainder gives what another protocol sent behind a CONNECT, in order, and ends the decoder", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nab"));
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  decoder.push(latin1("cd"));
  t.is(decoder.takeRemainder().toString(), "abcd");
  t.true(decoder.isDetached);
  t.is(decoder.bufferedBytes, 0);
  t.throws(() => decoder.nextMessage(), { instanceOf: InvariantError });
});

test("a refused CONNECT goes on with the next request", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1(`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${request}`));
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  decoder.nextMessage();
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
});

test("takeRemainder also gives a head that was begun", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1("\x16\x03"));
  decoder.push(latin1("xy"));
  t.is(decoder.takeRemainder().toString("latin1"), "\x16\x03xy");
  const other = new RequestDecoder();
  other.push(latin1("GE"));
  t.is(other.next(), null);
  other.push(latin1("T /"));
  t.is(other.next(), null);
  t.is(other.bufferedBytes, 5);
  t.is(other.takeRemainder().toString(), "GET /");
});

test("a 101 and a 2xx to CONNECT detach the response decoder", (t) => {
  const decoder = new ResponseDecoder();
  decoder.expect("CONNECT");
  decoder.push(latin1("HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-x"));
  t.deepEqual(kinds(decoder), ["response-head", "end"]);
  t.true(decoder.isDetached);
  t.is(decoder.takeRemainder().toString(), "SSH-2.0-x");
});

test("a response decoder reads nothing before it is told for which request", (t) => {
  const decoder = new ResponseDecoder();
  t.true(decoder.isIdle);
  decoder.push(latin1("HTTP/1.1 408 Timeout\r\nConnection: close\r\n\r\n"));
  t.is(decoder.next(), null);
  t.false(decoder.isIdle);
  t.is(decoder.bufferedBytes, 43);
  decoder.expect("GET");
  t.throws(() => decoder.expect("GET"), { instanceOf: InvariantError });
});

test("the end between messages is no fault, before a response it is", (t) => {
  const requests = new RequestDecoder();
  requests.eof();
  t.is(requests.next(), null);
  const responses = new ResponseDecoder();
  responses.expect("GET");
  responses.eof();
  const event = responses.next();
  t.like(event, { kind: "fault", fault: { code: "closed-before-response", status: 502 } });
  t.is(responses.next(), null);
});

test("bytes that came before the end are read before it counts", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1(request + request));
  decoder.eof();
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  decoder.nextMessage();
  t.deepEqual(kinds(decoder), ["request-head", "end"]);
  decoder.nextMessage();
  t.deepEqual(kinds(decoder), []);
  t.throws(() => decoder.push(latin1("x")), { instanceOf: InvariantError });
});

test("after a fault there is nothing, and nothing is held", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1(`GET / HTTP/3.0\r\n${request}`));
  const event = decoder.next();
  t.like(event, { kind: "fault", fault: { code: "unsupported-version", status: 505 } });
  decoder.push(latin1(request));
  t.is(decoder.next(), null);
  t.is(decoder.bufferedBytes, 0);
  t.false(decoder.isIdle);
});

test("heads say what they mean for the connection", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c, WebSocket\r\nContent-Length: 2\r\n\r\n"));
  t.like(decoder.next(), { keepAlive: true, expectContinue: true, endStream: false, upgrade: ["h2c", "WebSocket"] });
  const old = new RequestDecoder();
  old.push(latin1("GET / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"));
  t.like(old.next(), { keepAlive: false, expectContinue: false, endStream: true, upgrade: [] });
  const response = new ResponseDecoder();
  response.expect("GET");
  response.push(latin1("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"));
  t.like(response.next(), { keepAlive: false, framing: { kind: "close" } });
});

const long = (bytes: number): string => "x".repeat(bytes);
const withFields = (fields: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const chunkedBody = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

test("each limit holds to the byte", (t) => {
  const { targetBytes, lineBytes, fields, headBytes, trailerBytes, chunkExtensionBytes } = h1Limits;
  const head = withFields("").length;
  const filler = (bytes: number): string => `F: ${long(bytes - 5)}\r\n`;
  const rows: readonly (readonly [name: string, fits: string, tooLarge: string, code: string])[] = [
    ["target", `GET /${long(targetBytes - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`, `GET /${long(targetBytes)} HTTP/1.1\r\nHost: a\r\n\r\n`, "target-too-long"],
    ["line", withFields(filler(lineBytes)), withFields(filler(lineBytes + 1)), "line-too-long"],
    ["fields", withFields("F: 1\r\n".repeat(fields - 1)), withFields("F: 1\r\n".repeat(fields)), "too-many-fields"],
    ["head", withFields(filler(lineBytes) + filler(headBytes - lineBytes - head)), withFields(filler(lineBytes) + filler(headBytes - lineBytes - head + 1)), "head-too-large"],
    ["trailers", chunkedBody(`0\r\n${filler(trailerBytes - 2)}\r\n`), chunkedBody(`0\r\n${filler(trailerBytes - 1)}\r\n`), "trailers-too-large"],
    ["extensions", chunkedBody(`1;${long(chunkExtensionBytes - 1)}\r\na\r\n0\r\n\r\n`), chunkedBody(`1;${long(chunkExtensionBytes)}\r\na\r\n0\r\n\r\n`), "chunk-extensions-too-large"],
    ["extensions of all chunks", chunkedBody(`${`1;${long(chunkExtensionBytes / 4 - 1)}\r\na\r\n`.repeat(4)}0\r\n\r\n`), chunkedBody(`${`1;${long(chunkExtensionBytes / 4)}\r\na\r\n`.repeat(4)}0\r\n\r\n`), "chunk-extensions-too-large"],
  ];
  for (const [name, fits, tooLarge, code] of rows) {
    for (const size of [Number.MAX_SAFE_INTEGER, 1_000, 7]) {
      const cut = (text: string): Buffer[] => latin1(text).toString("latin1").match(new RegExp(`[^]{1,${Math.min(size, 1e6)}}`, "g"))?.map(latin1) ?? [];
      t.true(transcribeRequests(cut(fits)).endsWith("| end"), `${name} ${size}`);
      t.true(transcribeRequests(cut(tooLarge)).endsWith(`! ${code}`), `${name} ${size}: ${transcribeRequests(cut(tooLarge)).slice(-100)}`);
    }
  }
});

test("a head that never ends is refused at the limit, whatever it consists of", (t) => {
  for (const text of [long(200_000), `GET /${long(200_000)}`, `GET / HTTP/1.1\r\n${long(200_000)}`, `GET / HTTP/1.1\r\nX:${long(200_000)}`]) {
    const decoder = new RequestDecoder();
    let fault = "";
    let pushed = 0;
    for (let at = 0; at < text.length && fault === ""; at += 100) {
      decoder.push(latin1(text.slice(at, at + 100)));
      pushed += 100;
      const event = decoder.next();
      if (event?.kind === "fault") fault = event.fault.code;
    }
    t.not(fault, "");
    t.true(pushed <= h1Limits.headBytes + 100);
  }
});

test("the status line of a server is bounded too", (t) => {
  t.is(transcribeResponses([latin1(`HTTP/1.1 200 ${long(h1Limits.lineBytes)}\r\n\r\n`)]), "! line-too-long");
});

test("every limit has a reason and a default", (t) => {
  for (const [name, row] of Object.entries(h1LimitTable)) {
    t.true(row.value > 0 && row.reason.startsWith("LIMIT: "), name);
    t.is(Object.entries(h1Limits).find(([key]) => key === name)?.[1], row.value);
  }
});

test("a head sent byte by byte costs no more than its bytes", (t) => {
  const fields = Array.from({ length: 60 }, (_, i) => `X-${i}: ${long(990)}\r\n`).join("");
  const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  t.true(bytes.length > 59_000 && bytes.length < h1Limits.headBytes);
  const cpu = process.cpuUsage();
  for (let turn = 0; turn < 10; turn++) {
    const decoder = new RequestDecoder();
    for (let at = 0; at < bytes.length; at++) {
      decoder.push(bytes.subarray(at, at + 1));
      const event = decoder.next();
      if (at < bytes.length - 1) {
        if (event !== null) t.fail(`an event at ${at}`);
      } else {
        t.is(event?.kind, "request-head");
      }
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  // Ten times 60,000 bytes at about 1 µs. If each byte scanned the head again it would be minutes.
  t.true(user + system < 10_000_000, `${(user + system) / 1000} ms`);
});
