// The two sides of an exchange as it sees them: events out, messages in. HTTP/1 implements both; HTTP/2 will. No side ever
// throws for what a peer does: it gives a fault event, or is gone.
import type { BodyFraming } from "../http/body-framing.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent } from "../http/http-event.ts";

/** What both sides have. Everything sent is gathered until `flush`, which must be called before every wait. */
export interface MessageSide {
  /** The next event of the message that is being received, or null when there is none now. */
  next(): HttpEvent | null;
  /** The connection is closed in both directions (and all that came before was taken, or does not matter any more). */
  readonly isGone: boolean;
  /** Too much is waiting to be sent: send no more data until the next news. */
  readonly isBlocked: boolean;
  sendData(data: Buffer): void;
  /** Ends the message. Trailers are dropped where the framing has no place for them. */
  sendEnd(trailers: HeaderFields | null): void;
  flush(): void;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderFields;
  readonly framing: BodyFraming;
  /** The client asked to switch protocols; a 101 is allowed. */
  readonly mayUpgrade: boolean;
}

export interface OutgoingResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderFields;
  readonly framing: BodyFraming;
}

export interface ClientSide extends MessageSide {
  sendInterim(status: number, reason: string, headers: HeaderFields): void;
  sendHead(response: OutgoingResponse): void;
  /** Ends this message so that the client cannot take it for a whole one: a reset of the connection or stream. */
  reset(): void;
}

export interface ServerSide extends MessageSide {
  sendHead(request: OutgoingRequest): void;
  /** Not one byte of the response has come, and an earlier response came on the same connection: it may have died while idle. */
  readonly isStale: boolean;
}
