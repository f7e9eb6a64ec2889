// Keeps the cookies that servers set and sends them with requests that bring none of their own; mitmproxy's stickycookie. Cookies go by
// domain, port and path; one that has expired is forgotten.
// `flowcell run addons/sticky-cookie --set 'stickycookie=~d shop.example.com'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "repeats cookies to the servers that set them",
  permissions: { read: ["request", "response"], write: ["request"], headers: ["cookie", "set-cookie"] },
  options: { stickycookie: { type: "string", default: "~all", help: "requests that get cookies" } },
} satisfies Manifest;

interface Place { readonly domain: string; readonly port: number; readonly path: string; readonly isHostOnly: boolean }

/** Places, and cookies of one place, that are remembered; the oldest go. */
const mostPlaces = 1_000;
const mostCookies = 100;
const jar = new Map<string, { readonly place: Place; readonly cookies: Map<string, string> }>();
let filter: FlowFilter | null = null;

export function configure({ stickycookie }: OptionsOf<typeof manifest>): void {
  filter = stickycookie === "" ? null : flowfilter.parse(stickycookie);
}

const inDomain = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** RFC 6265 §5.1.4. */
const inPath = (path: string, prefix: string): boolean => path === prefix || (path.startsWith(prefix) && (prefix.endsWith("/") || path.charAt(prefix.length) === "/"));

function trim<K, V>(map: Map<K, V>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}

function take(line: string, host: string, port: number, now: number): void {
  const [pair = "", ...rest] = line.split(";");
  const at = pair.indexOf("=");
  if (at < 1) return;
  const name = pair.slice(0, at).trim();
  const attributes = new Map(rest.map((part): [string, string] => { const [key = "", ...value] = part.split("="); return [key.trim().toLowerCase(), value.join("=").trim()]; }));
  const domain = (attributes.get("domain") ?? "").replace(/^\./, "").toLowerCase();
  // A server sets cookies for itself and the domains above it, nobody else's.
  if (domain !== "" && !inDomain(host, domain)) return;
  const path = attributes.get("path") ?? "/";
  const place: Place = { domain: domain === "" ? host : domain, port, path: path.startsWith("/") ? path : "/", isHostOnly: domain === "" };
  const key = `${place.domain} ${place.port} ${place.path} ${place.isHostOnly}`;
  const kept = jar.get(key) ?? { place, cookies: new Map<string, string>() };
  const age = Number(attributes.get("max-age") ?? Number.NaN);
  const ends = Number.isNaN(age) ? Date.parse(attributes.get("expires") ?? "") : now + age * 1_000;
  kept.cookies.delete(name);
  if (Number.isNaN(ends) || ends > now) kept.cookies.set(name, pair.slice(at + 1).trim());
  trim(kept.cookies, mostCookies);
  jar.delete(key);
  if (kept.cookies.size > 0) jar.set(key, kept);
  trim(jar, mostPlaces);
}

export function responseheaders(flow: HTTPFlow): void {
  if (flow.response === null) return;
  const { host, port } = flow.request;
  for (const line of flow.response.headers.getSetCookie()) take(line, host.toLowerCase(), port, Date.now());
}

export function requestheaders(flow: HTTPFlow): void {
  const { request } = flow;
  if (filter === null || request.headers.has("cookie") || !filter.matches(flow)) return;
  const host = request.host.toLowerCase();
  const path = request.path.replace(/[?#].*$/s, "");
  const fitting = [...jar.values()].filter(({ place }) => place.port === request.port && (place.isHostOnly ? host === place.domain : inDomain(host, place.domain)) && inPath(path, place.path));
  // RFC 6265 §5.4: longer paths first.
  const pairs = fitting.sort((a, b) => b.place.path.length - a.place.path.length).flatMap(({ cookies }) => Array.from(cookies, ([name, value]) => `${name}=${value}`));
  if (pairs.length > 0) request.headers.set("Cookie", pairs.join("; "));
}
