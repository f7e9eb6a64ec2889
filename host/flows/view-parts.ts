// The parts of event views: for each, whose record and version it shows, which permission it needs, and how it is written as text
// (schema/view.ts). Which of them an addon gets is view.ts's affair.
import { eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import { withheldValue } from "../../sandbox-api/schema/http.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import {
  asciiJson, partNames,
  type ClientView, type FlowView, type LayerView, type MessageView, type PartName, type RootView, type ServerView, type TrailersView,
  type WebSocketMessageView, type WebSocketView,
} from "../../sandbox-api/schema/view.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { ClientConnection, Flow, HttpFlow, HttpRequest, HttpResponse, LayerProposal, RootLayer, ServerConnection, TcpFlow, WebSocketMessage, WebSocketState } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import type { MessageBody } from "./message-body.ts";

/** What is written on, and for whom. */
export interface Paper {
  readonly withheld: ReadonlySet<string>;
  readonly bodyBytes: number;
  /** Puts a body beside the text; gives its index. */
  attach(bytes: Buffer): number;
  /** `make` as JSON, remembered for that version of its owner. */
  cached(owner: object, version: number, make: () => unknown): string;
}

interface PartRow<S> {
  readonly name: PartName;
  readonly needs: PermissionName | null;
  /** The record that the version belongs to; a new record is unseen whatever its version. */
  readonly owner: (subject: S) => object;
  readonly version: (subject: S) => number;
  readonly write: (subject: S, paper: Paper) => string;
  /** Whether it is what a guest takes it for that has not been told of it. */
  readonly isBlank?: (subject: S) => boolean;
}

/** One part of the views of objects of a kind. PERF: one for all of them and all of one shape, so that an event makes no closures and V8 no guesses (bench/host-event). */
export interface Part<S> extends Required<PartRow<S>> {
  /** Its number among all parts. */
  readonly place: number;
}

const never = (): boolean => false;
const part = <S>({ name, needs, owner, version, write, isBlank = never }: PartRow<S>): Part<S> => ({ name, place: partNames.indexOf(name), needs, owner, version, write, isBlank });

/** Who is shown the parts. */
export interface PartVisitor { visit<S>(part: Part<S>, subject: S): void }

/** Every part that a view of that event may have, with what it is of. */
export function eachPart(event: EventName, subject: GateSubject, visitor: PartVisitor): void {
  switch (subject.kind) {
    case "http": return visitHttp(event, subject, visitor);
    case "tcp":
      for (const part of connectedFlow) visitor.visit(part, subject);
      // Each chunk's content is its own version: an addon that sets it makes the next one in line see it anew.
      if (event === "tcp_message" && subject.message !== null) visitor.visit(messagePart, subject.message);
      return;
    case "root":
      visitor.visit(rootPart, subject);
      for (const part of connections) visitor.visit(part, subject);
      return;
    case "layer":
      visitor.visit(layerPart, subject);
      for (const part of connections) visitor.visit(part, subject);
      return;
    case "server": return visitor.visit(serverItself, subject);
  }
}

function visitHttp(event: EventName, flow: HttpFlow, visitor: PartVisitor): void {
  const { request, response } = flow;
  const bodies: readonly ("request" | "response")[] = eventTable[event].bodies;
  for (const part of connectedFlow) visitor.visit(part, flow);
  if (flow.webSocket !== null) {
    visitor.visit(webSocketPart, flow.webSocket);
    if (event === "websocket_message" && flow.webSocket.message !== null) visitor.visit(webSocketMessagePart, flow.webSocket.message);
  }
  visitor.visit(requestPart, request);
  visitor.visit(requestTrailers, request);
  if (bodies.includes("request") && request.body.state !== "unread") visitor.visit(requestBody, request.body);
  if (response === null) return;
  visitor.visit(responsePart, response);
  visitor.visit(responseTrailers, response);
  if ((bodies.includes("response") || response.made) && response.body.state !== "unread") visitor.visit(responseBody, response.body);
}

/** What of the flow was played again from a recording. */
export const replayOf = ({ replayDepth, response }: HttpFlow): FlowView["isReplay"] => (replayDepth > 0 ? "request" : response?.isReplayed === true ? "response" : null);

