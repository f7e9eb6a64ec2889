// One request of a fetch over node:http: to addresses that were looked up and checked before, with the name for Host, SNI and
// certificate, no proxy, no agent, no cookies. It follows no redirects and knows no grants (fetch.ts).
import type { LookupAddress } from "node:dns";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import type { LookupFunction } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { acceptedCodings } from "./fetch-body.ts";

export interface FetchRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly redirect: "follow" | "manual" | "error";
  readonly body: Buffer | null;
}

export interface Hop extends Omit<FetchRequest, "url" | "redirect"> {
  readonly url: URL;
  /** At least one. */
  readonly addresses: readonly LookupAddress[];
  /** Looks at where the connection really went; a sentence when that must not be. */
  readonly refuse: (remoteAddress: string) => string | null;
}

/** What an addon may not do with a fetch; the message says which rule. */
export class FetchRefusal extends Error {
  override readonly name = "FetchRefusal";
}

/** What belongs to the connection, or speaks for the proxy. */
const forbiddenFields: ReadonlySet<string> = new Set([
  "host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect", "via", "forwarded", "accept-encoding", "http2-settings",
]);
const forbiddenMethods: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);
const plainMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);
const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Throws a FetchRefusal for a request that may not be sent whatever its URL. Gives its method as it is sent. */
export function checkRequest({ method, headers, body }: FetchRequest, requestBytes: number): string {
  const upper = method.toUpperCase();
  const sent = plainMethods.has(upper) ? upper : method;
  if (!fieldName.test(method) || forbiddenMethods.has(upper)) throw new FetchRefusal(`the method ${JSON.stringify(method.slice(0, 20))} cannot be fetched with`);
  if (body !== null && (sent === "GET" || sent === "HEAD")) throw new FetchRefusal(`a ${sent} request has no body`);
  if (body !== null && body.length > requestBytes) throw new FetchRefusal(`a body of ${body.length} bytes; ${requestBytes} are the most (limit fetchRequestBytes)`);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!fieldName.test(name) || !fieldValue.test(value)) throw new FetchRefusal(`the header ${JSON.stringify(name.slice(0, 60))} is not one that HTTP allows`);
    if (forbiddenFields.has(lower) || lower.startsWith("proxy-")) throw new FetchRefusal(`the header ${lower} is set by the proxy`);
  }
  return sent;
}

/** Resolves with the head of the response; its body is to be read or destroyed. Rejects with a FetchRefusal or what went wrong. */
export async function sendHop(hop: Hop, tls: ConnectionOptions, signal: AbortSignal): Promise<IncomingMessage> {
  // PERF: a tenth of the start, because node:http as a module brings Node's own fetch along (bench/start-up.ts).
  const [http, https] = await Promise.all([import("node:http"), import("node:https")]);
  const { url, method, body } = hop;
  const options: RequestOptions = {
    method, host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port), path: `${url.pathname}${url.search}`,
    headers: fieldsOf(hop), agent: false, setHost: false, lookup: knownAddresses(hop.addresses), signal, maxHeaderSize: 32_768, insecureHTTPParser: false,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? https.request({ ...options, ...tls }) : http.request(options);
    request.once("response", resolve);
    request.once("error", reject);
    // Nothing was asked to be switched.
    request.once("upgrade", (_response, socket) => { socket.destroy(); reject(new FetchRefusal("the server switched protocols")); });
    watchAddress(request, hop);
    request.end(body ?? undefined);
  });
}

/** WALL 5: whatever the resolver and the system did in between, nothing is sent to where it must not go. */
function watchAddress(request: ClientRequest, { refuse }: Hop): void {
  request.once("socket", (socket) => {
    socket.once("connect", () => {
      const refusal = refuse(socket.remoteAddress ?? "");
      if (refusal !== null) request.destroy(new FetchRefusal(refusal));
    });
  });
}

function fieldsOf({ url, headers, body, method }: Hop): string[] {
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  const fields = ["Host", url.host];
  for (const [name, value] of headers) fields.push(name, value);
  if (!has("accept")) fields.push("Accept", "*/*");
  if (!has("user-agent")) fields.push("User-Agent", "flowcell");
  fields.push("Accept-Encoding", acceptedCodings, "Connection", "close");
  if (body !== null || method === "POST" || method === "PUT" || method === "PATCH") fields.push("Content-Length", String(body?.length ?? 0));
  return fields;
}

/** Answers with what was checked: names are not asked for a second time. */
function knownAddresses(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family ?? 0);
  };
}
