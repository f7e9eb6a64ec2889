// A flow or connection as filters ask for it (schema/filter.ts), cut to what an addon may see: a filter must not tell by its answer
// what the event would not show. WALL 5: texts of parts that are not granted are not there, withheld values read "[withheld]".
import type { FilterFact, FilterSubject, FilterText } from "../../sandbox-api/schema/filter.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { Address } from "./connection.ts";
import type { Flow, HttpRequest, HttpResponse } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import { replayOf, shownValue } from "./view-parts.ts";
import { withheldFields } from "./view.ts";

type Texts = readonly (string | Uint8Array)[];
const none: Texts = [];

/** The subject as an addon with these permissions may see it. Cheap to make; texts are made when asked for. */
export function filterSubject(subject: GateSubject, permissions: ReadonlySet<PermissionName>): FilterSubject {
  return new Projection(subject, permissions);
}

class Projection implements FilterSubject {
  readonly #subject: GateSubject;
  readonly #permissions: ReadonlySet<PermissionName>;

  constructor(subject: GateSubject, permissions: ReadonlySet<PermissionName>) {
    this.#subject = subject;
    this.#permissions = permissions;
  }

  is(fact: Exclude<FilterFact, "asset" | "all">): boolean {
    const subject = this.#subject;
    switch (fact) {
      case "http": return subject.kind === "http";
      case "tcp": return subject.kind === "tcp";
      case "websocket": return subject.kind === "http" && subject.isWebSocket;
      case "request": return subject.kind === "http" && subject.response === null;
      case "response": return subject.kind === "http" && subject.response !== null;
      case "error": return this.#flow !== null && this.#flow.error !== null;
      case "marked": return this.#flow !== null && this.#flow.marked !== "";
      case "replay": return subject.kind === "http" && replayOf(subject) !== null;
      case "request-replay": return subject.kind === "http" && replayOf(subject) === "request";
      case "response-replay": return subject.kind === "http" && replayOf(subject) === "response";
    }
  }

  statusCode(): number | null {
    return this.#response?.statusCode ?? null;
  }

  texts(of: FilterText): Texts {
    switch (of) {
      case "request.headers": return headLines(this.#request, this.#permissions);
      case "response.headers": return headLines(this.#response, this.#permissions);
      case "request.type": return this.#request?.headers.getAll("content-type") ?? none;
      case "response.type": return this.#response?.headers.getAll("content-type") ?? none;
      case "request.body": return this.#bodies("request");
      case "response.body": return this.#bodies("response");
      case "host": return this.#hosts();
      case "url": return this.#request === null ? none : [urlOf(this.#request)];
      case "method": return this.#request === null ? none : [this.#request.method];
      case "source": return this.#may("read:connection") && "client" in this.#subject ? [addressText(this.#subject.client.address)] : none;
      case "destination": return this.#destination();
      case "marker": return this.#flow === null ? none : [bytesOf(this.#flow.marked)];
      case "comment": return this.#flow === null ? none : [bytesOf(this.#flow.comment)];
      // The addon's own, which never leave its isolate.
      case "metadata": return none;
    }
  }

  get #flow(): Flow | null {
    return this.#subject.kind === "http" || this.#subject.kind === "tcp" ? this.#subject : null;
  }
  get #request(): HttpRequest | null {
    return this.#subject.kind === "http" && this.#may("read:request") ? this.#subject.request : null;
  }
  get #response(): HttpResponse | null {
    return this.#subject.kind === "http" && this.#may("read:response") ? this.#subject.response : null;
  }
  #may(permission: PermissionName): boolean {
    return this.#permissions.has(permission);
  }

  #bodies(side: "request" | "response"): Texts {
    const subject = this.#subject;
    if (subject.kind === "tcp") return subject.message !== null && this.#may("read:tcp") && subject.message.fromClient === (side === "request") ? [subject.message.content] : none;
    const sent = subject.kind === "http" && this.#may("read:websocket") ? subject.webSocket?.message ?? null : null;
    const message = subject.kind === "http" && this.#may(`read:${side}.body`) ? subject[side] : null;
    const bytes = message?.body.content ?? message?.body.raw ?? null;
    const isSent = sent !== null && sent.fromClient === (side === "request");
    return bytes === null ? (isSent ? [sent.content] : none) : isSent ? [bytes, sent.content] : [bytes];
  }

  #hosts(): Texts {
    const subject = this.#subject;
    if (subject.kind === "http") return this.#request === null ? none : [bytesOf(this.#request.host), prettyHost(this.#request)];
    const address = subject.kind === "server" ? subject.address : subject.server.address;
    return address === null || !this.#may("read:connection") ? none : [bytesOf(address.host)];
  }

  #destination(): Texts {
    const server = this.#subject.kind === "server" ? this.#subject : this.#subject.server;
    return server.address === null || !this.#may("read:connection") ? none : [addressText(server.address)];
  }
}

/** Host names and marks are text; filters search bytes. */
const bytesOf = (text: string): string => (/^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString("latin1"));
const addressText = ({ host, port }: Address): string => bytesOf(`${host}:${port}`);

function headLines(message: { readonly headers: HeaderFields } | null, permissions: ReadonlySet<PermissionName>): Texts {
  if (message === null) return none;
  const withheld = withheldFields(permissions);
  const { headers } = message;
  let lines = "";
  for (let i = 0; i < headers.length; i++) lines += `${headers.name(i)}: ${shownValue(headers, i, withheld)}\r\n`;
  return [lines];
}

/** The host that the client named (Host field), else where the request goes. */
function prettyHost({ headers, host }: HttpRequest): string {
  const named = headers.get("host") ?? "";
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(named);
  return match?.[1] === undefined || match[1] === "" ? host : match[1];
}

function urlOf(request: HttpRequest): string {
  const { scheme, port, path } = request;
  const host = prettyHost(request);
  const isDefault = (scheme === "http" && port === 80) || (scheme === "https" && port === 443);
  return `${scheme}://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}${isDefault ? "" : `:${port}`}${path}`;
}
