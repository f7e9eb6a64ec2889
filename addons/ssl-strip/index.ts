// Shows clients https:// links as http:// and asks the servers by https:// all the same; mitmproxy's sslstrip example. For tests of how
// an application behaves without TLS; it takes a protection away. HSTS, upgrades and Secure cookies are removed on the way.
// `flowcell run addons/ssl-strip --set ssl_strip=~all`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "shows clients http:// in place of https://",
  permissions: { read: ["request", "response", "response.body"], write: ["request", "response", "response.body"], act: ["redirect"], headers: ["set-cookie"] },
  options: { ssl_strip: { type: "string", default: "~all", help: "flows that it takes part in" } },
} satisfies Manifest;

/** Hosts whose links were changed: they are asked by https://. The oldest go. */
const mostHosts = 5_000;
const secureHosts = new Set<string>();
let filter: FlowFilter | null = null;

export function configure({ ssl_strip }: OptionsOf<typeof manifest>): void {
  filter = ssl_strip === "" ? null : flowfilter.parse(ssl_strip);
}

function remember(host: string): void {
  secureHosts.delete(host);
  secureHosts.add(host);
  if (secureHosts.size > mostHosts) for (const oldest of secureHosts) { secureHosts.delete(oldest); break; }
}

const links = /https:\/\/([A-Za-z0-9.-]{1,253})(?=[:/"'\s?#<\\]|$)/g;

function strip(text: string): string {
  return text.replace(links, (_link, host: string) => {
    remember(host.toLowerCase());
    return `http://${host}`;
  });
}

export function requestheaders(flow: HTTPFlow): void {
  const { request } = flow;
  if (filter === null || !filter.matches(flow)) return;
  request.headers.delete("upgrade-insecure-requests");
  request.headers.delete("if-modified-since");
  if (request.scheme === "http" && secureHosts.has(request.prettyHost.toLowerCase())) {
    request.scheme = "https";
    if (request.port === 80) request.port = 443;
  }
}

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  if (filter === null || response === null || !filter.matches(flow)) return;
  response.headers.delete("strict-transport-security");
  response.headers.delete("public-key-pins");
  const policy = response.headers.get("content-security-policy");
  if (policy !== null && /upgrade-insecure-requests/i.test(policy)) response.headers.set("Content-Security-Policy", policy.replace(/upgrade-insecure-requests;?\s*/gi, ""));
  const location = response.headers.get("location");
  if (location !== null) response.headers.set("Location", strip(location));
  const cookies = response.headers.getSetCookie();
  if (cookies.some((cookie) => /;\s*secure\b/i.test(cookie))) response.headers.setAll("Set-Cookie", cookies.map((cookie) => cookie.replace(/;\s*secure\b/gi, "")));
  if (!/^(?:text\/|application\/(?:json|javascript|xhtml))/i.test(response.headers.get("content-type") ?? "")) return;
  const { text } = response;
  if (text !== null && text.includes("https://")) response.text = strip(text);
}
