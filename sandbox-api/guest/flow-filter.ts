// `flowfilter`: mitmproxy's filter language for addons, with the same meaning as in manifests (schema/filter.ts). A filter sees of a
// flow what the addon sees of it: parts that are not given to it match nothing.
import { matchesFilter, type Filter, type FilterFact, type FilterSubject, type FilterText } from "../schema/filter.ts";
import { parseFilter } from "../schema/filter-parse.ts";
import { encodeText } from "./byte-string.ts";
import type { ServerState, ViewState } from "./connection.ts";
import type { Fields } from "./fields.ts";
import type { FlowState } from "./flow-state.ts";
import { HTTPFlow, httpFlowState, type HttpFlowState } from "./http-flow.ts";
import { bareArray, expose, freeze, isObject, numberToString, ownKeys, toLowerCase } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { parseAuthority, targetText } from "./target.ts";
import { TCPFlow, tcpFlowState, type TcpFlowState } from "./tcp-flow.ts";
import { refuse } from "./thrown.ts";
import type { WebSocketState } from "./websocket.ts";
import type { AddressView, ClientView } from "../schema/view.ts";
import type { Head, MessageState } from "./message-state.ts";

type Texts = readonly (string | Uint8Array)[];
const noTexts: Texts = freeze(bareArray<string>());
function list(one: string | Uint8Array | null): Texts {
  const texts = bareArray<string | Uint8Array>();
  if (one !== null) texts[0] = one;
  return texts;
}

const addressText = ({ host, port }: AddressView): string => encodeText(`${host}:${numberToString(port, 10)}`);

/** What flows of every protocol show. */
abstract class FlowTexts implements FilterSubject {
  readonly #flow: FlowState;
  readonly #client: ViewState<ClientView>;
  readonly #server: ServerState;
  readonly #metadata: () => object;

  constructor(flow: FlowState, client: ViewState<ClientView>, server: ServerState, metadata: () => object) {
    this.#flow = flow;
    this.#client = client;
    this.#server = server;
    this.#metadata = metadata;
  }

  is(fact: Exclude<FilterFact, "asset" | "all">): boolean {
    switch (fact) {
      case "error": return this.#flow.values.error !== null;
      case "marked": return this.#flow.values.marked !== "";
      case "replay": return this.#flow.view.isReplay !== null;
      case "request-replay": return this.#flow.view.isReplay === "request";
      case "response-replay": return this.#flow.view.isReplay === "response";
      case "websocket": return this.#flow.view.websocket;
      default: return this.isOwn(fact);
    }
  }
  protected abstract isOwn(fact: "http" | "tcp" | "request" | "response"): boolean;
  abstract statusCode(): number | null;

