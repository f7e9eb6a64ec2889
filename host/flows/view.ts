// Cuts what an addon may see of an object to its grants and to what it has not seen yet, and lays it out as event text
// (schema/view.ts). WALL 5: what is not granted is not in the text. It decodes no bodies (addons/bodies.ts has done that before)
// and changes nothing.
import { eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import { sensitiveFields, withheldValue } from "../../sandbox-api/schema/http.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import {
  asciiJson, partSeparator,
  type BodyView, type ClientView, type Envelope, type FlowView, type LayerView, type MessageView, type PartName, type RequestView,
  type ResponseView, type RootView, type ServerView, type TrailersView,
} from "../../sandbox-api/schema/view.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { ClientConnection, Flow, HttpFlow, HttpRequest, HttpResponse, LayerProposal, RootLayer, ServerConnection, TcpFlow } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import type { MessageBody } from "./message-body.ts";

export interface EventView { readonly text: string; readonly attachments: readonly Buffer[] }

/** What one instance has seen of one object: for each part, which record in which version. */
export class SeenParts {
  readonly #owners = new Map<PartName, object>();
  readonly #versions = new Map<PartName, number>();

  has(part: PartName, owner: object, version: number): boolean {
    return this.#owners.get(part) === owner && this.#versions.get(part) === version;
  }

  set(part: PartName, owner: object, version: number): void {
    this.#owners.set(part, owner);
    this.#versions.set(part, version);
  }

  /** The part is sent again next time, whatever its version. */
  forget(part: PartName): void {
    this.#owners.delete(part);
  }

  /** After a failure nobody knows what the isolate holds: everything is sent again. */
  clear(): void {
    this.#owners.clear();
  }
}

interface Paper {
  readonly withheld: ReadonlySet<string>;
  readonly attachments: Buffer[];
  readonly cached: (owner: object, version: number, make: () => unknown) => string;
  readonly bodyBytes: number;
}

interface Part {
  readonly name: PartName;
  readonly needs: PermissionName | null;
  /** The record that the version belongs to; a new record is unseen whatever its version. */
  readonly owner: object;
  readonly version: number;
  readonly write: (paper: Paper) => string;
}

const sensitive = sensitiveFields.map((name) => ({ name, permission: `header:${name}` as const }));
const nothing: ReadonlySet<string> = new Set();

