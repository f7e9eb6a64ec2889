// Bytes of one HTTP/1 connection in, HttpEvents out; pure, no sockets, no timers. Pull style: the owner pushes
// chunks and takes events one by one; while it takes none, nothing happens. Strict by RFC 9112; every leniency is
// a row of h1-leniencies.ts, every refusal a code of http-event.ts.
// Between messages it waits to be told to go on, so that pipelined bytes, tunnels and unsolicited responses are
// the owner's decision. It bounds heads and trailers (64 KiB) but neither bodies nor what is pushed while nobody takes.
import { invariant } from "../invariant.ts";
import { expectsContinue, hasBody, isPersistent, requestFraming, responseFraming, upgradeTokens } from "./body-framing.ts";
import { isHostValue } from "./field-rules.ts";
import { BodyReader } from "./h1-body-reader.ts";
import { HeadReader } from "./h1-head-reader.ts";
import { Input } from "./h1-input.ts";
import { h1Limits } from "./h1-limits.ts";
import { MORE } from "./h1-scan.ts";
import { faultOf } from "./http-event.ts";
import type { H1Limits } from "./h1-limits.ts";
import type { EndEvent, FaultCode, FaultEvent, HttpEvent, HttpVersion, RequestHead, ResponseHead, Side } from "./http-event.ts";
import type { HeaderFields } from "./header-fields.ts";

/** waiting: between messages, until told to go on. detached: the bytes belong to another protocol now. broken: after a fault. */
type State = "waiting" | "head" | "body" | "detached" | "broken";

const END: EndEvent = Object.freeze({ kind: "end" });

/** What both directions share: input, states, bodies and the end. */
abstract class MessageDecoder {
  protected readonly limits: H1Limits;
  protected state: State;
  readonly #side: Side;
  readonly #input = new Input();
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  #hasEnded = false;
  #isTunnel = false;

  constructor(side: Side, section: "request" | "response", state: State, limits: H1Limits) {
    this.#side = side;
    this.limits = limits;
    this.state = state;
    this.#head = new HeadReader(section, limits);
    this.#body = new BodyReader(limits);
  }

