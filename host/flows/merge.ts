// Applies a list of changes that validate.ts has passed to the object they are about, in order, and renders who changed what for
// the history. Pure but for the object: no clock (the time is passed in), no I/O. Content set by an addon is left unencoded in the
// body; addons/bodies.ts encodes it before anybody reads on.
import { keepsAll, type Change, type FieldReference, type MadeResponse } from "../../sandbox-api/schema/changes.ts";
import type { PartName } from "../../sandbox-api/schema/view.ts";
import { HeaderFields } from "../http/header-fields.ts";
import { invariant } from "../invariant.ts";
import type { HttpFlow, HttpRequest, HttpResponse, StreamFunction, WebSocketState } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import { historyValue, type HistoryEntry } from "./history.ts";
import { fieldLine, isPair, keepFraming, renderFields } from "./merge-fields.ts";
import { MessageBody } from "./message-body.ts";

export interface MergeContext {
  readonly addon: string;
  readonly attachments: readonly Buffer[];
  /** Seconds since the epoch. */
  readonly now: number;
  /** Makes the function that a message's body is streamed through, for a change to "function". */
  readonly streamFunction: (side: "request" | "response") => StreamFunction;
}

export interface MergeResult {
  readonly changes: HistoryEntry["changes"];
  /** Parts that now differ from what the addon itself believes: a Host field rewritten, framing fields kept. Send them anew. */
  readonly derived: ReadonlySet<PartName>;
  /** A field list is no longer the one that the rest of the chain counts its references in: run them again. */
  readonly hasDiverged: boolean;
}

type Rendered = readonly [before: string, after: string];

/** Applies `changes` to `subject` as the work of `context.addon`. */
export function mergeChanges(subject: GateSubject, changes: readonly Change[], context: MergeContext): MergeResult {
  const merge = new Merge(subject, context, changes);
  const rendered = changes.map((change) => {
    const [before, after] = merge.apply(change);
    return { address: change[0], before: historyValue(before), after: historyValue(after) };
  });
  return { changes: rendered, derived: merge.derived, hasDiverged: merge.hasDiverged };
}

const noParts: ReadonlySet<PartName> = new Set();

class Merge {
  derived: ReadonlySet<PartName> = noParts;
  hasDiverged = false;
  readonly #subject: GateSubject;
  readonly #context: MergeContext;
  readonly #changes: readonly Change[];

  constructor(subject: GateSubject, context: MergeContext, changes: readonly Change[]) {
    this.#subject = subject;
    this.#context = context;
    this.#changes = changes;
  }

