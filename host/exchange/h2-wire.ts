// One HTTP/2 stream as messages in both directions, pulled like the rest of the proxy: events wait until they are taken, what is sent
// is gathered until `flush`. The same for a client's and a server's stream; whose it is, and which heads mean what, the sides know.
// Flow control: a stream whose events are not taken is paused and costs its window at most; others on the connection go on.
import type { Http2Stream } from "node:http2";
import type { HeaderFields } from "../http/header-fields.ts";
import { h2CodeName, h2Codes } from "../http/h2-limits.ts";
import { fieldsToObject, trailersFromH2 } from "../http/h2-map.ts";
import { faultOf, type Fault, type HttpEvent, type Side } from "../http/http-event.ts";
import { holdBytes } from "../net/plain-duplex.ts";
import { outliveStream } from "./h2-session.ts";

/** Opens the message on the wire. `endStream`: the head is all of it. `mayTrail`: its end is told later, perhaps with trailers. */
export type Begin = (options: { readonly endStream: boolean; readonly waitForTrailers: boolean }) => Http2Stream | null;

const end: HttpEvent = { kind: "end" };

export class H2Wire {
  /** Called when there are events, room to send, or an end. */
  onNews: () => void = () => undefined;
  /** Error code with which the stream was closed from outside; null: it was not, or not with an error. */
  resetCode: number | null = null;
  readonly #side: Side;
  #stream: Http2Stream | null = null;
  #isClosed = false;
  #isReset = false;
  #events: HttpEvent[] = [];
  #heldBytes = 0;
  #hasHead = false;
  #hasEnd = false;
  /** Bytes of the body still to come, where its length is known. */
  #owedBytes: number | null = null;
  #trailers: HeaderFields | null = null;
  #begin: Begin | null = null;
  #isBodiless = false;
  #outgoing: Buffer[] = [];
  #outgoingBytes = 0;
  #isEnding = false;
  #outgoingTrailers: HeaderFields | null = null;

  /** `side`: who sends what is received here. */
  constructor(side: Side) {
    this.#side = side;
  }

  /** The stream is over, well or not: nothing more can be sent. Events may still wait. */
  get isClosed(): boolean {
    return this.#isClosed || this.#isReset || this.#stream?.closed === true || this.#stream?.destroyed === true;
  }

