// What the encoder writes, and that it is the last wall: nothing that a second parser could split goes out.
import test from "ava";
import { encodeChunk, encodeLastChunk, encodeRequestHead, encodeResponseHead } from "../../../host/http/h1-encoder.ts";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { InvariantError } from "../../../host/invariant.ts";
import { latin1, transcribeRequests } from "./h1-transcript.ts";

const headers = HeaderFields.from([["Host", "a"], ["X", "\xe9"]]);

test("heads", (t) => {
  t.is(encodeRequestHead({ method: "GET", target: "/\xe9", headers }), "GET /\xe9 HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n");
  t.is(encodeRequestHead({ method: "GET", target: "/#f", version: "1.0", headers: HeaderFields.from([]) }), "GET /#f HTTP/1.0\r\n\r\n");
  t.is(encodeResponseHead({ status: 200, reason: "OK", headers }), "HTTP/1.1 200 OK\r\nHost: a\r\nX: \xe9\r\n\r\n");
  t.is(encodeResponseHead({ status: 999, reason: "", version: "1.0", headers: HeaderFields.from([]) }), "HTTP/1.0 999 \r\n\r\n");
});

test("the wall in the first line", (t) => {
  const bad = ["", "a b", "a\r\nb", "a\n", "\r", "a\0", "\u010a", "\u{1f600}", "\x7f"];
  for (const text of [...bad, "\xe9", "a:b"]) t.throws(() => encodeRequestHead({ method: text, target: "/", headers }), { instanceOf: InvariantError }, text);
  for (const text of [...bad, "/ HTTP/1.1\r\nX: y\r\n\r\n", "/\t"]) t.throws(() => encodeRequestHead({ method: "GET", target: text, headers }), { instanceOf: InvariantError }, text);
  for (const text of ["a\r\nb", "a\n", "\r", "a\0", "\u010a"]) t.throws(() => encodeResponseHead({ status: 200, reason: text, headers }), { instanceOf: InvariantError }, text);
  for (const status of [0, 99, 1000, -200, 200.5, Number.NaN, Infinity]) t.throws(() => encodeResponseHead({ status, reason: "", headers }), { instanceOf: InvariantError }, `${status}`);
});

test("chunks are read back as they were, small and large", (t) => {
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const size of [0, 1, 15, 16, 4_095, 4_096, 70_000]) {
    const data = Buffer.alloc(size, "z");
    const pieces = encodeChunk(data);
    t.true(size === 0 ? pieces.length === 0 : size < 4_096 ? pieces.length === 1 : pieces[1] === data, `${size}`);
    const bytes = Buffer.concat([latin1(head), ...pieces, latin1(encodeLastChunk(HeaderFields.from([["T", "1"]])))]);
    const body = size === 0 ? "" : `data "${"z".repeat(size)}" | `;
    t.is(transcribeRequests([bytes]), `POST / 1.1 chunked | ${body}trailers "T: 1\\r\\n" | end`);
  }
  t.is(encodeLastChunk(), "0\r\n\r\n");
});
