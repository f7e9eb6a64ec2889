// An example for each row of the two lists: what is listed as accepted is accepted, what is listed as refused is refused,
// and llhttp sees the leniencies as the list says. A row without an example does not compile.
import test from "ava";
import { leniencies, strictnesses } from "../../../host/http/h1-leniencies.ts";
import { parseWithNode } from "../../fuzz/llhttp.ts";
import { latin1, transcribeRequests, transcribeResponses } from "./h1-transcript.ts";
import type { Leniency, Strictness } from "../../../host/http/h1-leniencies.ts";

type Example = readonly ["request" | "response", bytes: string];

const H = "Host: a\r\n";
const L0 = "Content-Length: 0\r\n";

const accepted: { readonly [Name in Leniency]: Example } = {
  "any-method": ["request", `FROB / HTTP/1.1\r\n${H}\r\n`],
  "obs-text-in-target": ["request", `GET /\xe9 HTTP/1.1\r\n${H}\r\n`],
  "unescaped-target": ["request", `GET /"<>\\^\`{|} HTTP/1.1\r\n${H}\r\n`],
  "connect-without-host": ["request", "CONNECT a:1 HTTP/1.1\r\n\r\n"],
  "empty-lines": ["request", `\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`],
  "missing-reason": ["response", `HTTP/1.1 200\r\n${L0}\r\n`],
  "large-status": ["response", `HTTP/1.1 999 x\r\n${L0}\r\n`],
  "upgrade-in-1.0": ["request", `GET / HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`],
  "close-in-interim": ["response", `HTTP/1.1 103 x\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\n${L0}\r\n`],
  "obs-text-in-value": ["request", `GET / HTTP/1.1\r\n${H}X: \xe9\r\n\r\n`],
  "framing-of-bodiless": ["response", "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n"],
  "body-with-any-method": ["request", `GET / HTTP/1.1\r\n${H}Content-Length: 1\r\n\r\na`],
  "foreign-trailers": ["request", `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\nCookie: a\r\n\r\n`],
  "dropped-extensions": ["request", `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n1;a="b"\r\nx\r\n0\r\n\r\n`],
};

const refused: { readonly [Name in Strictness]: Example } = {
  "equal-lengths": ["response", `HTTP/1.1 200 OK\r\n${L0}${L0}\r\n`],
  "spaced-framing": ["response", "HTTP/1.1 200 OK\r\nContent-Length: 0 \r\n\r\n"],
  "stacked-codings": ["response", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  "coding-in-1.0": ["response", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  "interim-body": ["response", `HTTP/1.1 104 x\r\nContent-Length: 1\r\n\r\nHTTP/1.1 200 OK\r\n${L0}\r\n`],
  "folded-response": ["response", `HTTP/1.1 200 OK\r\n${L0}X: 1\r\n 2\r\n\r\n`],
  "fragment": ["request", `GET /#x HTTP/1.1\r\n${H}\r\n`],
  "spaced-extension": ["request", `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n1 ; a\r\nx\r\n0\r\n\r\n`],
  "framing-trailers": ["request", `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n${H}\r\n`],
  "minor-versions": ["request", `GET / HTTP/1.2\r\n${H}\r\n`],
};

function transcribe([kind, bytes]: Example): string {
  return kind === "request" ? transcribeRequests([latin1(bytes)]) : transcribeResponses([latin1(bytes)]);
}

test("each leniency is accepted, and llhttp refuses exactly those that say so", (t) => {
  for (const [name, row] of Object.entries(leniencies)) {
    const example = Object.entries(accepted).find(([key]) => key === name)?.[1];
    if (example === undefined) return t.fail(name);
    const transcript = transcribe(example);
    t.true(transcript.endsWith("| end"), `${name}: ${transcript}`);
    const { messages, error } = parseWithNode(example[0], latin1(example[1]));
    const heads = transcript.split(" | ").filter((line) => / 1\.[01] /.test(line)).length;
    t.is(error !== null || messages.length < heads, row.beyondLlhttp, `${name}: ${error}`);
  }
});

test("each strictness is a refusal", (t) => {
  t.deepEqual(Object.keys(refused).toSorted(), Object.keys(strictnesses).toSorted());
  for (const [name, example] of Object.entries(refused)) t.true(/! [a-z0-9.-]+$/.test(transcribe(example)), name);
});