  /** The same call sets Host itself. */
  get #setsHost(): boolean {
    return this.#changes.some((change) => change[0] === "request.headers" && change[1].some((entry) => isPair(entry) && entry[0].toLowerCase() === "host"));
  }

  #derive(part: PartName): void {
    this.derived = new Set([...this.derived, part]);
  }

  apply(change: Change): Rendered {
    const subject = this.#subject;
    switch (subject.kind) {
      case "http": return this.#applyHttp(subject, change);
      case "tcp":
        if (change[0] === "message.content" && subject.message !== null) {
          const before = subject.message.content;
          subject.message.content = this.#bytes(change[1]);
          return [bytesText(before), bytesText(subject.message.content)];
        }
        return this.#applyFlow(subject, change);
      case "root":
        if (change[0] === "client.kill") { subject.killed = true; return ["", "killed"]; }
        return applyServer(subject.server, change);
      case "server": return applyServer(subject, change);
      case "layer": {
        if (change[0] !== "layer.replace") return unreachable(change);
        const before = subject.replacement ?? subject.name;
        subject.replacement = change[1];
        return [before, change[1]];
      }
    }
  }

  #applyFlow(flow: Extract<GateSubject, { readonly kind: "http" | "tcp" }>, change: Change): Rendered {
    flow.version++;
    switch (change[0]) {
      case "flow.kill":
        flow.live = false;
        flow.killedBy ??= this.#context.addon;
        flow.error ??= { msg: "Connection killed", timestamp: this.#context.now };
        return ["", "killed"];
      case "flow.intercept": flow.intercepted = true; return ["", "intercepted"];
      case "flow.resume": flow.intercepted = false; return ["", "resumed"];
      case "flow.marked": { const before = flow.marked; flow.marked = change[1]; return [before, change[1]]; }
      case "flow.comment": { const before = flow.comment; flow.comment = change[1]; return [before, change[1]]; }
      default: return unreachable(change);
    }
  }

  #applyHttp(flow: HttpFlow, change: Change): Rendered {
    switch (change[0]) {
      case "request.method": case "request.path": case "request.scheme": case "request.host": case "request.port":
      case "request.headers": case "request.trailers": case "request.body": case "request.content": case "request.stream":
        return this.#applyRequest(flow.request, change);
      case "response.make": {
        const before = flow.response === null ? "" : `${flow.response.statusCode} ${flow.response.reason}`;
        flow.response = this.#make(change[1]);
        return [before, `${change[1].statusCode} ${change[1].reason}`];
      }
      case "response.statusCode": case "response.reason": case "response.headers": case "response.trailers":
      case "response.body": case "response.content": case "response.stream":
        invariant(flow.response !== null, "a change to a response that is not there was passed");
        return this.#applyResponse(flow.response, change);
      case "websocket.content": case "websocket.drop": case "websocket.inject":
        invariant(flow.webSocket !== null, "a change to a WebSocket that is not there was passed");
        return this.#applyWebSocket(flow.webSocket, change);
      default: return this.#applyFlow(flow, change);
    }
  }

  #applyWebSocket(state: WebSocketState, change: Change): Rendered {
    if (change[0] === "websocket.inject") {
      for (const { toClient, type, content } of change[1]) {
        state.injections.push({ index: -1, fromClient: !toClient, type, content: this.#bytes(content), timestamp: this.#context.now, injected: true, dropped: false, version: 0 });
      }
      return ["", `${change[1].length} messages`];
    }
    const { message } = state;
    invariant(message !== null, "a change to a message that is not there was passed");
    const before = bytesText(message.content);
    message.version++;
    switch (change[0]) {
      case "websocket.content": message.content = this.#bytes(change[1]); return [before, bytesText(message.content)];
      case "websocket.drop": message.dropped = true; return [before, "dropped"];
      default: return unreachable(change);
    }
  }

  #applyRequest(request: HttpRequest, change: Change): Rendered {
    switch (change[0]) {
      case "request.method": { const before = request.method; request.method = change[1]; request.version++; return [before, change[1]]; }
      case "request.path": { const before = request.path; request.path = change[1]; request.version++; return [before, change[1]]; }
      case "request.scheme": return this.#redirect(request, () => { request.scheme = change[1]; });
      case "request.host": return this.#redirect(request, () => { request.host = change[1]; });
      case "request.port": return this.#redirect(request, () => { request.port = change[1]; });
      case "request.headers": return this.#headers(request, change[1], "request");
      case "request.trailers": return this.#trailers(request, change[1], "request");
      case "request.body": return this.#body(request.body, change[1], false);
      case "request.content": return this.#body(request.body, change[1], true);
      case "request.stream": return this.#stream(request, change[1], "request");
      default: return unreachable(change);
    }
  }

  #applyResponse(response: HttpResponse, change: Change): Rendered {
    switch (change[0]) {
      case "response.statusCode": { const before = response.statusCode; response.statusCode = change[1]; response.version++; return [String(before), String(change[1])]; }
      case "response.reason": { const before = response.reason; response.reason = change[1]; response.version++; return [before, change[1]]; }
      case "response.headers": return this.#headers(response, change[1], "response");
      case "response.trailers": return this.#trailers(response, change[1], "response");
      case "response.body": return this.#body(response.body, change[1], false);
      case "response.content": return this.#body(response.body, change[1], true);
      case "response.stream": return this.#stream(response, change[1], "response");
      default: return unreachable(change);
    }
  }

  /** Another destination: Host and an authority the client wrote follow, as in mitmproxy, unless the same call sets Host itself. */
  #redirect(request: HttpRequest, change: () => void): Rendered {
    const before = destination(request);
    change();
    request.version++;
    const after = destination(request);
    const at = request.headers.indexOf("host");
    if (at >= 0 && !this.#setsHost) {
      // In place, so that references by index of later addons in the chain stay right.
      request.headers.replaceAll(Array.from({ length: request.headers.length }, (_, i) => (i === at ? [request.headers.name(i), authorityOf(request)] as const : i)));
      this.#derive("request");
    }
    if (request.authority !== "") { request.authority = authorityOf(request); this.#derive("request"); }
    return [before, after];
  }

  #headers(message: HttpRequest | HttpResponse, list: readonly FieldReference[], side: "request" | "response"): Rendered {
    if (keepsAll(list, message.headers.length)) return this.#extend(message, list);
    const before = message.headers.clone();
    const kept = keepFraming(before, list);
    message.headers.replaceAll(kept);
    message.version++;
    if (kept.length !== list.length) { this.hasDiverged = true; this.#derive(side); }
    const { body } = message;
    if (body.raw !== null && body.state === "whole" && before.getAll(codingField).join() !== message.headers.getAll(codingField).join()) body.complete(body.raw);
    return renderFields(before, list);
  }

  /** PERF: new fields at the end, which leave the others where they are (bench/host-event). */
  #extend(message: HttpRequest | HttpResponse, list: readonly FieldReference[]): Rendered {
    const { headers, body } = message;
    let isRecoded = false;
    let come = "";
    for (const entry of list) {
      if (!isPair(entry)) continue;
      const [name, value] = entry;
      headers.push(name, value);
      come += come === "" ? fieldLine(entry) : `; ${fieldLine(entry)}`;
      isRecoded ||= name.length === codingField.length && name.toLowerCase() === codingField;
    }
    message.version++;
    if (isRecoded && body.raw !== null && body.state === "whole") body.complete(body.raw);
    return ["", come];
  }

  #trailers(message: HttpRequest | HttpResponse, list: readonly FieldReference[], side: "request" | "response"): Rendered {
    const before = message.trailers ?? HeaderFields.from([]);
    const after = before.clone();
    const kept = keepFraming(before, list);
    after.replaceAll(kept);
    message.trailers = after.length === 0 ? null : after;
    message.trailersVersion++;
    if (kept.length !== list.length) { this.hasDiverged = true; this.#derive(`${side}.trailers`); }
    return renderFields(before, list);
  }

  #body(body: MessageBody, index: number, isContent: boolean): Rendered {
    const before = body.content ?? body.raw;
    const bytes = this.#bytes(index);
    if (isContent) body.replaceContent(bytes);
    else body.complete(bytes);
    return [before === null ? body.state : bytesText(before), bytesText(bytes)];
  }

  #stream(message: HttpRequest | HttpResponse, value: boolean | "function", side: "request" | "response"): Rendered {
    const before = typeof message.stream === "boolean" ? String(message.stream) : "function";
    message.stream = value === "function" ? this.#context.streamFunction(side) : value;
    return [before, String(value)];
  }

  #make(made: MadeResponse): HttpResponse {
    const body = new MessageBody();
    const bytes = made.body === null ? Buffer.alloc(0) : this.#bytes(made.body);
    if (made.encode && made.body !== null) body.replaceContent(bytes);
    else body.complete(bytes);
    return {
      statusCode: made.statusCode, reason: made.reason, httpVersion: "HTTP/1.1", made: true, headers: HeaderFields.from(made.fields), trailers: null, body,
      stream: false, timestampStart: this.#context.now, timestampEnd: this.#context.now, version: 0, trailersVersion: 0,
    };
  }

  #bytes(index: number): Buffer {
    const bytes = this.#context.attachments[index];
    invariant(bytes !== undefined, "a change that names a body which is not there was passed");
    return bytes;
  }
}

