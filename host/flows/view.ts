// Cuts what an addon may see of an object to its grants and to what it has not seen yet, and lays it out as event text
// (schema/view.ts). WALL 5: what is not granted is not in the text. It decodes no bodies (addons/bodies.ts has done that before)
// and changes nothing.
import { eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import { sensitiveFields, withheldValue } from "../../sandbox-api/schema/http.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import {
  asciiJson, partSeparator,
  type BodyView, type ClientView, type Envelope, type FlowView, type LayerView, type MessageView, type PartName, type RequestView,
  type ResponseView, type RootView, type ServerView, type TrailersView, type WebSocketMessageView, type WebSocketView,
} from "../../sandbox-api/schema/view.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { invariant } from "../invariant.ts";
import type { ClientConnection, Flow, HttpFlow, HttpRequest, HttpResponse, LayerProposal, RootLayer, ServerConnection, TcpFlow, WebSocketMessage, WebSocketState } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import type { MessageBody } from "./message-body.ts";

export interface EventView { readonly text: string; readonly attachments: readonly Buffer[] }

/** What one instance has seen of one object: for each part, which record in which version. PERF: a few entries, so lists and no maps (bench/host-event). */
export class SeenParts {
  readonly #parts: PartName[] = [];
  readonly #owners: (object | null)[] = [];
  readonly #versions: number[] = [];
  #isUncertain = false;

  has(part: PartName, owner: object, version: number): boolean {
    const at = this.#parts.indexOf(part);
    return at >= 0 && this.#owners[at] === owner && this.#versions[at] === version;
  }

  /** Whether it was never told of that part, so that it takes it for what it is at first. */
  isUntold(part: PartName): boolean {
    return !this.#isUncertain && !this.#parts.includes(part);
  }

  set(part: PartName, owner: object, version: number): void {
    const known = this.#parts.indexOf(part);
    const at = known < 0 ? this.#parts.push(part) - 1 : known;
    this.#owners[at] = owner;
    this.#versions[at] = version;
  }

  /** The part is sent again next time, whatever its version. */
  forget(part: PartName): void {
    const at = this.#parts.indexOf(part);
    if (at >= 0) this.#owners[at] = null;
  }

  /** After a failure nobody knows what the isolate holds: everything is sent again. */
  clear(): void {
    this.#owners.fill(null);
    this.#isUncertain = true;
  }
}

interface Paper {
  readonly withheld: ReadonlySet<string>;
  readonly attachments: Buffer[];
  readonly cached: (owner: object, version: number, make: () => unknown) => string;
  readonly bodyBytes: number;
}

/** One part of the views of objects of a kind. PERF: one for all of them, so that an event makes no closures (bench/host-event). */
interface Part<S> {
  readonly name: PartName;
  readonly needs: PermissionName | null;
  /** The record that the version belongs to; a new record is unseen whatever its version. */
  readonly owner: (subject: S) => object;
  readonly version: (subject: S) => number;
  readonly write: (subject: S, paper: Paper) => string;
  /** Whether it is what a guest takes it for that has not been told of it. */
  readonly isBlank?: (subject: S) => boolean;
}

const sensitivePermissions = sensitiveFields.map((name) => `header:${name}` as const);
/** By a bit for each field. PERF: every event asks. */
const withheldSets: readonly ReadonlySet<string>[] = Array.from({ length: 1 << sensitiveFields.length }, (_, bits) => new Set(sensitiveFields.filter((_name, at) => (bits & (1 << at)) !== 0)));

/** Sensitive fields whose values these permissions do not show. */
export function withheldFields(permissions: ReadonlySet<PermissionName>): ReadonlySet<string> {
  let bits = 0;
  for (let at = 0; at < sensitivePermissions.length; at++) {
    const permission = sensitivePermissions[at];
    if (permission !== undefined && !permissions.has(permission)) bits |= 1 << at;
  }
  const names = withheldSets[bits];
  invariant(names !== undefined, "a set of sensitive fields was not made");
  return names;
}

/** Two sets of permissions with the same class get the same view, so their addons may share a frame. */
export function viewClass(permissions: ReadonlySet<PermissionName>): string {
  return [...permissions].filter((name) => name.startsWith("read:") || name.startsWith("header:")).sort().join(" ");
}

/** Writes event views; keeps the JSON of connections, which many flows show. One for all addons of a gate. */
export class ViewWriter {
  readonly #cache = new WeakMap<object, { readonly version: number; readonly json: string }>();
  readonly #bodyBytes: number;

