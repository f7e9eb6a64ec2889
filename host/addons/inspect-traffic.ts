// What an addon would have seen of traffic that was recorded (a HAR file, version 1.2): flows are made of its entries and judged by the
// same hosts, filter and permissions as in the proxy. Counts by host; no value of anybody's traffic is in the result.
import { isFieldName, isFieldValue, isHost, isPath, sensitiveFields } from "../../sandbox-api/schema/http.ts";
import { objectKey } from "../../sandbox-api/schema/ids.ts";
import { matchesFilter } from "../../sandbox-api/schema/filter.ts";
import { filterSubject } from "../flows/filter-subject.ts";
import type { HttpFlow, HttpRequest, HttpResponse } from "../flows/flow.ts";
import { MessageBody } from "../flows/message-body.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { Grants } from "./grants.ts";
import { looksSecret } from "./inspect.ts";

export interface SeenOfHost {
  readonly host: string;
  /** Flows to it that the addon would have taken part in, of so many. */
  readonly flows: number;
  readonly ofFlows: number;
  readonly requests: number;
  readonly requestBodies: number;
  readonly queries: number;
  readonly responses: number;
  readonly responseBodies: number;
  /** Sensitive headers whose values it would have seen, with how often; and those that it would have found withheld. */
  readonly seenHeaders: { readonly [lowerName: string]: number };
  readonly withheldHeaders: { readonly [lowerName: string]: number };
  /** Other headers that it would have seen and whose names look like secrets. */
  readonly suspectHeaders: { readonly [lowerName: string]: number };
}

export type TrafficReport =
  | { readonly kind: "seen"; readonly hosts: readonly SeenOfHost[]; readonly skipped: number }
  | { readonly kind: "problem"; readonly message: string };

/** LIMIT: entries of a HAR file that are looked at. */
export const mostEntries = 100_000;
const filterSteps = 10_000_000;