const flowPart = part<Flow>({
  name: "flow", needs: null, owner: (flow) => flow, version: (flow) => flow.version,
  // PERF: nearly all flows have nothing else to tell.
  write: (flow) => flow.kind === "http" && flow.live && flow.error === null && !flow.intercepted && flow.marked === "" && flow.comment === "" && replayOf(flow) === null && !flow.isWebSocket
    ? `{"id":${quoted(flow.id)},"type":"http","live":true,"error":null,"intercepted":false,"marked":"","comment":"","isReplay":null,"timestampCreated":${flow.timestampCreated},"websocket":false}`
    : asciiJson({
    id: flow.id, type: flow.kind, live: flow.live, error: flow.error, intercepted: flow.intercepted, marked: flow.marked, comment: flow.comment,
    isReplay: flow.kind === "http" ? replayOf(flow) : null, timestampCreated: flow.timestampCreated, websocket: flow.kind === "http" && flow.isWebSocket,
  } satisfies FlowView),
});

/** What a view shows of a client's connection: everything that is known of it. */
export const clientView = (client: ClientConnection): ClientView => ({
  id: client.id, address: client.address, sockname: client.sockname, mode: client.mode, tls: client.tls, sni: client.sni, alpn: client.alpn,
  tlsVersion: client.tlsVersion, cipher: client.cipher, timestampStart: client.timestampStart, timestampTlsSetup: client.timestampTlsSetup,
  timestampEnd: client.timestampEnd,
});

/** What a view shows of a server's connection. */
export const serverView = (server: ServerConnection): ServerView => ({
  id: server.id, address: server.address, via: server.via, peername: server.peername, sockname: server.sockname, tls: server.tls, sni: server.sni,
  alpn: server.alpn, tlsVersion: server.tlsVersion, cipher: server.cipher, timestampStart: server.timestampStart,
  timestampTcpSetup: server.timestampTcpSetup, timestampTlsSetup: server.timestampTlsSetup, timestampEnd: server.timestampEnd, error: server.error,
});

const clientPart = part<{ readonly client: ClientConnection }>({
  name: "client", needs: "read:connection", owner: ({ client }) => client, version: ({ client }) => client.version,
  write: ({ client }, paper) => paper.cached(client, client.version, () => clientView(client)),
});

const serverItself = part<ServerConnection>({
  name: "server", needs: "read:connection", owner: (server) => server, version: (server) => server.version,
  write: (server, paper) => paper.cached(server, server.version, () => serverView(server)),
});

const serverPart = part<{ readonly server: ServerConnection }>({
  name: "server", needs: "read:connection", owner: ({ server }) => server, version: ({ server }) => server.version,
  write: ({ server }, paper) => serverItself.write(server, paper),
});

const connections = [clientPart, serverPart] as const;
const connectedFlow: readonly Part<HttpFlow | TcpFlow>[] = [flowPart, clientPart, serverPart];

const needsNoEscape = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
/** A text as ASCII JSON. PERF: heads are written by hand, because `JSON.stringify` of their objects was half of what a view costs (bench/host-event). */
const quoted = (text: string): string => (needsNoEscape.test(text) ? `"${text}"` : asciiJson(text));

/** A RequestView and the fields. */
const requestPart = part<HttpRequest>({
  name: "request", needs: "read:request", owner: (request) => request, version: (request) => request.version,
  write: ({ method, scheme, host, port, path, authority, httpVersion, timestampStart, timestampEnd, headers }, { withheld }) =>
    `{"method":${quoted(method)},"scheme":"${scheme}","host":${quoted(host)},"port":${port},"path":${quoted(path)},"authority":${quoted(authority)},"httpVersion":${quoted(httpVersion)},"timestampStart":${timestampStart},"timestampEnd":${timestampEnd}}${fieldLines(headers, withheld)}`,
});

/** A ResponseView and the fields. */
const responsePart = part<HttpResponse>({
  name: "response", needs: "read:response", owner: (response) => response, version: (response) => response.version,
  write: ({ statusCode, reason, httpVersion, timestampStart, timestampEnd, headers }, { withheld }) =>
    `{"statusCode":${statusCode},"reason":${quoted(reason)},"httpVersion":${quoted(httpVersion)},"timestampStart":${timestampStart},"timestampEnd":${timestampEnd}}${fieldLines(headers, withheld)}`,
});

