// The way of one request body from the client to addons and to the server: collected, streamed, or dropped. It moves when the
// exchange tells it to and never waits on its own but for a stream function.
import type { HttpFlow } from "../flows/flow.ts";
import { PassedBytes } from "../flows/passed-bytes.ts";
import { exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import type { HeapRoom } from "../heap-room.ts";
import type { RequestHead } from "../http/http-event.ts";
import { BodyCollector } from "./body-collector.ts";
import { collectingBound } from "./body-wishes.ts";
import { nowSeconds, type ExchangeContext } from "./context.ts";
import { sameBody, type BodyPlan } from "./outgoing.ts";
import type { ClientSide, ServerSide } from "./sides.ts";

/** collecting: for addons, before anything is sent. streaming: to the server as it comes. */
type Mode = "collecting" | "streaming";

/** moved: look again. waiting: nothing to do until there is news. ended: the body was read to its end (now or before). */
export type UploadStep = "moved" | "waiting" | "ended" | ExchangeFault;

const empty = Buffer.alloc(0);

export class Upload {
  /** The client's message was read to its end. */
  hasEnded: boolean;
  /** The end was passed on to the server, or never will be. */
  isDelivered = false;
  readonly #flow: HttpFlow;
  readonly #client: ClientSide;
  readonly #limitBytes: number | null;
  readonly #bound: ReturnType<typeof collectingBound>;
  readonly #keepBytes: number | null;
  readonly #heapRoom: HeapRoom;
  /** Made with the first chunk. */
  #collector: BodyCollector | null = null;
  #mode: Mode = "collecting";
  #bytes = 0;
  /** The collected body as it came, to see whether an addon replaced it. */
  #collected: Buffer | null = null;

  constructor(flow: HttpFlow, head: RequestHead, client: ClientSide, context: ExchangeContext) {
    this.#flow = flow;
    this.#client = client;
    this.#limitBytes = context.bodySizeLimitBytes;
    this.#bound = collectingBound(context);
    this.#keepBytes = context.keepPassedBytes;
    this.#heapRoom = context.heapRoom;
    this.hasEnded = false;
    if (head.framing.kind === "length" && head.framing.length > context.bodyBytes) this.#mode = "streaming";
  }

  /** Passes the body on while it comes. `isAsked`: an addon wants it so; otherwise nobody cares. */
  stream(isAsked: boolean): void {
    this.#mode = "streaming";
    if (isAsked) this.#flow.request.body.passBy("streamed");
  }

  /** Takes what is there into memory; "ended" when the whole body, or all that will be collected of it, is there. */
  collect(): UploadStep {
    const { body } = this.#flow.request;
    if (this.#mode === "streaming") {
      body.passBy("truncated");
      return "ended";
    }
    for (let event = this.#client.next(); event !== null; event = this.#client.next()) {
      if (event.kind === "data") {
        const fault = this.#count(event.data);
        if (fault !== null) return fault;
        this.#collector ??= new BodyCollector(this.#bound.bytes);
        if (!this.#collector.add(event.data)) {
          this.#mode = "streaming";
          body.passBy(this.#bound.beyond);
          return "ended";
        }
      } else if (event.kind === "trailers") this.#flow.request.trailers = event.headers;
      else if (event.kind === "fault") return syntaxFault(event.fault, "client");
      else if (event.kind === "end") {
        this.#finish();
        this.#collected = (this.#collector?.takeWhole() ?? empty);
        this.#heapRoom.collected(this.#collected.length);
        // What an addon put there in `requestheaders` stays.
        if (body.state !== "whole") body.complete(this.#collected);
        return "ended";
      }
    }
    return "waiting";
  }

  /** The request has no body. */
  skip(): void {
    this.#client.next(); // its "end"
    this.#finish();
    this.#collected = empty;
    if (this.#flow.request.body.state !== "whole") this.#flow.request.body.complete(empty);
  }

  /** How the body goes out, once the events before it are over. */
  get plan(): BodyPlan {
    const { body, stream } = this.#flow.request;
    if (body.state === "whole") return body.raw === this.#collected || body.raw === null ? sameBody : { kind: "sized", bytes: body.raw.length };
    return typeof stream === "function" ? { kind: "unknown" } : sameBody;
  }

  /** It can be sent again on another connection: nothing of it was let go. */
  get isReplayable(): boolean {
    return this.hasEnded && this.#flow.request.body.state === "whole";
  }

  /** After the head: sends what is already known. Bytes beyond it come by `move`. */
  sendKnown(server: ServerSide): void {
    const { body, trailers } = this.#flow.request;
    if (body.state === "whole") {
      if (body.raw !== null && body.raw.length > 0) server.sendData(body.raw);
      server.sendEnd(trailers);
      this.isDelivered = true;
      return;
    }
    for (const chunk of this.#collector?.takeChunks() ?? []) this.#pass(chunk, server);
  }

  /** Moves what is there, without waiting unless a stream function has to be waited for. */
  move(server: ServerSide): UploadStep | Promise<UploadStep> {
    const { stream } = this.#flow.request;
    if (typeof stream === "function") return this.#moveThrough(server, stream);
    let step: UploadStep = "waiting";
    while (!this.hasEnded) {
      if (!this.isDelivered && server.isBlocked) return step;
      const event = this.#client.next();
      if (event === null) return step;
      step = "moved";
      if (event.kind === "data") {
        const fault = this.#count(event.data);
        if (fault !== null) return fault;
        if (this.isDelivered) continue;
        if (this.#keepBytes === null) server.passData(event.data);
        else this.#pass(event.data, server);
      } else if (event.kind === "trailers") this.#flow.request.trailers = event.headers;
      else if (event.kind === "fault") return syntaxFault(event.fault, "client");
      else if (event.kind === "end") this.#finish();
    }
    return "ended";
  }

  /** Ends the request towards the server, after `request` was asked. */
  deliverEnd(server: ServerSide): void {
    if (this.isDelivered) return;
    this.isDelivered = true;
    server.sendEnd(this.#flow.request.trailers);
  }

  /** Drops what is here and what is still to come, up to `mostBytes`; true when the message is then at its end. */
  drop(mostBytes: number): boolean {
    let left = mostBytes;
    while (!this.hasEnded && left >= 0) {
      const event = this.#client.next();
      if (event === null || event.kind === "fault") return false;
      if (event.kind === "data") left -= event.data.length;
      else if (event.kind === "end") this.#finish();
    }
    return this.hasEnded;
  }

  async #moveThrough(server: ServerSide, stream: (chunk: Buffer) => Promise<readonly Buffer[]>): Promise<UploadStep> {
    if (this.hasEnded) return "ended";
    if (server.isBlocked) return "waiting";
    const event = this.#client.next();
    if (event === null) return "waiting";
    if (event.kind === "data" || event.kind === "end") {
      const fault = event.kind === "data" ? this.#count(event.data) : null;
      if (fault !== null) return fault;
      for (const piece of await stream(event.kind === "data" ? event.data : empty)) if (piece.length > 0) this.#pass(piece, server);
      if (event.kind === "end") this.#finish();
    } else if (event.kind === "trailers") this.#flow.request.trailers = event.headers;
    else if (event.kind === "fault") return syntaxFault(event.fault, "client");
    return this.hasEnded ? "ended" : "moved";
  }

  #pass(data: Buffer, server: ServerSide): void {
    if (this.#keepBytes !== null) (this.#flow.request.body.passed ??= new PassedBytes(this.#keepBytes)).add(data);
    server.sendData(data);
  }

  /** The limit that a body of the declared length breaks, or null. */
  judge({ framing, endStream }: RequestHead): ExchangeFault | null {
    return !endStream && framing.kind === "length" ? this.#judge(framing.length) : null;
  }

  #count(data: Buffer): ExchangeFault | null {
    this.#bytes += data.length;
    return this.#judge(this.#bytes);
  }

  #judge(bytes: number): ExchangeFault | null {
    if (this.#limitBytes === null || bytes <= this.#limitBytes) return null;
    return exchangeFault("request-too-large", `The request's body is larger than ${this.#limitBytes} bytes.`);
  }

  #finish(): void {
    this.hasEnded = true;
    this.#flow.request.timestampEnd = nowSeconds();
  }
}
