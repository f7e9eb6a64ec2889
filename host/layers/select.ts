// Chooses the protocol inside a connection or tunnel: by the operator's patterns, by first bytes, and by what addons say in
// `next_layer`. It consumes no bytes and runs no layer.
import type { LayerKind } from "../../sandbox-api/schema/changes.ts";
import type { LayerProposal } from "../flows/flow.ts";
import { mostPeekedBytes, peek } from "../net/peek.ts";
import type { ClientHello } from "../tls/client-hello.ts";
import type { LayerContext, LayerScope, Link } from "./layer-scope.ts";
import { sniff, type Sniffed } from "./sniff.ts";

export type Choice =
  | { readonly kind: "tls"; readonly hello: ClientHello | null }
  | { readonly kind: "http1" | "http2" | "tcp" | "passthrough" | "close" };

const passthrough: Choice = { kind: "passthrough" };
const close: Choice = { kind: "close" };

/** LIMIT: first bytes that an addon is shown. */
const mostShownBytes = 4_096;

/** The protocol of this link, after `next_layer`. Resolves with "close" when the client leaves without a byte. */
export async function select(scope: LayerScope, link: Link): Promise<Choice> {
  const { context } = scope;
  const { destination } = link;
  if (destination !== null && isIgnored(context, destination.host, destination.port)) return passthrough;
  const { sniffed, first } = await look(scope, link);
  if (link.duplex.isClosed || (first.length === 0 && link.duplex.isEnded) || isOver(scope, first)) return close;
  if (sniffed.kind === "tls" && destination !== null && sniffed.hello.sni !== undefined && isIgnored(context, sniffed.hello.sni, destination.port)) return passthrough;
  const proposed = propose(context, link, sniffed);
  return await ask(scope, link, proposed, first);
}

function isOver(scope: LayerScope, first: Buffer): boolean {
  return scope.alarm.hasPassed || (first.length === 0 && scope.context.isDraining());
}

async function look(scope: LayerScope, { duplex, destination, alpn }: Link): Promise<{ readonly sniffed: Sniffed; readonly first: Buffer }> {
  const { waker, alarm } = scope;
  const { peekMs, idleMs, headMs } = scope.context.timeouts;
  let first: Buffer = Buffer.alloc(0);
  const see = (bytes: Buffer, isFinal: boolean): Sniffed | null => {
    if (first.length === 0 && bytes.length > 0) alarm.set(headMs);
    first = bytes;
    return sniff(bytes, isFinal);
  };
  // Where the client has to speak first, there is nothing to be gained by giving up early.
  const waitMs = destination === null || alpn !== null ? null : peekMs;
  alarm.set(idleMs);
  const options = { waker, waitMs, isOver: () => isOver(scope, first) };
  let sniffed = await peek(duplex, see, options);
  // The rest of a client hello is worth waiting for: it is the client's turn until it is complete.
  if (sniffed?.kind === "tls-partial" && first.length < mostPeekedBytes) sniffed = await peek(duplex, see, { ...options, waitMs: null });
  return { sniffed: sniffed ?? { kind: "unknown" }, first };
}

function propose(context: LayerContext, link: Link, sniffed: Sniffed): Choice {
  const { destination } = link;
  switch (sniffed.kind) {
    case "tls": return { kind: "tls", hello: sniffed.hello };
    case "tls-partial": case "tls-fault": return destination === null ? { kind: "tls", hello: null } : { kind: "tcp" };
    case "http1": case "http2": case "unknown":
      if (destination !== null && context.tcpHosts.some((pattern) => pattern.test(`${destination.host}:${destination.port}`))) return { kind: "tcp" };
      if (context.http2 && (sniffed.kind === "http2" || link.alpn === "h2")) return { kind: "http2" };
      if (destination === null) return { kind: "http1" };
      return { kind: sniffed.kind === "http1" || link.alpn === "http/1.1" || link.alpn === "http/1.0" ? "http1" : "tcp" };
  }
}

async function ask(scope: LayerScope, link: Link, proposed: Choice, first: Buffer): Promise<Choice> {
  const { gate, keys } = scope.context;
  if (!gate.wants("next_layer", link.destination?.host ?? null)) return proposed;
  const hello = proposed.kind === "tls" ? proposed.hello : null;
  const proposal: LayerProposal = {
    kind: "layer", key: keys.next(), name: proposed.kind === "passthrough" || proposed.kind === "close" ? "tcp" : proposed.kind,
    client: scope.client, server: scope.root.server, dataClient: first.subarray(0, mostShownBytes),
    clientHello: hello === null ? null : { sni: hello.sni ?? null, alpnProtocols: hello.alpnProtocols, cipherSuites: hello.cipherSuites },
    replacement: null,
  };
  const held = gate.held("next_layer", proposal);
  if (held !== null) await held;
  gate.release(proposal);
  const { replacement } = proposal;
  if (replacement === null) return proposed;
  const chosen = choiceOf(replacement, proposed, hello);
  if (link.destination !== null || (chosen.kind !== "tcp" && chosen.kind !== "passthrough")) return chosen;
  scope.context.log.warn("next_layer asked for a raw relay where no destination is known; the connection is closed", { client: scope.client.id });
  return close;
}

function choiceOf(replacement: LayerKind, proposed: Choice, hello: ClientHello | null): Choice {
  if (replacement === "tls") return { kind: "tls", hello };
  return replacement === "http" && proposed.kind === "http2" ? proposed : { kind: kinds[replacement] };
}

const kinds = { tcp: "tcp", http: "http1", passthrough: "passthrough", close: "close" } as const satisfies Record<Exclude<LayerKind, "tls">, Choice["kind"]>;

/** Whether the operator wants that destination left alone. */
export function isIgnored({ ignoreHosts, allowHosts }: LayerContext, host: string, port: number): boolean {
  const place = `${host}:${port}`;
  if (ignoreHosts.some((pattern) => pattern.test(place))) return true;
  return allowHosts !== null && !allowHosts.some((pattern) => pattern.test(place));
}
