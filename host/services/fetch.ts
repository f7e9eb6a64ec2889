// `fetch` on the host's side. WALL 5 against server-side request forgery: each hop's URL must be granted, its name is resolved once,
// every address must be of the public internet (unless the grant itself names an address), and the connection goes to one of those.
// LIMIT fetchesAtOnce, fetchesPerSecond, fetchRequestBytes, fetchResponseBytes, wallMs. Failures are sentences for the addon.
import type { LookupAddress } from "node:dns";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { longestFetchUrl, type FetchedText } from "../../sandbox-api/schema/services.ts";
import { classifyAddress } from "./address-classes.ts";
import type { Resolve } from "./bounded-lookup.ts";
import { FetchBodyError, readBody } from "./fetch-body.ts";
import { judgeOrigin, type OriginVerdict } from "./fetch-origins.ts";
import { checkRequest, FetchRefusal, sendHop, type FetchRequest, type Hop } from "./fetch-send.ts";

export type { FetchRequest } from "./fetch-send.ts";

export interface FetchNetwork {
  /** All addresses of a name, asked once for each hop. */
  readonly resolve: Resolve;
  /** Whether that is one of this proxy's own listeners. */
  readonly isOwn: (address: string, port: number) => boolean;
  /** How servers are believed: the proxy's trust in upstream servers. */
  readonly tls: ConnectionOptions;
}

/** `release` gives back what the result holds; call it once, when nobody needs the body any more. */
export type FetchResult =
  | { readonly kind: "fetched"; readonly fetched: FetchedText; readonly body: Buffer; readonly release: () => void }
  | { readonly kind: "refused"; readonly message: string; readonly release: () => void };

type FetchLimits = Pick<Limits, "fetchesAtOnce" | "fetchesPerSecond" | "fetchRequestBytes" | "fetchResponseBytes" | "wallMs">;
type Granted = Extract<OriginVerdict, { readonly kind: "granted" }>;
interface Session { readonly grants: readonly string[]; readonly limits: FetchLimits; readonly signal: AbortSignal; readonly take: (bytes: number) => boolean }
interface Current extends Omit<FetchRequest, "url"> { readonly url: URL; readonly redirects: number }

/** LIMIT: redirects of one fetch. */
export const mostRedirects = 5;
/** How many of the largest responses all fetches of one addon may hold at once. */
const heldResponses = 4;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** They speak to whom the addon meant them for, and nobody else. */
const credentials: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token"]);
const nothing = (): void => {};

/** One addon's fetches, over all its restarts: a restart buys none. */
export class AddonFetch {
  readonly #network: FetchNetwork;
  readonly #now: () => number;
  #underWay = 0;
  #heldBytes = 0;
  #begun: number[] = [];

  constructor(network: FetchNetwork, now: () => number = Date.now) {
    this.#network = network;
    this.#now = now;
  }

