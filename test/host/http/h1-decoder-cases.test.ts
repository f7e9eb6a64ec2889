// The decoder's tables: every request and response case gives its transcript, whole and however it is cut.
import test from "ava";
import { latin1, transcribeRequests, transcribeResponses } from "./h1-transcript.ts";
import { requestCases } from "./request-cases.ts";
import { responseCases } from "./response-cases.ts";

/** The bytes in pieces of that size. */
function pieces(bytes: Buffer, size: number): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) list.push(bytes.subarray(at, at + size));
  return list;
}

/** Every way to cut the bytes that is tried: whole, in two at each byte, in pieces of 1, 2, 3 and 7. */
function* cuttings(bytes: Buffer): Iterable<readonly Buffer[]> {
  yield [bytes];
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  for (const size of [1, 2, 3, 7]) yield pieces(bytes, size);
}

test("the tables have no name twice and are as large as promised", (t) => {
  for (const cases of [requestCases, responseCases]) t.is(new Set(cases.map(([name]) => name)).size, cases.length);
  t.true(requestCases.length + responseCases.length >= 250, `${requestCases.length} + ${responseCases.length}`);
});

test("requests are accepted and refused as the table says", (t) => {
  for (const [name, bytes, expected] of requestCases) t.is(transcribeRequests([latin1(bytes)]), expected, name);
});

test("responses are accepted and refused as the table says", (t) => {
  for (const [name, bytes, expected, options] of responseCases) t.is(transcribeResponses([latin1(bytes)], options), expected, name);
});

test("requests give the same events however they are cut", (t) => {
  for (const [name, bytes, expected] of requestCases) {
    for (const chunks of cuttings(latin1(bytes))) {
      const transcript = transcribeRequests(chunks);
      if (transcript !== expected) t.fail(`${name}, cut ${chunks.map((chunk) => chunk.length).join()}: ${transcript}`);
    }
  }
  t.pass();
});

test("responses give the same events however they are cut", (t) => {
  for (const [name, bytes, expected, options] of responseCases) {
    for (const chunks of cuttings(latin1(bytes))) {
      const transcript = transcribeResponses(chunks, options);
      if (transcript !== expected) t.fail(`${name}, cut ${chunks.map((chunk) => chunk.length).join()}: ${transcript}`);
    }
  }
  t.pass();
});
