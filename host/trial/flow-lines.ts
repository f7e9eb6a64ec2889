// A flow as lines of text, for people and for comparison: heads as they are on the wire, bodies decoded, what is not text as its size and
// hash. Nothing that differs from run to run (times, ids, CPU) is in it. Texts are not made printable: whoever prints does that.
import { createHash } from "node:crypto";
import { decodeContent } from "../http/content-encoding.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpFlow, HttpRequest, HttpResponse } from "../flows/flow.ts";

/** LIMIT: lines and characters of one body that are shown; the rest is told by size and hash. */
const mostBodyLines = 2_000;
const longestLine = 1_000;
const mostDecodedBytes = 8 * 1024 * 1024;

/** The request, then the response, each under a title of its own. */
export async function httpFlowLines(flow: HttpFlow): Promise<readonly string[]> {
  const lines = [...(await requestLines(flow.request))];
  if (flow.response !== null) lines.push("", ...(await responseLines(flow.response)));
  if (flow.marked !== "") lines.push("", `# marked ${flow.marked}`);
  if (flow.comment !== "") lines.push("", ...flow.comment.split("\n").map((line) => `# ${line}`));
  return lines;
}

export async function requestLines(request: HttpRequest): Promise<readonly string[]> {
  return [`${request.method} ${urlOf(request)} ${request.httpVersion}`, ...(await messageLines(request))];
}

async function responseLines(response: HttpResponse): Promise<readonly string[]> {
  return [`${response.httpVersion} ${response.statusCode} ${response.reason}`.trimEnd(), ...(await messageLines(response))];
}

export function urlOf({ scheme, host, port, path }: Pick<HttpRequest, "scheme" | "host" | "port" | "path">): string {
  const isDefault = (scheme === "http" && port === 80) || (scheme === "https" && port === 443);
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}${isDefault ? "" : `:${port}`}${path}`;
}

async function messageLines(message: HttpRequest | HttpResponse): Promise<readonly string[]> {
  const { headers, trailers, body } = message;
  const lines = fieldLines(headers);
  if (body.state === "truncated") lines.push("", "(a body that is not shown to addons)");
  else if (body.state === "streamed") lines.push("", "(a body that is streamed)");
  else if (body.raw !== null && body.raw.length > 0) lines.push("", ...bytesLines(await contentOf(message, body.raw)));
  if (trailers !== null) lines.push("", ...fieldLines(trailers));
  return lines;
}

/** Values are bytes; they are shown as the text that they most likely are. */
function fieldLines(fields: HeaderFields): string[] {
  return [...fields.entries()].map(([name, value]) => `${name}: ${textOf(Buffer.from(value, "latin1")) ?? value}`);
}

async function contentOf(message: HttpRequest | HttpResponse, raw: Buffer): Promise<Buffer> {
  const coding = message.headers.getAll("content-encoding").join(", ");
  if (message.body.content !== null || coding === "") return message.body.content ?? raw;
  const decoded = await decodeContent(raw, coding, mostDecodedBytes);
  return decoded.kind === "decoded" ? decoded.content : raw;
}

/** The bytes as lines of text, or one line about them. */
export function bytesLines(bytes: Buffer): readonly string[] {
  const text = textOf(bytes);
  if (text === null) return [`(${sizeAndHash(bytes)})`];
  const lines = text.split("\n");
  const isWhole = lines.length <= mostBodyLines && lines.every((line) => line.length <= longestLine);
  const shown = lines.slice(0, mostBodyLines).map((line) => (line.length <= longestLine ? line : `${line.slice(0, longestLine)}…`));
  return isWhole ? shown : [...shown, `(cut; all of it: ${sizeAndHash(bytes)})`];
}

const sizeAndHash = (bytes: Buffer): string => `${bytes.length} bytes, sha256 ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;

/** Null: not UTF-8, or with NULs as binary data has them. */
function textOf(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null; // Not UTF-8: shown as bytes.
  }
}
