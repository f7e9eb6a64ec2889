// Makes a flow record of a saved flow, as it was when it ended: for filters, inspection, replays and offline events. It has
// no sockets behind it. Bodies that were not saved are marked so.
import type { ObjectKey } from "../../../sandbox-api/schema/ids.ts";
import type { ClientView, ServerView } from "../../../sandbox-api/schema/view.ts";
import { HeaderFields } from "../../http/header-fields.ts";
import type { ClientConnection, ServerConnection } from "../connection.ts";
import type { HttpFlow, HttpRequest, HttpResponse, TcpFlow } from "../flow.ts";
import { MessageBody } from "../message-body.ts";
import type { SavedBody, SavedFlow, SavedHttpFlow, SavedRequest, SavedResponse, SavedTcpFlow } from "./saved-flow.ts";

/** Gives a key that no living object has. */
export type NextKey = () => ObjectKey;

export function flowOfSaved(saved: SavedFlow, nextKey: NextKey): HttpFlow | TcpFlow {
  return saved.kind === "http" ? httpFlowOf(saved, nextKey) : tcpFlowOf(saved, nextKey);
}

/** What is only known of a living flow is left at its beginning. */
export function httpFlowOf(saved: SavedHttpFlow, nextKey: NextKey): HttpFlow {
  const response = saved.response === null ? null : responseOf(saved.response);
  return {
    kind: "http", ...flowParts(saved, nextKey), request: requestOf(saved.request), response: response !== null && saved.isReplay === "response" ? { ...response, isReplayed: true } : response,
    isWebSocket: saved.websocket !== null, webSocket: null, replayDepth: saved.isReplay === "request" ? 1 : 0,
  };
}

/** Its newest message is its last. */
export function tcpFlowOf(saved: SavedTcpFlow, nextKey: NextKey): TcpFlow {
  return { kind: "tcp", ...flowParts(saved, nextKey), message: saved.messages.at(-1) ?? null };
}

export function requestOf({ headers, trailers, body, ...plain }: SavedRequest): HttpRequest {
  return { ...plain, ...messageParts({ headers, trailers, body }) };
}

/** As if an addon had made it when `made`: then the host frames it by its body alone. */
export function responseOf({ headers, trailers, body, ...plain }: SavedResponse, made = false): HttpResponse {
  return { ...plain, made, ...messageParts({ headers, trailers, body }) };
}

function messageParts({ headers, trailers, body }: Pick<SavedResponse, "headers" | "trailers" | "body">): Pick<HttpResponse, "headers" | "trailers" | "body" | "stream" | "version" | "trailersVersion"> {
  return { headers: HeaderFields.from(headers), trailers: trailers === null ? null : HeaderFields.from(trailers), body: bodyOf(body), stream: false, version: 0, trailersVersion: 0 };
}

function bodyOf(saved: SavedBody): MessageBody {
  const body = new MessageBody();
  if (saved.kind === "whole") body.complete(saved.bytes);
  else if (saved.why !== "unread") body.passBy(saved.why === "streamed" ? "streamed" : "truncated");
  return body;
}

function flowParts(saved: SavedFlow, nextKey: NextKey): Omit<TcpFlow, "kind" | "message"> {
  const { id, error, marked, comment, timestampCreated } = saved;
  return {
    key: nextKey(), id, error, marked, comment, timestampCreated, client: clientOf(saved.client, nextKey), server: serverOf(saved.server, nextKey),
    live: false, killedBy: null, intercepted: false, refusal: null, history: [], version: 0,
  };
}

const clientOf = (client: ClientView, nextKey: NextKey): ClientConnection => ({ kind: "client", key: nextKey(), ...client, version: 0 });
const serverOf = (server: ServerView, nextKey: NextKey): ServerConnection => ({ kind: "server", key: nextKey(), ...server, killed: false, version: 0 });
