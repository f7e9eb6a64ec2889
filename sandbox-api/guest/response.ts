// `Response` of a flow, or one that an addon makes, and its state. A response that an addon made belongs to nobody until it is
// assigned to `flow.response`; then it is written whole as one change. What it shares with Request is in message.ts.
import { isOwnStatus, isReason } from "../schema/http.ts";
import type { ResponseView } from "../schema/view.ts";
import { decodeText, encodeText } from "./byte-string.ts";
import { assignedBody, bytesFrom, noBody, type Body } from "./body.ts";
import { contentCharset, encodeCharset } from "./charset.ts";
import { Owner, type Changes } from "./draft.ts";
import { FieldList } from "./field-list.ts";
import { findField, type Fields } from "./fields.ts";
import { fieldsOfInit, type HeadersInit } from "./headers.ts";
import { bareArray, byteLengthOf, dateNow, expose, isObject, jsonParse } from "./intrinsics.ts";
import { quoteAscii } from "./json-text.ts";
import { Message } from "./message.ts";
import { MessageState, type Head } from "./message-state.ts";
import { Pairs } from "./pairs.ts";
import { SetCookieSource } from "./response-cookies.ts";
import { refuse } from "./thrown.ts";

export class ResponseHead implements Head<ResponseHead> {
  statusCode: number;
  /** Byte string. */
  reason: string;
  readonly httpVersion: string;
  readonly timestampStart: number;
  readonly timestampEnd: number | null;
  constructor(view: ResponseView) {
    this.statusCode = view.statusCode;
    this.reason = view.reason;
    this.httpVersion = view.httpVersion;
    this.timestampStart = view.timestampStart;
    this.timestampEnd = view.timestampEnd;
  }
  copy(): ResponseHead {
    return new ResponseHead(this);
  }
}

export class ResponseState extends MessageState<ResponseHead> {
  protected parseHead(json: string): ResponseHead {
    return new ResponseHead(jsonParse(json) as ResponseView);
  }

  protected collectHead(changes: Changes, now: ResponseHead, before: ResponseHead): void {
    if (now.statusCode !== before.statusCode) changes.add("response.statusCode", `${now.statusCode}`);
    if (now.reason !== before.reason) changes.add("response.reason", quoteAscii(now.reason));
  }

  /** The same values for another owner; a body that an addon assigned stays marked so only for `isDraft`. */
  copyFor(owner: Owner, isDraft: boolean): ResponseState {
    const copy = new ResponseState(owner, "response");
    copy.assume(this.knownHead?.copy() ?? null, this.knownList, this.trailers, isDraft ? this.body : this.body.settled());
    return copy;
  }

  /** The whole response as one change (`MadeResponse`). */
  collectWhole(changes: Changes): void {
    const { statusCode, reason } = this.head;
    const { fields } = this;
    changes.grants.checkFields("response.headers", fields, noFields);
    let list = "";
    for (let index = 0; index < fields.length; index++) list += `${index > 0 ? "," : ""}[${quoteAscii(fields[index]!.name)},${quoteAscii(fields[index]!.value)}]`;
    const { body, encode } = this.#wholeBody(this.body);
    const attachment = body === null || byteLengthOf(body) === 0 ? "null" : `${changes.attach(body)}`;
    changes.add("response.make", `{"statusCode":${statusCode},"reason":${quoteAscii(reason)},"fields":[${list}],"body":${attachment},"encode":${encode}}`);
    if (this.stream !== false) throw refuse("response.stream", "response.stream: a response made by an addon has its whole body and cannot be streamed");
  }

  #wholeBody({ raw, content, assigned }: Body): { readonly body: Uint8Array | null; readonly encode: boolean } {
    if (raw !== null && assigned !== "content") return { body: raw, encode: false };
    return { body: content, encode: content !== null && this.hasEncoding };
  }
}

