// One accepted connection from its first event to its last: `clientconnect`, the layers one inside the other, `clientdisconnect`.
// Whatever goes wrong inside ends here and takes nobody else along.
import { lastingId } from "../net/keys.ts";
import type { Socket } from "node:net";
import type { ClientScope } from "../exchange/context.ts";
import { nowSeconds } from "../exchange/context.ts";
import { Upstreams } from "../exchange/upstreams.ts";
import type { Address, ClientConnection, RootLayer } from "../flows/connection.ts";
import { plainAddress } from "../net/own-addresses.ts";
import { PlainDuplex } from "../net/plain-duplex.ts";
import { Alarm, type TimeoutWheel } from "../net/timeouts.ts";
import { Waker } from "../net/waker.ts";
import { http1Layer } from "./http1.ts";
import { http2Layer } from "./http2.ts";
import { refuseOpening } from "./opening.ts";
import { end, type LayerContext, type LayerScope, type Link, type Next } from "./layer-scope.ts";
import { passthroughLayer } from "./passthrough.ts";
import { fixedTarget, type ListenerMode } from "./mode.ts";
import { select, type Choice } from "./select.ts";
import { socksLayer } from "./socks.ts";
import { tcpLayer } from "./tcp.ts";
import { tlsLayer } from "./tls.ts";

/** LIMIT: protocols one inside the other (proxy TLS, CONNECT, TLS, HTTP are four). */
const mostNested = 8;

export interface ServedConnection {
  /** Resolves after `clientdisconnect`; never rejects. */
  readonly done: Promise<void>;
  /** Looks again whether it should end, because the proxy drains. */
  reconsider(): void;
  /** Closes it now. */
  cut(): void;
}

/** Serves a socket that was accepted paused. */
export function serveConnection(context: LayerContext, wheel: TimeoutWheel, socket: Socket, listener: ListenerMode): ServedConnection {
  const waker = new Waker();
  const connection = new Connection(context, wheel, socket, listener, waker);
  return { done: connection.serve(), reconsider: waker.wake, cut: () => void socket.destroy() };
}

class Connection {
  readonly #context: LayerContext;
  readonly #socket: Socket;
  readonly #scope: LayerScope;
  readonly #alarm: Alarm;

  constructor(context: LayerContext, wheel: TimeoutWheel, socket: Socket, listener: ListenerMode, waker: Waker) {
    this.#context = context;
    this.#socket = socket;
    this.#alarm = new Alarm(wheel, waker.wake);
    const upstreams = new Upstreams(context, listener.mode.kind === "upstream" ? listener.mode.proxy : null);
    const client = newClient(context, socket, listener.text);
    const root: RootLayer = { kind: "root", key: context.keys.next(), client, server: upstreams.records.make(fixedTarget(listener.mode) ?? originalTarget(context, socket, listener)), killed: false };
    this.#scope = { context, client, waker, alarm: this.#alarm, upstreams, root, listener, wheel } satisfies LayerScope & ClientScope;
  }

  async serve(): Promise<void> {
    const { root, client, upstreams } = this.#scope;
    const { gate, log } = this.#context;
    // Until a duplex listens, a reset must not become an exception.
    const ignore = (): void => {};
    this.#socket.on("error", ignore);
    try {
      const held = gate.held("clientconnect", root);
      if (held !== null) await held;
      if (!root.killed && !this.#socket.destroyed) await this.#serveLayers();
    } catch (error) {
      log.error("A bug in Flowcell ended one connection", { event: "invariant", client: client.id, error: error instanceof Error ? error.stack ?? error.message : String(error) });
    }
    this.#socket.destroy();
    this.#alarm.dispose();
    upstreams.close();
    client.timestampEnd = nowSeconds();
    client.version++;
    gate.tell("clientdisconnect", root);
    if (!upstreams.records.hasAdopted(root.server)) gate.release(root.server);
    gate.release(root);
  }

  async #serveLayers(): Promise<void> {
    const { waker, root, upstreams, listener } = this.#scope;
    const duplex = new PlainDuplex(this.#socket);
    duplex.onNews = waker.wake;
    const { address } = root.server;
    if (address !== null) upstreams.records.plan(address, root.server);
    // What comes first on a TLS listener for raw bytes is not for their server.
    const isForProxy = listener.needsTls && listener.mode.kind === "tcp";
    const isSecure = listener.mode.kind === "reverse" && listener.mode.scheme === "https";
    let link: Link = { duplex, destination: isForProxy ? null : address, isSecure, stage: isOnItsWay(listener, address) ? "inside" : "listener", alpn: null, depth: 0 };
    while (link.depth < mostNested) {
      const next = await this.#runLayer(await select(this.#scope, link), link);
      if (next.kind === "end") return this.#finish(link.duplex);
      link = next.link;
    }
    this.#context.log.warn(`A client nested more than ${mostNested} protocols in each other; its connection is closed`, { client: this.#scope.client.id });
  }

  #runLayer(choice: Choice, link: Link): Promise<Next> | Next {
    switch (choice.kind) {
      case "tls": return tlsLayer(this.#scope, link, choice.hello);
      case "http1": return http1Layer(this.#scope, link);
      case "http2": return http2Layer(this.#scope, link);
      case "socks": return socksLayer(this.#scope, link);
      case "tcp": return tcpLayer(this.#scope, asItCame(link, choice));
      case "passthrough": return passthroughLayer(this.#scope, asItCame(link, choice));
      case "refuse": return refuseOpening(this.#scope, link, choice);
      case "close": return end;
    }
  }

  /** Lets the client read what was sent last: closing with its bytes unread would make the kernel send a reset that overtakes them. */
  async #finish(duplex: PlainDuplex): Promise<void> {
    const { waker } = this.#scope;
    const { stallMs, lingerMs } = this.#context.timeouts;
    duplex.onNews = waker.wake;
    duplex.end();
    let isLingering = false;
    this.#alarm.set(stallMs);
    while (!duplex.isClosed && !this.#alarm.hasPassed) {
      while (duplex.take() !== null);
      if (!duplex.isFlushed) this.#alarm.set(stallMs);
      else if (!isLingering) {
        isLingering = true;
        this.#alarm.set(lingerMs);
      }
      await waker.wait();
    }
    duplex.destroy();
  }
}

/** Where the client's own TLS goes on to the server, there is no second one around it. */
const asItCame = (link: Link, { keepsTls }: { readonly keepsTls?: true }): Link => (keepsTls === true ? { ...link, isSecure: false } : link);

/** Where a connection was going that the kernel turned to us; null where it was for us, or is no such connection. */
function originalTarget({ own }: LayerContext, { localAddress, localPort }: Socket, { mode }: ListenerMode): Address | null {
  if (mode.kind !== "transparent" || localAddress === undefined || localPort === undefined) return null;
  return own.includes(localAddress, localPort) ? null : { host: plainAddress(localAddress), port: localPort };
}

/** Nothing of a transparent connection is for the listener. */
const isOnItsWay = ({ mode }: ListenerMode, target: Address | null): boolean => mode.kind === "transparent" && target !== null;

function newClient(context: LayerContext, socket: Socket, mode: string): ClientConnection {
  return {
    kind: "client", key: context.keys.next(), id: lastingId(),
    address: { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 }, sockname: { host: socket.localAddress ?? "", port: socket.localPort ?? 0 },
    mode, timestampStart: nowSeconds(), timestampEnd: null, version: 0,
    tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null,
  };
}
