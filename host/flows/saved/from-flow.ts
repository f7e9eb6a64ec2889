// Makes a saved flow of a flow that has ended, as it went out: with what addons made of it. WALL: credentials for proxies are between
// a client and its proxy, and are never saved.
import { HeaderFields } from "../../http/header-fields.ts";
import type { Flow, HttpFlow, HttpRequest, HttpResponse, TcpFlow } from "../flow.ts";
import { clientView, replayOf, serverView } from "../view-parts.ts";
import type { KeptMessages } from "./kept-messages.ts";
import type { SavedBody, SavedField, SavedFlow, SavedHttpFlow, SavedTcpFlow, SavedWebSocket } from "./saved-flow.ts";
import { nothingLeftOut } from "./saved-flow.ts";

/** `messages`: of a TCP flow or a WebSocket; null where none came. */
export function savedOfFlow(flow: Flow, messages: KeptMessages | null): SavedFlow {
  return flow.kind === "http" ? savedHttp(flow, messages) : savedTcp(flow, messages);
}

function savedHttp(flow: HttpFlow, messages: KeptMessages | null): SavedHttpFlow {
  const { request, response } = flow;
  const { method, scheme, host, port, path, authority } = request;
  return {
    kind: "http", ...partsOf(flow), isReplay: replayOf(flow), request: { method, scheme, host, port, path, authority, ...messageOf(request) },
    response: response === null ? null : { statusCode: response.statusCode, reason: response.reason, ...messageOf(response) }, websocket: webSocketOf(flow, messages),
  };
}

function savedTcp(flow: TcpFlow, messages: KeptMessages | null): SavedTcpFlow {
  return { kind: "tcp", ...partsOf(flow), messages: (messages?.list ?? []).map(({ fromClient, content, timestamp }) => ({ fromClient, content, timestamp })), leftOut: messages?.leftOut ?? nothingLeftOut };
}

function partsOf({ id, timestampCreated, marked, comment, error, client, server }: Flow): Omit<SavedTcpFlow, "kind" | "messages" | "leftOut"> {
  return { id, timestampCreated, marked, comment, error, client: clientView(client), server: serverView(server) };
}

function webSocketOf({ webSocket, isWebSocket, response }: HttpFlow, messages: KeptMessages | null): SavedWebSocket | null {
  if (webSocket === null && !(isWebSocket && response?.statusCode === 101)) return null;
  const { closeCode = null, closeReason = null, closedByClient = null, timestampEnd = null } = webSocket ?? {};
  return { messages: messages?.list ?? [], closeCode, closeReason, closedByClient, timestampEnd, leftOut: messages?.leftOut ?? nothingLeftOut };
}

function messageOf({ httpVersion, headers, trailers, body, timestampStart, timestampEnd }: HttpRequest | HttpResponse): Omit<NonNullable<SavedHttpFlow["response"]>, "statusCode" | "reason"> {
  return { httpVersion, headers: fieldsOf(headers), trailers: trailers === null ? null : fieldsOf(trailers), body: bodyOf(body, timestampEnd !== null), timestampStart, timestampEnd };
}

function fieldsOf(fields: HeaderFields): readonly SavedField[] {
  const pairs = [...fields.entries()];
  return fields.has("proxy-authorization") ? pairs.filter(([name]) => name.toLowerCase() !== "proxy-authorization") : pairs;
}

const empty = Buffer.alloc(0);

function bodyOf({ state, raw, passed }: HttpRequest["body"], hasEnded: boolean): SavedBody {
  if (state === "whole" && raw !== null) return { kind: "whole", bytes: raw };
  if (passed === null) return hasEnded && state === "unread" ? { kind: "whole", bytes: empty } : { kind: "missing", why: state === "streamed" ? "streamed" : state === "truncated" ? "too-large" : "unread", size: null };
  if (!hasEnded) return { kind: "missing", why: "broken-off", size: passed.size };
  return passed.bytes === null ? { kind: "missing", why: "too-large", size: passed.size } : { kind: "whole", bytes: passed.bytes };
}
