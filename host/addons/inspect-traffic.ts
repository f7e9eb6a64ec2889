// What an addon would have seen of traffic that was recorded: saved flows are judged by the same hosts, filter and permissions as in
// the proxy. Counts by host; no value of anybody's traffic is in the result. Files are read by flows/saved.
import { sensitiveFields } from "../../sandbox-api/schema/http.ts";
import { objectKey } from "../../sandbox-api/schema/ids.ts";
import { matchesFilter } from "../../sandbox-api/schema/filter.ts";
import { filterSubject } from "../flows/filter-subject.ts";
import type { HttpFlow, HttpRequest, HttpResponse } from "../flows/flow.ts";
import type { SavedFlow } from "../flows/saved/saved-flow.ts";
import { httpFlowOf } from "../flows/saved/to-flow.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { OperatorError } from "../operator-error.ts";
import { decodeAllBodies } from "./bodies.ts";
import type { Grants } from "./grants.ts";
import { looksSecret } from "./inspect.ts";

export interface SeenOfHost {
  readonly host: string;
  /** Flows to it that the addon would have taken part in, of so many. */
  readonly flows: number;
  readonly ofFlows: number;
  readonly requests: number;
  readonly requestBodies: number;
  readonly queries: number;
  readonly responses: number;
  readonly responseBodies: number;
  /** Sensitive headers whose values it would have seen, with how often; and those that it would have found withheld. */
  readonly seenHeaders: { readonly [lowerName: string]: number };
  readonly withheldHeaders: { readonly [lowerName: string]: number };
  /** Other headers that it would have seen and whose names look like secrets. */
  readonly suspectHeaders: { readonly [lowerName: string]: number };
}

export type TrafficReport =
  | { readonly kind: "seen"; readonly hosts: readonly SeenOfHost[]; readonly skipped: number }
  | { readonly kind: "problem"; readonly message: string };

const filterSteps = 10_000_000;

/** Judges saved flows. What is no HTTP exchange, and what could not be read (`skipped` so far), is counted as skipped. */
export async function inspectTraffic(flows: AsyncIterable<SavedFlow>, grants: Grants, skippedBefore: () => number = () => 0): Promise<TrafficReport> {
  const hosts = new Map<string, Tally>();
  let skipped = 0;
  try {
    for await (const saved of flows) {
      if (saved.kind !== "http") { skipped++; continue; }
      const flow = httpFlowOf(saved, () => objectKey(1));
      if (grants.filter !== null) await decodeAllBodies(flow, grants.limits.bodyBytes);
      const tally = hosts.get(flow.request.host) ?? new Tally(flow.request.host);
      hosts.set(flow.request.host, tally);
      tally.add(flow, grants);
    }
  } catch (error) {
    if (error instanceof OperatorError) return { kind: "problem", message: error.message };
    throw error;
  }
  return { kind: "seen", skipped: skipped + skippedBefore(), hosts: [...hosts.values()].map((tally) => tally.seen).sort((a, b) => b.flows - a.flows || (a.host < b.host ? -1 : 1)) };
}

class Tally {
  readonly #host: string;
  readonly #counts = { flows: 0, ofFlows: 0, requests: 0, requestBodies: 0, queries: 0, responses: 0, responseBodies: 0 };
  readonly #headers = { seen: new Map<string, number>(), withheld: new Map<string, number>(), suspect: new Map<string, number>() };

  constructor(host: string) {
    this.#host = host;
  }

  get seen(): SeenOfHost {
    const { seen, withheld, suspect } = this.#headers;
    return { host: this.#host, ...this.#counts, seenHeaders: Object.fromEntries(seen), withheldHeaders: Object.fromEntries(withheld), suspectHeaders: Object.fromEntries(suspect) };
  }

  add(flow: HttpFlow, grants: Grants): void {
    const { request, response } = flow;
    this.#counts.ofFlows++;
    if (grants.isForHost !== null && !grants.isForHost(request.host, request.port)) return;
    const takesRequest = takes({ ...flow, response: null }, grants);
    const takesResponse = response !== null && takes(flow, grants);
    if (!takesRequest && !takesResponse) return;
    this.#counts.flows++;
    const may = grants.permissions;
    if (may.has("read:request")) {
      this.#counts.requests++;
      if (request.path.includes("?")) this.#counts.queries++;
      this.#addHeaders(request.headers, grants);
    }
    if (may.has("read:request.body") && hasBody(request)) this.#counts.requestBodies++;
    if (!takesResponse) return;
    if (may.has("read:response")) {
      this.#counts.responses++;
      this.#addHeaders(response.headers, grants);
    }
    if (may.has("read:response.body") && hasBody(response)) this.#counts.responseBodies++;
  }

  #addHeaders(fields: HeaderFields, { permissions }: Grants): void {
    const { seen, withheld, suspect } = this.#headers;
    for (const [name] of fields.entries()) {
      const lower = name.toLowerCase();
      const sensitive = sensitiveFields.find((each) => each === lower);
      const counts = sensitive === undefined ? (looksSecret(lower) ? suspect : null) : permissions.has(`header:${sensitive}`) ? seen : withheld;
      counts?.set(lower, (counts.get(lower) ?? 0) + 1);
    }
  }
}

const takes = (flow: HttpFlow, { filter, permissions }: Grants): boolean => filter === null || matchesFilter(filter.tree, filterSubject(flow, permissions), { steps: filterSteps });

const hasBody = ({ body }: HttpRequest | HttpResponse): boolean => (body.raw?.length ?? 0) > 0 || body.state === "truncated" || body.state === "streamed";
