// WALL 5: judges what came back from a cell for one call: the text of a change list and the bodies beside it. Either every change
// is legal, granted and allowed in this event, or the call has failed with a fault that names the field. Pure: reads the flow,
// changes nothing (merge.ts does), and believes nothing but sizes that were counted here.
import { isUtf8 } from "node:buffer";
import { changePrefix, changeTable, isChangeAddress, isFieldRun, type Change, type ChangeAddress, type ChangeValues, type FieldReference } from "../../sandbox-api/schema/changes.ts";
import { eventTable } from "../../sandbox-api/schema/events.ts";
import type { Fault, FaultCode } from "../../sandbox-api/schema/faults.ts";
import { permissionTable, type PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { CallName } from "../../sandbox-api/schema/view.ts";
import type { HttpFlow } from "./flow.ts";
import type { GateSubject } from "./gate.ts";
import { Refused, valueChecks, type SeenFields, type ValueContext } from "./validate-values.ts";
import { withheldFields } from "./view.ts";

export interface ChangeRequest {
  readonly event: CallName;
  readonly subject: GateSubject;
  readonly permissions: ReadonlySet<PermissionName>;
  /** JSON list of changes as the cell sent it. */
  readonly text: string;
  readonly attachments: readonly Buffer[];
  /** LIMIT mutationBytes: text and bodies together. */
  readonly mutationBytes: number;
}

export type Verdict = { readonly kind: "changes"; readonly changes: readonly Change[] } | { readonly kind: "fault"; readonly fault: Fault };

/** More changes than addresses and re-assignments could need. */
const mostChanges = 1_000;

/** Checks a change list against what it would change. Never throws, whatever the text. */
export function validateChanges(request: ChangeRequest): Verdict {
  let bytes = request.text.length;
  for (const body of request.attachments) bytes += body.length;
  if (bytes > request.mutationBytes) {
    const limit = { name: "mutationBytes", value: request.mutationBytes, used: bytes, unit: "bytes" };
    return { kind: "fault", fault: { code: "mutation-too-large", message: `changes of ${bytes} bytes, at most ${request.mutationBytes} are allowed`, limit } };
  }
  const list = parseList(request.text);
  if (list === null) return fault("illegal-change", "the list of changes is not one", "changes");
  if (list.length > mostChanges) return fault("illegal-change", `${list.length} changes in one call, at most ${mostChanges} are allowed`, "changes");
  const draft = new DraftState(request.subject);
  const changes: Change[] = [];
  for (const item of list) {
    const verdict = checkChange(item, request, draft);
    if (verdict instanceof Refused) return fault(verdict.code, verdict.reason, fieldOf(item));
    changes.push(verdict);
    // Only what comes after it can depend on it.
    if (changes.length < list.length) draft.apply(verdict);
  }
  return { kind: "changes", changes };
}

const fault = (code: FaultCode, message: string, field: string): Verdict => ({ kind: "fault", fault: { code, message, field } });

function parseList(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null; // Not JSON: refused with a sentence by the caller.
  }
}

/** What a refused item would have changed, as far as it says so. */
function fieldOf(item: unknown): string {
  const address: unknown = Array.isArray(item) && item.length === 2 ? item[0] : null;
  return isChangeAddress(address) ? address : "changes";
}

const refuse = (address: ChangeAddress, code: FaultCode, message: string): Refused => new Refused(`${address}: ${message}`, code);

