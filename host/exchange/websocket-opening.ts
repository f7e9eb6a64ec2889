// The opening of a WebSocket inside its exchange: the same request and answer in the words of HTTP/1.1 (RFC 6455 §4) or HTTP/2 (RFC
// 8441), and extensions agreed on with each side where addons will look at messages. Changes heads on their way out, never the flow's.
import { eventNames, eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import type { Gate } from "../flows/gate.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { RequestHead, ResponseHead } from "../http/http-event.ts";
import { answerToClient, knownOffers, takenByServer, withAnswer, type Compression } from "../websocket/extensions.ts";
import { acceptFor, newKey } from "../websocket/handshake.ts";

/** How messages are compressed on each side. */
export interface WebSocketTerms { readonly client: Compression; readonly server: Compression }

const webSocketEvents: readonly EventName[] = eventNames.filter((event) => eventTable[event].subject === "websocket");

/** The valid opening of a WebSocket (RFC 6455 §4.1, RFC 8441 §5). */
export function isWebSocketOpening({ method, version, upgrade, headers }: RequestHead): boolean {
  if (method !== "GET" || !upgrade.some((protocol) => protocol.toLowerCase() === "websocket") || headers.get("sec-websocket-version") !== "13") return false;
  return version === "2" || /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "");
}

export class WebSocketOpening {
  /** Agreed on with both sides; null until the server has answered, and where nobody looks at messages. */
  terms: WebSocketTerms | null = null;
  readonly #head: RequestHead;
  /** Key of ours, for an HTTP/1.1 server; the client's own goes through as it came. */
  #key: string | null = null;
  #offered: HeaderFields | null = null;

  /** `head`: as the client sent it. */
  constructor(head: RequestHead) {
    this.#head = head;
  }

  /** The fields of the request to a server. `gate`: who will be asked about messages with `host` decides which extensions are offered. */
  request(headers: HeaderFields, server: "h1" | "h2", gate: Gate, host: string): HeaderFields {
    const isWatched = webSocketEvents.some((event) => gate.wants(event, host));
    const fields = isWatched ? knownOffers(headers) : headers;
    this.#offered = isWatched ? fields : null;
    if (server === "h1") return this.#head.version === "2" ? this.#forH1(fields, headers) : fields;
    const own = fields === headers ? headers.clone() : fields;
    own.delete("sec-websocket-key");
    return own;
  }

  /** The server has agreed; a fault where it has not done so as it must. */
  take({ version, headers }: ResponseHead): ExchangeFault | null {
    if (version !== "2" && this.#key !== null && headers.get("sec-websocket-accept") !== acceptFor(this.#key)) return exchangeFault("invalid-response", "The server's Sec-WebSocket-Accept is not the answer to the key that it was sent.");
    if (this.#offered === null) return null;
    const server = takenByServer(headers, this.#offered);
    if (typeof server === "string") return exchangeFault("invalid-response", server);
    this.terms = { server, client: answerToClient(this.#head.headers, server) };
    return null;
  }

  /** The fields of the 101 (over HTTP/2: of the 200) to the client. `from`: the version that the server spoke. */
  answer(headers: HeaderFields, from: string): HeaderFields {
    const fields = this.terms === null ? headers : withAnswer(headers, this.terms.client);
    if (this.#head.version === "2") return without(fields, headers, "sec-websocket-accept");
    if (from !== "HTTP/2.0") return fields;
    const own = fields === headers ? headers.clone() : fields;
    own.set("Upgrade", "websocket");
    own.set("Connection", "Upgrade");
    own.set("Sec-WebSocket-Accept", acceptFor(this.#head.headers.get("sec-websocket-key") ?? ""));
    return own;
  }

  /** WALL: over HTTP/2 any 2xx opens the WebSocket, so that one which does not mean it must not be sent as it is. */
  refusalStatus(status: number): number {
    return this.#head.version === "2" && status < 300 ? 502 : status;
  }

  #forH1(fields: HeaderFields, original: HeaderFields): HeaderFields {
    this.#key ??= newKey();
    const own = fields === original ? original.clone() : fields;
    own.delete("te");
    own.set("Connection", "Upgrade");
    own.set("Upgrade", "websocket");
    own.set("Sec-WebSocket-Key", this.#key);
    return own;
  }
}

function without(fields: HeaderFields, original: HeaderFields, lowerName: string): HeaderFields {
  if (!fields.has(lowerName)) return fields;
  const own = fields === original ? original.clone() : fields;
  own.delete(lowerName);
  return own;
}
