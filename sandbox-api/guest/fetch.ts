// `fetch` of an addon: turns URL and init into one question to the host and its answer into a Response that holds everything.
// What may be fetched, and how, the host decides (host/services/fetch.ts); here is only what the author should be told at once.
import { longestFetchUrl, mostFetchFieldChars, mostFetchFields, type FetchedText, type ServiceGrants } from "../schema/services.ts";
import { attachedBytes, bytesFrom, type Attachments } from "./body.ts";
import { decodeUtf8 } from "./byte-string.ts";
import { fieldsOfPairs, type Field, type Fields } from "./fields.ts";
import { FieldSource, fieldsOfInit, Headers } from "./headers.ts";
import type { HostCalls } from "./host-calls.ts";
import { RealPromise, RealTypeError, RealUint8Array, bareArray, bufferOf, byteLengthOf, charCodeAt, expose, isObject, jsonParse, slice, toStringTagSymbol } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { quoteAscii } from "./json-text.ts";
import { copyOf } from "./draft.ts";

type Bounds = NonNullable<ServiceGrants["fetch"]>;
const noFields: Fields = bareArray<Field>();
const failure = (message: string): Error => new RealTypeError(`fetch: ${message}`);

/** What `fetch(url, init)` takes beside the URL. */
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Headers | Iterable<readonly [string, string]> | { readonly [name: string]: string };
  readonly body?: string | Uint8Array | ArrayBuffer | URLSearchParams | null;
  /** By default "follow". */
  readonly redirect?: "follow" | "manual" | "error";
}

const textual = (value: unknown): string => `${value as string}`;

/** Asks the host. Throws for what cannot be asked. */
export function fetchFrom(hostCalls: HostCalls, bounds: Bounds, input: unknown, init: unknown): Promise<FetchResponse> {
  const url = isObject(input) ? textual(input) : input;
  if (typeof url !== "string" || url.length > longestFetchUrl) throw new RealTypeError(`fetch: the first argument must be a URL of at most ${longestFetchUrl} characters`);
  const given = (name: string): unknown => (isObject(init) ? readMember(init, name) : undefined);
  if (given("signal") != null) throw new RealTypeError("fetch: signal is not available to addons");
  const method = given("method") ?? "GET";
  const redirect = given("redirect") ?? "follow";
  if (typeof method !== "string") throw new RealTypeError("fetch: method must be a string");
  if (redirect !== "follow" && redirect !== "manual" && redirect !== "error") throw new RealTypeError('fetch: redirect must be "follow", "manual" or "error"');
  const { type, bytes } = bodyOf(given("body"), bounds);
  const headers = headersText(given("headers"), type);
  const text = `{"call":"fetch","url":${quoteAscii(url)},"method":${quoteAscii(slice(method, 0, 40))},"headers":${headers},"redirect":"${redirect}"}`;
  return hostCalls.ask(text, bytes === null ? null : bufferOf(bytes), (value, attachments) => new FetchResponse(value as FetchedText, attachments), failure);
}

function bodyOf(body: unknown, { requestBytes }: Bounds): { readonly type: string | null; readonly bytes: Uint8Array<ArrayBuffer> | null } {
  if (body === undefined || body === null) return { type: null, bytes: null };
  const isParams = isObject(body) && readMember(body, toStringTagSymbol) === "URLSearchParams";
  const bytes = bytesFrom("fetch body", isParams ? textual(body) : body, Infinity, true);
  if (byteLengthOf(bytes) > requestBytes) throw new RealTypeError(`fetch: a body of ${byteLengthOf(bytes)} bytes; ${requestBytes} are the most (limit fetchRequestBytes)`);
  return { bytes: byteLengthOf(bytes) === 0 ? null : bytes, type: isParams ? "application/x-www-form-urlencoded;charset=UTF-8" : typeof body === "string" ? "text/plain;charset=UTF-8" : null };
}

function headersText(init: unknown, type: string | null): string {
  const fields = init === undefined || init === null ? noFields : fieldsOfInit("fetch headers", init, noFields);
  if (fields.length >= mostFetchFields) throw new RealTypeError(`fetch: more than ${mostFetchFields} headers`);
  let text = "";
  let hasType = false;
  for (let index = 0; index < fields.length; index++) {
    const { name, value, lower } = fields[index]!;
    hasType ||= lower === "content-type";
    text += `${text === "" ? "" : ","}[${quoteAscii(name)},${quoteAscii(value)}]`;
    if (text.length > mostFetchFieldChars) throw new RealTypeError(`fetch: headers of more than ${mostFetchFieldChars} characters`);
  }
  if (type !== null && !hasType) text += `${text === "" ? "" : ","}["content-type","${type}"]`;
  return `[${text}]`;
}

/** The fields of a response: to be read, not written. */
class FetchedFields extends FieldSource {
  readonly #fields: Fields;
  constructor(fields: Fields) {
    super("response headers");
    this.#fields = fields;
  }
  read(): Fields { return this.#fields; }
  write(): never { throw new RealTypeError("the headers of a fetched response cannot be changed"); }
}

/** What `fetch` resolves to. The body has been read; like the standard's, it can be taken once. */
export class FetchResponse {
  readonly #head: FetchedText;
  #body: Uint8Array | null;
  #headers: Headers | null = null;
  #isUsed = false;

  /** Made by the proxy only. */
  constructor(head: FetchedText, attachments: Attachments) {
    this.#head = head;
    this.#body = attachedBytes(attachments, 0);
  }

  get status(): number { return this.#head.status; }
  get statusText(): string { return this.#head.statusText; }
  /** Whether the status is 200 to 299. */
  get ok(): boolean { return this.#head.status >= 200 && this.#head.status <= 299; }
  /** Where it came from, after redirects. */
  get url(): string { return this.#head.url; }
  get redirected(): boolean { return this.#head.redirected; }
  get type(): "basic" { return "basic"; }
  get bodyUsed(): boolean { return this.#isUsed; }
  get headers(): Headers {
    return (this.#headers ??= new Headers(new FetchedFields(fieldsOfPairs(this.#head.headers))));
  }

  bytes(): Promise<Uint8Array> {
    return this.#take((body) => copyOf(body));
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#take((body) => bufferOf(copyOf(body)));
  }
  /** Decoded as UTF-8; a byte order mark is left out. */
  text(): Promise<string> {
    return this.#take(textOf);
  }
  json(): Promise<unknown> {
    return this.#take((body): unknown => jsonParse(textOf(body)));
  }

  #take<T>(read: (body: Uint8Array) => T): Promise<T> {
    return new RealPromise<T>((resolve) => {
      if (this.#isUsed) throw new RealTypeError("the body of this response has been read already");
      const body = this.#body ?? new RealUint8Array(0);
      this.#isUsed = true;
      this.#body = null;
      resolve(read(body));
    });
  }
}
expose(FetchResponse, "Response");

function textOf(body: Uint8Array): string {
  const text = decodeUtf8(body, "replace") ?? "";
  return text.length > 0 && charCodeAt(text, 0) === 0xfeff ? slice(text, 1) : text;
}
