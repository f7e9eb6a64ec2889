// The server's side of one exchange over HTTP/2: one stream of a connection that other exchanges of the same client share.
import type { ClientHttp2Stream } from "node:http2";
import type { ServerConnection } from "../flows/connection.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { h2Codes } from "../http/h2-limits.ts";
import { requestToH2, responseFromH2, tunnelToH2 } from "../http/h2-map.ts";
import { faultOf, type HttpEvent, type ResponseHead } from "../http/http-event.ts";
import { h1Limits } from "../http/h1-limits.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import type { H2Connection } from "./h2-connection.ts";
import { H2Pipe } from "./h2-pipe.ts";
import { H2Wire } from "./h2-wire.ts";
import type { OutgoingRequest, ServerSide } from "./sides.ts";

const flagEndStream = 0x1;

/** LIMIT: time for what was sent last to arrive, in milliseconds. */
const gentleMs = 5_000;

export class H2Upstream implements ServerSide {
  readonly protocol = "h2";
  readonly forward = null;
  readonly #connection: H2Connection;
  readonly #wire = new H2Wire("server");
  /** An earlier response came on the same connection when this request was sent. */
  readonly #hadAnswers: boolean;
  #stream: ClientHttp2Stream | null = null;
  #method = "";
  #interims = 0;
  #hasResponse = false;
  /** The request is an extended CONNECT: its stream has no end of its own (RFC 8441). */
  #isTunnel = false;
  #isReleased = false;

  constructor(connection: H2Connection) {
    this.#connection = connection;
    this.#hadAnswers = connection.hasAnswered;
  }

  get brokenBy(): Error | null {
    return this.#connection.brokenBy;
  }

  get record(): ServerConnection {
    return this.#connection.link.record;
  }

  set onNews(onNews: () => void) {
    this.#wire.onNews = onNews;
  }

  /** Whether the server takes WebSockets; known once its settings are here, or it is gone. */
  get mayTunnel(): Promise<boolean> {
    return this.#connection.mayTunnel;
  }

  sendHead({ method, target, scheme, authority, headers, framing, isFromH1, mayUpgrade }: OutgoingRequest): void {
    this.#method = mayUpgrade ? "CONNECT" : method;
    this.#isTunnel = mayUpgrade;
    const line = { method, scheme, authority: headers.get("host") ?? authority, path: target };
    const raw = mayUpgrade ? tunnelToH2(line, "websocket", headers, isFromH1) : requestToH2(line, headers, isFromH1);
    this.#wire.sendHead((options) => {
      const stream = this.#connection.request(raw, options);
      this.#stream = stream;
      this.#wire.attach(stream);
      stream.on("headers", (_headers, flags, fields) => this.#receiveHead(fields, flags)).on("response", (_headers, flags, fields) => this.#receiveHead(fields, flags));
      return stream;
    }, framing.kind === "none" && !mayUpgrade);
  }

  next(): HttpEvent | null {
    return this.#wire.next();
  }

  get isStale(): boolean {
    return !this.#hasResponse && (this.#hadAnswers || this.isUnprocessed);
  }

  get isUnprocessed(): boolean {
    if (this.#hasResponse) return false;
    return this.#wire.resetCode === h2Codes.refusedStream || (this.#wire.isClosed && this.#connection.hasRefused(this.#stream?.id));
  }

  /** What a server said with it; null for the codes that we reset with ourselves because of what it sent. */
  get resetCode(): number | null {
    const code = this.#wire.resetCode;
    const isOurs = code === h2Codes.protocolError || code === h2Codes.flowControlError || code === h2Codes.frameSizeError || code === h2Codes.compressionError;
    return isOurs ? null : code;
  }

  get isGone(): boolean {
    return this.#wire.isClosed;
  }

  get isBlocked(): boolean {
    return this.#wire.isBlocked;
  }

  sendData(data: Buffer): void {
    this.#wire.sendData(data);
  }

  /** Node keeps what it frames. */
  passData(data: Buffer): void {
    this.#wire.sendData(data);
  }

  sendEnd(trailers: HeaderFields | null): void {
    if (!this.#isTunnel) this.#wire.sendEnd(trailers);
  }

  tunnel(): BytePipe {
    return new H2Pipe(this.#wire);
  }

  closeTunnel(isClean: boolean): void {
    if (!isClean) return this.abandon();
    const timer = setTimeout(() => this.abandon(), gentleMs).unref();
    this.#wire.onNews = () => {
      if (!this.#wire.isClosed) return;
      clearTimeout(timer);
      this.release();
    };
    this.#wire.onNews();
  }

  flush(): void {
    this.#wire.flush();
  }

  abandon(): void {
    this.#wire.reset(h2Codes.cancel);
    this.release();
  }

  /** The server's connection ended. */
  peerEnded(): void {
    this.#wire.peerEnded();
  }

  /** The exchange is over. Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    // An answer that is none of a tunnel's leaves our direction open.
    if (this.#isTunnel) this.#wire.reset(h2Codes.cancel);
    this.#wire.onNews = () => undefined;
    this.#connection.release(this);
  }

  /** RFC 8441 §5: what HTTP/1.1 says with 101. */
  #receiveTunnel(head: ResponseHead): void {
    this.#hasResponse = true;
    this.#connection.hasAnswered = true;
    this.#wire.receiveHead({ ...head, status: 101, framing: { kind: "none" }, endStream: true, upgrade: ["websocket"] }, true);
    this.#wire.openTunnel();
  }

  #receiveHead(raw: readonly string[], flags: number): void {
    const head = responseFromH2(raw, this.#method, (flags & flagEndStream) !== 0);
    if (this.#isTunnel && head.kind !== "fault" && head.status >= 200 && head.status < 300 && !this.#hasResponse) return this.#receiveTunnel(head);
    if (head.kind === "fault") {
      this.#wire.fail(head.fault);
      return this.#wire.reset(h2Codes.protocolError);
    }
    // Header blocks in the middle of a message mean nothing (RFC 9113 §8.1).
    if (this.#hasResponse) return this.#wire.fail(faultOf("bad-pseudo-field", "server"));
    if (head.interim && ++this.#interims > h1Limits.interimResponses) return this.#wire.fail(faultOf("too-many-interim", "server"));
    if (!head.interim) {
      this.#hasResponse = true;
      this.#connection.hasAnswered = true;
    }
    this.#wire.receiveHead(head, head.interim);
  }
}
