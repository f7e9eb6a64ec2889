// Sends requests for some hosts to other servers, without the client noticing. Each rule is HOST=HOST[:PORT]; Host follows.
// `flowcell run addons/redirect-hosts --set redirect_hosts=example.org=127.0.0.1:8000`
import type { HTTPFlow, Manifest, OptionsOf } from "flowcell";

export const manifest = {
  description: "sends requests for some hosts to other servers",
  permissions: { read: ["request"], act: ["redirect"] },
  options: { redirect_hosts: { type: "string[]", default: ["example.org=example.com"], help: "HOST=HOST[:PORT]" } },
} satisfies Manifest;

interface Target { readonly host: string; readonly port: number | null }

let targets: ReadonlyMap<string, Target> = new Map();

function readRule(spec: string): [string, Target] {
  const [, from, host, port] = /^([^=\s]+)=(\[[^\]\s]+\]|[^:\s]+)(?::(\d{1,5}))?$/.exec(spec) ?? [];
  const number = port === undefined ? null : Number(port);
  if (from === undefined || host === undefined || (number !== null && (number < 1 || number > 65_535))) throw new Error(`redirect_hosts: "${spec}" is not HOST=HOST[:PORT]`);
  return [from.toLowerCase(), { host: host.replace(/^\[|\]$/g, ""), port: number }];
}

export function configure(options: OptionsOf<typeof manifest>): void {
  targets = new Map(options.redirect_hosts.map(readRule));
}

export function requestheaders({ request }: HTTPFlow): void {
  const target = targets.get(request.prettyHost.toLowerCase());
  if (target === undefined) return;
  request.host = target.host;
  if (target.port !== null) request.port = target.port;
}
