// HAR 1.2 (and what Chromium and Firefox write beside it) as saved flows. HAR keeps bodies decoded: they are encoded again by the
// Content-Encoding that was recorded, so that a flow is what it was on the wire, as far as the file says. Lenient: an entry that is
// no exchange is told and skipped; what is missing or odd in an entry gets a default.
import { isFieldName, isFieldValue, isHost, isMethod, isPath, isReason } from "../../../sandbox-api/schema/http.ts";
import { encodeContent } from "../../http/content-encoding.ts";
import type { OperatorError } from "../../operator-error.ts";
import type { OnProblem } from "./flow-file-reader.ts";
import { readHarWebSocket } from "./har-websocket.ts";
import { savedLimits } from "./record-limits.ts";
import type { SavedBody, SavedField, SavedHttpFlow, SavedRequest, SavedResponse } from "./saved-flow.ts";
import { plainOrNull, type Plain } from "./shape.ts";

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const latin1 = (text: string): string => Buffer.from(text).toString("latin1");

/** The exchanges of a HAR file's text. `refuse` makes the error for a text that is no HAR. */
export async function* readHar(text: string, onProblem: OnProblem, refuse: (sentence: string) => OperatorError): AsyncGenerator<SavedHttpFlow, void, undefined> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`);
  }
  const entries = plainOrNull(plainOrNull(value)?.["log"])?.["entries"];
  if (!Array.isArray(entries)) throw refuse('has no "log" with "entries", so it is no HAR file');
  const known = entries as readonly unknown[];
  for (const [at, entry] of known.slice(0, savedLimits.harEntries).entries()) {
    const flow = await flowOf(plainOrNull(entry), at);
    if (flow === null) onProblem({ at, bytes: null, message: `entry ${at + 1} is no HTTP exchange and is skipped` });
    else yield flow;
  }
  const rest = known.length - savedLimits.harEntries;
  if (rest > 0) onProblem({ at: savedLimits.harEntries, bytes: null, message: `only the first ${savedLimits.harEntries} entries are read; ${rest} are skipped` });
}

/** Seconds since the epoch at which each part of the exchange began and ended. */
interface Times { readonly start: number; readonly sent: number; readonly answered: number; readonly end: number }

async function flowOf(entry: Plain | null, at: number): Promise<SavedHttpFlow | null> {
  const url = entry === null ? null : URL.parse(textOf(plainOrNull(entry["request"])?.["url"]));
  if (entry === null || url === null) return null;
  const times = timesOf(entry);
  const request = await requestOf(plainOrNull(entry["request"]), url, times);
  if (request === null) return null;
  const response = await responseOf(plainOrNull(entry["response"]), request.method, times);
  const isSecure = request.scheme === "https";
  const peer = textOf(entry["serverIPAddress"]).replace(/^\[(.*)\]$/, "$1");
  const facts = { tls: isSecure, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null };
  const nowhere = { host: "", port: 0 };
  const failure = failureOf(entry, response);
  return {
    kind: "http", id: `har-${at + 1}`, timestampCreated: times.start, marked: "", comment: textOf(entry["comment"]).slice(0, savedLimits.textChars), isReplay: null,
    error: failure === null ? null : { msg: failure, timestamp: times.end }, request, response, websocket: readHarWebSocket(entry, response?.statusCode === 101),
    client: { id: "har", address: nowhere, sockname: nowhere, mode: "regular", ...facts, timestampStart: times.start, timestampEnd: null },
    server: {
      id: `har-${textOf(entry["connection"]).slice(0, 100)}`, address: { host: request.host, port: request.port }, via: null, peername: isHost(peer) ? { host: peer, port: request.port } : null, sockname: null,
      ...facts, timestampStart: null, timestampTcpSetup: null, timestampEnd: null, error: null,
    },
  };
}

/** Chromium says why in `response._error`; other programs leave the status 0. */
function failureOf(entry: Plain, response: SavedResponse | null): string | null {
  const said = textOf(plainOrNull(entry["response"])?.["_error"]) || textOf(entry["_error"]);
  return said !== "" ? said.slice(0, 1_000) : response === null ? "no response was recorded" : null;
}

function timesOf(entry: Plain): Times {
  const parsed = Date.parse(textOf(entry["startedDateTime"])) / 1_000;
  const start = Number.isFinite(parsed) && Math.abs(parsed) < 1e11 ? parsed : 0;
  const timings = plainOrNull(entry["timings"]);
  // -1: does not apply. `ssl` is part of `connect`.
  const seconds = (...names: readonly string[]): number => names.reduce((sum, name) => sum + secondsOf(timings?.[name]), 0);
  const sent = start + seconds("blocked", "dns", "connect", "send");
  const answered = sent + seconds("wait");
  const end = timings === null ? start + secondsOf(entry["time"]) : answered + seconds("receive");
  return { start, sent, answered, end };
}

const secondsOf = (value: unknown): number => (typeof value === "number" && value > 0 && value < 1e10 ? value / 1_000 : 0);

const schemes: Readonly<Record<string, "http" | "https">> = { "http:": "http", "https:": "https", "ws:": "http", "wss:": "https" };

async function requestOf(request: Plain | null, url: URL, times: Times): Promise<SavedRequest | null> {
  const method = textOf(request?.["method"]);
  const scheme = Object.hasOwn(schemes, url.protocol) ? schemes[url.protocol] : undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const path = `${url.pathname}${url.search}`;
  if (request === null || scheme === undefined || !isHost(host) || !isPath(path) || !isMethod(method)) return null;
  const { headers, body } = await encoded(fieldsOf(request["headers"]), postData(plainOrNull(request["postData"]), request["bodySize"]));
  return {
    method, scheme, host, port: url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port), path, authority: "", httpVersion: versionOf(request["httpVersion"]), headers, trailers: null, body,
    timestampStart: times.start, timestampEnd: times.sent,
  };
}

async function responseOf(response: Plain | null, method: string, times: Times): Promise<SavedResponse | null> {
  const statusCode = response?.["status"];
  // Browsers write 0 for an exchange without an answer.
  if (response === null || typeof statusCode !== "number" || !Number.isInteger(statusCode) || statusCode < 100 || statusCode > 999) return null;
  const isBodiless = method === "HEAD" || statusCode < 200 || statusCode === 204 || statusCode === 304;
  const { headers, body } = await encoded(fieldsOf(response["headers"]), isBodiless ? { kind: "whole", bytes: Buffer.alloc(0) } : content(plainOrNull(response["content"])));
  const reason = latin1(textOf(response["statusText"]));
  return { statusCode, reason: isReason(reason) ? reason : "", httpVersion: versionOf(response["httpVersion"]), headers, trailers: null, body, timestampStart: times.answered, timestampEnd: times.end };
}

/** "HTTP/1.1", "http/2.0", "h2", "h3": HTTP/3 carries what HTTP/2 does. */
function versionOf(value: unknown): string {
  const version = textOf(value).toLowerCase();
  if (/^(http\/[23](\.0)?|h[23]\b.*)$/.test(version)) return "HTTP/2.0";
  return version === "http/1.0" ? "HTTP/1.0" : "HTTP/1.1";
}

/** Fields that are ones; files of HTTP/2 have pseudo fields besides. */
function fieldsOf(value: unknown): readonly SavedField[] {
  const fields: SavedField[] = [];
  for (const item of listOf(value).slice(0, savedLimits.fields)) {
    const field = plainOrNull(item);
    const name = textOf(field?.["name"]);
    // Chromium joins fields of one name with LF.
    for (const line of textOf(field?.["value"]).split("\n")) {
      const content = fieldValue(line);
      if (isFieldName(name) && isFieldValue(content)) fields.push([name, content]);
    }
  }
  return fields;
}

/** Texts up to U+00FF stand for their bytes, as browsers and we write them; others for their UTF-8. */
function fieldValue(text: string): string {
  const trimmed = text.trim();
  return /^[\0-\xff]*$/.test(trimmed) ? trimmed : latin1(trimmed);
}

function postData(data: Plain | null, bodySize: unknown): SavedBody {
  if (data === null) return typeof bodySize === "number" && bodySize > 0 ? { kind: "missing", why: "not-recorded", size: bodySize } : { kind: "whole", bytes: Buffer.alloc(0) };
  if (typeof data["text"] === "string") return { kind: "whole", bytes: bytesOf(data["text"], data["encoding"]) };
  // Firefox and older programs give the pairs alone.
  const pairs = listOf(data["params"]).map(plainOrNull).filter((pair) => pair !== null).map((pair): [string, string] => [textOf(pair["name"]), textOf(pair["value"])]);
  return textOf(data["mimeType"]).startsWith("application/x-www-form-urlencoded") ? { kind: "whole", bytes: Buffer.from(new URLSearchParams(pairs).toString()) } : { kind: "missing", why: "not-recorded", size: null };
}

function content(data: Plain | null): SavedBody {
  if (typeof data?.["text"] === "string") return { kind: "whole", bytes: bytesOf(data["text"], data["encoding"]) };
  const size = data?.["size"];
  return typeof size === "number" && size > 0 ? { kind: "missing", why: "not-recorded", size: Math.trunc(size) } : { kind: "whole", bytes: Buffer.alloc(0) };
}

const bytesOf = (text: string, encoding: unknown): Buffer => Buffer.from(text, encoding === "base64" ? "base64" : "utf8");

interface Encoded { readonly headers: readonly SavedField[]; readonly body: SavedBody }

/** The body as the fields say it was on the wire. A coding that is not known is given up, with its field. */
async function encoded(headers: readonly SavedField[], body: SavedBody): Promise<Encoded> {
  const codings = headers.filter(([name]) => name.toLowerCase() === "content-encoding").map(([, value]) => value).join(", ");
  if (codings === "" || body.kind === "missing" || body.bytes.length === 0) return { headers, body };
  const bytes = await encodeContent(body.bytes, codings);
  return bytes === null ? { headers: headers.filter(([name]) => name.toLowerCase() !== "content-encoding"), body } : { headers, body: { kind: "whole", bytes } };
}