  texts(of: FilterText): Texts {
    switch (of) {
      case "marker": return list(encodeText(this.#flow.values.marked));
      case "comment": return list(encodeText(this.#flow.values.comment));
      case "metadata": return list(encodeText(noteLines(this.#metadata())));
      case "source": return list(this.#client.isKnown ? addressText(this.#client.view.address) : null);
      case "destination": return list(this.#server.choice.address === null ? null : addressText(this.#server.choice.address));
      default: return this.ownTexts(of);
    }
  }
  protected abstract ownTexts(of: FilterText): Texts;
}

/** Only what is a string, number or boolean. */
function noteLines(notes: object): string {
  let lines = "";
  const keys = ownKeys(notes);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const value: unknown = typeof key === "string" ? readMember(notes, key) : undefined;
    if (typeof key === "string" && (typeof value === "string" || typeof value === "number" || typeof value === "boolean")) lines += `${key}: ${value}\n`;
  }
  return lines;
}

class HttpTexts extends FlowTexts {
  readonly #state: HttpFlowState;
  constructor(state: HttpFlowState, metadata: () => object) {
    super(state.flow, state.client, state.server, metadata);
    this.#state = state;
  }

  protected isOwn(fact: "http" | "tcp" | "request" | "response"): boolean {
    return fact === "http" || (fact === "response" && this.#state.response !== null) || (fact === "request" && this.#state.response === null);
  }

  statusCode(): number | null {
    return this.#state.response?.knownHead?.statusCode ?? null;
  }

  protected ownTexts(of: FilterText): Texts {
    const { request, response } = this.#state;
    const head = request.knownHead;
    switch (of) {
      case "request.headers": return list(fieldLines(request.knownFields));
      case "response.headers": return list(fieldLines(response?.knownFields ?? null));
      case "request.type": return contentTypes(request.knownFields);
      case "response.type": return contentTypes(response?.knownFields ?? null);
      case "request.body": return withMessages(bodyOf(request), this.#state.webSocket, true);
      case "response.body": return withMessages(bodyOf(response), this.#state.webSocket, false);
      case "method": return list(head?.method ?? null);
      case "host": {
        if (head === null) return noTexts;
        const texts = bareArray<string>();
        texts[0] = head.host;
        texts[1] = prettyHost(request.fields) ?? head.host;
        return texts;
      }
      case "url": return list(head === null ? null : targetText(head.scheme, prettyHost(request.fields) ?? head.host, head.port, head.path));
      default: return noTexts;
    }
  }
}

function withMessages(body: Texts, webSocket: WebSocketState | null, fromClient: boolean): Texts {
  if (webSocket === null) return body;
  const texts = bareArray<string | Uint8Array>();
  for (let index = 0; index < body.length; index++) texts[index] = body[index]!;
  const { messages } = webSocket;
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    if (message.fromClient === fromClient && !message.isTooLarge) texts[texts.length] = message.content;
  }
  return texts;
}

function bodyOf<H extends Head<H>>(message: MessageState<H> | null): Texts {
  return message === null ? noTexts : list(message.body.content ?? message.body.raw);
}

function fieldLines(fields: Fields | null): string | null {
  if (fields === null) return null;
  let lines = "";
  for (let index = 0; index < fields.length; index++) lines += `${fields[index]!.name}: ${fields[index]!.value}\r\n`;
  return lines;
}

function contentTypes(fields: Fields | null): Texts {
  const texts = bareArray<string>();
  for (let index = 0; fields !== null && index < fields.length; index++) if (fields[index]!.lower === "content-type") texts[texts.length] = fields[index]!.value;
  return texts;
}

function prettyHost(fields: Fields): string | null {
  for (let index = 0; index < fields.length; index++) if (toLowerCase(fields[index]!.name) === "host") return parseAuthority(fields[index]!.value)?.host ?? null;
  return null;
}

class TcpTexts extends FlowTexts {
  readonly #state: TcpFlowState;
  constructor(state: TcpFlowState, metadata: () => object) {
    super(state.flow, state.client, state.server, metadata);
    this.#state = state;
  }
  protected isOwn(fact: "http" | "tcp" | "request" | "response"): boolean {
    return fact === "tcp";
  }
  statusCode(): null {
    return null;
  }
  protected ownTexts(of: FilterText): Texts {
    if (of === "host") return list(this.#state.server.choice.address === null ? null : encodeText(this.#state.server.choice.address.host));
    if (of !== "request.body" && of !== "response.body") return noTexts;
    const texts = bareArray<Uint8Array>();
    const { messages } = this.#state;
    for (let index = 0; index < messages.length; index++) if (messages[index]!.fromClient === (of === "request.body")) texts[texts.length] = messages[index]!.content;
    return texts;
  }
}

/** A filter that was read. */
export class FlowFilter {
  readonly #filter: Filter;
  constructor(filter: Filter) {
    this.#filter = filter;
  }
  /** Whether the flow matches, as the addon sees it now. */
  matches(flow: HTTPFlow | TCPFlow): boolean {
    const http = httpFlowState(flow);
    if (http !== null) return matchesFilter(this.#filter, new HttpTexts(http, () => metadataOf(flow)));
    const tcp = tcpFlowState(flow);
    if (tcp === null) throw refuse("", "flowfilter: matches() needs a flow");
    return matchesFilter(this.#filter, new TcpTexts(tcp, () => metadataOf(flow)));
  }
}
expose(FlowFilter, "FlowFilter");

const metadataOf = (flow: HTTPFlow | TCPFlow): object => (isObject(flow.metadata) ? flow.metadata : {});

/** The type of `flowfilter`. */
export interface FlowFilters {
  /** Reads a filter in mitmproxy's language. Throws a TypeError that says what is wrong in which column. */
  parse(expression: string): FlowFilter;
}

/** mitmproxy's filter language: `flowfilter.parse("~d example.com").matches(flow)` (docs/filters.md). */
export const flowfilter: FlowFilters = freeze<FlowFilters>({
  parse(expression) {
    if (typeof expression !== "string") throw refuse("", "flowfilter.parse needs a string");
    const result = parseFilter(expression);
    if (result.kind === "problem") throw refuse("", `flowfilter.parse: ${result.message} (column ${result.column})`);
    return new FlowFilter(result.filter);
  },
});
