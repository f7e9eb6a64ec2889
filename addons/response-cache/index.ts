// A small shared cache (RFC 9111, its careful part): fresh responses to GET are given again without asking the server, with Age; what is
// private, varies, or belongs to a request with credentials or a Range is never kept.
// `flowcell run addons/response-cache`
import { Response, type HTTPFlow, type Manifest } from "flowcell";

export const manifest = {
  description: "answers repeated requests from memory",
  permissions: { read: ["request", "response", "response.body"], act: ["respond"], headers: ["authorization", "cookie", "set-cookie"] },
} satisfies Manifest;

interface Kept { readonly status: number; readonly fields: readonly (readonly [string, string])[]; readonly body: Uint8Array; readonly keptAt: number; readonly ageThen: number; readonly lifetime: number }

/** Of all bodies together, and of one; the oldest responses go. */
const mostBytes = 8 * 1_024 * 1_024;
const mostBytesOfOne = 512 * 1_024;
const kept = new Map<string, Kept>();
let keptBytes = 0;

/** RFC 9110 §15.1: cacheable by themselves, and whole. */
const statuses: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410]);

const directives = (value: string | null): ReadonlyMap<string, string> => new Map((value ?? "").toLowerCase().split(",").map((part): [string, string] => { const [name = "", argument = ""] = part.trim().split("="); return [name, argument.replaceAll('"', "")]; }));
const secondsIn = (text: string | undefined): number | null => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null);
const keyOf = ({ request }: HTTPFlow): string => request.url;

function isShared({ request }: HTTPFlow): boolean {
  return request.method === "GET" && !["authorization", "cookie", "range", "if-none-match", "if-modified-since", "if-range"].some((name) => request.headers.has(name));
}

function forget(key: string): void {
  const former = kept.get(key);
  if (former !== undefined && kept.delete(key)) keptBytes -= former.body.length;
}

/** RFC 9111 §4.2.1, in seconds; 0: not to be kept. */
function lifetimeOf(response: NonNullable<HTTPFlow["response"]>): number {
  const { headers } = response;
  const control = directives(headers.get("cache-control"));
  if (!statuses.has(response.statusCode) || ["no-store", "no-cache", "private", "must-understand"].some((name) => control.has(name)) || headers.has("vary") || headers.has("set-cookie")) return 0;
  const stated = secondsIn(control.get("s-maxage")) ?? secondsIn(control.get("max-age"));
  if (stated !== null) return stated;
  const expires = Date.parse(headers.get("expires") ?? "");
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(expires) ? 0 : Math.max(0, (expires - (Number.isNaN(date) ? Date.now() : date)) / 1_000);
}

export function requestheaders(flow: HTTPFlow): void {
  const found = kept.get(keyOf(flow));
  if (found === undefined || flow.response !== null || !isShared(flow)) return;
  const control = directives(flow.request.headers.get("cache-control"));
  const age = found.ageThen + (Date.now() - found.keptAt) / 1_000;
  if (age >= found.lifetime) return forget(keyOf(flow));
  if (control.has("no-cache") || control.has("no-store") || age > (secondsIn(control.get("max-age")) ?? Number.POSITIVE_INFINITY)) return;
  flow.response = Response.make(found.status, found.body, [...found.fields.map(([name, value]): [string, string] => [name, value]), ["Age", String(Math.floor(age))]]);
  flow.metadata["isFromCache"] = true;
}

export function response(flow: HTTPFlow): void {
  const { response, request } = flow;
  if (response === null || flow.metadata["isFromCache"] === true) return;
  const key = keyOf(flow);
  // RFC 9111 §4.4: what changes a resource makes what is kept of it old.
  if (request.method !== "GET" && request.method !== "HEAD" && request.method !== "OPTIONS") return forget(key);
  const lifetime = lifetimeOf(response);
  const ageThen = secondsIn(response.headers.get("age") ?? undefined) ?? 0;
  if (!isShared(flow) || directives(request.headers.get("cache-control")).has("no-store") || lifetime <= ageThen || response.body === null || response.body.length > mostBytesOfOne) return;
  forget(key);
  const fields = response.headers.fields.filter(([name]) => !/^(?:age|connection|content-length|keep-alive|transfer-encoding)$/i.test(name)).map(([name, value]) => [name, value] as const);
  kept.set(key, { status: response.statusCode, fields, body: response.body.slice(), keptAt: Date.now(), ageThen, lifetime });
  keptBytes += response.body.length;
  for (const oldest of kept.keys()) if (keptBytes > mostBytes) forget(oldest);
}
