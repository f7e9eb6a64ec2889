// Response (WHATWG Fetch §5.5). Not the Response of the module "flowcell", which is what an addon answers a flow with.
import { BodyState, extractBody, mixInBody, type BodyOwner, type ExtractedBody } from "./body.ts";
import { headerFields, Headers, headerValue, makeImmutable, receivedHeaders } from "./headers.ts";
import { byteText, describe, dictionary, needs, unsigned, wellFormed } from "./idl.ts";
import { RealRangeError, RealTypeError, exec, isObject, ordinaryArray } from "./intrinsics.ts";
import { cloneBody } from "./request.ts";
import type { FetchedText } from "../../schema/services.ts";

interface ResponseState extends BodyOwner {
  readonly type: "default" | "basic" | "error" | "opaqueredirect";
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly statusText: string;
  body: BodyState | null;
}
const door: { stateOf: (value: unknown) => ResponseState | null } = { stateOf: () => null };
function needState(value: unknown): ResponseState {
  const state = door.stateOf(value);
  if (state === null) throw new RealTypeError("no Response");
  return state;
}

/** Only this file makes responses from a state. */
const key = {};
const reasonPhrase = /^[\t\x20-\x7e\x80-\xff]*$/;
const isNullBodyStatus = (status: number): boolean => status === 101 || status === 103 || status === 204 || status === 205 || status === 304;
const { stringify } = JSON;

function initState(extracted: ExtractedBody | null, init: unknown): ResponseState {
  const { status = 200, statusText = "", headers } = dictionary(init, "init");
  const code = unsigned(status, 16);
  if (code < 200 || code > 599) throw new RealRangeError("the status must be from 200 to 599");
  const reason = byteText(statusText, "statusText");
  if (exec(reasonPhrase, reason) === null) throw new RealTypeError("statusText has characters that a status line cannot have");
  const list = new Headers(headers);
  if (extracted !== null) {
    if (isNullBodyStatus(code)) throw new RealTypeError(`a response with status ${code} cannot have a body`);
    if (extracted.type !== null && headerValue(list, "content-type") === null) list.append("Content-Type", extracted.type);
  }
  return { type: "default", url: "", redirected: false, status: code, statusText: reason, headers: list, body: extracted?.state ?? null };
}

export class Response {
  readonly #state: ResponseState;

  constructor(body?: unknown, init?: unknown, given?: unknown) {
    if (given === key) this.#state = init as ResponseState;
    else this.#state = initState(body === undefined || body === null ? null : extractBody(body), init);
  }
  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }
  static error(): Response {
    const headers = new Headers();
    makeImmutable(headers);
    return made({ type: "error", url: "", redirected: false, status: 0, statusText: "", headers, body: null });
  }
  static redirect(url: unknown, status: unknown = 302): Response {
    needs(1, arguments.length, "Response.redirect");
    const { URL } = $kernel.part("url") as { readonly URL: new (url: string) => { readonly href: string } };
    const { href } = new URL(wellFormed(url));
    const code = unsigned(status, 16);
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) throw new RealRangeError(`${code} is not the status of a redirect`);
    const headers = new Headers({ Location: href });
    makeImmutable(headers);
    return made({ type: "default", url: "", redirected: false, status: code, statusText: "", headers, body: null });
  }
  static json(data: unknown, init?: unknown): Response {
    needs(1, arguments.length, "Response.json");
    const text: unknown = stringify(data);
    if (typeof text !== "string") throw new RealTypeError("Response.json: the value has no JSON");
    const bytes = $kernel.encodeUtf8(text, false);
    return made(initState({ state: new BodyState(bytes as Uint8Array<ArrayBuffer>, null), type: "application/json" }, init));
  }
  get type(): string { return this.#state.type; }
  get url(): string { return this.#state.url; }
  get redirected(): boolean { return this.#state.redirected; }
  get status(): number { return this.#state.status; }
  get ok(): boolean { return this.#state.status >= 200 && this.#state.status <= 299; }
  get statusText(): string { return this.#state.statusText; }
  get headers(): Headers { return this.#state.headers; }
  clone(): Response {
    const state = this.#state;
    if (state.body?.isUnusable === true) throw new RealTypeError("the body has been read already, or its stream is locked");
    const headers = new Headers(ordinaryArray(headerFields(state.headers)).map(({ lower, value }) => [lower, value]));
    return made({ ...state, headers, body: cloneBody(state) });
  }
}
mixInBody(Response, needState);
describe(Response, "Response");
$kernel.intrinsics.define(Response, "length", 0, false);

const made = (state: ResponseState): Response => new Response(null, state, key);

/** What the host fetched. */
export function fetchedResponse({ status, statusText, url, redirected, headers }: FetchedText, body: Uint8Array<ArrayBuffer> | null, method: string): Response {
  const hasNoBody = isNullBodyStatus(status) || method === "HEAD";
  return made({ type: "basic", url, redirected, status, statusText, headers: receivedHeaders(headers), body: hasNoBody ? null : new BodyState(body ?? new Uint8Array(0), null) });
}