  /** LIMIT bodyBytes: larger bodies are not given; their part says `truncated`. An addon's own bound, where it is lower, is for `write`. */
  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
  }

  /** The event for instances of one view class that have seen these parts: what any of them lacks is in it. */
  write(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: readonly SeenParts[], bodyBytes = this.#bodyBytes): EventView {
    const attachments: Buffer[] = [];
    const cached = (owner: object, version: number, make: () => unknown): string => this.#json(owner, version, make);
    const paper: Paper = { withheld: withheldFields(permissions), attachments, cached, bodyBytes };
    let names = "";
    let body = "";
    eachPart(event, subject, (part, of) => {
      if (!isGranted(part.needs, permissions) || haveSeen(seen, part.name, part.owner(of), part.version(of))) return;
      if (part.isBlank?.(of) === true && areUntold(seen, part.name)) return;
      names += names === "" ? `"${part.name}"` : `,"${part.name}"`;
      body += partSeparator + part.write(of, paper);
    });
    // An Envelope. None of these texts needs an escape.
    return { text: `{"event":"${event}","key":${subject.key},"parts":[${names}]}${body}`, attachments };
  }

  /** Notes that an instance has seen the object as it stands now, but for the parts in `except`. */
  note(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: SeenParts, except: ReadonlySet<PartName>): void {
    eachPart(event, subject, (part, of) => {
      if (except.has(part.name)) seen.forget(part.name);
      else if (isGranted(part.needs, permissions)) seen.set(part.name, part.owner(of), part.version(of));
    });
  }

  #json(owner: object, version: number, make: () => unknown): string {
    const known = this.#cache.get(owner);
    if (known !== undefined && known.version === version) return known.json;
    const json = asciiJson(make());
    this.#cache.set(owner, { version, json });
    return json;
  }
}

/** An event that carries no traffic: `start`, `tick`, `options` and the like. */
export function plainView(event: Envelope["event"], key: number, parts: readonly (readonly [PartName, unknown])[], attachments: readonly Buffer[] = []): EventView {
  const envelope: Envelope = { event, key, parts: parts.map(([name]) => name) };
  return { text: [JSON.stringify(envelope), ...parts.map(([, value]) => asciiJson(value))].join(partSeparator), attachments };
}

const isGranted = (needs: PermissionName | null, permissions: ReadonlySet<PermissionName>): boolean => needs === null || permissions.has(needs);

function haveSeen(seen: readonly SeenParts[], name: PartName, owner: object, version: number): boolean {
  for (const known of seen) if (!known.has(name, owner, version)) return false;
  return true;
}

function areUntold(seen: readonly SeenParts[], name: PartName): boolean {
  for (const known of seen) if (!known.isUntold(name)) return false;
  return true;
}

type Visit = <S>(part: Part<S>, subject: S) => void;

function eachPart(event: EventName, subject: GateSubject, visit: Visit): void {
  switch (subject.kind) {
    case "http": return visitHttp(event, subject, visit);
    case "tcp":
      for (const part of connectedFlow) visit(part, subject);
      // Each chunk's content is its own version: an addon that sets it makes the next one in line see it anew.
      if (event === "tcp_message" && subject.message !== null) visit(messagePart, subject.message);
      return;
    case "root":
      visit(rootPart, subject);
      for (const part of connections) visit(part, subject);
      return;
    case "layer":
      visit(layerPart, subject);
      for (const part of connections) visit(part, subject);
      return;
    case "server": return visit(serverItself, subject);
  }
}

function visitHttp(event: EventName, flow: HttpFlow, visit: Visit): void {
  const { request, response } = flow;
  const bodies: readonly ("request" | "response")[] = eventTable[event].bodies;
  for (const part of connectedFlow) visit(part, flow);
  if (flow.webSocket !== null) {
    visit(webSocketPart, flow.webSocket);
    if (event === "websocket_message" && flow.webSocket.message !== null) visit(webSocketMessagePart, flow.webSocket.message);
  }
  visit(requestPart, request);
  visit(requestTrailers, request);
  if (bodies.includes("request") && request.body.state !== "unread") visit(requestBody, request.body);
  if (response === null) return;
  visit(responsePart, response);
  visit(responseTrailers, response);
  if ((bodies.includes("response") || response.made) && response.body.state !== "unread") visit(responseBody, response.body);
}

/** What of the flow was played again from a recording. */
export const replayOf = ({ replayDepth, response }: HttpFlow): FlowView["isReplay"] => (replayDepth > 0 ? "request" : response?.isReplayed === true ? "response" : null);

const flowPart: Part<Flow> = {
  name: "flow", needs: null, owner: (flow) => flow, version: (flow) => flow.version,
  // PERF: nearly all flows have nothing else to tell.
  write: (flow) => flow.kind === "http" && flow.live && flow.error === null && !flow.intercepted && flow.marked === "" && flow.comment === "" && replayOf(flow) === null && !flow.isWebSocket
    ? `{"id":${asciiJson(flow.id)},"type":"http","live":true,"error":null,"intercepted":false,"marked":"","comment":"","isReplay":null,"timestampCreated":${flow.timestampCreated},"websocket":false}`
    : asciiJson({
    id: flow.id, type: flow.kind, live: flow.live, error: flow.error, intercepted: flow.intercepted, marked: flow.marked, comment: flow.comment,
    isReplay: flow.kind === "http" ? replayOf(flow) : null, timestampCreated: flow.timestampCreated, websocket: flow.kind === "http" && flow.isWebSocket,
  } satisfies FlowView),
};

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

