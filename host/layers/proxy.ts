// The proxy as one thing with a beginning and an end: listeners, the connections they accept, and a drain. Protocols are in the
// layers, decisions of addons behind the gate, certificates behind the leaf source.
import type { Socket } from "node:net";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { replayRequest } from "../exchange/replay.ts";
import type { ReplayEnd } from "../flows/saved/client-replay.ts";
import { randomBytes } from "node:crypto";
import type { Via } from "../flows/connection.ts";
import type { HttpFlow } from "../flows/flow.ts";
import type { Gate } from "../flows/gate.ts";
import { HeapRest } from "../heap-rest.ts";
import { HeapRoom } from "../heap-room.ts";
import type { Log } from "../log.ts";
import { createKeySource, type KeySource } from "../net/keys.ts";
import { openListener, type Listener, type ListenerAddress } from "../net/listener.ts";
import { OwnAddresses } from "../net/own-addresses.ts";
import { proxyTimeouts, type ProxyTimeouts } from "../net/proxy-timeouts.ts";
import { TimeoutWheel } from "../net/timeouts.ts";
import { OperatorError } from "../operator-error.ts";
import type { LeafContext } from "../tls/leaf-cache.ts";
import type { KeyLog } from "../tls/key-log.ts";
import type { UpstreamTrust } from "../tls/policy.ts";
import { UpstreamSessions } from "../tls/upstream-sessions.ts";
import type { ProxyAuth } from "../access/proxy-auth.ts";
import { serveConnection, type ServedConnection } from "./client-connection.ts";
import type { LayerContext, LeafSource, Onboarding } from "./layer-scope.ts";
import { readMode, type ListenerMode } from "./mode.ts";
import type { PlacePattern } from "./place-pattern.ts";

export interface ProxyOptions {
  readonly gate: Gate;
  readonly log: Log;
  /** Certificates for clients: `createLeafCache(authority)`. */
  readonly leafCache: LeafSource;
  /** Which servers are believed: `openUpstreamTrust(…)`. */
  readonly trust: UpstreamTrust;
  /** Who writes the keys of TLS sessions down: `openKeyLog(…)`, closed by whoever opened it. Null or absent: nobody. */
  readonly keyLog?: Pick<KeyLog, "watch"> | null;
  /** Largest body that is collected for addons, in bytes; larger ones pass by unseen. */
  readonly bodyBytes: number;
  /** Largest message of a WebSocket that addons look at, in bytes (close code 1009 beyond it); default: the limit's. */
  readonly webSocketMessageBytes?: number;
  /** Largest body that passes at all, in bytes (413 or 502 beyond it); null or absent: any. */
  readonly bodySizeLimitBytes?: number | null;
  /** Larger bodies pass on while they come, unseen by addons; null or absent: those that are larger than `bodyBytes`. */
  readonly streamLargeBodiesBytes?: number | null;
  /** Bodies that no addon wants are kept in the flow up to so many bytes, for whoever saves it; null or absent: they are not. */
  readonly keepPassedBytes?: number | null;
  /** Matched against "host:port": relayed raw, with the original certificate and no events about the content. */
  readonly ignoreHosts?: readonly PlacePattern[];
  /** When given, everything that matches none of them is treated as ignored. */
  readonly allowHosts?: readonly PlacePattern[] | undefined;
  /** TCP events in place of HTTP; TLS is still taken off. */
  readonly tcpHosts?: readonly PlacePattern[];
  /** Speak HTTP/2 where both sides can; default true. */
  readonly http2?: boolean;
  /** Who may use regular, upstream and SOCKS listeners: `openProxyAuth(…)`; closed by whoever opened it. Null or absent: everybody. */
  readonly proxyAuth?: ProxyAuth | null;
  /** Reverse listeners show their server the Host that the client sent; default: the server's own. */
  readonly keepHostHeader?: boolean;
  /** "user:password" for the proxies of upstream listeners, and for no other that an addon names. */
  readonly upstreamAuth?: string | null;
  /** Shown to clients that speak TLS to the proxy itself; null or absent: leaves from `leafCache`. */
  readonly listenerCertificate?: Pick<LeafContext, "secureContext"> | null;
  /** TLS clients are met without meeting their server first: something else may answer for it. Default: it is met where its protocol or certificate matters. */
  readonly meetsServersLate?: boolean;
  /** The magic host, and what it shows; null or absent: none. */
  readonly onboarding?: Onboarding | null;
  readonly timeouts?: Partial<ProxyTimeouts>;
  /** Shared with whoever else makes flows in this process. */
  readonly keys?: KeySource;
  /** Where the listeners are noted; shared with whoever else must not connect to them. */
  readonly own?: OwnAddresses;
}

/** `mode`: "regular", "reverse:https://…" and the others of docs/modes.md, without "@HOST:PORT". */
export interface ListenAt extends ListenerAddress { readonly mode: string }