/** The change, built anew, or why it is refused, in a whole sentence. */
function checkChange(item: unknown, request: ChangeRequest, draft: DraftState): Change | Refused {
  if (!Array.isArray(item) || item.length !== 2) return new Refused("a change is not a pair of address and value");
  const address: unknown = item[0];
  const value: unknown = item[1];
  if (!isChangeAddress(address)) return new Refused("a change has an address that does not exist");
  if (!mayChange(request.event, address)) return refuse(address, "illegal-change", `cannot be changed in ${request.event}`);
  const { needs } = changeTable[address];
  if (needs !== null && !request.permissions.has(needs)) return refuse(address, "permission", `needs the permission ${needs} (${permissionTable[needs]})`);
  const reads = readNeeded(address, value);
  if (reads !== null && !request.permissions.has(reads)) return refuse(address, "permission", `a function needs the permission ${reads} (${permissionTable[reads]})`);
  const late = draft.refusal(request.event, address);
  if (late !== null) return refuse(address, "illegal-change", late);
  const checked = checkValue(address, value, {
    attachments: request.attachments.length, fields: draft.fields(address), withheld: withheldFields(request.permissions),
  });
  if (checked instanceof Refused) return refuse(address, checked.code, checked.reason);
  const garbled = textFault(checked, request);
  return garbled === null ? checked : refuse(address, "illegal-change", garbled);
}

/** RFC 6455 §8.1: a text message is UTF-8; a peer would close the connection over any other. */
function textFault(change: Change, { subject, attachments }: ChangeRequest): string | null {
  if (!change[0].startsWith("websocket.")) return null;
  const isText = (index: number): boolean => isUtf8(attachments[index] ?? Buffer.alloc(0));
  if (change[0] === "websocket.content") {
    const message = subject.kind === "http" ? subject.webSocket?.message ?? null : null;
    return message?.type === "text" && !isText(change[1]) ? "a text message must be UTF-8" : null;
  }
  if (change[0] !== "websocket.inject") return null;
  return change[1].every(({ type, content }) => type === "binary" || isText(content)) ? null : "a text message must be UTF-8";
}

/** A stream function is shown the body. */
function readNeeded(address: ChangeAddress, value: unknown): PermissionName | null {
  if (value !== "function") return null;
  return address === "request.stream" ? "read:request.body" : address === "response.stream" ? "read:response.body" : null;
}

function mayChange(event: CallName, address: ChangeAddress): boolean {
  if (event === "stream") return address === "stream.chunks";
  const prefixes: readonly string[] = eventTable[event].mayChange;
  return prefixes.includes(changePrefix(address));
}

function checkValue<A extends ChangeAddress>(address: A, value: unknown, context: ValueContext): Change | Refused {
  const checked: ChangeValues[A] | Refused = valueChecks[address](value, context);
  // The one cast of this file: the table above pairs each address with the check of its own value.
  return checked instanceof Refused ? checked : ([address, checked] as Change);
}

const noFields: SeenFields = [];

/** What a list of references to `before` made of it. PERF: asked only when one call changes a list twice. */
class ChangedFields implements SeenFields {
  readonly #before: SeenFields;
  readonly #references: readonly FieldReference[];
  #list: readonly (number | string)[] | null = null;

  constructor(before: SeenFields, references: readonly FieldReference[]) {
    this.#before = before;
    this.#references = references;
  }

  get length(): number { return this.#entries.length; }

  indexOf(lowerName: string, from = 0): number {
    return this.#entries.findIndex((entry, at) => at >= from && (typeof entry === "number" ? this.#before.indexOf(lowerName, entry) === entry : entry === lowerName));
  }

  /** Each field: where it was, or the name of a new one. */
  get #entries(): readonly (number | string)[] {
    return (this.#list ??= this.#references.flatMap((entry): readonly (number | string)[] => {
      if (typeof entry === "number") return [entry];
      return isFieldRun(entry) ? Array.from({ length: entry[1] }, (_, at) => entry[0] + at) : [entry[0].toLowerCase()];
    }));
  }
}

/** What the changes accepted so far have made of the flow, as far as later changes of the same list depend on it. */
class DraftState {
  readonly #flow: HttpFlow | null;
  readonly #subject: GateSubject;
  #madeFields: SeenFields | null = null;
  /** What changes of this call made of field lists. */
  #lists: Map<ChangeAddress, SeenFields> | null = null;