function applyServer(server: Extract<GateSubject, { readonly kind: "server" }>, change: Change): Rendered {
  server.version++;
  switch (change[0]) {
    case "server.address": {
      const before = server.address;
      server.address = change[1];
      return [before === null ? "" : `${before.host}:${before.port}`, `${change[1].host}:${change[1].port}`];
    }
    case "server.via": {
      const before = server.via;
      server.via = change[1];
      return [viaText(before), viaText(change[1])];
    }
    case "server.kill": server.killed = true; server.error ??= "Connection killed"; return ["", "killed"];
    default: return unreachable(change);
  }
}

const codingField = "content-encoding";
const defaultPorts = { http: 80, https: 443 } as const;
const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
const authorityOf = ({ scheme, host, port, method }: HttpRequest): string =>
  port === defaultPorts[scheme] && method !== "CONNECT" ? bracketed(host) : `${bracketed(host)}:${port}`;
const destination = (request: HttpRequest): string => `${request.scheme}://${bracketed(request.host)}:${request.port}`;
const bytesText = (bytes: Buffer): string => `${bytes.length} bytes`;
const viaText = (via: { readonly scheme: string; readonly host: string; readonly port: number } | null): string => (via === null ? "" : `${via.scheme}://${via.host}:${via.port}`);

function unreachable(change: Change): never {
  invariant(false, `a change that this object does not have was passed: ${change[0]}`);
}
