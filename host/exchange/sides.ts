// The two sides of an exchange as it sees them: events out, messages in. HTTP/1 and HTTP/2 implement both. No side ever
// throws for what a peer does: it gives a fault event, or is gone.
import type { BodyFraming } from "../http/body-framing.ts";
import type { ServerConnection } from "../flows/connection.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpEvent } from "../http/http-event.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import type { ForwardFields } from "./server-link.ts";

/** What both sides have. Everything sent is gathered until `flush`, which must be called before every wait. */
export interface MessageSide {
  /** The next event of the message that is being received, or null when there is none now. */
  next(): HttpEvent | null;
  /** The connection is closed in both directions (and all that came before was taken, or does not matter any more). */
  readonly isGone: boolean;
  /** Too much is waiting to be sent: send no more data until the next news. */
  readonly isBlocked: boolean;
  sendData(data: Buffer): void;
  /** As `sendData`, for bytes from the other side at which nobody looks again: their memory may be freed once they are sent. */
  passData(data: Buffer): void;
  /** Ends the message. Trailers are dropped where the framing has no place for them. */
  sendEnd(trailers: HeaderFields | null): void;
  flush(): void;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  readonly scheme: "http" | "https";
  /** What HTTP/2 says in `:authority` where there is no Host field. */
  readonly authority: string;
  /** The request came over HTTP/1. */
  readonly isFromH1: boolean;
  readonly headers: HeaderFields;
  readonly framing: BodyFraming;
  /** The client asked to switch protocols; a 101 is allowed. Over HTTP/2 the one protocol is WebSocket. */
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
  /** Ends this message so that the client cannot take it for a whole one: a reset of the connection, or of the stream with that code of RFC 9113 §7 (null: our fault). */
  reset(code: number | null): void;
  /** Ends HTTP after a 101, or a 2xx to CONNECT: the bytes of another protocol, those that came already among them. */
  tunnel(): BytePipe;
  /** A reset concerns this exchange alone, and its code says why. */
  readonly hasStreams: boolean;
}

export interface ServerSide extends MessageSide {
  sendHead(request: OutgoingRequest): void;
  /** Set where an upstream proxy reads the requests: they name the server, and have these fields. */
  readonly forward: ForwardFields | null;
  readonly protocol: "h1" | "h2";
  /** The connection's record. */
  readonly record: ServerConnection;
  /** Called when there are events, room to send, or an end. */
  onNews: () => void;
  /** Not one byte of the response has come, and it may not be the server's answer to this request: an earlier response came on the same connection, which may have died while idle, or the server said that it looked at nothing. */
  readonly isStale: boolean;
  /** The server said that it did not look at this request: it may be sent again whatever it is. */
  readonly isUnprocessed: boolean;
  /** Code with which the server reset the stream; null where it did not. */
  readonly resetCode: number | null;
  /** What the system said when the connection broke; null where it said nothing. */
  readonly brokenBy: Error | null;
  /** Ends HTTP after a 101: the bytes of another protocol, those that came already among them. */
  tunnel(): BytePipe;
  /** The tunnel is over. `isClean`: what was sent may still arrive, for some seconds. */
  closeTunnel(isClean: boolean): void;
  /** Gives up in the middle: closes the connection, or resets the stream. */
  abandon(): void;
}
