// The client's side of an exchange that has no client: gives a request that was kept, and drops whatever is answered. It is gone
// when somebody says so. What may be sent again is decided by others.
import type { MessageBody } from "../flows/message-body.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent } from "../http/http-event.ts";
import { InvariantError } from "../invariant.ts";
import type { ClientSide, OutgoingResponse } from "./sides.ts";

/** A request after its head: its body as it was on the wire, and its trailers. */
export interface KeptMessage {
  readonly body: NonNullable<MessageBody["raw"]>;
  readonly trailers: HeaderFields | null;
}

export class ReplaySide implements ClientSide {
  readonly hasStreams = false;
  readonly isBlocked = false;
  isGone = false;
  readonly #events: HttpEvent[];

  constructor({ body, trailers }: KeptMessage) {
    this.#events = [{ kind: "end" }];
    if (trailers !== null) this.#events.unshift({ kind: "trailers", headers: trailers });
    // A copy: data that is passed on is freed once it is sent, and these bytes are the kept message's.
    if (body.length > 0) this.#events.unshift({ kind: "data", data: Buffer.from(body) });
  }

  next(): HttpEvent | null {
    return this.#events.shift() ?? null;
  }

  sendInterim(_status: number, _reason: string, _headers: HeaderFields): void {}

  sendHead(_response: OutgoingResponse): void {}

  sendData(_data: Buffer): void {}
  passData(_data: Buffer): void {}

  sendEnd(_trailers: HeaderFields | null): void {}

  flush(): void {}

  /** What asks for another protocol is not replayed. */
  tunnel(): never {
    throw new InvariantError("a replay became a tunnel");
  }

  reset(_code: number | null): void {}
}
