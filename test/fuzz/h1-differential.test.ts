// Our HTTP/1 decoder against Node's (llhttp, strict): whatever we accept, llhttp accepts and frames alike (same heads, same
// bodies, same number of messages, same trailers), except for the leniencies that the list marks as beyond llhttp. What we
// refuse and llhttp accepts is allowed: we may be stricter.
import { METHODS } from "node:http";
import test from "ava";
import { RequestDecoder, ResponseDecoder } from "../../host/http/h1-decoder.ts";
import { leniencies } from "../../host/http/h1-leniencies.ts";
import { latin1 } from "../host/http/h1-transcript.ts";
import { requestCases } from "../host/http/request-cases.ts";
import { responseCases } from "../host/http/response-cases.ts";
import { mutant, seededRandom } from "./h1-inputs.ts";
import { parseWithNode } from "./llhttp.ts";
import type { HeaderFields } from "../../host/http/header-fields.ts";
import type { RequestHead, ResponseHead } from "../../host/http/http-event.ts";
import type { Leniency } from "../../host/http/h1-leniencies.ts";
import type { Parsed, ParsedMessage, Skip } from "./llhttp.ts";

interface OurMessage {
  readonly head: RequestHead | ResponseHead;
  body: string;
  trailers: string[];
  isComplete: boolean;
}

interface Outcome {
  readonly messages: readonly OurMessage[];
  readonly fault: string | null;
}

function flat(fields: HeaderFields): string[] {
  return [...fields.entries()].flat();
}

/** Runs the decoder until the input, the connection or a fault ends it. */
function decode(decoder: RequestDecoder | ResponseDecoder, bytes: Buffer, method: string): Outcome {
  const messages: OurMessage[] = [];
  let fault: string | null = null;
  if (decoder instanceof ResponseDecoder) decoder.expect(method, true);
  decoder.push(bytes);
  decoder.eof();
  for (let event = decoder.next(); event !== null; event = decoder.next()) {
    const current = messages.at(-1);
    if (event.kind === "request-head" || event.kind === "response-head") {
      messages.push({ head: event, body: "", trailers: [], isComplete: event.kind === "response-head" && event.interim });
    } else if (event.kind === "fault") {
      fault = event.fault.code;
    } else if (current !== undefined) {
      if (event.kind === "data") current.body += event.data.toString("latin1");
      if (event.kind === "trailers") current.trailers = flat(event.headers);
      if (event.kind === "end") current.isComplete = true;
      if (event.kind === "end" && current.head.keepAlive && current.head.upgrade.length === 0 && !decoder.isDetached) goOn(decoder, current.head, method);
    }
  }
  return { messages, fault };
}

function goOn(decoder: RequestDecoder | ResponseDecoder, head: RequestHead | ResponseHead, method: string): void {
  if (decoder instanceof RequestDecoder) {
    if (head.kind === "request-head" && head.method !== "CONNECT") decoder.nextMessage();
  } else if (decoder.bufferedBytes > 0) {
    decoder.expect(method, true);
  }
}

/** How llhttp's message differs from ours, or null. */
function difference(ours: OurMessage, theirs: ParsedMessage): string | null {
  const { head } = ours;
  if (head.kind === "request-head" && (head.method !== theirs.method || head.target !== theirs.target)) return "request-line";
  if (head.kind === "response-head" && (head.status !== theirs.status || head.reason !== theirs.reason)) return "status-line";
  if (head.version !== theirs.version) return "version";
  if (JSON.stringify(flat(head.headers)) !== JSON.stringify(theirs.fields)) return "fields";
  if (ours.isComplete !== theirs.isComplete && ours.isComplete) return "completeness";
  if (ours.isComplete ? ours.body !== theirs.body : !theirs.body.startsWith(ours.body)) return "body";
  if (ours.isComplete && JSON.stringify(ours.trailers) !== JSON.stringify(theirs.trailers)) return "trailers";
  if (head.keepAlive && !theirs.keepAlive && head.kind === "request-head") return "keep-alive";
  return null;
}

