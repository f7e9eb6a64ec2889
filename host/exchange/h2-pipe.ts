// A stream of HTTP/2 as plain bytes both ways, after the exchange that opened it (RFC 8441 §5): its end is half a close, its reset a cut.
import { h2Codes } from "../http/h2-limits.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import type { H2Wire } from "./h2-wire.ts";

export class H2Pipe implements BytePipe {
  error: Error | null = null;
  readonly #wire: H2Wire;
  #hasTakenEnd = false;
  #isEnding = false;

  constructor(wire: H2Wire) {
    this.#wire = wire;
  }

  set onNews(onNews: () => void) {
    this.#wire.onNews = onNews;
  }
  get onNews(): () => void {
    return this.#wire.onNews;
  }

  take(): Buffer | null {
    for (let event = this.#wire.next(); event !== null; event = this.#wire.next()) {
      if (event.kind === "data") return event.data;
      if (event.kind === "fault") this.error = new Error(event.fault.message);
      // Trailers mean nothing here.
      if (event.kind === "fault" || event.kind === "end") this.#hasTakenEnd = true;
    }
    return null;
  }

  get isEnded(): boolean {
    return this.#hasTakenEnd;
  }

  get hasEnd(): boolean {
    return this.#wire.hasEnd && this.error === null;
  }

  get isClosed(): boolean {
    return this.#wire.isClosed;
  }

  get isBlocked(): boolean {
    return this.#wire.isBlocked;
  }

  write(data: Buffer): void {
    this.#wire.sendData(data);
  }

  /** Node keeps what it frames. */
  pass(data: Buffer): void {
    this.write(data);
  }

  flush(): void {
    this.#wire.flush();
  }

  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#wire.sendEnd(null);
    this.#wire.flush();
  }

  reset(): void {
    this.#wire.reset(h2Codes.cancel);
  }
}
