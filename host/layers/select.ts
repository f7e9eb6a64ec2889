// Chooses the protocol inside a connection or tunnel: by the operator's patterns, by first bytes, and by what addons say in
// `next_layer`. It consumes no bytes and runs no layer.
import type { LayerKind } from "../../sandbox-api/schema/changes.ts";
import type { LayerProposal } from "../flows/flow.ts";
import { mostPeekedBytes, peek } from "../net/peek.ts";
import type { ClientHello } from "../tls/client-hello.ts";
import { hasSpoken, meetSilently } from "./first-speaker.ts";
import type { LayerContext, LayerScope, Link } from "./layer-scope.ts";
import type { RefusedOpening } from "./opening.ts";
import type { PlacePattern } from "./place-pattern.ts";
import { sniff, type Sniffed } from "./sniff.ts";

export type Choice =
  | { readonly kind: "tls"; readonly hello: ClientHello | null }
  | { readonly kind: "http1" | "http2" | "close" }
  | { readonly kind: "socks" }
  /** `keepsTls`: the bytes are the client's own TLS, which is left on. */
  | { readonly kind: "tcp" | "passthrough"; readonly keepsTls?: true }
  /** The client does not speak what its listener wants. */
  | ({ readonly kind: "refuse" } & RefusedOpening);

const passthrough: Choice = { kind: "passthrough" };
const close: Choice = { kind: "close" };

/** LIMIT: first bytes that an addon is shown. */
const mostShownBytes = 4_096;

/** What the client sent first. */
interface Look { readonly sniffed: Sniffed; readonly first: Buffer }

/** The protocol of this link, after `next_layer`. Resolves with "close" when the client leaves without a byte. */
export async function select(scope: LayerScope, link: Link): Promise<Choice> {
  const { context, listener: { mode } } = scope;
  const { destination } = link;
  const isRaw = isRawTo(scope, link);
  // Where TLS was taken off, that was decided before it was.
  const isDecided = destination === null || (mode.kind === "reverse" ? link.stage !== "listener" : link.isSecure);
  // The bytes of a reverse proxy's client may have to be put under TLS; whether that is needed says the first of them.
  if (!isDecided && mode.kind !== "reverse" && isIgnored(context, [destination.host], destination.port) === true) return passthrough;
  if (isRaw && destination !== null && !context.gate.wants("next_layer", destination.host)) return { kind: "tcp" };
  const seen = await look(scope, link);
  const { sniffed, first } = seen;
  if (link.duplex.isClosed || (first.length === 0 && link.duplex.isEnded) || isOver(scope, first)) return close;
  if (isLoop(scope)) return { kind: "refuse", spoken: spokenIn(seen), why: "A connection of this proxy to a server was turned back to it: the rules that turn connections here must leave its own out." };
  if (!isDecided) {
    const sni = sniffed.kind === "tls" ? sniffed.hello.sni : undefined;
    if (isIgnored(context, sni === undefined ? [destination.host] : [destination.host, sni], destination.port) !== false) return asTheyCame("passthrough", seen);
  }
  const proposed = isRaw ? asTheyCame("tcp", seen) : atListener(scope, link, seen) ?? propose(scope, link, seen);
  return proposed.kind === "refuse" || proposed.kind === "socks" ? proposed : await ask(scope, link, proposed, seen);
}

/** Raw bytes for one place: they go there whatever they are, and the server may speak first. */
const isRawTo = ({ listener: { mode } }: LayerScope, { destination, stage }: Link): boolean => mode.kind === "tcp" && destination !== null && stage !== "inside";

/** A relay of the client's bytes, its TLS included. */
const asTheyCame = (kind: "tcp" | "passthrough", seen: Look): Choice => (isTls(seen) ? { kind, keepsTls: true } : { kind });

const isTls = ({ sniffed }: Look): boolean => sniffed.kind === "tls" || sniffed.kind === "tls-partial" || sniffed.kind === "tls-fault";

const notTransparent = "This listener (transparent) was addressed itself, so that it is not known where the connection was going: a client that knows the proxy needs a listener of another mode, and rules that redirect must keep the address (TPROXY, not REDIRECT or DNAT).";

const spokenIn = ({ sniffed, first }: Look): RefusedOpening["spoken"] => (sniffed.kind === "http1" || sniffed.kind === "http2" ? "http" : first[0] === 4 ? "socks4" : "other");

/** The client is this proxy itself. */
const isLoop = ({ context, client, listener: { mode } }: LayerScope): boolean => mode.kind === "transparent" && context.own.isOutgoing(client.address.host, client.address.port);

/** What the listener itself wants first; null: whatever comes. */
function atListener({ listener: { mode, needsTls, text } }: LayerScope, { stage }: Link, seen: Look): Choice | null {
  if (stage === "inside") return null;
  const { first } = seen;
  const spoken = spokenIn(seen);
  if (mode.kind === "transparent") return { kind: "refuse", spoken, why: notTransparent };
  if (stage === "listener" && needsTls && !isTls(seen)) return { kind: "refuse", spoken, why: `This listener (${text}) takes TLS only: a client has to name it with https://, and not http://.` };
  if (mode.kind !== "socks5" || (stage === "listener" && isTls(seen))) return null;
  if (first[0] === 5) return { kind: "socks" };
  if (spoken === "socks4") return { kind: "refuse", spoken, why: "A client speaks SOCKS4, and this listener (socks5) takes version 5 only." };
  return { kind: "refuse", spoken, why: `This listener (${text}) is a SOCKS5 proxy, and the client speaks ${spoken === "http" ? "HTTP" : "something else"} to it: set it as socks5h://, and not as http://.` };
}

function isOver(scope: LayerScope, first: Buffer): boolean {
  return scope.alarm.hasPassed || (first.length === 0 && scope.context.isDraining());
}

