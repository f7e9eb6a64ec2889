// What first bytes are taken for, as a table; and that no cut of them is decided differently from the whole.
import test from "ava";
import { sniff, type Sniffed } from "../../../host/layers/sniff.ts";

const cases: readonly (readonly [string, Sniffed["kind"] | null, Sniffed["kind"] | null])[] = [
  // bytes, decided at once (null: waits for more), decided when nothing more comes
  ["", null, "unknown"],
  ["GET / HTTP/1.1\r\n", "http1", "http1"],
  ["m!#$ /x HTTP/1.0\n", "http1", "http1"],
  ["\r\nPOST http://x/ HTTP/1.1\r\n", "http1", "http1"],
  ["CONNECT a:443 HTTP/1.1\r\n", "http1", "http1"],
  ["OPTIONS * HTTP/1.1\r\n", "http1", "http1"],
  ["GET /half", null, "http1"],
  ["GET", null, "unknown"],
  ["GET /a b", "unknown", "unknown"],
  ["EHLO example.test\r\n", "unknown", "unknown"],
  ["SSH-2.0-OpenSSH_9.9\r\n", "unknown", "unknown"],
  ["PRI * HTTP/2.0\r\n", null, "unknown"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", "http2"],
  ["PRI * HTTP/2.0\r\nHost: x\r\n", "unknown", "unknown"],
  ["PRI / HTTP/1.1\r\n", "http1", "http1"],
  ["\x00", "unknown", "unknown"],
  ["\x16", null, "tls-partial"],
  ["\x16\x03\x01\x02\x00\x01\x00", null, "tls-partial"],
];

for (const [bytes, now, atEnd] of cases) {
  test(`first bytes ${JSON.stringify(bytes)}`, (t) => {
    t.is(sniff(Buffer.from(bytes, "latin1"), false)?.kind ?? null, now);
    t.is(sniff(Buffer.from(bytes, "latin1"), true)?.kind ?? null, atEnd);
  });
}

test("no beginning of a request line is taken for something else before it is complete", (t) => {
  for (const line of ["GET http://example.test:8080/a?b=c HTTP/1.1\r\n", "PROPFIND /x HTTP/1.0\r\n", "x / HTTP/1.1\n"]) {
    for (let cut = 1; cut < line.length; cut++) t.is(sniff(Buffer.from(line.slice(0, cut)), false), null, JSON.stringify(line.slice(0, cut)));
    t.is(sniff(Buffer.from(line), false)?.kind, "http1");
  }
});

test("a first line without an end is not waited for for ever", (t) => {
  t.is(sniff(Buffer.from(`GET /${"a".repeat(5_000)}`), false)?.kind, "http1");
  t.is(sniff(Buffer.from("a".repeat(5_000)), false)?.kind, "unknown");
});