type Plain = { readonly [key: string]: unknown };
const plain = (value: unknown): Plain | null => (typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Judges the entries of a HAR file's text. Entries that are no HTTP exchange are counted as skipped. */
export function inspectTraffic(har: string, grants: Grants): TrafficReport {
  let value: unknown;
  try {
    value = JSON.parse(har);
  } catch (error) {
    return { kind: "problem", message: `it is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const log = plain(plain(value)?.["log"]);
  if (log === null || !Array.isArray(log["entries"])) return { kind: "problem", message: 'it has no "log" with "entries", so it is no HAR file' };
  const hosts = new Map<string, Tally>();
  let skipped = Math.max(0, log["entries"].length - mostEntries);
  for (const entry of log["entries"].slice(0, mostEntries) as readonly unknown[]) {
    const flow = flowOf(plain(entry));
    if (flow === null) { skipped++; continue; }
    const tally = hosts.get(flow.request.host) ?? new Tally(flow.request.host);
    hosts.set(flow.request.host, tally);
    tally.add(flow, grants);
  }
  return { kind: "seen", skipped, hosts: [...hosts.values()].map((tally) => tally.seen).sort((a, b) => b.flows - a.flows || (a.host < b.host ? -1 : 1)) };
}

class Tally {
  readonly #host: string;
  readonly #counts = { flows: 0, ofFlows: 0, requests: 0, requestBodies: 0, queries: 0, responses: 0, responseBodies: 0 };
  readonly #headers = { seen: new Map<string, number>(), withheld: new Map<string, number>(), suspect: new Map<string, number>() };

  constructor(host: string) {
    this.#host = host;
  }

  get seen(): SeenOfHost {
    const { seen, withheld, suspect } = this.#headers;
    return { host: this.#host, ...this.#counts, seenHeaders: Object.fromEntries(seen), withheldHeaders: Object.fromEntries(withheld), suspectHeaders: Object.fromEntries(suspect) };
  }

  add(flow: HttpFlow, grants: Grants): void {
    const { request, response } = flow;
    this.#counts.ofFlows++;
    if (grants.isForHost !== null && !grants.isForHost(request.host, request.port)) return;
    const takesRequest = takes({ ...flow, response: null }, grants);
    const takesResponse = response !== null && takes(flow, grants);
    if (!takesRequest && !takesResponse) return;
    this.#counts.flows++;
    const may = grants.permissions;
    if (may.has("read:request")) {
      this.#counts.requests++;
      if (request.path.includes("?")) this.#counts.queries++;
      this.#addHeaders(request.headers, grants);
    }
    if (may.has("read:request.body") && (request.body.raw?.length ?? 0) > 0) this.#counts.requestBodies++;
    if (!takesResponse) return;
    if (may.has("read:response")) {
      this.#counts.responses++;
      this.#addHeaders(response.headers, grants);
    }
    if (may.has("read:response.body") && (response.body.raw?.length ?? 0) > 0) this.#counts.responseBodies++;
  }

  #addHeaders(fields: HeaderFields, { permissions }: Grants): void {
    const { seen, withheld, suspect } = this.#headers;
    for (const [name] of fields.entries()) {
      const lower = name.toLowerCase();
      const sensitive = sensitiveFields.find((each) => each === lower);
      const counts = sensitive === undefined ? (looksSecret(lower) ? suspect : null) : permissions.has(`header:${sensitive}`) ? seen : withheld;
      counts?.set(lower, (counts.get(lower) ?? 0) + 1);
    }
  }
}

const takes = (flow: HttpFlow, { filter, permissions }: Grants): boolean => filter === null || matchesFilter(filter.tree, filterSubject(flow, permissions), { steps: filterSteps });

function flowOf(entry: Plain | null): HttpFlow | null {
  const request = requestOf(plain(entry?.["request"]));
  if (request === null) return null;
  const noTls = { tls: request.scheme === "https", sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null };
  const here = { host: "127.0.0.1", port: 1 };
  return {
    kind: "http", key: objectKey(1), id: "recorded", request, response: responseOf(plain(entry?.["response"])), error: null, live: false, killedBy: null, intercepted: false, marked: "", comment: text(entry?.["comment"]),
    timestampCreated: 0, refusal: null, history: [], version: 0, isWebSocket: false, webSocket: null, replayDepth: 0,
    client: { kind: "client", key: objectKey(1), id: "recorded", address: here, sockname: here, mode: "regular", timestampStart: 0, timestampEnd: null, version: 0, ...noTls },
    server: {
      kind: "server", key: objectKey(1), id: "recorded", address: { host: request.host, port: request.port }, via: null, peername: null, sockname: null, timestampStart: null, timestampTcpSetup: null, timestampEnd: null,
      error: null, killed: false, version: 0, ...noTls,
    },
  };
}

function requestOf(request: Plain | null): HttpRequest | null {
  const url = URL.parse(text(request?.["url"]));
  if (request === null || url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const path = `${url.pathname}${url.search}`;
  if (!isHost(host) || !isPath(path)) return null;
  const isSecure = url.protocol === "https:";
  return {
    method: text(request["method"]), scheme: isSecure ? "https" : "http", host, port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port), path, authority: "", httpVersion: "HTTP/1.1",
    headers: fieldsOf(request["headers"]), body: bodyOf(plain(request["postData"])), ...rest,
  };
}

function responseOf(response: Plain | null): HttpResponse | null {
  const statusCode = response?.["status"];
  // Browsers write 0 for an exchange without an answer.
  if (response === null || typeof statusCode !== "number" || statusCode < 100 || statusCode > 599) return null;
  return { statusCode, reason: text(response["statusText"]), httpVersion: "HTTP/1.1", made: false, headers: fieldsOf(response["headers"]), body: bodyOf(plain(response["content"])), ...rest };
}

const rest = { trailers: null, stream: false, timestampStart: 0, timestampEnd: null, version: 0, trailersVersion: 0 };

/** Fields that are ones; HAR files of HTTP/2 have pseudo fields besides. */
function fieldsOf(value: unknown): HeaderFields {
  const pairs: [string, string][] = [];
  for (const item of list(value)) {
    const field = plain(item);
    const name = text(field?.["name"]);
    const content = Buffer.from(text(field?.["value"])).toString("latin1").trim();
    if (isFieldName(name) && isFieldValue(content)) pairs.push([name, content]);
  }
  return HeaderFields.from(pairs);
}

/** HAR keeps bodies decoded. */
function bodyOf(content: Plain | null): MessageBody {
  const body = new MessageBody();
  const isBase64 = content?.["encoding"] === "base64";
  const bytes = Buffer.from(text(content?.["text"]), isBase64 ? "base64" : "utf8");
  const size = content?.["size"];
  // A body that was not kept has a size all the same.
  body.complete(bytes.length === 0 && typeof size === "number" && size > 0 ? Buffer.alloc(1) : bytes);
  return body;
}
