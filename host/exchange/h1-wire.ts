// HTTP/1 messages over a plain duplex, both directions: pulls events from a decoder and frames what is sent. Head texts come ready
// from the codec. WALL: never sends more or fewer body bytes than the head announced.
import type { BodyFraming } from "../http/body-framing.ts";
import { encodeChunk, encodeLastChunk } from "../http/h1-encoder.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { faultOf, type HttpEvent, type Side } from "../http/http-event.ts";
import { invariant } from "../invariant.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";

/** What both decoders of http/ can do. */
interface Decoder {
  push(chunk: Buffer): void;
  eof(): void;
  next(): HttpEvent | null;
}

export class H1Wire {
  readonly duplex: PlainDuplex;
  readonly #decoder: Decoder;
  readonly #side: Side;
  #framing: BodyFraming = { kind: "none" };
  /** Bytes still owed of a body with a length. */
  #owedBytes = 0;
  #hasEof = false;

  /** `side`: who sends what is received here. */
  constructor(duplex: PlainDuplex, decoder: Decoder, side: Side) {
    this.duplex = duplex;
    this.#decoder = decoder;
    this.#side = side;
  }

  next(): HttpEvent | null {
    for (;;) {
      const event = this.#decoder.next();
      if (event !== null) return event;
      const chunk = this.#hasEof ? null : this.duplex.take();
      if (chunk !== null) this.#decoder.push(chunk);
      else return this.duplex.isEnded && !this.#hasEof ? this.#afterEof() : null;
    }
  }

  /** A connection that broke is not one that ended: a body until its end is then cut, not complete. */
  #afterEof(): HttpEvent | null {
    this.#hasEof = true;
    this.#decoder.eof();
    const event = this.#decoder.next();
    return event?.kind === "end" && !this.duplex.hasEnd ? { kind: "fault", fault: faultOf("truncated-body", this.#side) } : event;
  }

  /** The peer ended and the decoder was told. */
  get hasEof(): boolean {
    return this.#hasEof;
  }

  sendHead(text: string, framing: BodyFraming): void {
    this.duplex.write(text);
    this.#framing = framing;
    this.#owedBytes = framing.kind === "length" ? framing.length : 0;
  }

  sendData(data: Buffer): void {
    this.#count(data);
    if (this.#framing.kind === "chunked") for (const piece of encodeChunk(data)) this.duplex.write(piece);
    else if (this.#framing.kind !== "none") this.duplex.write(data);
  }

  /** As `sendData`, for bytes at which nobody looks again. */
  passData(data: Buffer): void {
    this.#count(data);
    if (this.#framing.kind === "chunked") for (const piece of encodeChunk(data)) piece === data ? this.duplex.pass(piece) : this.duplex.write(piece);
    else if (this.#framing.kind !== "none") this.duplex.pass(data);
  }

  #count(data: Buffer): void {
    if (this.#framing.kind !== "length") return;
    this.#owedBytes -= data.length;
    invariant(this.#owedBytes >= 0, "h1 wire: more body than Content-Length announced");
  }

  sendEnd(trailers: HeaderFields | null): void {
    invariant(this.#owedBytes === 0, "h1 wire: less body than Content-Length announced");
    if (this.#framing.kind === "chunked") this.duplex.write(encodeLastChunk(trailers ?? undefined));
  }
}
