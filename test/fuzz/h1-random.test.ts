// The HTTP/1 decoders against arbitrary bytes: they never throw, hold no more than their limits, stop for good after
// a fault, and give the same events however the bytes are cut. And against well-formed messages: what is decoded and
// encoded again is byte for byte what came.
import test from "ava";
import fc from "fast-check";
import { RequestDecoder, ResponseDecoder } from "../../host/http/h1-decoder.ts";
import { encodeRequestHead, encodeResponseHead } from "../../host/http/h1-encoder.ts";
import { h1Limits } from "../../host/http/h1-limits.ts";
import { latin1, transcribeRequests, transcribeResponses } from "../host/http/h1-transcript.ts";
import { body, mutant, pick, plainFields, seededRandom, wellFormed } from "./h1-inputs.ts";

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });

/** The bytes in pieces of these sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, k = 0; at < bytes.length; k++) {
    const size = sizes[k % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

test("any bytes give events and never an exception", (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (array, sizes) => {
    const bytes = Buffer.from(array);
    t.is(transcribeRequests(cut(bytes, sizes)), transcribeRequests([bytes]));
    t.is(transcribeResponses(cut(bytes, sizes)), transcribeResponses([bytes]));
  }), { numRuns: 2_000 });
});

test("messages changed a little give the same events however they are cut", (t) => {
  fc.assert(fc.property(seeds, cuts, (seed, sizes) => {
    const random = seededRandom(seed);
    const request = latin1(mutant(random, "request"));
    t.is(transcribeRequests(cut(request, sizes)), transcribeRequests([request]));
    const response = latin1(mutant(random, "response"));
    t.is(transcribeResponses(cut(response, sizes)), transcribeResponses([response]));
  }), { numRuns: 3_000 });
});

test("nothing is held beyond one head, and nothing at all after a fault", (t) => {
  const largest = Math.max(h1Limits.headBytes, h1Limits.trailerBytes) + 1;
  fc.assert(fc.property(seeds, fc.constantFrom("request", "response"), (seed, kind) => {
    const random = seededRandom(seed);
    const responses = new ResponseDecoder();
    responses.expect("GET");
    const decoder = kind === "request" ? new RequestDecoder() : responses;
    const text = mutant(random, kind).slice(0, random(200)) + pick(random, ["X: 1\r\n", "x", "1\r\na\r\n", ";a", "\r\n"]).repeat(20_000);
    let isBroken = false;
    for (const chunk of cut(latin1(text), [1_000])) {
      decoder.push(chunk);
      for (let event = decoder.next(); event !== null; event = decoder.next()) {
        t.false(isBroken);
        isBroken = event.kind === "fault";
        if (event.kind === "end") return;
      }
      t.true(decoder.bufferedBytes <= (isBroken ? 0 : largest), `${decoder.bufferedBytes}`);
    }
  }), { numRuns: 200 });
});

test("trailers that are too large are let go with their fault", (t) => {
  const decoder = new RequestDecoder();
  decoder.push(latin1(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n`));
  while (decoder.next() !== null);
  let event = null;
  for (let sent = 0; event === null && sent < 2 * h1Limits.trailerBytes; sent += 1_000) {
    decoder.push(latin1("x".repeat(1_000)));
    event = decoder.next();
  }
  t.is(event?.kind, "fault");
  t.is(decoder.bufferedBytes, 0);
});

test("well-formed messages are never refused", (t) => {
  fc.assert(fc.property(seeds, (seed) => {
    const random = seededRandom(seed);
    const request = wellFormed(random, "request");
    const requests = transcribeRequests([latin1(request)]);
    t.true(requests.endsWith("| end"), `${JSON.stringify(request)}: ${requests}`);
    const response = wellFormed(random, "response");
    const responses = transcribeResponses([latin1(response)]);
    t.true(responses.endsWith("| end"), `${JSON.stringify(response)}: ${responses}`);
  }), { numRuns: 1_500 });
});

test("a head nobody changed goes out byte for byte as it came", (t) => {
  fc.assert(fc.property(seeds, cuts, (seed, sizes) => {
    const random = seededRandom(seed);
    const { field } = body(random);
    const fields = `${plainFields(random)}Host:  a \r\n${field}${plainFields(random)}`;
    const request = `POST /p?\xe9 HTTP/1.1\r\n${fields}\r\n`;
    const requests = new RequestDecoder();
    for (const chunk of cut(latin1(request), sizes)) requests.push(chunk);
    const requestHead = requests.next();
    t.is(requestHead?.kind === "request-head" && encodeRequestHead({ ...requestHead, version: "1.1" }), request);
    const response = `HTTP/1.0 299 Some \xe9\r\n${fields.replace(/transfer-encoding.*\r\n/i, "")}\r\n`;
    const responses = new ResponseDecoder();
    responses.expect("GET");
    for (const chunk of cut(latin1(response), sizes)) responses.push(chunk);
    const responseHead = responses.next();
    t.is(responseHead?.kind === "response-head" && encodeResponseHead({ ...responseHead, version: "1.0" }), response);
  }), { numRuns: 1_000 });
});
