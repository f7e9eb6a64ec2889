// The four forms of a request-target (RFC 9112 §3.2) taken apart by position, without normalising anything: the path goes on as it
// came. It does not decide which form is fitting where, and resolves nothing.
import { isHost, isPort } from "../../sandbox-api/schema/http.ts";

export interface Authority { readonly host: string; readonly port: number }

export type RequestTarget =
  | { readonly kind: "absolute"; readonly scheme: "http" | "https"; readonly authority: string; readonly host: string; readonly port: number; readonly path: string }
  | { readonly kind: "origin"; readonly path: string }
  | { readonly kind: "asterisk" }
  | { readonly kind: "fault"; readonly message: string };

const defaultPorts = { http: 80, https: 443 } as const;

/** The port that a URL of that scheme means when it names none. */
export const defaultPort = (scheme: "http" | "https"): number => defaultPorts[scheme];

/**
 * "host", "host:port", "[v6]:port" → host (without brackets) and port; null when it is neither. User information is refused (RFC 9110 §4.2.4).
 */
export function parseAuthority(text: string, portByDefault: number | null): Authority | null {
  const match = /^(\[[^\]]*\]|[^:@[\]]*)(?::([0-9]{0,5}))?$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? "";
  const port = match[2] === undefined || match[2] === "" ? portByDefault : Number(match[2]);
  if (host === "" || !isHost(host) || !isPort(port)) return null;
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port };
}

/** The target of any request but CONNECT (whose target is an authority: `parseAuthority`). `method` matters for OPTIONS only. */
export function parseRequestTarget(target: string, method: string): RequestTarget {
  if (target.startsWith("/")) return { kind: "origin", path: target };
  if (target === "*") return { kind: "asterisk" };
  const scheme = schemeOf(target);
  if (scheme === null) return { kind: "fault", message: "The request-target is neither a path nor an http or https address." };
  const start = scheme.length + 3;
  const end = endOfAuthority(target, start);
  const authority = target.slice(start, end);
  const parsed = parseAuthority(authority, defaultPorts[scheme]);
  if (parsed === null) return { kind: "fault", message: "The address in the request has no valid host and port." };
  const rest = target.slice(end);
  // RFC 9112 §3.2.4: an address without path means the server itself for OPTIONS, and the root otherwise.
  const path = rest === "" ? (method === "OPTIONS" ? "*" : "/") : rest.startsWith("?") ? `/${rest}` : rest;
  return { kind: "absolute", scheme, authority, host: parsed.host, port: parsed.port, path };
}

function schemeOf(target: string): "http" | "https" | null {
  const lower = target.slice(0, 8).toLowerCase();
  if (lower.startsWith("http://")) return "http";
  return lower === "https://" ? "https" : null;
}

function endOfAuthority(target: string, start: number): number {
  for (let at = start; at < target.length; at++) {
    const char = target.charCodeAt(at);
    if (char === 0x2f || char === 0x3f) return at;
  }
  return target.length;
}

/** Host and port as a Host field or authority shows them: brackets around IPv6, no default port. */
export function formatAuthority(host: string, port: number, scheme: "http" | "https"): string {
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return port === defaultPorts[scheme] ? name : `${name}:${port}`;
}
