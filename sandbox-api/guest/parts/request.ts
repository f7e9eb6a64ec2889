// Request (WHATWG Fetch §5.4). There is no page: no base for relative URLs, no mode, cache or credentials that do anything; they are
// kept and given back.
import { BodyState, extractBody, mixInBody, type BodyOwner, type BodyStream } from "./body.ts";
import { headerFields, Headers, headerValue } from "./headers.ts";
import { byteText, describe, dictionary, needs, text, wellFormed } from "./idl.ts";
import { assign, RealTypeError, exec, isObject, slice, toUpperCase } from "./intrinsics.ts";

interface Events { readonly isSignal: (value: unknown) => boolean; readonly follow: (signal: unknown) => object; readonly newSignal: () => object }
const events = (): Events => $kernel.part("events") as object as Events;

interface RequestState extends BodyOwner {
  readonly url: string;
  readonly method: string;
  readonly fixed: { readonly [name: string]: string | boolean };
  body: BodyState | null;
  signal: object | null;
}
const door: { stateOf: (value: unknown) => RequestState | null } = { stateOf: () => null };
export const requestState = (value: unknown): RequestState | null => door.stateOf(value);
function needState(value: unknown): RequestState {
  const state = door.stateOf(value);
  if (state === null) throw new RealTypeError("no Request");
  return state;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const normalized = /^(?:delete|get|head|options|post|put)$/i;
const forbidden = /^(?:connect|trace|track)$/i;

function methodOf(value: unknown): string {
  const method = byteText(value, "method");
  if (exec(token, method) === null || exec(forbidden, method) !== null) throw new RealTypeError(`"${slice(method, 0, 40)}" is not a method that can be requested`);
  return exec(normalized, method) === null ? method : toUpperCase(method);
}

const choices: { readonly [name: string]: readonly string[] } = {
  __proto__: null as never,
  referrerPolicy: ["", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"],
  mode: ["cors", "no-cors", "same-origin"], credentials: ["same-origin", "omit", "include"],
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"], redirect: ["follow", "error", "manual"],
};

function choose(name: string, value: unknown): string {
  const given = text(value);
  const list = choices[name]!;
  for (let index = 0; index < list.length; index++) if (list[index] === given) return given;
  throw new RealTypeError(`${name}: "${slice(given, 0, 40)}" is not one of its values`);
}

function urlOf(input: unknown): string {
  const { URL } = $kernel.part("url") as { readonly URL: new (url: string) => { readonly href: string; readonly username: string; readonly password: string } };
  const url = new URL(wellFormed(input));
  if (url.username !== "" || url.password !== "") throw new RealTypeError("a URL with a user name or a password cannot be requested");
  return url.href;
}

type Init = { readonly [name: string]: unknown };

function fixedOf(init: Init, base: RequestState | null): RequestState["fixed"] {
  const pick = (name: string, missing: string): string => (init[name] === undefined ? ((base?.fixed[name] as string | undefined) ?? missing) : choose(name, init[name]));
  if (init["window"] !== undefined && init["window"] !== null) throw new RealTypeError("window can only be null");
  if (init["mode"] === "navigate") throw new RealTypeError('mode cannot be "navigate"');
  if (init["priority"] !== undefined && exec(/^(?:high|low|auto)$/, text(init["priority"])) === null) throw new RealTypeError('priority must be "high", "low" or "auto"');
  const fixed = {
    referrer: init["referrer"] === undefined ? ((base?.fixed["referrer"] as string | undefined) ?? "about:client") : referrerOf(init["referrer"]),
    referrerPolicy: pick("referrerPolicy", ""), mode: pick("mode", "cors"), credentials: pick("credentials", "same-origin"), cache: pick("cache", "default"), redirect: pick("redirect", "follow"),
    integrity: init["integrity"] === undefined ? ((base?.fixed["integrity"] as string | undefined) ?? "") : text(init["integrity"]),
    keepalive: init["keepalive"] === undefined ? base?.fixed["keepalive"] === true : !!init["keepalive"],
  };
  if (fixed.cache === "only-if-cached" && fixed.mode !== "same-origin") throw new RealTypeError('cache can be "only-if-cached" only where mode is "same-origin"');
  return fixed;
}

function referrerOf(value: unknown): string {
  const given = wellFormed(value);
  if (given === "") return "";
  const { URL } = $kernel.part("url") as { readonly URL: new (url: string) => { readonly href: string } };
  return new URL(given).href;
}

export class Request {
  readonly #state: RequestState;

  constructor(input: unknown, init?: unknown) {
    needs(1, arguments.length, "Request");
    const base = door.stateOf(input);
    const url = base?.url ?? urlOf(input);
    const options: Init = dictionary(init, "init");
    const fixed = fixedOf(options, base);
    const method = options["method"] === undefined ? (base?.method ?? "GET") : methodOf(options["method"]);
    const signal = options["signal"];
    if (signal !== undefined && signal !== null && !events().isSignal(signal)) throw new RealTypeError("signal must be an AbortSignal");
    const headers = new Headers(options["headers"] ?? (base === null ? undefined : copyOf(base.headers)));
    if (fixed["mode"] === "no-cors" && exec(/^(?:GET|HEAD|POST)$/, method) === null) throw new RealTypeError('with mode "no-cors" the method must be GET, HEAD or POST');
    if (options["duplex"] !== undefined && text(options["duplex"]) !== "half") throw new RealTypeError('duplex must be "half"');
    const hasOwnBody = options["body"] !== undefined && options["body"] !== null;
    if ((hasOwnBody || (base !== null && base.body !== null)) && (method === "GET" || method === "HEAD")) throw new RealTypeError("a request with GET or HEAD cannot have a body");
    const body = hasOwnBody ? ownBody(options, headers) : takeOver(base);
    const from = signal === undefined ? (base === null ? null : signalOf(base)) : signal;
    this.#state = { url, method, fixed, headers, body, signal: from === null ? null : events().follow(from) };
  }
  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }
  get method(): string { return this.#state.method; }
  get url(): string { return this.#state.url; }
  get headers(): Headers { return this.#state.headers; }
  get destination(): "" { return this.#state.url === "" ? "" : ""; }
  get referrer(): unknown { return this.#state.fixed["referrer"]; }
  get referrerPolicy(): unknown { return this.#state.fixed["referrerPolicy"]; }
  get mode(): unknown { return this.#state.fixed["mode"]; }
  get credentials(): unknown { return this.#state.fixed["credentials"]; }
  get cache(): unknown { return this.#state.fixed["cache"]; }
  get redirect(): unknown { return this.#state.fixed["redirect"]; }
  get integrity(): unknown { return this.#state.fixed["integrity"]; }
  get keepalive(): unknown { return this.#state.fixed["keepalive"]; }
  get isReloadNavigation(): boolean { return this.#state.url === ""; }
  get isHistoryNavigation(): boolean { return this.#state.url === ""; }
  get signal(): object { return signalOf(this.#state); }
  get duplex(): "half" { return this.#state.url === "" ? "half" : "half"; }
  clone(): Request {
    const state = this.#state;
    if (state.body?.isUnusable === true) throw new RealTypeError("the body has been read already, or its stream is locked");
    const copy = new Request(state.url, { method: state.method, headers: copyOf(state.headers), signal: signalOf(state) });
    assign(copy.#state, { fixed: state.fixed, body: cloneBody(state) });
    return copy;
  }
}
mixInBody(Request, needState);
describe(Request, "Request");
$kernel.intrinsics.define(Request, "length", 1, false);

function signalOf(state: RequestState): object {
  return (state.signal ??= events().newSignal());
}

/** Pairs of the list, so that Set-Cookie is not joined. */
function copyOf(headers: Headers): readonly (readonly [string, string])[] {
  return $kernel.intrinsics.ordinaryArray(headerFields(headers)).map(({ lower, value }) => [lower, value] as const);
}

function ownBody(options: Init, headers: Headers): BodyState {
  const { state, type } = extractBody(options["body"]);
  if (state.stream !== null && options["duplex"] === undefined) throw new RealTypeError('a body that is a stream needs duplex: "half"');
  if (state.stream !== null && options["keepalive"]) throw new RealTypeError("a body that is a stream cannot be kept alive");
  if (type !== null && headerValue(headers, "content-type") === null) headers.append("Content-Type", type);
  return state;
}

/** The body of the request that a new one is made of: it moves. */
function takeOver(base: RequestState | null): BodyState | null {
  if (base === null || base.body === null) return null;
  if (base.body.isUnusable) throw new RealTypeError("the body has been read already, or its stream is locked");
  const { bytes, stream } = base.body;
  const moved = stream === null ? new BodyState(bytes, null) : new BodyState(null, piped(stream, transform({})));
  base.body.take();
  return moved;
}

const piped = (stream: BodyStream, pair: object): BodyStream => (stream as BodyStream & { pipeThrough(pair: object): BodyStream }).pipeThrough(pair);

function transform(transformer: object): object {
  const { TransformStream } = $kernel.part("streams") as { readonly TransformStream: new (transformer: object) => object };
  return new TransformStream(transformer);
}

/** Both branches would share their chunks. */
function cloning(): object {
  const { structuredClone } = $kernel.part("clone") as { readonly structuredClone: (value: unknown) => unknown };
  return transform({ transform: (chunk: unknown, controller: { enqueue(chunk: unknown): void }) => controller.enqueue(structuredClone(chunk)) });
}

/** For `clone`: bytes are shared, a stream is split. */
export function cloneBody(state: { body: BodyState | null }): BodyState | null {
  const { body } = state;
  if (body === null) return null;
  if (body.stream === null) return new BodyState(body.bytes, null);
  const [mine, theirs] = body.stream.tee();
  state.body = new BodyState(null, mine);
  return new BodyState(null, piped(theirs, cloning()));
}
