// Inputs for the HTTP/1 fuzz tests: well-formed messages from a grammar, and the tables' cases changed a little in the
// places where parsers disagree. Everything follows from a seed, so that a failure can be run again.
import { requestCases } from "../host/http/request-cases.ts";
import { responseCases } from "../host/http/response-cases.ts";

/** Numbers from 0 to below `bound`, the same for the same seed (mulberry32). */
export type Random = (bound: number) => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new Error("pick: empty list");
  return item;
}

const fragments = [
  "\r\n", "\r", "\n", "\r\n\r\n", "\r\r\n", "\0", " ", "\t", "\x0b", "\x7f", "\x85", "\xa0", "\xe9", ":", ",", ";", "=", "\"", "\\", "/", "*", "#",
  "0", "1", "3", "a", "F", "x", "+", "-", "_", "0x", "00000000", "ffffffff", "HTTP/1.0", "HTTP/1.1", "GET ", "POST ", "CONNECT ", "chunked", "identity", "gzip, ",
  "Content-Length: 3\r\n", "Content-Length:\r\n", "Content-Length : 3\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding:chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n", "Transfer_Encoding: chunked\r\n", "Host: a\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n",
  "Connection: upgrade\r\nUpgrade: x\r\n", "Expect: 100-continue\r\n", "X: 1\r\n 2\r\n", "3\r\nabc\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
] as const;

const corpus = {
  request: requestCases.map(([, bytes]) => bytes),
  response: responseCases.map(([, bytes]) => bytes),
} as const;

/** A case of the tables or a well-formed message, with 0 to 3 small changes; latin1. */
export function mutant(random: Random, kind: "request" | "response"): string {
  let text = random(2) === 0 ? pick(random, corpus[kind]) : wellFormed(random, kind);
  for (let changes = random(4); changes > 0; changes--) text = change(random, text);
  return text;
}

function change(random: Random, text: string): string {
  const at = random(text.length + 1);
  const length = 1 + random(4);
  switch (random(5)) {
    case 0: return text.slice(0, at) + pick(random, fragments) + text.slice(at);
    case 1: return text.slice(0, at) + pick(random, fragments) + text.slice(at + length);
    case 2: return text.slice(0, at) + text.slice(at + length);
    case 3: return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    default: return atLineStart(random, text);
  }
}

/** A fragment at the beginning of a line, where fields are. */
function atLineStart(random: Random, text: string): string {
  const starts = [...text.matchAll(/\r\n/g)].map((match) => match.index + 2);
  const at = starts.length === 0 ? 0 : pick(random, starts);
  return text.slice(0, at) + pick(random, fragments) + text.slice(at);
}

const values = ["", "1", "a b", "text/html; q=0.9, */*", "\xe9\xff", "x".repeat(200), "\"quoted, \\\" string\"", "a\tb"] as const;
const names = ["X-A", "x-b", "Accept", "COOKIE", "If-None-Match", "X_Y", "a!#$%&'*+-.^_`|~9"] as const;
const separators = [": ", ":", ":  ", ":\t"] as const;

/** Field lines without meaning for framing, in many spellings. */
export function plainFields(random: Random): string {
  let text = "";
  for (let count = random(6); count > 0; count--) {
    text += `${pick(random, names)}${pick(random, separators)}${pick(random, values)}${pick(random, ["", "", " ", "\t "])}\r\n`;
  }
  return text;
}

/** A body with the field line that announces it. */
export function body(random: Random): { readonly field: string; readonly bytes: string } {
  if (random(3) === 0) return { field: "", bytes: "" };
  if (random(2) === 0) {
    const bytes = randomBytes(random, random(60));
    return { field: `Content-Length: ${bytes.length}\r\n`, bytes };
  }
  let bytes = "";
  for (let count = random(4); count > 0; count--) {
    const data = randomBytes(random, 1 + random(40));
    const size = data.length.toString(16);
    bytes += `${pick(random, [size, size.toUpperCase(), `00${size}`])}${pick(random, ["", "", ";a", ";a=b;c=\"d;\\\"\""])}\r\n${data}\r\n`;
  }
  const trailers = random(3) === 0 ? "X-Sum: 1\r\n" : "";
  return { field: `${pick(random, ["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED"])}\r\n`, bytes: `${bytes}0\r\n${trailers}\r\n` };
}

function randomBytes(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(random(256))).join("");
}

/** One to three messages in a row that RFC 9112 allows. */
export function wellFormed(random: Random, kind: "request" | "response"): string {
  let text = "";
  for (let count = 1 + random(3); count > 0; count--) text += kind === "request" ? oneRequest(random) : oneResponse(random);
  return text;
}

function oneRequest(random: Random): string {
  const target = pick(random, ["/", "/a?b=c&d", "/%20", "/a//..;x", "http://a.example:8080/x", "https://[::1]/", "/\"<>|{}"]);
  const { field, bytes } = body(random);
  const method = pick(random, ["GET", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "PATCH", "HEAD"]);
  return `${method} ${target} HTTP/1.1\r\n${plainFields(random)}Host: a.example\r\n${field}${plainFields(random)}\r\n${bytes}`;
}

function oneResponse(random: Random): string {
  const interim = random(5) === 0 ? `HTTP/1.1 103 Early Hints\r\n${plainFields(random)}\r\n` : "";
  const { field, bytes } = body(random);
  const status = pick(random, ["200 OK", "404 Not Found", "302", "500 ", "206 Partial \xe9", "204 No Content", "304 Not Modified"]);
  const isBodiless = status.startsWith("204") || status.startsWith("304");
  const framing = field === "" ? "Content-Length: 0\r\n" : field;
  return `${interim}HTTP/1.1 ${status}\r\n${plainFields(random)}${framing}${plainFields(random)}\r\n${isBodiless ? "" : bytes}`;
}
