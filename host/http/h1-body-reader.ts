// Reads the body of one message as its framing says (RFC 9112 §6–7): data as views on the input, trailers, then
// that it is complete. Bodies have no limit here; trailers, chunk sizes and extensions have.
// It does not emit `end`, which belongs to the message.
import { MORE } from "./h1-scan.ts";
import { ChunkLine } from "./h1-chunk-line.ts";
import { HeadReader } from "./h1-head-reader.ts";
import type { BodyFraming } from "./body-framing.ts";
import type { H1Limits } from "./h1-limits.ts";
import type { Input } from "./h1-input.ts";
import type { DataEvent, FaultCode, TrailersEvent } from "./http-event.ts";
import type { HeaderFields } from "./header-fields.ts";

type State = "complete" | "length" | "close" | "chunk-line" | "chunk-data" | "chunk-cr" | "chunk-lf" | "trailers";

const CR = 0x0d;
const LF = 0x0a;

/**
 * Fields that no trailer section may have, because a recipient that merged them would frame, route or keep the
 * message differently (RFC 9110 §6.5.1). Other fields pass as trailers, untouched.
 */
export const forbiddenTrailers: readonly string[] = [
  "content-length", "transfer-encoding", "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect",
];

/** For one body after the other: `start`, then `read` while there is input until `isComplete`. */
export class BodyReader {
  readonly #limits: H1Limits;
  /** PERF: made for the first chunked body; a connection that idles without one keeps none. */
  #chunked: { readonly line: ChunkLine; readonly trailers: HeadReader } | null = null;
  #state: State = "complete";
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;

  constructor(limits: H1Limits) {
    this.#limits = limits;
  }

  /** Begins a body of that framing. */
  start(framing: BodyFraming): void {
    this.#left = framing.kind === "length" ? framing.length : 0;
    this.#state = framing.kind === "chunked" ? "chunk-line" : framing.kind === "close" ? "close" : this.#left > 0 ? "length" : "complete";
    if (framing.kind === "chunked") this.#inChunks.line.reset();
  }

  /** True when the body has been read to its end. */
  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /** How many bytes are held (of trailers only). */
  get heldBytes(): number {
    return this.#chunked?.trailers.heldBytes ?? 0;
  }

  /** Lets go of what is held: nobody will read on. */
  release(): void {
    this.#chunked?.trailers.reset();
  }

  /** The next piece, a fault, or null when all input is used up or the body is complete. */
  read(input: Input): DataEvent | TrailersEvent | FaultCode | null {
    while (this.#state !== "complete" && input.hasMore()) {
      const piece = this.#step(input);
      if (piece !== null) return piece;
    }
    return null;
  }

  /** The peer ended: null when that completes the body, else the fault. */
  eof(): FaultCode | null {
    if (this.#state === "trailers") return this.#inChunks.trailers.cutOff();
    if (this.#state !== "close") return "truncated-body";
    this.#state = "complete";
    return null;
  }

  get #inChunks(): { readonly line: ChunkLine; readonly trailers: HeadReader } {
    return this.#chunked ??= { line: new ChunkLine(this.#limits), trailers: new HeadReader("trailers", this.#limits) };
  }

  #step(input: Input): DataEvent | TrailersEvent | FaultCode | null {
    switch (this.#state) {
      case "close": return { kind: "data", data: input.take(Infinity) };
      case "length":
      case "chunk-data": return this.#readData(input);
      case "chunk-line": return this.#readChunkLine(input);
      case "chunk-cr":
      case "chunk-lf": return this.#readChunkEnd(input);
      case "trailers": return this.#readTrailers(input);
      case "complete": return null;
    }
  }

  #readData(input: Input): DataEvent {
    const data = input.take(this.#left);
    this.#left -= data.length;
    if (this.#left === 0) this.#state = this.#state === "length" ? "complete" : "chunk-cr";
    return { kind: "data", data };
  }

  #readChunkLine(input: Input): FaultCode | null {
    const { chunk } = input;
    const { line, trailers } = this.#inChunks;
    for (let at = input.at; at < chunk.length; at++) {
      const result = line.feed(chunk[at] ?? 0);
      if (result === false) continue;
      if (result !== true) return result;
      input.advance(at + 1);
      this.#left = line.size;
      this.#state = this.#left === 0 ? "trailers" : "chunk-data";
      if (this.#left === 0) trailers.reset();
      return null;
    }
    input.advance(chunk.length);
    return null;
  }

  #readChunkEnd(input: Input): FaultCode | null {
    const byte = input.chunk[input.at];
    input.advance(input.at + 1);
    if (byte !== (this.#state === "chunk-cr" ? CR : LF)) return "bad-chunk-end";
    this.#state = this.#state === "chunk-cr" ? "chunk-lf" : "chunk-line";
    if (this.#state === "chunk-line") this.#inChunks.line.nextLine();
    return null;
  }

  #readTrailers(input: Input): TrailersEvent | FaultCode | null {
    const { trailers } = this.#inChunks;
    const end = trailers.read(input.chunk, input.at);
    if (typeof end === "string") return end;
    input.advance(end === MORE ? input.chunk.length : end);
    if (end === MORE) return null;
    const headers = trailers.fields;
    trailers.reset();
    this.#state = "complete";
    if (headers.length === 0) return null;
    return hasForbidden(headers) ? "forbidden-trailer" : { kind: "trailers", headers };
  }
}

function hasForbidden(trailers: HeaderFields): boolean {
  return forbiddenTrailers.some((name) => trailers.has(name));
}