export interface Proxy {
  /** Opens a listener and says where (port 0: any free one). Rejects with a ListenError or, for words that are no mode, an OperatorError: both tell the operator what to do. */
  listen(at: ListenAt): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops accepting, closes idle connections at once, lets exchanges end, and cuts what is left after `drainMs`. Idempotent. */
  close(drainMs: number): Promise<void>;
  /** Sends a flow's request again as a new flow, whose response nobody gets, until `signal`. Resolves when that has ended; null: not any more, the proxy is closing. */
  replay(flow: HttpFlow, signal: AbortSignal): Promise<ReplayEnd> | null;
  /** Open client connections, and replays that are under way. */
  readonly connectionCount: number;
}

/** A proxy that listens nowhere yet. */
export function createProxy(options: ProxyOptions): Proxy {
  const wheel = new TimeoutWheel();
  const heapRest = new HeapRest();
  const listeners: Listener[] = [];
  const connections = new Set<ServedConnection>();
  let closing: Promise<void> | null = null;
  const upstreamProxies: Via[] = [];
  const context = contextOf(options, upstreamProxies, () => closing !== null);

  const accept = (socket: Socket, mode: ListenerMode): void => {
    if (closing !== null) return void socket.destroy();
    const connection = serveConnection(context, wheel, socket, mode);
    connections.add(connection);
    heapRest.opened();
    void connection.done.then(() => connections.delete(connection));
  };

  const replay = (flow: HttpFlow, signal: AbortSignal): Promise<ReplayEnd> | null => {
    if (closing !== null || signal.aborted) return null;
    // As its original went; where nothing goes any other way, through the upstream proxy.
    const via = flow.server.via ?? (upstreamProxies.length === listeners.length ? upstreamProxies[0] : undefined) ?? null;
    const { done, cut } = replayRequest(context, wheel, flow, via);
    const running: ServedConnection = { done: done.then(() => {}), cut, reconsider: () => {} };
    connections.add(running);
    signal.addEventListener("abort", cut, { once: true });
    return done.then((ended) => {
      connections.delete(running);
      signal.removeEventListener("abort", cut);
      return ended;
    });
  };

  const drain = async (drainMs: number): Promise<void> => {
    for (const listener of listeners) listener.close();
    for (const { reconsider } of connections) reconsider();
    const timer = setTimeout(() => {
      for (const { cut } of connections) cut();
    }, drainMs);
    while (connections.size > 0) await Promise.all([...connections].map(({ done }) => done));
    clearTimeout(timer);
    wheel.stop();
    heapRest.stop();
  };

  return {
    async listen(at) {
      const words = readMode(at.mode);
      if ("message" in words) throw new OperatorError("ERR_USAGE", words.message);
      const { mode } = words.listener;
      if (mode.kind === "upstream") upstreamProxies.push(mode.proxy);
      if (mode.kind === "transparent") context.own.watchOutgoing();
      const listener = await openListener({ ...at, isTransparent: mode.kind === "transparent" }, (socket) => accept(socket, words.listener));
      listeners.push(listener);
      context.own.add(listener.address);
      return { host: listener.address.address, port: listener.address.port };
    },
    close: (drainMs) => {
      // Draining must be visible before anybody is asked to reconsider.
      closing ??= Promise.resolve().then(() => drain(drainMs));
      return closing;
    },
    replay,
    get connectionCount() {
      return connections.size;
    },
  };
}

function contextOf(options: ProxyOptions, upstreamProxies: readonly Via[], isDraining: () => boolean): LayerContext {
  const mark = `flowcell-${randomBytes(9).toString("base64url")}`;
  const credential = options.upstreamAuth == null ? null : `Basic ${Buffer.from(options.upstreamAuth, "utf8").toString("base64")}`;
  const isOperators = (via: Via): boolean => upstreamProxies.some(({ scheme, host, port }) => scheme === via.scheme && host === via.host && port === via.port);
  return {
    gate: options.gate, log: options.log, trust: options.trust, keyLog: options.keyLog ?? null, sessions: new UpstreamSessions(), leaves: options.leafCache,
    keys: options.keys ?? createKeySource(), own: options.own ?? new OwnAddresses(), timeouts: proxyTimeouts(options.timeouts),
    bodyBytes: options.bodyBytes, webSocketMessageBytes: options.webSocketMessageBytes ?? defaultLimits.websocketMessageBytes,
    bodySizeLimitBytes: options.bodySizeLimitBytes ?? null, streamLargeBodiesBytes: options.streamLargeBodiesBytes ?? null, keepPassedBytes: options.keepPassedBytes ?? null,
    ignoreHosts: options.ignoreHosts ?? [], allowHosts: options.allowHosts ?? null, tcpHosts: options.tcpHosts ?? [],
    http2: options.http2 ?? true, proxyAuth: options.proxyAuth ?? null, keepHostHeader: options.keepHostHeader ?? false, listenerCertificate: options.listenerCertificate ?? null,
    onboarding: options.onboarding ?? null, meetsServersLate: options.meetsServersLate ?? false,
    heapRoom: new HeapRoom(), isDraining, loopMark: mark,
    // WALL: an addon that names another proxy does not get the operator's password sent there.
    fieldsFor: (via) => [...(credential !== null && isOperators(via) ? [["Proxy-Authorization", credential] as const] : []), ["Via", `1.1 ${mark}`]],
  };
}