/** Sensitive fields whose values these permissions do not show. */
export function withheldFields(permissions: ReadonlySet<PermissionName>): ReadonlySet<string> {
  const names = sensitive.filter(({ permission }) => !permissions.has(permission));
  return names.length === 0 ? nothing : new Set(names.map(({ name }) => name));
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
    const parts: PartName[] = [];
    let body = "";
    for (const part of partsOf(event, subject)) {
      if (!isGranted(part, permissions) || seen.every((known) => known.has(part.name, part.owner, part.version))) continue;
      parts.push(part.name);
      body += partSeparator + part.write(paper);
    }
    const envelope: Envelope = { event, key: subject.key, parts };
    return { text: JSON.stringify(envelope) + body, attachments };
  }

  /** Notes that an instance has seen the object as it stands now, but for the parts in `except`. */
  note(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: SeenParts, except: ReadonlySet<PartName>): void {
    for (const part of partsOf(event, subject)) {
      if (except.has(part.name)) seen.forget(part.name);
      else if (isGranted(part, permissions)) seen.set(part.name, part.owner, part.version);
    }
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

const isGranted = (part: Part, permissions: ReadonlySet<PermissionName>): boolean => part.needs === null || permissions.has(part.needs);

// PERF: texts made anew for each part would be hashed for each look-up (bench/host-event).
const headNeeds = { request: "read:request", response: "read:response" } as const;
const bodyNeeds = { request: "read:request.body", response: "read:response.body" } as const;
const trailersNames = { request: "request.trailers", response: "response.trailers" } as const;
const bodyNames = { request: "request.body", response: "response.body" } as const;

function partsOf(event: EventName, subject: GateSubject): readonly Part[] {
  switch (subject.kind) {
    case "http": return httpParts(event, subject);
    case "tcp": return [flowPart(subject), clientPart(subject.client), serverPart(subject.server), ...messagePart(event, subject)];
    case "root": return [rootPart(subject), clientPart(subject.client), serverPart(subject.server)];
    case "layer": return [layerPart(subject), clientPart(subject.client), serverPart(subject.server)];
    case "server": return [serverPart(subject)];
  }
}

function httpParts(event: EventName, flow: HttpFlow): readonly Part[] {
  const { request, response } = flow;
  const bodies: readonly ("request" | "response")[] = eventTable[event].bodies;
  const parts = [flowPart(flow), clientPart(flow.client), serverPart(flow.server), requestPart(request), trailersPart("request", request)];
  if (bodies.includes("request") && request.body.state !== "unread") parts.push(bodyPart("request", request.body));
  if (response === null) return parts;
  parts.push(responsePart(response), trailersPart("response", response));
  if ((bodies.includes("response") || response.made) && response.body.state !== "unread") parts.push(bodyPart("response", response.body));
  return parts;
}

const flowPart = (flow: Flow): Part => ({
  name: "flow", needs: null, owner: flow, version: flow.version,
  write: () => asciiJson({
    id: flow.id, type: flow.kind, live: flow.live, error: flow.error, intercepted: flow.intercepted, marked: flow.marked, comment: flow.comment,
    isReplay: flow.kind === "http" && flow.replayDepth > 0 ? "request" : null, timestampCreated: flow.timestampCreated, websocket: flow.kind === "http" && flow.isWebSocket,
  } satisfies FlowView),
});

const clientPart = (client: ClientConnection): Part => ({
  name: "client", needs: "read:connection", owner: client, version: client.version,
  write: (paper) => paper.cached(client, client.version, (): ClientView => ({
    id: client.id, address: client.address, sockname: client.sockname, mode: client.mode, tls: client.tls, sni: client.sni, alpn: client.alpn,
    tlsVersion: client.tlsVersion, cipher: client.cipher, timestampStart: client.timestampStart, timestampTlsSetup: client.timestampTlsSetup,
    timestampEnd: client.timestampEnd,
  })),
});

const serverPart = (server: ServerConnection): Part => ({
  name: "server", needs: "read:connection", owner: server, version: server.version,
  write: (paper) => paper.cached(server, server.version, (): ServerView => ({
    id: server.id, address: server.address, via: server.via, peername: server.peername, sockname: server.sockname, tls: server.tls, sni: server.sni,
    alpn: server.alpn, tlsVersion: server.tlsVersion, cipher: server.cipher, timestampStart: server.timestampStart,
    timestampTcpSetup: server.timestampTcpSetup, timestampTlsSetup: server.timestampTlsSetup, timestampEnd: server.timestampEnd, error: server.error,
  })),
});

const requestPart = (request: HttpRequest): Part => ({
  name: "request", needs: "read:request", owner: request, version: request.version,
  write: ({ withheld }) => asciiJson({
    method: request.method, scheme: request.scheme, host: request.host, port: request.port, path: request.path, authority: request.authority,
    httpVersion: request.httpVersion, timestampStart: request.timestampStart, timestampEnd: request.timestampEnd,
  } satisfies RequestView) + fieldLines(request.headers, withheld),
});

const responsePart = (response: HttpResponse): Part => ({
  name: "response", needs: "read:response", owner: response, version: response.version,
  write: ({ withheld }) => asciiJson({
    statusCode: response.statusCode, reason: response.reason, httpVersion: response.httpVersion, timestampStart: response.timestampStart,
    timestampEnd: response.timestampEnd,
  } satisfies ResponseView) + fieldLines(response.headers, withheld),
});

/** LF after the JSON, then each field as a line. */
function fieldLines(fields: HeaderFields, withheld: ReadonlySet<string>): string {
  // PERF: most heads have none of them, and then no name has to be looked at (bench/host-event).
  const hidden = hasOneOf(fields, withheld) ? withheld : nothing;
  let lines = "\n";
  for (let i = 0; i < fields.length; i++) lines += `${fields.name(i)}: ${shownValue(fields, i, hidden)}\n`;
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

function trailersPart(side: "request" | "response", message: HttpRequest | HttpResponse): Part {
  const { trailers } = message;
  return {
    name: trailersNames[side], needs: headNeeds[side], owner: message, version: message.trailersVersion,
    write: ({ withheld }) => {
      const view: TrailersView = trailers === null ? null : Array.from({ length: trailers.length }, (_, i) => [trailers.name(i), shownValue(trailers, i, withheld)]);
      return asciiJson(view);
    },
  };
}

const bodyPart = (side: "request" | "response", body: MessageBody): Part => ({
  name: bodyNames[side], needs: bodyNeeds[side], owner: body, version: body.version,
  write: ({ attachments, bodyBytes }) => {
    const isTooLarge = (body.raw?.length ?? 0) > bodyBytes || (body.content?.length ?? 0) > bodyBytes;
    const attach = (bytes: Buffer | null): number | null => (bytes === null || isTooLarge ? null : attachments.push(bytes) - 1);
    return asciiJson({
      raw: attach(body.raw), content: body.content === body.raw ? null : attach(body.content), contentError: body.contentError,
      truncated: isTooLarge || body.state === "truncated", streamed: body.state === "streamed",
    } satisfies BodyView);
  },
});

function messagePart(event: EventName, flow: TcpFlow): readonly Part[] {
  const { message } = flow;
  if (event !== "tcp_message" || message === null) return [];
  // Each chunk's content is its own version: an addon that sets it makes the next one in line see it anew.
  return [{
    name: "message", needs: "read:tcp", owner: message.content, version: 0,
    write: ({ attachments }) => asciiJson({ fromClient: message.fromClient, timestamp: message.timestamp, content: attachments.push(message.content) - 1 } satisfies MessageView),
  }];
}

const rootPart = (root: RootLayer): Part => ({
  name: "root", needs: "read:connection", owner: root, version: Number(root.killed),
  write: () => asciiJson({ mode: root.client.mode, live: !root.killed } satisfies RootView),
});

const layerPart = (layer: LayerProposal): Part => ({
  name: "layer", needs: "read:connection", owner: layer, version: 0,
  write: ({ attachments }) => asciiJson({ name: layer.name, dataClient: attachments.push(layer.dataClient) - 1, clientHello: layer.clientHello } satisfies LayerView),
});
