// One HTTP/2 connection to a server, shared by the exchanges of one client connection. Opens streams, knows when it may open no more
// (GOAWAY, errors, the end), and tells `serverdisconnect` when it is closed and nobody uses it any longer.
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { h2Codes, h2LimitTable as limits } from "../http/h2-limits.ts";
import { endWell } from "./h2-session.ts";
import { H2Upstream } from "./h2-upstream.ts";
import type { ServerLink } from "./server-link.ts";

const sessionOptions = {
  maxSendHeaderBlockLength: limits.sentHeadBytes.value, maxHeaderListPairs: limits.fields.value, maxSessionMemory: limits.sessionMegabytes.value,
  maxSessionInvalidFrames: limits.invalidFrames.value, maxReservedRemoteStreams: 0, strictSingleValueFields: false,
  settings: { enablePush: false, initialWindowSize: limits.streamWindowBytes.value, maxHeaderListSize: limits.headBytes.value },
};

export class H2Connection {
  readonly protocol = "h2";
  readonly link: ServerLink;
  /** A response came on it. */
  hasAnswered = false;
  /** What the system said when it broke. */
  brokenBy: Error | null = null;
  readonly #session: ClientHttp2Session;
  readonly #onIdle: () => void;
  readonly #streams = new Set<H2Upstream>();
  /** Highest stream that the server says it looked at; null before it says. */
  #lastStreamId: number | null = null;
  readonly #settings = Promise.withResolvers<boolean>();
  #isEnding = false;
  #isClosed = false;

  /** Takes the link's socket over; nothing must have been sent on it. `onIdle`: the last exchange has ended, or the connection is closed. */
  constructor(link: ServerLink, onIdle: () => void) {
    this.link = link;
    this.#onIdle = onIdle;
    const socket = link.duplex.detach();
    // Requests name their servers themselves; this name is never sent.
    this.#session = endWell(connect("https://unnamed.invalid", { createConnection: () => socket, ...sessionOptions }));
    const session = this.#session;
    session.on("error", (error) => { this.brokenBy ??= error; }).on("goaway", this.#onGoaway).on("close", this.#onClose);
    session.once("remoteSettings", ({ enableConnectProtocol }) => this.#settings.resolve(enableConnectProtocol === true));
    session.once("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(limits.connectionWindowBytes.value);
    });
    socket.once("end", this.#onEnd);
  }

  /** Another request may be sent. */
  get mayOpen(): boolean {
    return !this.#isEnding && !this.#isClosed && !this.#session.closed && !this.#session.destroyed;
  }

  /** Whether the server takes extended CONNECT (RFC 8441 §3): said in its first frame. False when it is gone. */
  get mayTunnel(): Promise<boolean> {
    return this.#settings.promise;
  }

  get isIdle(): boolean {
    return this.#streams.size === 0;
  }

  /** The side of one exchange, which must `release` it. */
  newUpstream(): H2Upstream {
    const upstream = new H2Upstream(this);
    this.#streams.add(upstream);
    return upstream;
  }

  /** Opens a stream. It fails by itself where the connection has ended meanwhile. */
  request(raw: readonly string[], options: { readonly endStream: boolean; readonly waitForTrailers: boolean }): ClientHttp2Stream {
    return this.#session.request(raw, options);
  }

  /** Whether the server has said that it never looked at that stream; undefined: it was never opened. */
  hasRefused(id: number | undefined): boolean {
    return id === undefined || (this.#lastStreamId !== null && id > this.#lastStreamId);
  }

  /** For `H2Upstream`. */
  release(upstream: H2Upstream): void {
    this.#streams.delete(upstream);
    if (this.#streams.size === 0) this.#settle();
  }

  /** Says goodbye and closes; exchanges that still run are cut. */
  close(): void {
    this.#isEnding = true;
    // WALL: never while nghttp2 is reading, where we may be called from: node:http2 has ended processes over that.
    setImmediate(() => this.#session.destroy());
    this.link.noteClosed();
  }

  readonly #onGoaway = (code: number, lastStreamId: number): void => {
    this.#isEnding = true;
    this.#lastStreamId = lastStreamId;
    // Node destroys the session after an error: what has come of responses is taken over first.
    if (code !== h2Codes.noError) this.#endStreams();
  };

  readonly #onEnd = (): void => {
    this.#isEnding = true;
    this.#endStreams();
    // What is complete was taken over; whatever is still sent has nowhere to go.
    setImmediate(() => this.#session.destroy());
  };

  readonly #onClose = (): void => {
    this.#isClosed = true;
    this.#settings.resolve(false);
    this.#settle();
  };

  #endStreams(): void {
    for (const upstream of this.#streams) upstream.peerEnded();
  }

  #settle(): void {
    if (this.#streams.size > 0) return;
    if (this.#isClosed) this.link.noteClosed();
    this.#onIdle();
  }
}

