// The way of one response from the server (or from an addon) to the client: collected first, or passed on while it comes. Knows
// framing and order on the client's wire; which events are asked, and when, is the exchange's business.
import type { HttpFlow, HttpResponse } from "../flows/flow.ts";
import { PassedBytes } from "../flows/passed-bytes.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import type { BodyFraming } from "../http/body-framing.ts";
import type { RequestHead, ResponseHead } from "../http/http-event.ts";
import { invariant } from "../invariant.ts";
import { BodyCollector } from "./body-collector.ts";
import { collectingBound, responseStreamsByItself } from "./body-wishes.ts";
import { nowSeconds, type ExchangeContext } from "./context.ts";
import { newHttpResponse } from "./new-flow.ts";
import { outgoingResponse, sameBody, type BodyPlan } from "./outgoing.ts";
import type { ClientSide } from "./sides.ts";
import type { WebSocketOpening } from "./websocket-opening.ts";

const empty = Buffer.alloc(0);
const noBody: BodyFraming = { kind: "length", length: 0 };

/** What an HTTP/1 client may expect to read beside a status. PERF: node:http is a tenth of the start, so it is not imported. */
const reasonOf = (status: number): string => process.getBuiltinModule("node:http").STATUS_CODES[status] ?? "";

const isH2 = ({ httpVersion }: HttpResponse): boolean => httpVersion === "HTTP/2.0";

export class Download {
  /** Bytes of the final response went out: its head cannot change any more, and a failure can only cut. */
  hasSentHead = false;
  /** The server's message was read to its end. */
  hasEnded = false;
  /** The client's connection lives on after this response; known once the head is sent. */
  persists = false;
  /** The body is being gathered for addons. */
  isCollecting = false;
  readonly #flow: HttpFlow;
  readonly #request: RequestHead;
  readonly #client: ClientSide;
  readonly #opening: WebSocketOpening | null;
  readonly #limitBytes: number | null;
  /** Made with the first chunk. */
  #collector: BodyCollector | null = null;
  readonly #context: ExchangeContext;
  readonly #bound: ReturnType<typeof collectingBound>;
  readonly #keepBytes: number | null;
  #framing: BodyFraming = noBody;
  /** The response as the server sent it, to see what became of it. */
  #received: HttpResponse | null = null;
  #collected: Buffer | null = null;
  #status = 0;
  #bytes = 0;

  constructor(flow: HttpFlow, request: RequestHead, client: ClientSide, context: ExchangeContext, opening: WebSocketOpening | null) {
    this.#opening = opening;
    this.#flow = flow;
    this.#request = request;
    this.#client = client;
    this.#limitBytes = context.bodySizeLimitBytes;
    this.#context = context;
    this.#bound = collectingBound(context);
    this.#keepBytes = context.keepPassedBytes;
  }

  /** A server's head has come: it is the flow's response from now on. */
  begin(head: ResponseHead): void {
    this.#framing = head.framing;
    this.#status = head.status;
    this.#received = this.#flow.response = newHttpResponse(head);
  }

  /** An addon put another response in the place of the server's. */
  get isReplaced(): boolean {
    return this.#flow.response !== this.#received;
  }