const clientPart: Part<{ readonly client: ClientConnection }> = {
  name: "client", needs: "read:connection", owner: ({ client }) => client, version: ({ client }) => client.version,
  write: ({ client }, paper) => paper.cached(client, client.version, () => clientView(client)),
};

const serverItself: Part<ServerConnection> = {
  name: "server", needs: "read:connection", owner: (server) => server, version: (server) => server.version,
  write: (server, paper) => paper.cached(server, server.version, () => serverView(server)),
};

const serverPart: Part<{ readonly server: ServerConnection }> = {
  name: "server", needs: "read:connection", owner: ({ server }) => server, version: ({ server }) => server.version,
  write: ({ server }, paper) => serverItself.write(server, paper),
};

const connections = [clientPart, serverPart] as const;
const connectedFlow: readonly Part<HttpFlow | TcpFlow>[] = [flowPart, clientPart, serverPart];

const requestPart: Part<HttpRequest> = {
  name: "request", needs: "read:request", owner: (request) => request, version: (request) => request.version,
  write: (request, { withheld }) => asciiJson({
    method: request.method, scheme: request.scheme, host: request.host, port: request.port, path: request.path, authority: request.authority,
    httpVersion: request.httpVersion, timestampStart: request.timestampStart, timestampEnd: request.timestampEnd,
  } satisfies RequestView) + fieldLines(request.headers, withheld),
};

const responsePart: Part<HttpResponse> = {
  name: "response", needs: "read:response", owner: (response) => response, version: (response) => response.version,
  write: (response, { withheld }) => asciiJson({
    statusCode: response.statusCode, reason: response.reason, httpVersion: response.httpVersion, timestampStart: response.timestampStart,
    timestampEnd: response.timestampEnd,
  } satisfies ResponseView) + fieldLines(response.headers, withheld),
};

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

const trailersPart = <S extends HttpRequest | HttpResponse>(name: PartName, needs: PermissionName): Part<S> => ({
  name, needs, owner: (message) => message, version: (message) => message.trailersVersion, isBlank: ({ trailers }) => trailers === null,
  write: ({ trailers }, { withheld }) => {
    const view: TrailersView = trailers === null ? null : Array.from({ length: trailers.length }, (_, i) => [trailers.name(i), shownValue(trailers, i, withheld)]);
    return asciiJson(view);
  },
});

const requestTrailers = trailersPart<HttpRequest>("request.trailers", "read:request");
const responseTrailers = trailersPart<HttpResponse>("response.trailers", "read:response");

const bodyPart = (name: PartName, needs: PermissionName): Part<MessageBody> => ({
  name, needs, owner: (body) => body, version: (body) => body.version,
  write: (body, { attachments, bodyBytes }) => {
    const isTooLarge = (body.raw?.length ?? 0) > bodyBytes || (body.content?.length ?? 0) > bodyBytes;
    const attach = (bytes: Buffer | null): number | null => (bytes === null || isTooLarge ? null : attachments.push(bytes) - 1);
    return asciiJson({
      raw: attach(body.raw), content: body.content === body.raw ? null : attach(body.content), contentError: body.contentError,
      truncated: isTooLarge || body.state === "truncated", streamed: body.state === "streamed",
    } satisfies BodyView);
  },
});

const requestBody = bodyPart("request.body", "read:request.body");
const responseBody = bodyPart("response.body", "read:response.body");

const messagePart: Part<NonNullable<TcpFlow["message"]>> = {
  name: "message", needs: "read:tcp", owner: ({ content }) => content, version: () => 0,
  write: ({ fromClient, timestamp, content }, { attachments }) => asciiJson({ fromClient, timestamp, content: attachments.push(content) - 1 } satisfies MessageView),
};

const webSocketPart: Part<WebSocketState> = {
  name: "websocket", needs: "read:websocket", owner: (state) => state, version: (state) => state.version,
  write: ({ closeCode, closeReason, closedByClient, timestampEnd }) => asciiJson({ closeCode, closeReason, closedByClient, timestampEnd } satisfies WebSocketView),
};

const webSocketMessagePart: Part<WebSocketMessage> = {
  name: "message", needs: "read:websocket", owner: (message) => message, version: (message) => message.version,
  write: ({ index, fromClient, type, timestamp, injected, dropped, content }, { attachments, bodyBytes }) => asciiJson({
    index, fromClient, type, timestamp, injected, dropped, content: content.length > bodyBytes ? null : attachments.push(content) - 1,
  } satisfies WebSocketMessageView),
};

const rootPart: Part<RootLayer> = {
  name: "root", needs: "read:connection", owner: (root) => root, version: (root) => Number(root.killed),
  write: (root) => asciiJson({ mode: root.client.mode, live: !root.killed } satisfies RootView),
};

const layerPart: Part<LayerProposal> = {
  name: "layer", needs: "read:connection", owner: (layer) => layer, version: () => 0,
  write: (layer, { attachments }) => asciiJson({ name: layer.name, dataClient: attachments.push(layer.dataClient) - 1, clientHello: layer.clientHello } satisfies LayerView),
};
