// `Request` of a flow and its state: the attributes of the request line with their rules, and the views of query, cookies and
// forms. What it shares with Response is in message.ts.
import { isHost, isMethod, isPath, isPort } from "../schema/http.ts";
import type { RequestView } from "../schema/view.ts";
import { decodeText, encodeText } from "./byte-string.ts";
import type { Changes } from "./draft.ts";
import { findField } from "./fields.ts";
import { expose, jsonParse } from "./intrinsics.ts";
import { quoteAscii } from "./json-text.ts";
import { Message } from "./message.ts";
import { MessageState, type Head } from "./message-state.ts";
import { MultipartForm } from "./multipart.ts";
import { Pairs } from "./pairs.ts";
import { CookieSource, FormSource, QuerySource } from "./request-pairs.ts";
import { parseAuthority, parseTarget, targetText } from "./target.ts";
import { refuse } from "./thrown.ts";

/** Texts are byte strings. */
export class RequestHead implements Head<RequestHead> {
  method: string;
  scheme: "http" | "https";
  host: string;
  port: number;
  path: string;
  readonly authority: string;
  readonly httpVersion: string;
  readonly timestampStart: number;
  readonly timestampEnd: number | null;
  constructor(view: RequestView) {
    this.method = view.method;
    this.scheme = view.scheme;
    this.host = view.host;
    this.port = view.port;
    this.path = view.path;
    this.authority = view.authority;
    this.httpVersion = view.httpVersion;
    this.timestampStart = view.timestampStart;
    this.timestampEnd = view.timestampEnd;
  }
  copy(): RequestHead {
    return new RequestHead(this);
  }
}

export class RequestState extends MessageState<RequestHead> {
  protected parseHead(json: string): RequestHead {
    return new RequestHead(jsonParse(json) as RequestView);
  }

  protected collectHead(changes: Changes, now: RequestHead, before: RequestHead): void {
    if (now.method !== before.method) changes.add("request.method", quoteAscii(now.method));
    if (now.scheme !== before.scheme) changes.add("request.scheme", quoteAscii(now.scheme));
    if (now.host !== before.host) changes.add("request.host", quoteAscii(now.host));
    if (now.port !== before.port) changes.add("request.port", `${now.port}`);
    if (now.path !== before.path) changes.add("request.path", quoteAscii(now.path));
  }
}

const textOf = (field: string, value: unknown): string => {
  if (typeof value !== "string") throw refuse(field, `${field} must be a string`);
  return encodeText(value);
};

/** The request of a flow. */
export class Request extends Message<RequestHead> {
  readonly #state: RequestState;
  #query: Pairs | null = null;
  #cookies: Pairs | null = null;
  #form: Pairs | null = null;
  #multipart: MultipartForm | null = null;

  constructor(state: RequestState) {
    super(state);
    this.#state = state;
  }

  /** As the client wrote it, `"GET"`. Assigning throws a TypeError for what is no token (RFC 9110 §9.1). */
  get method(): string {
    return this.#state.head.method;
  }
  set method(method: string) {
    if (typeof method !== "string" || !isMethod(method)) throw refuse("request.method", "request.method must be a method name (RFC 9110 token)");
    if (method !== this.#state.head.method) this.#state.write("request.method").method = method;
  }

  /** How the request goes to the server; assigning needs `act: ["redirect"]`. */
  get scheme(): "http" | "https" {
    return this.#state.head.scheme;
  }
  set scheme(scheme: "http" | "https") {
    if (scheme !== "http" && scheme !== "https") throw refuse("request.scheme", `request.scheme must be "http" or "https"`);
    if (scheme !== this.#state.head.scheme) this.#state.write("request.scheme").scheme = scheme;
  }

  /** Where the request goes. Changing it also rewrites Host or :authority. */
  get host(): string {
    return decodeText(this.#state.head.host);
  }
  set host(host: string) {
    const bytes = textOf("request.host", host);
    if (!isHost(bytes)) throw refuse("request.host", "request.host must be a host name or an IP address, without a port");
    if (bytes !== this.#state.head.host) this.#state.write("request.host").host = bytes;
  }

  /** Where the request goes, 1 to 65535; assigning needs `act: ["redirect"]`. */
  get port(): number {
    return this.#state.head.port;
  }
  set port(port: number) {
    if (!isPort(port)) throw refuse("request.port", "request.port must be a whole number from 1 to 65535");
    if (port !== this.#state.head.port) this.#state.write("request.port").port = port;
  }

  /** Path and query, beginning with "/" (or "*"). */
  get path(): string {
    return decodeText(this.#state.head.path);
  }
  set path(path: string) {
    const bytes = textOf("request.path", path);
    if (!isPath(bytes)) throw refuse("request.path", `request.path must begin with "/" (or be "*") and have no white space, control characters or "#"`);
    if (bytes !== this.#state.head.path) this.#state.write("request.path").path = bytes;
  }

  /** As the client wrote it in an absolute-form or CONNECT target or in HTTP/2's :authority, otherwise "". */
  get authority(): string {
    return decodeText(this.#state.head.authority);
  }

  /** `scheme://host[:port]/path`. Assigning sets scheme, host, port and path. */
  get url(): string {
    const { scheme, host, port, path } = this.#state.head;
    return decodeText(targetText(scheme, host, port, path));
  }
  set url(url: string) {
    const target = parseTarget(textOf("request.url", url));
    if (target === null) throw refuse("request.url", "request.url must be an absolute http or https URL without user name and white space");
    const head = this.#state.write("request.url");
    head.scheme = target.scheme;
    head.host = target.host;
    head.port = target.port;
    head.path = target.path;
  }

  /** The host that the client named: of the Host field, else `host`. */
  get prettyHost(): string {
    return decodeText(this.#named()?.host ?? this.#state.head.host);
  }
  /** `url` with the host that the client named. */
  get prettyUrl(): string {
    const { scheme, host, port, path } = this.#state.head;
    return decodeText(targetText(scheme, this.#named()?.host ?? host, port, path));
  }

  /** Live view of the path's query. */
  get query(): Pairs {
    return (this.#query ??= new Pairs(new QuerySource(this.#state)));
  }
  /** Live view of the Cookie fields. */
  get cookies(): Pairs {
    return (this.#cookies ??= new Pairs(new CookieSource(this.#state)));
  }
  /** Live view of a form body (application/x-www-form-urlencoded); empty for other bodies. Writing sets Content-Type and content. */
  get urlencodedForm(): Pairs {
    return (this.#form ??= new Pairs(new FormSource(this.#state)));
  }
  /**
   * Live view of a multipart/form-data body, files included; empty for other bodies. Writing keeps boundary, order and the bytes of
   * parts nobody touched; on another body it sets Content-Type and content.
   */
  get multipartForm(): MultipartForm {
    return (this.#multipart ??= new MultipartForm(this.#state));
  }

  #named(): { readonly host: string } | null {
    const { fields } = this.#state;
    const at = findField(fields, "host");
    return parseAuthority(at < 0 ? this.#state.head.authority : fields[at]!.value);
  }
}
expose(Request, "Request");
