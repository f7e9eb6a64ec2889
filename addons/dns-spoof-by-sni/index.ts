// Sends TLS connections to other addresses by the name that the client asks for in its handshake (SNI), whatever address it dialled, as a
// forged DNS answer would; plain connections go by the name that they were addressed to. Each rule is NAME=ADDRESS[:PORT].
// `flowcell run addons/dns-spoof-by-sni --set dns_spoof=shop.example.com=10.0.0.5`
import type { Layer, Manifest, OptionsOf, ServerConnection } from "flowcell";

export const manifest = {
  description: "sends connections elsewhere by the name in their TLS handshake",
  permissions: { read: ["connection"], act: ["redirect"] },
  options: { dns_spoof: { type: "string[]", default: [], help: "NAME=ADDRESS[:PORT]" } },
} satisfies Manifest;

interface Target { readonly host: string; readonly port: number | null }

/** Servers of handshakes that have begun; the oldest go. */
const mostWaiting = 1_000;
const namesByServer = new Map<string, string>();
let targets: ReadonlyMap<string, Target> = new Map();

function readRule(spec: string): [string, Target] {
  const [, name, host, port] = /^([^=\s]+)=(\[[^\]\s]+\]|[^:\s]+)(?::(\d{1,5}))?$/.exec(spec) ?? [];
  const number = port === undefined ? null : Number(port);
  if (name === undefined || host === undefined || (number !== null && (number < 1 || number > 65_535))) throw new Error(`dns_spoof: "${spec}" is not NAME=ADDRESS[:PORT]`);
  return [name.toLowerCase(), { host: host.replace(/^\[|\]$/g, ""), port: number }];
}

export function configure(options: OptionsOf<typeof manifest>): void {
  targets = new Map(options.dns_spoof.map(readRule));
}

const placeOf = (address: { readonly host: string; readonly port: number }): string => `${address.host.toLowerCase()} ${address.port}`;

export function next_layer(layer: Layer): void {
  const name = layer.clientHello?.sni?.toLowerCase();
  const address = layer.serverConn?.address;
  if (name === undefined || address == null || !targets.has(name)) return;
  namesByServer.set(placeOf(address), name);
  if (namesByServer.size > mostWaiting) for (const oldest of namesByServer.keys()) { namesByServer.delete(oldest); break; }
}

export function serverconnect(server: ServerConnection): void {
  const { address } = server;
  if (address === null) return;
  const target = targets.get(namesByServer.get(placeOf(address)) ?? address.host.toLowerCase());
  if (target !== undefined) server.address = { host: target.host, port: target.port ?? address.port };
}
