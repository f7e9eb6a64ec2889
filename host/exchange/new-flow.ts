// Makes flow records out of heads as they arrive. Copies nothing of the head but what is plain; decides nothing.
import type { HttpFlow, HttpRequest, HttpResponse, ServerConnection } from "../flows/flow.ts";
import { MessageBody } from "../flows/message-body.ts";
import type { RequestHead, ResponseHead } from "../http/http-event.ts";
import { nowSeconds, type ClientScope } from "./context.ts";
import { isWebSocketOpening } from "./websocket-opening.ts";

export interface RequestPlace {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly authority: string;
}

/** The flow of one request. `replayDepth`: as the flow has it. */
export function newHttpFlow(scope: ClientScope, head: RequestHead, place: RequestPlace, server: ServerConnection, replayDepth = 0): HttpFlow {
  const now = nowSeconds();
  const key = scope.context.keys.next();
  const request: HttpRequest = {
    method: head.method, scheme: place.scheme, host: place.host, port: place.port, path: place.path, authority: place.authority,
    httpVersion: versionText(head), headers: head.headers, trailers: null, body: new MessageBody(), stream: false,
    timestampStart: now, timestampEnd: null, version: 0, trailersVersion: 0,
  };
  return {
    kind: "http", key, id: scope.context.keys.idOf(key), client: scope.client, server, request, response: null,
    error: null, live: true, killedBy: null, intercepted: false, marked: "", comment: "", timestampCreated: now, refusal: null,
    history: [], version: 0, isWebSocket: isWebSocketOpening(head), webSocket: null, replayDepth,
  };
}

/** The response of a server. */
export function newHttpResponse(head: ResponseHead): HttpResponse {
  return {
    statusCode: head.status, reason: head.reason, httpVersion: versionText(head), made: false, headers: head.headers, trailers: null,
    body: new MessageBody(), stream: false, timestampStart: nowSeconds(), timestampEnd: null, version: 0, trailersVersion: 0,
  };
}

/** As mitmproxy writes it. */
const versionText = ({ version }: RequestHead | ResponseHead): string => (version === "2" ? "HTTP/2.0" : `HTTP/${version}`);
