// Learns which servers cannot be intercepted because the client insists on their own certificate (pinning), and relays their TLS untouched
// from then on; mitmproxy's tls_passthrough example. The first handshakes fail, the next ones pass; what was learned outlives restarts.
// `flowcell run addons/tls-passthrough-learner --set passthrough_after=2`
import { ctx, layers, type HTTPFlow, type Layer, type LayerChoice, type Manifest, type OptionsOf, type RootLayer } from "flowcell";

export const manifest = {
  description: "relays the TLS of servers whose clients refuse interception",
  permissions: { read: ["connection", "request"], act: ["layer"], storage: "256KiB" },
  options: { passthrough_after: { type: "number", default: 1, help: "failed handshakes in a row before a name is relayed" } },
} satisfies Manifest;

/** Names, and connections that are open, that are remembered; the oldest go. */
const mostNames = 2_000;
const failures = new Map<string, number>();
/** By the client's connection: the name in its handshake, until something came through it. */
const trying = new Map<string, string>();
let passthroughAfter = 1;

export async function start(): Promise<void> {
  const known: unknown = await ctx.storage.get("failures");
  if (Array.isArray(known)) for (const [name, count] of known as [string, number][]) failures.set(name, count);
}

export function configure(options: OptionsOf<typeof manifest>): void {
  if (!Number.isInteger(options.passthrough_after) || options.passthrough_after < 1) throw new Error("passthrough_after: a whole number from 1");
  passthroughAfter = options.passthrough_after;
}

function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > mostNames) for (const oldest of map.keys()) { map.delete(oldest); break; }
}

export function next_layer(layer: Layer): LayerChoice | undefined {
  const name = layer.clientHello?.sni?.toLowerCase();
  if (layer.name !== "tls" || name === undefined) return undefined;
  if ((failures.get(name) ?? 0) >= passthroughAfter) return layers.passthrough();
  put(trying, layer.clientConn.id, name);
  return undefined;
}

/** The handshake held: the client takes our certificate. */
export function requestheaders(flow: HTTPFlow): void {
  const name = trying.get(flow.clientConn.id);
  if (name === undefined) return;
  trying.delete(flow.clientConn.id);
  failures.delete(name);
}

export async function clientdisconnect(root: RootLayer): Promise<void> {
  const name = trying.get(root.clientConn.id);
  trying.delete(root.clientConn.id);
  // A client that shook hands and asked nothing only changed its mind.
  if (name === undefined || root.clientConn.timestampTlsSetup !== null) return;
  put(failures, name, (failures.get(name) ?? 0) + 1);
  ctx.log.info(`${name}: the client refused interception${(failures.get(name) ?? 0) >= passthroughAfter ? "; its TLS is relayed from now on" : ""}`);
  await ctx.storage.set("failures", [...failures].slice(-500));
}
