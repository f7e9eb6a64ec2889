// The server's side of exchanges over HTTP/1: one request at a time on one connection, which may be kept for the next.
import type { ServerConnection } from "../flows/connection.ts";
import { ResponseDecoder } from "../http/h1-decoder.ts";
import { encodeRequestHead } from "../http/h1-encoder.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent } from "../http/http-event.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import { H1Wire } from "./h1-wire.ts";
import type { ForwardFields, ServerLink } from "./server-link.ts";
import type { OutgoingRequest, ServerSide } from "./sides.ts";

export class H1Upstream implements ServerSide {
  readonly protocol = "h1";
  readonly isUnprocessed = false;
  readonly resetCode = null;
  readonly link: ServerLink;
  readonly #decoder = new ResponseDecoder();
  readonly #wire: H1Wire;
  #requests = 0;
  #hasResponse = false;
  /** The server said it will close after the response. */
  #isLast = false;

  constructor(link: ServerLink) {
    this.link = link;
    this.#wire = new H1Wire(link.duplex, this.#decoder, "server");
  }

  get forward(): ForwardFields | null {
    return this.link.forward;
  }

  get brokenBy(): Error | null {
    return this.link.duplex.error;
  }

  get record(): ServerConnection {
    return this.link.record;
  }

  set onNews(onNews: () => void) {
    this.link.duplex.onNews = onNews;
  }

  abandon(): void {
    this.link.close();
  }

  sendHead({ method, target, headers, framing, mayUpgrade }: OutgoingRequest): void {
    this.#requests++;
    this.#hasResponse = false;
    this.#decoder.expect(method, mayUpgrade);
    this.#wire.sendHead(encodeRequestHead({ method, target, headers }), framing);
  }

  next(): HttpEvent | null {
    const event = this.#wire.next();
    if (event === null || event.kind === "fault") return event;
    this.#hasResponse = true;
    if (event.kind === "response-head" && !event.keepAlive && !event.interim) this.#isLast = true;
    return event;
  }

  get isStale(): boolean {
    return this.#requests > 1 && !this.#hasResponse && this.#decoder.bufferedBytes === 0;
  }

  /** The last response was taken whole, nothing more came, and the server neither closed nor said it would: another request may be sent. */
  get isReusable(): boolean {
    const { duplex } = this.link;
    return !this.#isLast && this.#decoder.isIdle && this.#decoder.bufferedBytes === 0 && duplex.unreadBytes === 0 && !duplex.hasEnd && !duplex.isClosed && !duplex.hasEndedWriting;
  }

  get isGone(): boolean {
    return this.link.duplex.isClosed;
  }

  get isBlocked(): boolean {
    return this.link.duplex.isBlocked;
  }

  sendData(data: Buffer): void {
    this.#wire.sendData(data);
  }

  passData(data: Buffer): void {
    this.#wire.passData(data);
  }

  sendEnd(trailers: HeaderFields | null): void {
    this.#wire.sendEnd(trailers);
  }

  flush(): void {
    this.link.duplex.flush();
  }

  tunnel(): PlainDuplex {
    this.link.duplex.unread(this.#decoder.takeRemainder());
    return this.link.duplex;
  }

  closeTunnel(isClean: boolean): void {
    this.link.close(isClean);
  }
}