async function look(scope: LayerScope, link: Link): Promise<Look> {
  const { waker, alarm, upstreams } = scope;
  const { duplex, destination, alpn, stage } = link;
  const { peekMs, idleMs, headMs } = scope.context.timeouts;
  let first: Buffer = Buffer.alloc(0);
  const see = (bytes: Buffer, isFinal: boolean): Sniffed | null => {
    if (first.length === 0 && bytes.length > 0) alarm.set(headMs);
    first = bytes;
    return sniff(bytes, isFinal);
  };
  // Where the client has to speak first, there is nothing to be gained by giving up early.
  const isClientFirst = destination === null || alpn !== null || (stage === "listener" && (scope.listener.needsTls || scope.listener.mode.kind === "reverse"));
  alarm.set(idleMs);
  const options = { waker, waitMs: isClientFirst ? null : peekMs, isOver: () => isOver(scope, first) };
  let sniffed = await peek(duplex, see, options);
  const isSilent = first.length === 0 && !duplex.isEnded && !isOver(scope, first);
  // Where addons would not see more of the client's bytes than of the server's, there is nothing to find out.
  const server = isSilent && destination !== null && !isRawTo(scope, link) && !isLoop(scope) ? await meetSilently(scope, link, destination) : null;
  if (server !== null) {
    alarm.set(idleMs);
    sniffed = await peek(duplex, see, { ...options, waitMs: null, isOver: () => isOver(scope, first) || (first.length === 0 && hasSpoken(server)) });
  }
  // The rest of a client hello is worth waiting for: it is the client's turn until it is complete.
  if (sniffed?.kind === "tls-partial" && first.length < mostPeekedBytes) sniffed = await peek(duplex, see, { ...options, waitMs: null });
  const seen: Look = { sniffed: sniffed ?? { kind: "unknown" }, first };
  // The client's TLS needs a connection of its own, with what it says to the server.
  if (server !== null && isTls(seen)) server.close();
  else if (server !== null) upstreams.keepUnspoken(server);
  return seen;
}

function propose({ context, client, listener: { mode } }: LayerScope, link: Link, seen: Look): Choice {
  const { destination } = link;
  const { sniffed } = seen;
  // Nothing but HTTP is for the proxy itself, or for a reverse proxy's server.
  const isHttp = destination === null || mode.kind === "reverse";
  switch (sniffed.kind) {
    case "tls": return { kind: "tls", hello: sniffed.hello };
    case "tls-partial": case "tls-fault": return isHttp ? { kind: "tls", hello: null } : asTheyCame("tcp", seen);
    case "http1": case "http2": case "unknown":
      if (destination !== null && isIn(context.tcpHosts, link.isSecure && client.sni !== null ? [destination.host, client.sni] : [destination.host], destination.port)) return { kind: "tcp" };
      if (context.http2 && (sniffed.kind === "http2" || link.alpn === "h2")) return { kind: "http2" };
      if (isHttp) return { kind: "http1" };
      return { kind: sniffed.kind === "http1" || link.alpn === "http/1.1" || link.alpn === "http/1.0" ? "http1" : "tcp" };
  }
}

async function ask(scope: LayerScope, link: Link, proposed: Exclude<Choice, { readonly kind: "socks" | "refuse" }>, seen: Look): Promise<Choice> {
  const { gate, keys } = scope.context;
  const { sniffed, first } = seen;
  const hello = sniffed.kind === "tls" ? sniffed.hello : null;
  if (!gate.wants("next_layer", link.destination?.host ?? null)) return proposed;
  const proposal: LayerProposal = {
    kind: "layer", key: keys.next(), name: proposed.kind === "passthrough" || proposed.kind === "close" ? "tcp" : proposed.kind,
    client: scope.client, server: scope.root.server, // A copy: a cell that does not read may still have to be sent it when the bytes have gone their way and their memory was given back.
    dataClient: Buffer.from(first.subarray(0, mostShownBytes)),
    clientHello: hello === null ? null : { sni: hello.sni ?? null, alpnProtocols: hello.alpnProtocols, cipherSuites: hello.cipherSuites },
    replacement: null,
  };
  const held = gate.held("next_layer", proposal);
  if (held !== null) await held;
  gate.release(proposal);
  const { replacement } = proposal;
  if (replacement === null) return proposed;
  const chosen = choiceOf(replacement, proposed, seen);
  if (link.destination !== null || (chosen.kind !== "tcp" && chosen.kind !== "passthrough")) return chosen;
  scope.context.log.warn("next_layer asked for a raw relay where no destination is known; the connection is closed", { client: scope.client.id });
  return close;
}

function choiceOf(replacement: LayerKind, proposed: Choice, seen: Look): Choice {
  if (replacement === "tls") return { kind: "tls", hello: seen.sniffed.kind === "tls" ? seen.sniffed.hello : null };
  if (replacement === "tcp" || replacement === "passthrough") return asTheyCame(replacement, seen);
  return replacement === "http" && proposed.kind === "http2" ? proposed : { kind: kinds[replacement] };
}

const kinds = { http: "http1", close: "close" } as const satisfies Record<Exclude<LayerKind, "tls" | "tcp" | "passthrough">, Choice["kind"]>;

/** Whether the operator wants a place left alone that has these names. null: it depends on names that are not known yet. */
export function isIgnored({ ignoreHosts, allowHosts }: LayerContext, names: readonly string[], port: number): boolean | null {
  if (isIn(ignoreHosts, names, port)) return true;
  return allowHosts === null || isIn(allowHosts, names, port) ? false : null;
}

function isIn(patterns: readonly PlacePattern[], names: readonly string[], port: number): boolean {
  return patterns.some((pattern) => names.some((name) => pattern.test(`${name}:${port}`)));
}
