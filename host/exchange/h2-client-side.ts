// The client's side of one exchange over HTTP/2: one stream of its connection. Knows how responses go onto a stream; what is asked and
// answered, the exchange knows.
import type { ServerHttp2Stream } from "node:http2";
import type { HeaderFields } from "../http/header-fields.ts";
import { h2Codes } from "../http/h2-limits.ts";
import { fieldsToObject, responseToH2 } from "../http/h2-map.ts";
import type { HttpEvent, RequestHead } from "../http/http-event.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import { H2Pipe } from "./h2-pipe.ts";
import { H2Wire } from "./h2-wire.ts";
import type { ClientSide, OutgoingResponse } from "./sides.ts";

/** LIMIT: of node:http2, which sends no status above. Clients take any larger one for a 5xx (RFC 9110 §15). */
const largestStatus = 599;

export class H2ClientSide implements ClientSide {
  readonly hasStreams = true;
  readonly #stream: ServerHttp2Stream;
  readonly #wire = new H2Wire("client");
  #isTunnel = false;

  /** `onNews`: called when looking again is worth it. */
  constructor(stream: ServerHttp2Stream, onNews: () => void) {
    this.#stream = stream;
    this.#wire.onNews = onNews;
    this.#wire.attach(stream);
  }

  /** The request's head, which is not given again. What follows it comes by `next`. */
  begin(head: RequestHead): void {
    this.#isTunnel = head.upgrade.length > 0;
    if (this.#isTunnel) return this.#wire.openTunnel();
    this.#wire.receiveHead(head, false);
    this.#wire.next();
  }

  next(): HttpEvent | null {
    // What follows the head of an extended CONNECT is none of the exchange's.
    return this.#isTunnel ? null : this.#wire.next();
  }

  /** The request was received to its end. */
  get hasRequestEnd(): boolean {
    return this.#wire.hasEnd;
  }

  get isGone(): boolean {
    return this.#wire.isClosed;
  }

  get isBlocked(): boolean {
    return this.#wire.isBlocked;
  }

  sendInterim(status: number, _reason: string, headers: HeaderFields): void {
    const stream = this.#stream;
    if (!this.isGone && !stream.headersSent) stream.additionalHeaders({ ":status": status, ...fieldsToObject(headers) });
  }

  sendHead({ status, headers, framing }: OutgoingResponse): void {
    const stream = this.#stream;
    this.#wire.sendHead((options) => {
      // The date is the server's or nobody's. (The option is documented, but not in the types.)
      const all = { ...options, sendDate: false };
      // RFC 8441 §5: 200 is HTTP/2's 101.
      stream.respond(responseToH2(status === 101 ? 200 : Math.min(status, largestStatus), headers), all);
      return stream;
    }, framing.kind === "none" && status !== 101);
  }

  sendData(data: Buffer): void {
    this.#wire.sendData(data);
  }

  /** Node keeps what it frames. */
  passData(data: Buffer): void {
    this.#wire.sendData(data);
  }

  sendEnd(trailers: HeaderFields | null): void {
    this.#wire.sendEnd(trailers);
  }

  flush(): void {
    this.#wire.flush();
  }

  /** After a 101 was sent: the stream, for another protocol. */
  tunnel(): BytePipe {
    return new H2Pipe(this.#wire);
  }

  reset(code: number | null): void {
    this.#wire.reset(code ?? h2Codes.internalError);
  }

  /** After the response: what is left of the request is not wanted (RFC 9113 §8.1). */
  stopRequest(): void {
    if (!this.#wire.hasEnd) this.#wire.reset(h2Codes.noError);
  }
}
