// Flow filters, mitmproxy's language: the table of operators, the tree that an expression becomes, and its evaluation over whatever
// can show its texts as a `FilterSubject` (the host's flows as an addon may see them, a flow inside an isolate). One meaning for
// manifests, addons and the operator. It parses nothing (filter-parse.ts) and knows no flows.
import type { Pattern, SearchBudget } from "./pattern.ts";
import type { PatternFlags } from "./pattern-parse.ts";

/** Something of a flow to search in. */
export type FilterText =
  | "request.body" | "response.body" | "request.headers" | "response.headers" | "request.type" | "response.type"
  | "host" | "url" | "method" | "source" | "destination" | "marker" | "comment" | "metadata";

/** Something that is so or not. */
export type FilterFact = "http" | "tcp" | "websocket" | "error" | "request" | "response" | "marked" | "replay" | "request-replay" | "response-replay" | "asset" | "all";

/**
 * A flow (or a connection) as filters ask for it. What is not there, not known yet or not granted has no text, and matches nothing.
 * Texts are byte strings (one char per byte) or bytes. Headers: one text per message, a line `name: value` CRLF each.
 */
export interface FilterSubject {
  /** `asset` and `all` are never asked for. */
  is(fact: Exclude<FilterFact, "asset" | "all">): boolean;
  statusCode(): number | null;
  texts(of: FilterText): readonly (string | Uint8Array)[];
}

export type Filter =
  | { readonly kind: "and" | "or"; readonly of: readonly Filter[] }
  | { readonly kind: "not"; readonly of: Filter }
  | { readonly kind: "fact"; readonly fact: FilterFact }
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "search"; readonly in: readonly FilterText[]; readonly pattern: Pattern };

export type FilterOperator =
  | { readonly takes: "nothing"; readonly fact: FilterFact; readonly help: string }
  | { readonly takes: "number"; readonly help: string }
  | { readonly takes: "pattern"; readonly in: readonly FilterText[]; readonly flags: PatternFlags; readonly help: string };

const fact = (name: FilterFact, help: string): FilterOperator => ({ takes: "nothing", fact: name, help });
const search = (texts: readonly FilterText[], help: string, flags: PatternFlags = {}): FilterOperator => ({ takes: "pattern", in: texts, flags, help });
const lines: PatternFlags = { multiline: true };
const bytes: PatternFlags = { dotAll: true };

/** Every operator, without its "~". A word that stands alone is searched for in the URL, as `~u`. */
export const filterTable: { readonly [operator: string]: FilterOperator | undefined } = {
  __proto__: null as never,
  a: fact("asset", "the response is an asset: CSS, JavaScript, image, font"),
  all: fact("all", "everything"),
  b: search(["request.body", "response.body"], "body, decoded, or WebSocket message", bytes),
  bq: search(["request.body"], "request body, or the client's message", bytes),
  bs: search(["response.body"], "response body, or the server's message", bytes),
  c: { takes: "number", help: "response status code" },
  comment: search(["comment"], "the flow's comment", lines),
  d: search(["host"], "domain: where the request goes, or the host that the client named"),
  dst: search(["destination"], "server address, HOST:PORT"),
  e: fact("error", "the flow has failed"),
  h: search(["request.headers", "response.headers"], "header line", lines),
  hq: search(["request.headers"], "request header line", lines),
  hs: search(["response.headers"], "response header line", lines),
  http: fact("http", "HTTP flow"),
  m: search(["method"], "method"),
  marked: fact("marked", "the flow is marked"),
  marker: search(["marker"], "the flow's mark"),
  meta: search(["metadata"], "the addon's own notes on the flow, `key: value` lines", lines),
  q: fact("request", "request without a response"),
  replay: fact("replay", "replayed flow"),
  replayq: fact("request-replay", "replayed request"),
  replays: fact("response-replay", "replayed response"),
  s: fact("response", "there is a response"),
  src: search(["source"], "client address, HOST:PORT"),
  t: search(["request.type", "response.type"], "Content-Type"),
  tcp: fact("tcp", "TCP flow"),
  tq: search(["request.type"], "Content-Type of the request"),
  ts: search(["response.type"], "Content-Type of the response"),
  u: search(["url"], "URL"),
  websocket: fact("websocket", "WebSocket flow"),
};

/** What mitmproxy holds for an asset (`~a`), as a Content-Type. */
export const assetTypes = "text/javascript|application/x-javascript|application/javascript|text/css|image/|font/|application/font";

/** Every operator's texts that a filter searches, once each. */
export function filterTexts(filter: Filter): ReadonlySet<FilterText> {
  const texts = new Set<FilterText>();
  const visit = (node: Filter): void => {
    if (node.kind === "not") visit(node.of);
    else if (node.kind === "and" || node.kind === "or") node.of.forEach(visit);
    else if (node.kind === "search") node.in.forEach((text) => texts.add(text));
    else if (node.kind === "fact" && node.fact === "asset") texts.add("response.type");
  };
  visit(filter);
  return texts;
}

/** Whether a flow matches. With a budget: void when its steps are below 0 afterwards. Takes time that grows with the texts alone. */
export function matchesFilter(filter: Filter, subject: FilterSubject, budget: SearchBudget = { steps: Infinity }): boolean {
  switch (filter.kind) {
    case "not": return !matchesFilter(filter.of, subject, budget);
    case "and":
      for (let index = 0; index < filter.of.length; index++) if (!matchesFilter(filter.of[index]!, subject, budget)) return false;
      return true;
    case "or":
      for (let index = 0; index < filter.of.length; index++) if (matchesFilter(filter.of[index]!, subject, budget)) return true;
      return false;
    case "code": return subject.statusCode() === filter.code;
    case "fact": return filter.fact === "all" || (filter.fact !== "asset" && subject.is(filter.fact));
    case "search":
      for (let index = 0; index < filter.in.length; index++) if (isInTexts(filter.pattern, subject.texts(filter.in[index]!), budget)) return true;
      return false;
  }
}

function isInTexts(pattern: Pattern, texts: readonly (string | Uint8Array)[], budget: SearchBudget): boolean {
  for (let index = 0; index < texts.length; index++) if (budget.steps >= 0 && pattern.isIn(texts[index]!, budget)) return true;
  return false;
}