function madeState(status: number, reason: string, fields: Fields, body: (state: ResponseState) => Body): ResponseState {
  const state = new ResponseState(new Owner(true), "response");
  const now = dateNow() / 1_000;
  const list = FieldList.of(fields);
  state.assume(new ResponseHead({ statusCode: status, reason, httpVersion: "HTTP/1.1", timestampStart: now, timestampEnd: now }), list, null, noBody);
  state.assume(state.head, list, null, body(state));
  return state;
}

const noFields: Fields = bareArray();

/** How the rest of the guest reaches the private state of a Response; the class fills it in, addon code never sees it. */
const door: { stateOf: (value: unknown) => ResponseState | null } = { stateOf: () => null };
/** The state behind a Response; `null` for whatever is none. */
export const responseState = (value: unknown): ResponseState | null => door.stateOf(value);

/** The response of a flow, or one that an addon made (`Response.make`) to be assigned to `flow.response`. */
export class Response extends Message<ResponseHead> {
  readonly #state: ResponseState;
  #cookies: Pairs | null = null;

  /** Addons use `Response.make`. */
  constructor(state: ResponseState) {
    if (!(state instanceof ResponseState)) throw refuse("response", "use Response.make(status, body, headers)");
    super(state);
    this.#state = state;
  }

  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }

  /**
   * A response of your own, to be assigned to `flow.response`. `body` is content: with a Content-Encoding among `headers` the
   * proxy encodes it; a string is written in the charset of Content-Type, UTF-8 without one. Throws a TypeError for a status outside
   * 200–599, headers that are illegal or belong to the proxy, and characters that the charset does not have.
   */
  static make(status = 200, body: Uint8Array | string | null = null, headers: HeadersInit = {}): Response {
    if (!isOwnStatus(status)) throw refuse("response.statusCode", "Response.make: the status must be a whole number from 200 to 599");
    const fields = fieldsOfInit("response.headers", headers, bareArray());
    const bytes = typeof body === "string" ? textBytes(body, fields) : bytesFrom("response.content", body, Infinity, true);
    return new Response(madeState(status, reasons[status] ?? "", fields, (state) => assignedBody(bytes, "content", state.hasEncoding)));
  }

  /** 100 to 599; an addon's own is 200 to 599, anything else throws a TypeError. */
  get statusCode(): number {
    return this.#state.head.statusCode;
  }
  set statusCode(status: number) {
    if (!isOwnStatus(status)) throw refuse("response.statusCode", "response.statusCode must be a whole number from 200 to 599");
    if (status !== this.#state.head.statusCode) this.#state.write("response.statusCode").statusCode = status;
  }

  /** Reason phrase; "" on HTTP/2. */
  get reason(): string {
    return decodeText(this.#state.head.reason);
  }
  set reason(reason: string) {
    const bytes = typeof reason === "string" ? encodeText(reason) : null;
    if (bytes === null || !isReason(bytes)) throw refuse("response.reason", "response.reason must be a string without control characters");
    if (bytes !== this.#state.head.reason) this.#state.write("response.reason").reason = bytes;
  }

  /** Live view of the Set-Cookie fields: each value with its attributes, as it stands in the field. */
  get cookies(): Pairs {
    return (this.#cookies ??= new Pairs(new SetCookieSource(this.#state)));
  }
}
expose(Response, "Response");

function textBytes(text: string, fields: Fields): Uint8Array {
  const at = findField(fields, "content-type");
  const bytes = encodeCharset(text, contentCharset(at < 0 ? null : decodeText(fields[at]!.value)));
  if (bytes === null) throw refuse("response.content", "Response.make: the body has characters that the charset of Content-Type cannot write");
  return bytes;
}

const reasons: { readonly [status: string]: string } = {
  __proto__: null as never,
  200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content", 206: "Partial Content",
  300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
  400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
  407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
  413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed", 418: "I'm a teapot",
  421: "Misdirected Request", 422: "Unprocessable Content", 425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
  431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
  503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 511: "Network Authentication Required",
};