/** The listed leniency that explains why llhttp refused this head, which comes after `before`, or null. */
function leniencyOf(head: RequestHead | ResponseHead, before: OurMessage | undefined, error: string | null): Leniency | null {
  if (head.kind === "response-head") {
    const isAfterInterim = before?.head.kind === "response-head" && before.head.interim;
    return isAfterInterim && !before.head.keepAlive && error === "HPE_CLOSED_CONNECTION" ? "close-in-interim" : null;
  }
  if (before?.head.version === "1.0" && before.head.headers.has("upgrade")) return "upgrade-in-1.0";
  if (!METHODS.includes(head.method)) return "any-method";
  return error === "HPE_INVALID_URL" && /[\x80-\xff]/.test(head.target) ? "obs-text-in-target" : null;
}

class Tally {
  inputs = 0;
  heads = 0;
  bodies = 0;
  stricter = 0;
  readonly lenient = new Map<Leniency, number>();
  readonly problems: string[] = [];

  compare(bytes: string, ours: Outcome, theirs: Parsed): void {
    this.inputs++;
    if (ours.fault !== null && theirs.error === null) this.stricter++;
    for (const [n, message] of ours.messages.entries()) {
      const other = theirs.messages[n];
      const leniency = other === undefined ? leniencyOf(message.head, ours.messages[n - 1], theirs.error) : null;
      if (leniency !== null && leniencies[leniency].beyondLlhttp) {
        this.lenient.set(leniency, (this.lenient.get(leniency) ?? 0) + 1);
        return;
      }
      const problem = other === undefined ? `refused (${theirs.error})` : difference(message, other);
      if (problem !== null) {
        this.problems.push(`${problem}: message ${n} of ${JSON.stringify(bytes)}`);
        return;
      }
      this.heads++;
      if (message.body !== "") this.bodies++;
    }
  }

  get summary(): string {
    const lenient = [...this.lenient].map(([name, count]) => `${count} ${name}`).join(", ");
    return `${this.inputs} inputs, ${this.heads} accepted heads and ${this.bodies} bodies compared, ${this.stricter} refused by us only, leniencies: ${lenient || "none"}`;
  }
}

const methods = ["GET", "HEAD", "CONNECT"] as const;

function skipFor(method: string): (status: number) => Skip {
  return (status) => (method === "HEAD" ? "body" : method === "CONNECT" && status >= 200 && status < 300 ? "tunnel" : "none");
}

function compareRequest(tally: Tally, text: string): void {
  const bytes = latin1(text);
  tally.compare(text, decode(new RequestDecoder(), bytes, ""), parseWithNode("request", bytes));
}

function compareResponse(tally: Tally, text: string, method: string): void {
  const bytes = latin1(text);
  tally.compare(text, decode(new ResponseDecoder(), bytes, method), parseWithNode("response", bytes, skipFor(method)));
}

const seed = Number(process.env["FLOWCELL_FUZZ_SEED"] ?? 20_240_131);
const INPUTS = Number(process.env["FLOWCELL_FUZZ_INPUTS"] ?? 12_000);

test("requests that we accept are accepted and framed alike by llhttp", (t) => {
  const tally = new Tally();
  const random = seededRandom(seed);
  for (const [, bytes] of requestCases) compareRequest(tally, bytes);
  for (let count = 0; count < INPUTS; count++) compareRequest(tally, mutant(random, "request"));
  t.log(tally.summary);
  t.deepEqual(tally.problems.slice(0, 5), []);
  t.true(tally.heads > 5_000 && tally.bodies > 500);
});

test("responses that we accept are accepted and framed alike by llhttp", (t) => {
  const tally = new Tally();
  const random = seededRandom(seed + 1);
  for (const [, bytes] of responseCases) for (const method of methods) compareResponse(tally, bytes, method);
  for (let count = 0; count < INPUTS; count++) compareResponse(tally, mutant(random, "response"), methods[count % 8] ?? "GET");
  t.log(tally.summary);
  t.deepEqual(tally.problems.slice(0, 5), []);
  t.true(tally.heads > 5_000 && tally.bodies > 500);
});