  constructor(subject: GateSubject) {
    this.#subject = subject;
    this.#flow = subject.kind === "http" ? subject : null;
  }

  /** The fields that references in the value of `address` count in. */
  fields(address: ChangeAddress): SeenFields {
    if (!address.endsWith("ers")) return noFields; // PERF: "headers" and "trailers" are the only lists.
    return this.#lists?.get(address) ?? this.#firstFields(address);
  }

  #firstFields(address: ChangeAddress): SeenFields {
    switch (address) {
      case "request.headers": return this.#flow?.request.headers ?? noFields;
      case "request.trailers": return this.#flow?.request.trailers ?? noFields;
      case "response.headers": return this.#madeFields ?? this.#flow?.response?.headers ?? noFields;
      case "response.trailers": return this.#madeFields !== null ? noFields : this.#flow?.response?.trailers ?? noFields;
      default: return noFields;
    }
  }

  /** Why this part can no longer, or not yet, be changed. */
  refusal(event: CallName, address: ChangeAddress): string | null {
    const flow = this.#flow;
    if (flow === null) return /^(?:request|response|websocket)\./.test(address) ? "there is no such message" : this.#plainRefusal(address);
    if (address.startsWith("request.")) return requestRefusal(flow, event, address);
    if (address.startsWith("websocket.")) return webSocketRefusal(flow, address);
    if (!address.startsWith("response.")) return null;
    if (address === "response.make") return flow.response?.body.state === "streamed" ? "the response has already been sent on" : null;
    if (this.#madeFields !== null) return null;
    return responseRefusal(flow, event, address);
  }

  #plainRefusal(address: ChangeAddress): string | null {
    return address === "message.content" && (this.#subject.kind !== "tcp" || this.#subject.message === null) ? "there is no message" : null;
  }

  apply(change: Change): void {
    if (change[0] === "response.make") {
      this.#madeFields = change[1].fields.map(([name]) => name.toLowerCase());
      this.#lists?.delete("response.headers");
      this.#lists?.delete("response.trailers");
    }
    // A second list of the same part would count in the first one's outcome, which the guest never sends: one list per call.
    if (change[0] === "request.headers" || change[0] === "request.trailers" || change[0] === "response.headers" || change[0] === "response.trailers") {
      (this.#lists ??= new Map()).set(change[0], new ChangedFields(this.fields(change[0]), change[1]));
    }
  }
}

function requestRefusal(flow: HttpFlow, event: CallName, address: ChangeAddress): string | null {
  const { state } = flow.request.body;
  if (address === "request.stream") return event === "requestheaders" ? null : "can be set in requestheaders only";
  if (event === "http_connect" && address !== "request.headers" && address !== "request.host" && address !== "request.port") return "cannot be changed in http_connect";
  if (state === "streamed") return "the request has already been sent on";
  if ((address === "request.body" || address === "request.content") && state === "unread") return "the body has not been read yet; change it in request";
  return null;
}

function webSocketRefusal({ webSocket }: HttpFlow, address: ChangeAddress): string | null {
  if (webSocket === null) return "there is no WebSocket";
  if (address !== "websocket.inject") return webSocket.message === null ? "there is no message" : null;
  // Otherwise two addons, or one, could answer each other without end.
  return webSocket.message?.injected === true ? "nothing can be put in after a message that an addon has put in; look at message.injected first" : null;
}

function responseRefusal(flow: HttpFlow, event: CallName, address: ChangeAddress): string | null {
  const { response } = flow;
  if (response === null) return "there is no response yet";
  if (address === "response.stream") return event === "responseheaders" ? null : "can be set in responseheaders only";
  if (response.body.state === "streamed") return "the response has already been sent on";
  if (event === "responseheaders" && !response.made && (address === "response.body" || address === "response.content")) return "the body has not been read yet; change it in response";
  if (address === "response.statusCode" && response.statusCode < 200) return "an interim response's status cannot be changed";
  return null;
}
