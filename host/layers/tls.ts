// Takes TLS off: with a leaf of our own towards the client, with the client's wishes towards the server. Contacts the server first
// when its choice of protocol or its certificate matters to the client, and leaves it for later otherwise.
import type { Target } from "../exchange/target.ts";
import { nowSeconds } from "../exchange/context.ts";
import { PlainDuplex } from "../net/plain-duplex.ts";
import type { ClientHello } from "../tls/client-hello.ts";
import { acceptClient } from "../tls/handshake.ts";
import type { LeafContext } from "../tls/leaf-cache.ts";
import { alpnForClient, alpnForUpstream, type AlpnRules, type UpstreamAlpn } from "../tls/policy.ts";
import { openWatched } from "./first-speaker.ts";
import { isOnboarding } from "./onboarding.ts";
import { end, type LayerScope, type Link, type Next } from "./layer-scope.ts";

interface ServerView {
  readonly alpn: UpstreamAlpn;
  readonly certificate: Buffer | null;
}

const notContacted: ServerView = { alpn: { kind: "not-connected" }, certificate: null };

/** Ends with the plain bytes inside. A client that refuses the handshake is logged, with what to do about it. */
export async function tlsLayer(scope: LayerScope, link: Link, hello: ClientHello | null): Promise<Next> {
  const { context, client } = scope;
  const offered = hello?.alpnProtocols ?? [];
  const server = await meetServer(scope, link, hello);
  if (link.duplex.isClosed) return end;
  const host = link.destination?.host;
  const leaf = await leafFor(scope, link, hello, server);
  const transport = link.duplex.transport;
  const socket = link.duplex.detach();
  const rules = rulesFor(scope, link);
  const alpn = alpnForClient(offered, server.alpn, rules) ?? offered.find((protocol) => isTranslated(protocol, server.alpn));
  const named = hello?.sni ?? host ?? "the proxy itself";
  const result = await acceptClient(socket, { leaf, alpn, host: named, mostMs: context.timeouts.handshakeMs, keyLog: context.keyLog });
  if (result.kind !== "open") {
    const message = result.kind === "fault" ? result.fault.message : `The TLS handshake of the client for ${named} took longer than ${context.timeouts.handshakeMs} ms.`;
    context.log.warn(message, { event: "client-handshake", host: named, client: `${client.address.host}:${client.address.port}`, code: result.kind === "fault" ? result.fault.code : "timeout" });
    return end;
  }
  const agreed = typeof result.socket.alpnProtocol === "string" ? result.socket.alpnProtocol : null;
  client.tls = true;
  client.sni = hello?.sni ?? null;
  client.alpn = agreed;
  client.tlsVersion = result.socket.getProtocol();
  client.cipher = result.socket.getCipher().name;
  client.timestampTlsSetup = nowSeconds();
  client.version++;
  const duplex = new PlainDuplex(result.socket, transport);
  duplex.onNews = scope.waker.wake;
  return { kind: "inside", link: inside(scope, link, duplex, agreed) };
}

/** TLS to the proxy itself leads where the listener's mode does; any other leads on to the destination. */
function inside({ root, listener: { mode } }: LayerScope, link: Link, duplex: PlainDuplex, alpn: string | null): Link {
  const isSecure = mode.kind === "reverse" ? mode.scheme === "https" : link.destination !== null;
  return { duplex, destination: link.destination ?? root.server.address, isSecure, stage: link.stage === "listener" ? "mode" : "inside", alpn, depth: link.depth + 1 };
}

/** A client that names nobody wants whom it connected to: the listener's address, where it did not ask for a tunnel. */
function leafFor({ context, client }: LayerScope, link: Link, hello: ClientHello | null, server: ServerView): Promise<Pick<LeafContext, "secureContext">> {
  const isToListener = link.stage === "listener";
  if (isToListener && context.listenerCertificate !== null) return Promise.resolve(context.listenerCertificate);
  const host = isToListener && hello?.sni === undefined ? client.sockname.host : link.destination?.host;
  return context.leaves.contextFor({ sni: hello?.sni, host, upstreamCertificate: server.certificate ?? undefined });
}

/** LIMIT: to the proxy itself HTTP/1 only, because CONNECT over HTTP/2 is not spoken yet. */
const rulesFor = ({ context }: LayerScope, { destination }: Link): AlpnRules => ({ http2: context.http2 && destination !== null });

/** What the client offered, but never HTTP/1.0: towards servers the proxy speaks 1.1, and many refuse an offer that has only 1.0. */
function offerToServer(offered: readonly string[], rules: AlpnRules): readonly string[] {
  return [...new Set(alpnForUpstream(offered, rules).map((protocol) => (protocol === "http/1.0" ? "http/1.1" : protocol)))];
}

/** What the client offered and the server did not take, but the proxy can translate: 1.0 for 1.1 or nothing, HTTP/1 for HTTP/2 alone. */
function isTranslated(offered: string, server: UpstreamAlpn): boolean {
  if (server.kind === "not-connected") return false;
  if (server.protocol === "h2") return offered === "http/1.1" || offered === "http/1.0";
  return offered === "http/1.0" && (server.protocol === "http/1.1" || server.protocol === undefined);
}

/** Contacts the server if the client's handshake depends on it. A failure is kept for the first request, which shows it to the client. */
async function meetServer(scope: LayerScope, link: Link, hello: ClientHello | null): Promise<ServerView> {
  const { destination } = link;
  const { mode } = scope.listener;
  // A reverse proxy's server is known by the name in the operator's address, under the operator's scheme.
  if (destination === null || hello === null || isOnboarding(scope.context, destination.host) || (mode.kind === "reverse" && mode.scheme === "http")) return notContacted;
  const target: Target = { scheme: "https", ...destination };
  const sni = mode.kind === "reverse" && !scope.context.keepHostHeader ? null : hello.sni ?? null;
  scope.upstreams.offer(target, { sni, alpnProtocols: offerToServer(hello.alpnProtocols, rulesFor(scope, link)) });
  if (scope.context.meetsServersLate) return notContacted;
  // Without a name from the client, the server's certificate is the only source of names.
  if (hello.alpnProtocols.length === 0 && hello.sni !== undefined) return notContacted;
  const met = await openWatched(scope, link, target);
  if ("cause" in met) {
    scope.upstreams.failNext(target, met);
    return notContacted;
  }
  scope.upstreams.keepUnspoken(met);
  return { alpn: { kind: "connected", protocol: met.alpn ?? undefined }, certificate: met.certificate };
}