  /** Decides, after `responseheaders`, how the body goes: collected when `isWanted` and possible. */
  chooseWay(head: ResponseHead, isWanted: boolean): void {
    const { body, stream } = this.#response;
    if (head.endStream) {
      this.#collected = empty;
      if (body.state !== "whole") body.complete(empty);
    } else if (body.state === "whole") this.isCollecting = false;
    else if (stream !== false || (isWanted && responseStreamsByItself(head, this.#context.streamLargeBodiesBytes))) body.passBy("streamed");
    else if (isWanted && head.framing.kind === "length" && head.framing.length > this.#context.bodyBytes) body.passBy("truncated");
    else this.isCollecting = isWanted;
  }

  /** Adds to what is collected; true when the body has become larger than addons may see: it passes by from now on. */
  collect(data: Buffer): boolean {
    this.#collector ??= new BodyCollector(this.#bound.bytes);
    if (this.#collector.add(data)) return false;
    this.isCollecting = false;
    this.#response.body.passBy(this.#bound.beyond);
    return true;
  }

  /** The server's message is at its end. */
  end(): void {
    this.hasEnded = true;
    if (this.#flow.response === null) return;
    this.#response.timestampEnd = nowSeconds();
    if (!this.isCollecting) return;
    this.isCollecting = false;
    this.#collected = (this.#collector?.takeWhole() ?? empty);
    this.#context.heapRoom.collected(this.#collected.length);
    if (this.#response.body.state !== "whole") this.#response.body.complete(this.#collected);
  }

  /** The limit that a body of the declared length breaks, or null. */
  judge({ framing, endStream }: ResponseHead): ExchangeFault | null {
    return !endStream && framing.kind === "length" ? this.#judge(framing.length) : null;
  }

  /** The limit that this much more of a body breaks, or null. */
  count(data: Buffer): ExchangeFault | null {
    this.#bytes += data.length;
    return this.#judge(this.#bytes);
  }

  #judge(bytes: number): ExchangeFault | null {
    if (this.#limitBytes === null || bytes <= this.#limitBytes) return null;
    return exchangeFault("response-too-large", `The response's body is larger than ${this.#limitBytes} bytes.`);
  }

  /** Sends the flow's response head, and the body as far as it is known. `mayPersist`: the request side allows another request. */
  sendHead(mayPersist: boolean): void {
    invariant(!this.hasSentHead, "a response is sent once");
    const response = this.#response;
    const isTranslated = isH2(response) && this.#request.version !== "2";
    const { headers, framing, persists } = outgoingResponse(response.headers, {
      status: response.statusCode, requestMethod: this.#request.method, requestVersion: this.#request.version,
      framing: response.made ? noBody : this.#framing, plan: this.#plan, hasTrailers: response.trailers !== null,
      isChanged: response.version > 0 || response.made || response.statusCode !== this.#status || isTranslated, mayPersist,
    });
    this.hasSentHead = true;
    this.persists = persists;
    // HTTP/2 has no reason phrases; HTTP/1 clients expect one.
    const reason = response.reason === "" && isTranslated ? reasonOf(response.statusCode) : response.reason;
    this.#client.sendHead({ status: this.#opening?.refusalStatus(response.statusCode) ?? response.statusCode, reason, headers, framing });
    if (response.body.state === "whole") {
      if (response.body.raw !== null && response.body.raw.length > 0) this.#client.sendData(response.body.raw);
    } else for (const chunk of this.#collector?.takeChunks() ?? []) this.#pass(chunk);
  }

  /** Sends the 101 after which HTTP is over. */
  sendSwitch(): void {
    const { statusCode: status, reason, headers, httpVersion } = this.#response;
    this.hasSentHead = true;
    this.#client.sendHead({ status, reason: isH2(this.#response) ? "Switching Protocols" : reason, headers: this.#opening?.answer(headers, httpVersion) ?? headers, framing: { kind: "none" } });
  }

  /** Passes on a piece of a body that is not collected; an addon's body in its place drops it. */
  sendData(data: Buffer): void {
    if (this.#response.body.state !== "whole") this.#pass(data);
  }

  /** As `sendData`, for bytes as the server sent them that nobody looks at. */
  passData(data: Buffer): void {
    if (this.#keepBytes === null && this.#response.body.state !== "whole") this.#client.passData(data);
    else this.sendData(data);
  }

  /** Ends the response towards the client. */
  sendEnd(): void {
    this.#client.sendEnd(this.#response.trailers);
  }

  #pass(data: Buffer): void {
    if (this.#keepBytes !== null) (this.#response.body.passed ??= new PassedBytes(this.#keepBytes)).add(data);
    this.#client.sendData(data);
  }

  get #response(): HttpResponse {
    invariant(this.#flow.response !== null, "there is a response");
    return this.#flow.response;
  }

  get #plan(): BodyPlan {
    const { body, made, stream } = this.#response;
    if (body.state === "whole" && (made || body.raw !== this.#collected)) return { kind: "sized", bytes: body.raw?.length ?? 0 };
    return !made && typeof stream === "function" ? { kind: "unknown" } : sameBody;
  }
}
