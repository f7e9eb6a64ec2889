// Where a request goes, as text: splitting and joining `scheme://host[:port]/path`, authorities, default ports. Strict: no
// white space, no user names, no fragments, no relative references. Byte strings throughout.
import { isHost, isPath, isPort } from "../schema/http.ts";
import { exec, indexOf, toLowerCase } from "./intrinsics.ts";

export interface Target { readonly scheme: "http" | "https"; readonly host: string; readonly port: number; readonly path: string }

const urlPattern = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^/?#@:[\]\s]+)(?::([0-9]{1,5}))?([/?][^#\s]*)?(?:#.*)?$/i;
const authorityPattern = /^(\[[0-9a-f:.]+\]|[^/?#@:[\]\s]+)(?::([0-9]{1,5}))?$/i;

export const defaultPort = (scheme: string): number => (scheme === "https" ? 443 : 80);
const unbracketed = (host: string): string => (host[0] === "[" ? exec(/^\[(.*)\]$/, host)?.[1] ?? host : host);
const bracketed = (host: string): string => (host[0] !== "[" && indexOf(host, ":") >= 0 ? `[${host}]` : host);

/** `null` when it is no absolute http or https URL. A fragment is dropped. */
export function parseTarget(url: string): Target | null {
  const found = exec(urlPattern, url);
  if (found === null) return null;
  const scheme = toLowerCase(found[1]!) === "https" ? "https" : "http";
  const host = unbracketed(found[2]!);
  const port = found[3] === undefined ? defaultPort(scheme) : +found[3];
  const rest = found[4] ?? "/";
  const path = rest[0] === "?" ? `/${rest}` : rest;
  return isHost(host) && isPort(port) && isPath(path) ? { scheme, host, port, path } : null;
}

/** Host and port of a Host field or authority; `null` when it is none. */
export function parseAuthority(authority: string): { readonly host: string; readonly port: number | null } | null {
  const found = exec(authorityPattern, authority);
  return found === null ? null : { host: unbracketed(found[1]!), port: found[2] === undefined ? null : +found[2] };
}

export function targetText(scheme: string, host: string, port: number, path: string): string {
  const end = path === "*" ? "" : path;
  return `${scheme}://${bracketed(host)}${port === defaultPort(scheme) ? "" : `:${port}`}${end}`;
}