  /** Performs a fetch under these grants. Never rejects; `signal` cuts it off. */
  async run(request: FetchRequest, grants: readonly string[], limits: FetchLimits, signal: AbortSignal): Promise<FetchResult> {
    const refusal = this.#refuseNow(grants, limits);
    if (refusal !== null) return { kind: "refused", message: refusal, release: nothing };
    this.#underWay++;
    let held = 0;
    const take = (bytes: number): boolean => {
      if (this.#heldBytes + bytes > heldResponses * limits.fetchResponseBytes) return false;
      held += bytes;
      this.#heldBytes += bytes;
      return true;
    };
    const release = (): void => {
      this.#heldBytes -= held;
      held = 0;
    };
    const deadline = AbortSignal.timeout(limits.wallMs);
    try {
      const { message, url, redirected } = await this.#follow(request, { grants, limits, take, signal: AbortSignal.any([signal, deadline]) });
      const body = hasNoBody(message, request.method) ? drop(message) : await readBody(message, { mostBytes: limits.fetchResponseBytes, take }, AbortSignal.any([signal, deadline]));
      return { kind: "fetched", fetched: describe(message, url, redirected), body, release };
    } catch (error) {
      release();
      return { kind: "refused", message: deadline.aborted ? `no whole answer within ${limits.wallMs} ms (limit wallMs)` : explain(error, request.url), release: nothing };
    } finally {
      this.#underWay--;
    }
  }

  #refuseNow(grants: readonly string[], { fetchesAtOnce, fetchesPerSecond }: FetchLimits): string | null {
    if (grants.length === 0) return "not granted: the manifest names no origins (permissions.fetch)";
    if (this.#underWay >= fetchesAtOnce) return `${fetchesAtOnce} fetches are under way already (limit fetchesAtOnce)`;
    const now = this.#now();
    this.#begun = this.#begun.filter((at) => at > now - 1_000);
    if (this.#begun.length >= fetchesPerSecond) return `more than ${fetchesPerSecond} fetches in one second (limit fetchesPerSecond)`;
    this.#begun.push(now);
    return null;
  }

  async #follow(request: FetchRequest, session: Session): Promise<{ readonly message: IncomingMessage; readonly url: URL; readonly redirected: boolean }> {
    const url = request.url.length > longestFetchUrl ? null : URL.parse(request.url);
    if (url === null) throw new FetchRefusal(`${JSON.stringify(request.url.slice(0, 100))} is not a whole URL`);
    let current: Current = { ...request, url, method: checkRequest(request, session.limits.fetchRequestBytes), redirects: 0 };
    for (;;) {
      const message = await this.#send(current, session);
      const target = redirectTarget(message, current.url);
      if (target === null || current.redirect === "manual") return { message, url: current.url, redirected: current.redirects > 0 };
      message.destroy();
      if (current.redirect === "error") throw new FetchRefusal("the server answered with a redirect, and redirect is \"error\"");
      if (current.redirects >= mostRedirects) throw new FetchRefusal(`more than ${mostRedirects} redirects`);
      current = redirected(current, target, message.statusCode ?? 0);
    }
  }

  async #send({ url, method, headers, body }: Current, { grants, signal }: Session): Promise<IncomingMessage> {
    const verdict = judgeOrigin(url, grants);
    if (verdict.kind === "refused") throw new FetchRefusal(verdict.reason);
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    const refuse: Hop["refuse"] = (address) => this.#refuseAddress(address, port, url, verdict);
    const addresses = await aborted(this.#addressesOf(url, verdict), signal);
    // One bad address is enough: whoever answers for the name chooses which of them is used.
    for (const { address } of addresses) {
      const refusal = refuse(address);
      if (refusal !== null) throw new FetchRefusal(refusal);
    }
    if (addresses.length === 0) throw new FetchRefusal(`the name ${url.hostname} has no address`);
    return sendHop({ url, method, headers, body, addresses, refuse }, this.#network.tls, signal);
  }

  #addressesOf(url: URL, { reach }: Granted): Promise<readonly LookupAddress[]> {
    const bare = url.hostname.replace(/^\[|\]$/g, "");
    if (reach === "loopback") return Promise.resolve([{ address: "127.0.0.1", family: 4 }, { address: "::1", family: 6 }]);
    if (isIP(bare) !== 0) return Promise.resolve([{ address: bare, family: isIP(bare) }]);
    return this.#network.resolve(bare);
  }

  #refuseAddress(address: string, port: number, url: URL, { reach }: Granted): string | null {
    if (this.#network.isOwn(address, port)) return `${url.host} is this proxy itself`;
    const is = classifyAddress(address);
    if (is === "public" && reach !== "loopback") return null;
    if (reach === "loopback" && is === "loopback") return null;
    if (reach === "literal" && is === classifyAddress(url.hostname)) return null;
    return `${url.hostname} leads to an address that is not of the public internet (${is}); only a grant of the address itself would allow that`;
  }
}

/** Where a redirect leads; null when there is none. */
function redirectTarget(message: IncomingMessage, base: URL): URL | null {
  const { location } = message.headers;
  if (!redirectStatuses.has(message.statusCode ?? 0) || location === undefined) return null;
  const target = URL.parse(location, base.href);
  if (target !== null && target.href.length <= longestFetchUrl) return target;
  message.destroy();
  throw new FetchRefusal("the server redirects to something that is not a URL");
}

/** The request after a redirect, as WHATWG Fetch §4.4 makes it. */
function redirected(from: Current, url: URL, status: number): Current {
  const becomesGet = status === 303 ? from.method !== "GET" && from.method !== "HEAD" : (status === 301 || status === 302) && from.method === "POST";
  const isSameOrigin = url.origin === from.url.origin;
  const headers = from.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return (isSameOrigin || !credentials.has(lower)) && !(becomesGet && lower.startsWith("content-"));
  });
  return { ...from, url, headers, redirects: from.redirects + 1, ...(becomesGet && { method: "GET", body: null }) };
}

const hasNoBody = (message: IncomingMessage, method: string): boolean => method.toUpperCase() === "HEAD" || message.statusCode === 204 || message.statusCode === 304;

function drop(message: IncomingMessage): Buffer {
  message.destroy();
  return Buffer.alloc(0);
}

function describe({ statusCode, statusMessage, rawHeaders }: IncomingMessage, url: URL, redirected: boolean): FetchedText {
  const headers: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return { status: statusCode ?? 0, statusText: statusMessage ?? "", url: url.href.replace(/#.*$/, ""), redirected, headers };
}

/** Rejects when `signal` fires first: a name lookup cannot be stopped, but it can be left behind. */
function aborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new FetchRefusal("the fetch was cut off"));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Happy Eyeballs gives one error for all addresses: the first says enough. */
function codeOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && "code" in first && typeof first.code === "string" ? first.code : "";
}

function explain(error: unknown, url: string): string {
  if (error instanceof FetchRefusal || error instanceof FetchBodyError) return error.message;
  const host = URL.parse(url)?.host ?? "the server";
  const code = codeOf(error);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "ENODATA") return `the name of ${host} could not be resolved`;
  if (code === "ECONNREFUSED") return `${host} refused the connection`;
  if (/^(CERT_|UNABLE_|DEPTH_ZERO|SELF_SIGNED|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/.test(code)) return `the certificate of ${host} is not trusted (${code})`;
  if (/^(Z_|ERR_BROTLI|ERR__ERROR_FORMAT|ERR_PADDING)/.test(code)) return `the body that ${host} sent is not what its Content-Encoding says`;
  if (code === "HPE_HEADER_OVERFLOW") return `the head of the response of ${host} is too large`;
  return `${host} could not be fetched from${code === "" ? "" : ` (${code})`}`;
}