/** What follows the JSON: how many fields there are, and each as a line. */
function fieldLines(fields: HeaderFields, withheld: ReadonlySet<string>): string {
  // PERF: most heads have none of them, and then no name has to be looked at (bench/host-event).
  if (!hasOneOf(fields, withheld)) return `\n${fields.length}\n${fields.toPlainBlock()}`;
  let lines = `\n${fields.length}\n`;
  for (let i = 0; i < fields.length; i++) lines += `${fields.name(i)}: ${shownValue(fields, i, withheld)}\r\n`;
  return lines;
}

function hasOneOf(fields: HeaderFields, names: ReadonlySet<string>): boolean {
  for (const name of names) if (fields.has(name)) return true;
  return false;
}

/** The value of field `i` as a view shows it. */
export function shownValue(fields: HeaderFields, i: number, withheld: ReadonlySet<string>): string {
  return withheld.size > 0 && withheld.has(fields.name(i).toLowerCase()) ? withheldValue : fields.value(i);
}

const trailersPart = <S extends HttpRequest | HttpResponse>(name: PartName, needs: PermissionName): Part<S> => part<S>({
  name, needs, owner: (message) => message, version: (message) => message.trailersVersion, isBlank: ({ trailers }) => trailers === null,
  write: ({ trailers }, { withheld }) => {
    const view: TrailersView = trailers === null ? null : Array.from({ length: trailers.length }, (_, i) => [trailers.name(i), shownValue(trailers, i, withheld)]);
    return asciiJson(view);
  },
});

const requestTrailers = trailersPart<HttpRequest>("request.trailers", "read:request");
const responseTrailers = trailersPart<HttpResponse>("response.trailers", "read:response");

/** A BodyView. */
const bodyPart = (name: PartName, needs: PermissionName): Part<MessageBody> => part<MessageBody>({
  name, needs, owner: (body) => body, version: (body) => body.version,
  write: ({ raw, content, contentError, state }, paper) => {
    const isTooLarge = (raw?.length ?? 0) > paper.bodyBytes || (content?.length ?? 0) > paper.bodyBytes;
    const rawAt = raw === null || isTooLarge ? null : paper.attach(raw);
    const contentAt = content === null || content === raw || isTooLarge ? null : paper.attach(content);
    return `{"raw":${rawAt},"content":${contentAt},"contentError":${contentError === null ? null : quoted(contentError)},"truncated":${isTooLarge || state === "truncated"},"streamed":${state === "streamed"}}`;
  },
});

const requestBody = bodyPart("request.body", "read:request.body");
const responseBody = bodyPart("response.body", "read:response.body");

const messagePart = part<NonNullable<TcpFlow["message"]>>({
  name: "message", needs: "read:tcp", owner: ({ content }) => content, version: () => 0,
  write: ({ fromClient, timestamp, content }, paper) => asciiJson({ fromClient, timestamp, content: paper.attach(content) } satisfies MessageView),
});

const webSocketPart = part<WebSocketState>({
  name: "websocket", needs: "read:websocket", owner: (state) => state, version: (state) => state.version,
  write: ({ closeCode, closeReason, closedByClient, timestampEnd }) => asciiJson({ closeCode, closeReason, closedByClient, timestampEnd } satisfies WebSocketView),
});

const webSocketMessagePart = part<WebSocketMessage>({
  name: "message", needs: "read:websocket", owner: (message) => message, version: (message) => message.version,
  write: ({ index, fromClient, type, timestamp, injected, dropped, content }, paper) => asciiJson({
    index, fromClient, type, timestamp, injected, dropped, content: content.length > paper.bodyBytes ? null : paper.attach(content),
  } satisfies WebSocketMessageView),
});

const rootPart = part<RootLayer>({
  name: "root", needs: "read:connection", owner: (root) => root, version: (root) => Number(root.killed),
  write: (root) => asciiJson({ mode: root.client.mode, live: !root.killed } satisfies RootView),
});

const layerPart = part<LayerProposal>({
  name: "layer", needs: "read:connection", owner: (layer) => layer, version: () => 0,
  write: (layer, paper) => asciiJson({ name: layer.name, dataClient: paper.attach(layer.dataClient), clientHello: layer.clientHello } satisfies LayerView),
});
