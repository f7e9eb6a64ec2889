// Notes flows as HAR 1.2 and serves them at a magic address, for browsers' developer tools; mitmproxy's savehar. `flowcell run --har FILE`
// writes a file; this one needs no disk. http://har.flowcell/ gives what was noted, a DELETE there forgets it.
// `flowcell run addons/har-dump --set 'har_dump=~d example.com'`
import { flowfilter, Response, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "notes flows as HAR and serves them at http://har.flowcell/",
  permissions: { read: ["request", "request.body", "response", "response.body"], act: ["respond"] },
  options: { har_dump: { type: "string", default: "~all", help: "flows to note" }, har_host: { type: "string", default: "har.flowcell", help: "the address that serves them" } },
} satisfies Manifest;

/** Entries, and bytes of one body, that are kept; the oldest entries go. */
const mostEntries = 500;
const mostBodyLength = 16_384;
const entries: object[] = [];
let filter: FlowFilter | null = null;
let host = "";

export function configure(options: OptionsOf<typeof manifest>): void {
  filter = options.har_dump === "" ? null : flowfilter.parse(options.har_dump);
  host = options.har_host.toLowerCase();
}

const pairs = (list: Iterable<readonly [string, string]>): { name: string; value: string }[] => Array.from(list, ([name, value]) => ({ name, value }));

function contentOf(message: { readonly text: string | null; readonly body: Uint8Array | null; readonly headers: { get(name: string): string | null } }): object {
  const mimeType = message.headers.get("content-type") ?? "";
  const isText = /^(?:text\/|application\/(?:.*[+/])?(?:json|xml|javascript|x-www-form-urlencoded)\b)/i.test(mimeType);
  const text = isText ? message.text : null;
  return { size: message.body?.length ?? -1, mimeType, ...(text === null ? {} : { text: text.slice(0, mostBodyLength), ...(text.length > mostBodyLength ? { comment: "cut" } : {}) }) };
}

function entryOf(flow: HTTPFlow): object {
  const { request, response } = flow;
  const startedAt = request.timestampStart;
  const wait = Math.max(0, ((response?.timestampStart ?? startedAt) - startedAt) * 1_000);
  const receive = Math.max(0, ((response?.timestampEnd ?? response?.timestampStart ?? startedAt) - (response?.timestampStart ?? startedAt)) * 1_000);
  return {
    startedDateTime: new Date(startedAt * 1_000).toISOString(), time: wait + receive,
    request: {
      method: request.method, url: request.url, httpVersion: request.httpVersion, headers: pairs(request.headers.fields), queryString: pairs(request.query), cookies: [], headersSize: -1, bodySize: request.body?.length ?? -1,
      ...(request.body !== null && request.body.length > 0 ? { postData: contentOf(request) } : {}),
    },
    response: response === null ? { status: 0, statusText: "", httpVersion: "", headers: [], cookies: [], content: { size: 0, mimeType: "" }, redirectURL: "", headersSize: -1, bodySize: -1 } : {
      status: response.statusCode, statusText: response.reason, httpVersion: response.httpVersion, headers: pairs(response.headers.fields), cookies: [], content: contentOf(response),
      redirectURL: response.headers.get("location") ?? "", headersSize: -1, bodySize: response.body?.length ?? -1,
    },
    cache: {}, timings: { send: 0, wait, receive }, ...(flow.error === null ? {} : { _error: flow.error.msg }),
  };
}

function note(flow: HTTPFlow): void {
  if (filter === null || flow.request.prettyHost.toLowerCase() === host || !filter.matches(flow)) return;
  entries.push(entryOf(flow));
  if (entries.length > mostEntries) entries.shift();
}

export function request(flow: HTTPFlow): void {
  if (flow.request.prettyHost.toLowerCase() !== host) return;
  if (flow.request.method === "DELETE") entries.length = 0;
  const har = { log: { version: "1.2", creator: { name: "flowcell har-dump", version: "1" }, entries } };
  flow.response = Response.make(200, JSON.stringify(har), { "content-type": "application/json", "content-disposition": 'attachment; filename="flows.har"' });
}

export const response = note;
export const error = note;