  /** Gives the next bytes of the connection. They are not copied: the chunk must not be written to afterwards. */
  push(chunk: Buffer): void {
    invariant(!this.#hasEnded, "decoder: bytes after the end");
    if (this.state !== "broken") this.#input.push(chunk);
  }

  /** Tells that the peer will send nothing more. Then `next` gives what follows from it: `end`, a fault, or null between messages. */
  eof(): void {
    this.#hasEnded = true;
  }

  /** The next event, or null when there is none for now. After a fault there is none ever again. */
  next(): HttpEvent | null {
    if (this.state === "head") return this.#nextHead();
    return this.state === "body" ? this.#nextOfBody() : null;
  }

  /** Unread bytes, those of an unfinished head included. */
  get bufferedBytes(): number {
    return this.#input.length + this.#head.heldBytes + this.#body.heldBytes;
  }

  /** True between messages when no byte is left over: the connection may be used again or closed without loss. */
  get isIdle(): boolean {
    const isBetween = this.state === "waiting" || (this.state === "head" && this.endBeforeHead() === null);
    return isBetween && !this.#head.isInside && this.#input.length === 0;
  }

  /** True after the `end` of a 101 or of a 2xx to CONNECT, and after `takeRemainder`: what follows is not HTTP/1. */
  get isDetached(): boolean {
    return this.state === "detached";
  }

  /** All unread bytes, for whoever speaks another protocol on this connection from now on. The decoder is finished. */
  takeRemainder(): Buffer {
    const held = this.#head.takeHeld();
    const rest = this.#input.takeAll();
    this.state = "detached";
    return held.length === 0 ? rest : Buffer.concat([held, rest]);
  }

  /** Makes the event of the head just read, or the fault that it is. */
  protected abstract headEvent(head: HeadReader): RequestHead | ResponseHead | FaultCode;

  /** What the end of the connection means while a head is awaited and no byte of it came: null where that is fine. */
  protected abstract endBeforeHead(): FaultCode | null;

  protected beginMessage(): void {
    invariant(this.state === "waiting", "decoder: told to go on inside a message or after its end");
    this.state = "head";
  }

  #nextHead(): HttpEvent | null {
    const input = this.#input;
    while (input.hasMore()) {
      const end = this.#head.read(input.chunk, input.at);
      if (typeof end === "string") return this.#fail(end);
      if (end !== MORE) {
        input.advance(end);
        return this.#finishHead();
      }
      input.advance(input.chunk.length);
    }
    if (!this.#hasEnded) return null;
    const fault = this.#head.isInside ? this.#head.cutOff() : this.endBeforeHead();
    return fault === null ? null : this.#fail(fault);
  }

  #finishHead(): HttpEvent {
    const event = this.headEvent(this.#head);
    this.#head.reset();
    if (typeof event === "string") return this.#fail(event);
    if (event.kind === "response-head" && event.interim) return event;
    this.#isTunnel = event.kind === "response-head" && (event.status === 101 || this.isTunnelResponse(event.status));
    this.#body.start(event.framing);
    this.state = "body";
    return event;
  }

  protected abstract isTunnelResponse(status: number): boolean;

  #nextOfBody(): HttpEvent | null {
    const piece = this.#body.read(this.#input);
    if (typeof piece === "string") return this.#fail(piece);
    if (piece !== null) return piece;
    if (!this.#body.isComplete) {
      if (!this.#hasEnded) return null;
      const fault = this.#body.eof();
      if (fault !== null) return this.#fail(fault);
    }
    this.state = this.#isTunnel ? "detached" : "waiting";
    return END;
  }

  #fail(code: FaultCode): FaultEvent {
    this.state = "broken";
    this.#head.reset();
    this.#body.release();
    this.#input.takeAll();
    return { kind: "fault", fault: faultOf(code, this.#side) };
  }
}

/**
 * Decodes what a client sends. Ready for the first request; after each `end` it waits for `nextMessage` (or, after CONNECT or
 * an accepted upgrade, for `takeRemainder`).
 */
export class RequestDecoder extends MessageDecoder {
  constructor(limits: H1Limits = h1Limits) {
    super("client", "request", "head", limits);
  }

  /** Goes on with the next request, whose bytes may already be here. Only after `end`. */
  nextMessage(): void {
    this.beginMessage();
  }

  protected override headEvent(head: HeadReader): RequestHead | FaultCode {
    const { method, target, version } = head.line;
    const headers = head.fields;
    const framing = requestFraming(method, version, headers);
    if (typeof framing === "string") return framing;
    const hostFault = faultOfHost(method, version, headers);
    if (hostFault !== null) return hostFault;
    return {
      kind: "request-head", method, target, version, headers, framing,
      endStream: !hasBody(framing),
      keepAlive: isPersistent(version, headers),
      upgrade: upgradeTokens(version, headers),
      expectContinue: expectsContinue(version, headers),
    };
  }

  protected override endBeforeHead(): null {
    return null;
  }

  protected override isTunnelResponse(): boolean {
    return false;
  }
}

/** The fault of a request's Host fields (RFC 9112 §3.2), or null. */
function faultOfHost(method: string, version: HttpVersion, headers: HeaderFields): FaultCode | null {
  const host = headers.indexOf("host");
  if (host < 0) return version === "1.0" || method === "CONNECT" ? null : "missing-host";
  if (headers.indexOf("host", host + 1) >= 0) return "repeated-host";
  return isHostValue(headers.value(host)) ? null : "bad-host";
}

/**
 * Decodes what a server sends. Reads nothing until `expect` says which request the next response is for. Bytes that are left
 * while none is expected (`bufferedBytes > 0` after `end`) are unsolicited: close the connection.
 */
export class ResponseDecoder extends MessageDecoder {
  #method = "";
  #mayUpgrade = false;
  #interims = 0;

  constructor(limits: H1Limits = h1Limits) {
    super("server", "response", "waiting", limits);
  }

  /** Awaits the response to a request of that method; 101 is a fault unless the request asked for an upgrade. Not inside a message. */
  expect(method: string, mayUpgrade = false): void {
    this.beginMessage();
    this.#method = method;
    this.#mayUpgrade = mayUpgrade;
    this.#interims = 0;
  }

  protected override headEvent(head: HeadReader): ResponseHead | FaultCode {
    const { version, status, reason } = head.line;
    const headers = head.fields;
    const framing = responseFraming(status, this.#method, version, headers);
    if (typeof framing === "string") return framing;
    if (status === 101 && !this.#mayUpgrade) return "unasked-upgrade";
    const interim = status < 200 && status !== 101;
    if (interim && ++this.#interims > this.limits.interimResponses) return "too-many-interim";
    return {
      kind: "response-head", status, reason, version, headers, framing, interim,
      endStream: !hasBody(framing),
      keepAlive: framing.kind !== "close" && isPersistent(version, headers),
      upgrade: upgradeTokens(version, headers),
    };
  }

  protected override endBeforeHead(): FaultCode {
    return "closed-before-response";
  }

  protected override isTunnelResponse(status: number): boolean {
    return this.#method === "CONNECT" && status >= 200 && status < 300;
  }
}

