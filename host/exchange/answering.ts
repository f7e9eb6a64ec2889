// What becomes of a server's events, or of a response that an addon made: `responseheaders` and `response` in their places, bodies
// collected or let through, and everything sent to the client in the right order. It reads nothing from sockets and waits for nobody
// but addons.
import type { HttpFlow } from "../flows/flow.ts";
import { exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import { endToEnd } from "../http/hop-by-hop.ts";
import { faultOf, type Fault, type HttpEvent, type RequestHead, type ResponseHead } from "../http/http-event.ts";
import { explainLateAlert } from "../tls/explain.ts";
import { chain, type Asking, type Maybe, type Stop } from "./asking.ts";
import { wantsBody } from "./body-wishes.ts";
import type { ExchangeContext } from "./context.ts";
import type { Download } from "./download.ts";
import { upstreamWantsCredentials } from "./proxy-tunnel.ts";
import type { ClientSide, ServerSide } from "./sides.ts";
import type { Upload } from "./upload.ts";
import type { WebSocketOpening } from "./websocket-opening.ts";

/** more: go on. null: the response was sent to its end. tunnel: the protocol was switched. broken: nothing of a response came from a connection that had been idle. */
export type Step = "more" | "tunnel" | "broken" | Stop | null;

/** LIMIT: rest of a body that is read and dropped to keep a connection, in bytes. */
export const mostDroppedBytes = 65_536;

const empty = Buffer.alloc(0);

/** What a kept connection that died, or a stream that was refused, means where the request may not be sent again. */
export function closedEarly(server: ServerSide): ExchangeFault {
  return faultFrom(faultOf("closed-before-response", "server"), server);
}

function faultFrom(fault: Fault, { resetCode, brokenBy, record }: ServerSide): ExchangeFault {
  const plain = syntaxFault(fault, "server");
  // A server may say only now what it missed in the handshake.
  const alert = plain.cause === "server-closed" && brokenBy !== null ? explainLateAlert(brokenBy, record.sni ?? record.address?.host ?? "the server") : null;
  if (alert !== null) return exchangeFault("tls-failed", alert.message);
  return resetCode === null ? plain : { ...plain, resetCode };
}

export interface AnsweringParts {
  readonly flow: HttpFlow;
  readonly head: RequestHead;
  readonly client: ClientSide;
  readonly asking: Asking;
  readonly upload: Upload;
  readonly download: Download;
  readonly opening: WebSocketOpening | null;
  readonly context: ExchangeContext;
}

export class Answering {
  /** A 100 (Continue) was sent by the proxy itself; the server's own would be a second one. */
  hasSent100 = false;
  readonly #parts: AnsweringParts;

  constructor(parts: AnsweringParts) {
    this.#parts = parts;
  }

  /** Handles the server's next event. */
  take(event: HttpEvent, server: ServerSide): Maybe<Step> {
    const { flow } = this.#parts;
    switch (event.kind) {
      case "response-head":
        if (event.status === 407 && server.forward !== null) return upstreamWantsCredentials;
        return event.interim ? this.#onInterim(event) : this.#onHead(event, server);
      case "data": return this.#onData(event.data);
      case "trailers":
        if (flow.response !== null) flow.response.trailers = event.headers;
        return "more";
      case "end": return this.#onEnd();
      case "fault": return event.fault.code === "closed-before-response" && server.isStale ? "broken" : faultFrom(event.fault, server);
      case "request-head": return exchangeFault("invalid-response", "The server sent a request.");
    }
  }

  /** Answers with the response that an addon made before there was a server. */
  answer(): Maybe<Stop | null> {
    return chain(this.#parts.asking.ask("responseheaders"), (stop) => stop ?? this.#sendMade());
  }

  /** Whether the client's connection could live on, as far as its request goes. */
  get mayPersist(): boolean {
    const { head, upload, context } = this.#parts;
    return head.keepAlive && upload.hasEnded && !context.isDraining();
  }

  #onInterim(head: ResponseHead): Step {
    const { client, head: request } = this.#parts;
    const isSecond100 = head.status === 100 && this.hasSent100;
    if (!isSecond100 && request.version !== "1.0") client.sendInterim(head.status, head.reason, endToEnd(head.headers));
    return "more";
  }

  /** A server may answer before the request is complete: `request` is then due first, with what is known. */
  #onHead(head: ResponseHead, server: ServerSide): Maybe<Step> {
    const { asking, download, opening, upload } = this.#parts;
    // What is left of the request would be read as the other protocol (RFC 9110 §7.8).
    if (head.status === 101 && !upload.hasEnded) return exchangeFault("invalid-response", "The server switched protocols before it had the whole request.");
    return chain(asking.request(), (early) => {
      if (early !== null) return early;
      const fault = download.judge(head);
      if (fault !== null) return fault;
      const refused = head.status === 101 ? opening?.take(head) ?? null : null;
      if (refused !== null) return refused;
      download.begin(head);
      return chain(asking.ask("responseheaders"), (stop) => stop ?? this.#afterHead(head, server));
    });
  }

  #afterHead(head: ResponseHead, server: ServerSide): Maybe<Step> {
    const { download, context, flow, asking } = this.#parts;
    // A connection that speaks another protocol by now is not read as HTTP.
    if (download.isReplaced) return head.status === 101 ? this.#sendMade() : this.#replace(server);
    download.chooseWay(head, wantsBody(context.gate, "response", flow.request.host));
    if (head.status === 101) return chain(asking.response(), (stop) => stop ?? (download.isReplaced ? this.#sendMade() : this.#switch()));
    return download.isCollecting || head.endStream ? "more" : this.#letBodyPass();
  }

  /** The body is not collected: the head goes out now. `response` is asked before where the body is merely too large to show, while the head can still change. */
  #letBodyPass(): Maybe<Step> {
    const { flow, asking, download } = this.#parts;
    const isStreamed = flow.response?.body.state === "streamed";
    return chain(isStreamed ? null : asking.response(), (stop) => {
      if (stop !== null) return stop;
      download.sendHead(this.mayPersist);
      return "more";
    });
  }

  #onData(data: Buffer): Maybe<Step> {
    const { download, flow } = this.#parts;
    const fault = download.count(data);
    if (fault !== null) return fault;
    if (download.isCollecting) return download.collect(data) ? this.#letBodyPass() : "more";
    const stream = flow.response?.stream;
    if (typeof stream === "function") return stream(data).then((pieces) => this.#pass(pieces));
    download.passData(data);
    return "more";
  }

  #pass(pieces: readonly Buffer[]): "more" {
    for (const piece of pieces) if (piece.length > 0) this.#parts.download.sendData(piece);
    return "more";
  }

  #onEnd(): Maybe<Step> {
    const { download, flow } = this.#parts;
    download.end();
    const stream = flow.response?.stream;
    if (download.hasSentHead && typeof stream === "function") return stream(empty).then((pieces) => (this.#pass(pieces), this.#finish()));
    return this.#finish();
  }

  #finish(): Maybe<Stop | null> {
    const { download, asking } = this.#parts;
    return chain(asking.response(), (stop) => {
      if (stop !== null) return stop;
      if (!download.hasSentHead) download.sendHead(this.mayPersist);
      download.sendEnd();
      return null;
    });
  }

  #switch(): Step {
    const { download, client } = this.#parts;
    download.sendSwitch();
    client.flush();
    return "tunnel";
  }

  /** The server's body is dropped as far as it is here; if that is not all, its connection cannot be used again. */
  #replace(server: ServerSide): Maybe<Stop | null> {
    let left = mostDroppedBytes;
    for (let event = server.next(); event !== null && left > 0; event = server.next()) {
      if (event.kind === "data") left -= event.data.length;
      else if (event.kind === "end") this.#parts.download.hasEnded = true;
    }
    return this.#sendMade();
  }

  #sendMade(): Maybe<Stop | null> {
    const { upload, asking, download } = this.#parts;
    upload.drop(mostDroppedBytes);
    return chain(asking.response(), (stop) => {
      if (stop !== null) return stop;
      download.sendHead(this.mayPersist);
      download.sendEnd();
      return null;
    });
  }
}
