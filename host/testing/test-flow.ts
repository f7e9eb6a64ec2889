// Flows as tests of authors hold them: plain attributes over the host's own record of a flow, to be read and set between events. What an
// addon made of the flow is seen here at once. Not the guest's classes: this is Node's side.
import type { HttpFlow, HttpRequest, HttpResponse, TcpFlow } from "../flows/flow.ts";
import { HeaderFields } from "../http/header-fields.ts";
import { urlOf } from "../trial/flow-lines.ts";

/** Fields in order; names are looked up in any case, values are text. */
export class TestHeaders {
  readonly #fields: () => HeaderFields;

  constructor(fields: () => HeaderFields) {
    this.#fields = fields;
  }

  /** All values of that name, joined with ", "; null when there is none. */
  get(name: string): string | null {
    const values = this.getAll(name);
    return values.length === 0 ? null : values.join(", ");
  }

  /** Each value of that name. */
  getAll(name: string): string[] {
    return this.#fields().getAll(name.toLowerCase()).map(fromWire);
  }

  /** Whether there is a field of that name. */
  has(name: string): boolean {
    return this.#fields().getAll(name.toLowerCase()).length > 0;
  }

  /** `[name, value]` in order, spelling as on the wire. */
  get fields(): (readonly [name: string, value: string])[] {
    return [...this.#fields().entries()].map(([name, value]) => [name, fromWire(value)] as const);
  }
}

const fromWire = (value: string): string => Buffer.from(value, "latin1").toString();
/** The characters of a field value as bytes. */
export const toWire = (value: string): string => Buffer.from(value).toString("latin1");

/** Request or response, as far as they are alike. */
class TestMessage<M extends HttpRequest | HttpResponse> {
  protected readonly message: M;
  readonly headers: TestHeaders;
  readonly trailers: TestHeaders | null;

  constructor(message: M) {
    this.message = message;
    this.headers = new TestHeaders(() => message.headers);
    this.trailers = message.trailers === null ? null : new TestHeaders(() => message.trailers ?? HeaderFields.from([]));
  }

  get httpVersion(): string {
    return this.message.httpVersion;
  }
  /** As on the wire; null when there is none that could be shown: streamed, too large. */
  get body(): Uint8Array | null {
    return this.message.body.raw;
  }
  /** Decoded by Content-Encoding, as far as that is known. */
  get content(): Uint8Array | null {
    return this.message.body.content ?? this.message.body.raw;
  }
  /** The content as UTF-8. */
  get text(): string | null {
    const { content } = this;
    return content === null ? null : Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString();
  }
  /** The text as JSON. Throws a SyntaxError for whatever is none. */
  json(): unknown {
    return JSON.parse(this.text ?? "");
  }
  /** Whether the addon had the body streamed. */
  get isStreamed(): boolean {
    return this.message.stream !== false;
  }
}

/** The request as it is now. */
export class TestRequest extends TestMessage<HttpRequest> {
  /** `"GET"`. */
  get method(): string {
    return this.message.method;
  }
  /** `scheme://host[:port]/path`. */
  get url(): string {
    return urlOf(this.message);
  }
  /** How it would go to the server. */
  get scheme(): "http" | "https" {
    return this.message.scheme;
  }
  /** Where it would go. */
  get host(): string {
    return this.message.host;
  }
  /** Where it would go. */
  get port(): number {
    return this.message.port;
  }
  /** Path and query. */
  get path(): string {
    return this.message.path;
  }
}

/** The response as it is now. */
export class TestResponse extends TestMessage<HttpResponse> {
  /** 100 to 599. */
  get statusCode(): number {
    return this.message.statusCode;
  }
  /** The reason phrase. */
  get reason(): string {
    return this.message.reason;
  }
  /** The addon made it: no server was asked. */
  get isMade(): boolean {
    return this.message.made;
  }
}

/** A WebSocket message, whole and decompressed. */
export interface TestWebSocketMessage {
  /** Who sent it; of one that the addon put in, whom it seems to come from. */
  readonly fromClient: boolean;
  /** A text is UTF-8. */
  readonly type: "text" | "binary";
  /** Its bytes. */
  readonly content: Uint8Array;
  /** The bytes as UTF-8. */
  readonly text: string;
  /** The addon does not let it pass. */
  readonly isDropped: boolean;
}

/** How the rest of this folder reaches the record behind a test flow; the class fills it in. */
const door: { recordOf: (flow: TestFlow) => HttpFlow; tcpRecordOf: (flow: TestTcpFlow) => TcpFlow } = {
  recordOf: () => { throw new TypeError("not a flow of this module"); }, tcpRecordOf: () => { throw new TypeError("not a flow of this module"); },
};
export const recordOf = (flow: TestFlow): HttpFlow => door.recordOf(flow);
export const tcpRecordOf = (flow: TestTcpFlow): TcpFlow => door.tcpRecordOf(flow);

/** An HTTP flow; made by `makeRequestFlow` and its sisters. The same object through all events of the flow. */
export class TestFlow {
  readonly #record: HttpFlow;

  constructor(record: HttpFlow) {
    this.#record = record;
  }

  static {
    door.recordOf = (flow) => flow.#record;
  }

  /** The request, with what addons made of it. */
  get request(): TestRequest {
    return new TestRequest(this.#record.request);
  }
  /** Null until there is one. */
  get response(): TestResponse | null {
    return this.#record.response === null ? null : new TestResponse(this.#record.response);
  }
  /** Why no valid response came. */
  get error(): string | null {
    return this.#record.error?.msg ?? null;
  }
  /** The addon killed it. */
  get isKilled(): boolean {
    return this.#record.killedBy !== null;
  }
  /** The addon holds it back. */
  get isIntercepted(): boolean {
    return this.#record.intercepted;
  }
  /** Why an addon whose failures refuse flows had this one refused. */
  get refusal(): string | null {
    return this.#record.refusal?.fault.message ?? null;
  }
  /** The newest WebSocket message as the addon left it; `isDropped`: it goes nowhere. Null on other flows and before the first. */
  get message(): TestWebSocketMessage | null {
    const message = this.#record.webSocket?.message ?? null;
    return message === null ? null : { fromClient: message.fromClient, type: message.type, content: message.content, text: message.content.toString(), isDropped: message.dropped };
  }
  /** Messages that the addon put in at the newest one. */
  get injected(): readonly TestWebSocketMessage[] {
    return (this.#record.webSocket?.injections ?? []).map(({ fromClient, type, content }) => ({ fromClient, type, content, text: content.toString(), isDropped: false }));
  }
  /** The mark for the operator. */
  get marked(): string {
    return this.#record.marked;
  }
  /** The note for the operator. */
  get comment(): string {
    return this.#record.comment;
  }
}

/** A TCP flow; made by `makeTcpFlow`. */
export class TestTcpFlow {
  readonly #record: TcpFlow;

  constructor(record: TcpFlow) {
    this.#record = record;
  }

  static {
    door.tcpRecordOf = (flow) => flow.#record;
  }

  /** The addon killed it. */
  get isKilled(): boolean {
    return this.#record.killedBy !== null;
  }
  /** The newest message as the addon left it; empty: nothing is sent. */
  get message(): { readonly fromClient: boolean; readonly content: Uint8Array } | null {
    return this.#record.message;
  }
}