  /** Listens to a stream from now on. Heads come by `receiveHead`. */
  attach(stream: Http2Stream): void {
    this.#stream = stream;
    outliveStream(stream);
    stream.on("error", () => undefined).on("close", this.#onClose).on("aborted", () => this.onNews()).on("drain", () => this.onNews());
    stream.on("trailers", (_headers, _flags, raw) => this.#onTrailers(raw));
    stream.on("wantTrailers", () => this.#sendTrailers(stream));
  }

  /** A head has come. `framing`: as declared; null after an interim head, which nothing belongs to. */
  receiveHead(head: HttpEvent & { readonly kind: "request-head" | "response-head" }, isInterim: boolean): void {
    this.#events.push(head);
    if (!isInterim) {
      this.#hasHead = true;
      // The length that a bodiless response declares is that of another.
      this.#owedBytes = head.framing.kind === "length" ? head.framing.length : null;
      if (head.endStream && head.framing.kind !== "none") this.#owedBytes = 0;
      if (head.endStream) this.#finish();
      else this.#stream?.on("data", this.#onData).on("end", this.#onEnd);
    }
    this.onNews();
  }

  /** Bytes of another protocol follow the head that has come, to the stream's end. */
  openTunnel(): void {
    this.#hasHead = true;
    this.#stream?.on("data", this.#onData).on("end", this.#onEnd);
  }

  /** What the peer sent is wrong. The last event. */
  fail(fault: Fault): void {
    if (this.#hasEnd) return;
    this.#hasEnd = true;
    this.#events.push({ kind: "fault", fault });
    this.onNews();
  }

  next(): HttpEvent | null {
    const event = this.#events.shift();
    if (event === undefined) return null;
    if (event.kind === "data") {
      this.#heldBytes -= event.data.length;
      if (this.#heldBytes === 0 && this.#stream?.isPaused() === true) this.#stream.resume();
    }
    return event;
  }

  /** The peer's message was received to its end, taken or not. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  get isBlocked(): boolean {
    return this.#outgoingBytes >= holdBytes || this.#stream?.writableNeedDrain === true;
  }

  /** What opens the message at the next flush. `isBodiless`: the head is all of it, whatever is sent after it. */
  sendHead(begin: Begin, isBodiless: boolean): void {
    this.#begin = begin;
    this.#isBodiless = isBodiless;
  }

  sendData(data: Buffer): void {
    if (this.#isBodiless) return;
    this.#outgoing.push(data);
    this.#outgoingBytes += data.length;
  }

  sendEnd(trailers: HeaderFields | null): void {
    if (this.#isBodiless && this.#begin === null) return;
    this.#isEnding = true;
    this.#outgoingTrailers = trailers;
  }

  /** Hands what was gathered to the connection. PERF: a message that is complete by then needs no frame of its own for its end. */
  flush(): void {
    const isWhole = this.#isEnding && this.#outgoingTrailers === null;
    if (this.#begin !== null) {
      const begin = this.#begin;
      this.#begin = null;
      if (this.isClosed) return;
      const endStream = this.#isBodiless || (isWhole && this.#outgoing.length === 0);
      const stream = begin({ endStream, waitForTrailers: !isWhole });
      if (stream === null || endStream) {
        this.#isEnding = false;
        return;
      }
    }
    this.#writeOut();
  }

  /** Ends the stream in both directions with that code; what was not flushed is lost. */
  reset(code: number): void {
    this.#begin = null;
    this.#outgoing = [];
    const stream = this.#stream;
    if (stream === null || this.isClosed) return;
    this.#isReset = true;
    // WALL: never while nghttp2 is reading, where we may be called from: node:http2 would end the process over a stream that waits for
    // trailers ("Assertion failed: !this->is_destroyed()").
    setImmediate(() => {
      if (!stream.closed && !stream.destroyed) stream.close(code);
    });
  }

  /** The peer ended its connection: what has not come by now never will. Takes over what has, however slowly it is taken from here. */
  peerEnded(): void {
    const stream = this.#stream;
    if (stream === null || this.#hasEnd) return;
    // Reading gives "data" events even while the stream is paused.
    while (!stream.destroyed && stream.read() !== null);
    setImmediate(() => {
      if (!this.#hasEnd) this.fail(this.#brokenOff(h2Codes.noError));
    });
  }

  #writeOut(): void {
    const stream = this.#stream;
    if (stream === null || this.isClosed || stream.writableEnded) return;
    const outgoing = this.#outgoing;
    const isEnding = this.#isEnding;
    const wasBlocked = this.#outgoingBytes >= holdBytes;
    if (outgoing.length > 0) {
      this.#outgoing = [];
      this.#outgoingBytes = 0;
      const last = isEnding ? outgoing.pop() : undefined;
      for (const piece of outgoing) stream.write(piece);
      if (last !== undefined) stream.end(last);
    }
    if (isEnding && !stream.writableEnded) stream.end();
    this.#isEnding = false;
    // Who was held up by what was gathered here waits for news; of what was taken at once no "drain" tells.
    if (wasBlocked && !stream.writableNeedDrain) this.onNews();
  }

  #sendTrailers(stream: Http2Stream): void {
    if (stream.destroyed || stream.closed) return;
    // Without trailers node sends an empty DATA frame that ends the stream.
    stream.sendTrailers(this.#outgoingTrailers === null ? {} : fieldsToObject(this.#outgoingTrailers));
  }

  readonly #onData = (data: Buffer): void => {
    if (this.#hasEnd || data.length === 0) return;
    if (this.#owedBytes !== null) {
      this.#owedBytes -= data.length;
      if (this.#owedBytes < 0) return this.fail(faultOf("length-mismatch", this.#side));
    }
    this.#events.push({ kind: "data", data });
    this.#heldBytes += data.length;
    if (this.#heldBytes >= holdBytes) this.#stream?.pause();
    this.onNews();
  };

  #onTrailers(raw: readonly string[]): void {
    const trailers = trailersFromH2(raw, this.#side);
    if ("kind" in trailers) this.fail(trailers.fault);
    else this.#trailers = trailers;
  }

  readonly #onEnd = (): void => {
    // Node ends what is read of a stream that was reset, too.
    if (this.#stream !== null && this.#stream.rstCode !== h2Codes.noError) return this.#onClose();
    if (this.#hasEnd) return;
    if (this.#owedBytes !== null && this.#owedBytes > 0) return this.fail(faultOf("length-mismatch", this.#side));
    if (this.#trailers !== null && this.#trailers.length > 0) this.#events.push({ kind: "trailers", headers: this.#trailers });
    this.#finish();
    this.onNews();
  };

  #finish(): void {
    this.#hasEnd = true;
    this.#events.push(end);
  }

  readonly #onClose = (): void => {
    const stream = this.#stream;
    if (this.#isClosed || stream === null) return;
    const code = stream.rstCode;
    if (code !== h2Codes.noError) this.resetCode = code;
    this.#isClosed = true;
    if (!this.#hasEnd) this.fail(this.#brokenOff(code));
    this.onNews();
  };

  #brokenOff(code: number): Fault {
    if (code === h2Codes.protocolError) return { ...faultOf("stream-reset", this.#side), message: `The HTTP/2 stream was malformed (${h2CodeName(code)}).` };
    const fault = faultOf(this.#hasHead ? "truncated-body" : "closed-before-response", this.#side);
    return code === h2Codes.noError ? fault : { ...fault, message: `The ${this.#side} reset the HTTP/2 stream (${h2CodeName(code)}).` };
  }
}
