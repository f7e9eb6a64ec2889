// Sends the connections to some hosts through other proxies, and the rest as the listener says. Each rule is HOST=http://PROXY:PORT (or
// https://, for a proxy that is spoken to under TLS), or HOST=direct; "*.example.com" stands for every name under it, "*" for all.
// `flowcell run addons/upstream-by-host --set 'upstream_by_host=*.corp.example=http://proxy.corp.example:3128'`
import type { Manifest, OptionsOf, ServerConnection, Via } from "flowcell";

export const manifest = {
  description: "sends connections to some hosts through other proxies",
  permissions: { read: ["connection"], act: ["redirect"] },
  options: { upstream_by_host: { type: "string[]", default: [], help: "HOST=http(s)://PROXY:PORT or HOST=direct" } },
} satisfies Manifest;

interface Rule { readonly host: string; readonly via: Via | null }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const [, host, way] = /^([^=\s]+)=(\S+)$/.exec(spec) ?? [];
  const [, scheme, name, port] = /^(https?):\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})\/?$/.exec(way ?? "") ?? [];
  if (host !== undefined && way === "direct") return { host: host.toLowerCase(), via: null };
  if (host === undefined || name === undefined || Number(port) < 1 || Number(port) > 65_535) throw new Error(`upstream_by_host: "${spec}" is not HOST=http(s)://PROXY:PORT`);
  return { host: host.toLowerCase(), via: { scheme: scheme === "https" ? "https" : "http", host: name.replace(/^\[|\]$/g, ""), port: Number(port) } };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.upstream_by_host.map(readRule);
}

const fits = (pattern: string, name: string): boolean => pattern === "*" || pattern === name || (pattern.startsWith("*.") && name.endsWith(pattern.slice(1)));

export function serverconnect(server: ServerConnection): void {
  const name = server.address?.host.toLowerCase();
  const rule = name === undefined ? undefined : rules.find(({ host }) => fits(host, name));
  if (rule !== undefined) server.via = rule.via;
}
