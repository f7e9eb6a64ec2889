// The client's side of exchanges over HTTP/1: one request after the other on one connection, pipelined ones waiting in the decoder.
import type { BodyFraming } from "../http/body-framing.ts";
import { RequestDecoder } from "../http/h1-decoder.ts";
import { encodeResponseHead } from "../http/h1-encoder.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent } from "../http/http-event.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import { H1Wire } from "./h1-wire.ts";
import type { ClientSide, OutgoingResponse } from "./sides.ts";

const noBody: BodyFraming = { kind: "none" };

export class H1ClientSide implements ClientSide {
  readonly hasStreams = false;
  readonly #duplex: PlainDuplex;
  readonly #decoder = new RequestDecoder();
  readonly #wire: H1Wire;

  constructor(duplex: PlainDuplex) {
    this.#duplex = duplex;
    this.#wire = new H1Wire(duplex, this.#decoder, "client");
  }

  next(): HttpEvent | null {
    return this.#wire.next();
  }

  /** After a request was taken to its end: goes on with the next, which may already be here. */
  nextMessage(): void {
    this.#decoder.nextMessage();
  }

  /** No byte of a request is here: the connection can be closed without loss. */
  get isIdle(): boolean {
    return this.#decoder.isIdle && this.#duplex.unreadBytes === 0;
  }

  /** The client will send nothing more and everything it sent was decoded. */
  get hasEof(): boolean {
    return this.#wire.hasEof;
  }

  get isGone(): boolean {
    return this.#duplex.isClosed;
  }

  get isBlocked(): boolean {
    return this.#duplex.isBlocked;
  }

  sendInterim(status: number, reason: string, headers: HeaderFields): void {
    this.#wire.sendHead(encodeResponseHead({ status, reason, headers }), noBody);
  }

  sendHead({ status, reason, headers, framing }: OutgoingResponse): void {
    this.#wire.sendHead(encodeResponseHead({ status, reason, headers }), framing);
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
    this.#duplex.flush();
  }

  reset(_code: number | null): void {
    this.#duplex.reset();
  }

  tunnel(): PlainDuplex {
    this.#duplex.unread(this.#decoder.takeRemainder());
    return this.#duplex;
  }
}
