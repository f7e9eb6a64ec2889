// WALL 5, one value at a time: the value of each change address as a hostile cell may have sent it, checked for type, size and
// protocol legality and built anew from checked pieces. Parsed objects are only read, never assigned, so a "__proto__" key is
// one unknown key more. Whether the addon may change that part at all is decided in validate.ts.
import { isFieldRun, keepsAll, layerKinds, type AttachmentIndex, type ChangeAddress, type ChangeValues, type FieldReference, type FieldRun, type InjectedMessage, type MadeResponse } from "../../sandbox-api/schema/changes.ts";
import type { FaultCode } from "../../sandbox-api/schema/faults.ts";
import { hostOwnedFields, isHost, isHostField, isMethod, isOwnStatus, isPath, isPort, isReason, largestFieldName, largestFieldValue, mostFields } from "../../sandbox-api/schema/http.ts";
import { isSendableValue, isTokenText, trimWhitespace } from "../http/field-rules.ts";
import { mostInjections } from "../../sandbox-api/schema/websocket.ts";

/** Why a value is refused: the rest of a sentence that begins with the field. */
export class Refused {
  readonly reason: string;
  readonly code: FaultCode;

  constructor(reason: string, code: FaultCode = "illegal-change") {
    this.reason = reason;
    this.code = code;
  }
}

/** A field list as the addon saw it, of which names are asked for in lower case: HeaderFields, or a list of lower-case names. */
export interface SeenFields {
  readonly length: number;
  /** The first field of that name at or after `from`, or -1. */
  indexOf(lowerName: string, from?: number): number;
}

export interface ValueContext {
  readonly attachments: number;
  /** The list that field references count in; empty where there is none. */
  readonly fields: SeenFields;
  /** Names (lower case) whose values the addon does not see: it can neither set nor remove them. */
  readonly withheld: ReadonlySet<string>;
}

type Check<T> = (value: unknown, context: ValueContext) => T | Refused;

const largestNote = 4_096;
const mostChunks = 1_024;
// RFC 9110 §6.5.1: what frames, routes or authenticates a message cannot come after it.
const notInTrailers: ReadonlySet<string> = new Set([
  ...hostOwnedFields, "host", "content-encoding", "content-type", "content-range", "authorization", "proxy-authorization", "cookie", "set-cookie",
  "cache-control", "expect", "max-forwards", "age", "date", "expires", "location", "retry-after", "vary", "warning", "range", "www-authenticate", "proxy-authenticate",
]);

const text = (isGood: (text: string) => boolean, rule: string): Check<string> => (value) => {
  if (typeof value !== "string") return new Refused(`must be a string, not ${typeName(value)}`);
  return isGood(value) ? value : new Refused(`${rule}, not ${shown(value)}`);
};

const isTrue: Check<true> = (value) => (value === true ? true : new Refused(`must be true, not ${typeName(value)}`));

const attachment: Check<AttachmentIndex> = (value, { attachments }) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < attachments ? value : new Refused("names a body that was not sent");

const streaming: Check<boolean | "function"> = (value) =>
  typeof value === "boolean" || value === "function" ? value : new Refused("must be true, false or a function");

const scheme: Check<"http" | "https"> = (value) => (value === "http" || value === "https" ? value : new Refused(`must be "http" or "https", not ${shown(value)}`));
const host = text(isHost, "must be a host name or an IP address");
const port: Check<number> = (value) => (isPort(value) ? value : new Refused(`must be a whole number from 1 to 65535, not ${shown(value)}`));
const status: Check<number> = (value) => (isOwnStatus(value) ? value : new Refused(`must be a whole number from 200 to 599, not ${shown(value)}`));
const reason = text(isReason, "may hold no CR, LF, NUL or other control characters and at most 1,024 bytes");
const note = text((value) => value.length <= largestNote, `may have at most ${largestNote} characters`);

/** The keys of a plain object, exactly these; anything else is refused. */
function record(value: unknown, keys: readonly string[]): { readonly [key: string]: unknown } | Refused {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new Refused(`must be an object, not ${typeName(value)}`);
  const own = Object.keys(value);
  const stranger = own.find((key) => !keys.includes(key));
  if (stranger !== undefined) return new Refused(`has no property ${shown(stranger)}`);
  const missing = keys.find((key) => !own.includes(key));
  return missing === undefined ? Object.fromEntries(Object.entries(value)) : new Refused(`lacks the property "${missing}"`);
}

const fieldPair = (value: unknown, { withheld }: ValueContext, isTrailer: boolean): readonly [string, string] | Refused => {
  if (!Array.isArray(value) || value.length !== 2) return new Refused("must be a pair of name and value");
  const [name, content]: readonly unknown[] = value;
  if (typeof name !== "string" || typeof content !== "string") return new Refused(`name and value must be strings, not ${typeName(typeof name === "string" ? content : name)}`);
  if (name.length > largestFieldName || !isTokenText(name)) return new Refused(`${shown(name)} is not a header name (a token of RFC 9110 §5.6.2, at most 256 bytes)`);
  if (content.length > largestFieldValue || !isSendableValue(content) || trimWhitespace(content) !== content) return new Refused(`the value of "${name}" may hold no CR, LF, NUL or other control characters, no white space at its ends and at most 65,536 bytes`);
  const lower = name.toLowerCase();
  if (hostOwnedFields.has(lower)) return new Refused(`"${name}" says how the message is framed or belongs to one connection; the proxy sets it`);
  if (isTrailer && notInTrailers.has(lower)) return new Refused(`"${name}" cannot be a trailer (RFC 9110 §6.5.1)`);
  if (lower === "host" && !isHostField(content)) return new Refused(`the value of "${name}" must be a host with an optional port`);
  if (withheld.has(lower)) return new Refused(`"${name}" needs the permission header:${lower}`, "permission");
  return [name, content];
};

/** A list that begins with all fields there were. None of them can come again, and none is lost. */
function extended(items: readonly unknown[], context: ValueContext, isTrailer: boolean, isRequest: boolean): readonly FieldReference[] | Refused {
  const { fields } = context;
  const list: FieldReference[] = [[0, fields.length]];
  let hosts = 0;
  for (let place = 1; place < items.length; place++) {
    const item = items[place];
    if (typeof item === "number" || isRun(item)) return new Refused(`entry ${place} refers to one field twice`);
    const pair = fieldPair(item, context, isTrailer);
    if (pair instanceof Refused) return new Refused(`entry ${place}: ${pair.reason}`, pair.code);
    if (pair[0].length === 4 && pair[0].toLowerCase() === "host") hosts++;
    list.push(pair);
  }
  const count = fields.length + list.length - 1;
  if (count > mostFields) return new Refused(`has ${count} fields, at most ${mostFields} are allowed`);
  return isRequest && hosts > 0 && hosts + (fields.indexOf("host") < 0 ? 0 : 1) > 1 ? new Refused("holds more than one Host field") : list;
}

const isRun = (item: unknown): item is FieldRun => Array.isArray(item) && item.length === 2 && typeof item[0] === "number" && typeof item[1] === "number";

/** Untouched fields, by index: once at most each. */
function untouched(from: number, count: number, { fields }: ValueContext, used: Uint8Array): Refused | null {
  if (!Number.isInteger(from) || !Number.isInteger(count) || from < 0 || count < 1 || from + count > fields.length) return new Refused("refers to a field that is not there");
  for (let index = from; index < from + count; index++) {
    if (used[index] === 1) return new Refused("refers to one field twice");
    used[index] = 1;
  }
  return null;
}

const fieldList = (isTrailer: boolean, isRequest: boolean): Check<readonly FieldReference[]> => (value, context) => {
  if (!Array.isArray(value)) return new Refused(`must be a list of fields, not ${typeName(value)}`);
  if (value.length > mostFields) return new Refused(`has ${value.length} fields, at most ${mostFields} are allowed`);
  const items: readonly unknown[] = value;
  if (keepsAll(items, context.fields.length)) return extended(items, context, isTrailer, isRequest);
  const used = new Uint8Array(context.fields.length);
  const list: FieldReference[] = [];
  let count = 0;
  for (let place = 0; place < items.length; place++) {
    const item = items[place];
    if (typeof item === "number") {
      const refused = untouched(item, 1, context, used);
      if (refused !== null) return new Refused(`entry ${place} ${refused.reason}`);
      list.push(item);
      count++;
    } else if (isRun(item)) {
      const [from, length] = item;
      const refused = untouched(from, length, context, used);
      if (refused !== null) return new Refused(`entry ${place} ${refused.reason}`);
      list.push([from, length]);
      count += length;
    } else {
      const pair = fieldPair(item, context, isTrailer);
      if (pair instanceof Refused) return new Refused(`entry ${place}: ${pair.reason}`, pair.code);
      list.push(pair);
      count++;
    }
  }
  if (count > mostFields) return new Refused(`has ${count} fields, at most ${mostFields} are allowed`);
  return checkWhole(list, context, used, isRequest);
};

function checkWhole(list: readonly FieldReference[], { fields, withheld }: ValueContext, used: Uint8Array, isRequest: boolean): readonly FieldReference[] | Refused {
  const lost = firstLost(fields, withheld, used);
  if (lost !== null) return new Refused(`"${lost}" is withheld from this addon and cannot be removed without the permission header:${lost}`, "permission");
  if (!isRequest) return list;
  let hosts = 0;
  for (let at = fields.indexOf("host"); at >= 0; at = fields.indexOf("host", at + 1)) if (used[at] === 1) hosts++;
  for (const entry of list) if (typeof entry !== "number" && !isFieldRun(entry) && entry[0].toLowerCase() === "host") hosts++;
  // RFC 9112 §3.2: two Host fields are what two parsers disagree about.
  return hosts > 1 ? new Refused("holds more than one Host field") : list;
}

/** The name of the first field that is withheld and left out. PERF: looks for the withheld names, not at every field. */
function firstLost(fields: SeenFields, withheld: ReadonlySet<string>, used: Uint8Array): string | null {
  let lost: string | null = null;
  let first = fields.length;
  for (const name of withheld) {
    for (let at = fields.indexOf(name); at >= 0 && at < first; at = fields.indexOf(name, at + 1)) {
      if (used[at] === 1) continue;
      lost = name;
      first = at;
    }
  }
  return lost;
}

const made: Check<MadeResponse> = (value, context) => {
  const shape = record(value, ["statusCode", "reason", "fields", "body", "encode"]);
  if (shape instanceof Refused) return shape;
  const statusCode = status(shape["statusCode"], context);
  if (statusCode instanceof Refused) return new Refused(`status code ${statusCode.reason}`);
  const words = reason(shape["reason"], context);
  if (words instanceof Refused) return new Refused(`reason ${words.reason}`);
  const body = shape["body"] === null ? null : attachment(shape["body"], context);
  if (body instanceof Refused) return new Refused(`body ${body.reason}`);
  if (typeof shape["encode"] !== "boolean") return new Refused("encode must be true or false");
  if (!Array.isArray(shape["fields"]) || shape["fields"].length > mostFields) return new Refused(`headers must be a list of at most ${mostFields} fields`);
  const fields: (readonly [string, string])[] = [];
  for (const item of shape["fields"] as readonly unknown[]) {
    const pair = fieldPair(item, context, false);
    if (pair instanceof Refused) return new Refused(`headers: ${pair.reason}`, pair.code);
    fields.push(pair);
  }
  return { statusCode, reason: words, fields, body, encode: shape["encode"] };
};

const address: Check<ChangeValues["server.address"]> = (value, context) => {
  const shape = record(value, ["host", "port"]);
  if (shape instanceof Refused) return shape;
  const hostPart = host(shape["host"], context);
  if (hostPart instanceof Refused) return new Refused(`host ${hostPart.reason}`);
  const portPart = port(shape["port"], context);
  return portPart instanceof Refused ? new Refused(`port ${portPart.reason}`) : { host: hostPart, port: portPart };
};

const via: Check<ChangeValues["server.via"]> = (value, context) => {
  if (value === null) return null;
  const shape = record(value, ["scheme", "host", "port"]);
  if (shape instanceof Refused) return shape;
  const schemePart = scheme(shape["scheme"], context);
  if (schemePart instanceof Refused) return new Refused(`scheme ${schemePart.reason}`);
  const rest = address({ host: shape["host"], port: shape["port"] }, context);
  return rest instanceof Refused ? rest : { scheme: schemePart, ...rest };
};

const layer: Check<ChangeValues["layer.replace"]> = (value) => layerKinds.find((kind) => kind === value) ?? new Refused(`must be one of ${layerKinds.join(", ")}, not ${shown(value)}`);

const chunks: Check<readonly AttachmentIndex[]> = (value, context) => {
  if (!Array.isArray(value) || value.length > mostChunks) return new Refused(`must be a list of at most ${mostChunks} chunks`);
  const list: AttachmentIndex[] = [];
  for (const item of value as readonly unknown[]) {
    const index = attachment(item, context);
    if (index instanceof Refused) return index;
    list.push(index);
  }
  return list;
};

const injections: Check<readonly InjectedMessage[]> = (value, context) => {
  if (!Array.isArray(value) || value.length > mostInjections) return new Refused(`must be a list of at most ${mostInjections} messages`);
  const list: InjectedMessage[] = [];
  for (const item of value as readonly unknown[]) {
    const shape = record(item, ["toClient", "type", "content"]);
    if (shape instanceof Refused) return shape;
    const { toClient, type } = shape;
    const content = attachment(shape["content"], context);
    if (content instanceof Refused) return content;
    if (typeof toClient !== "boolean") return new Refused(`toClient must be true or false, not ${typeName(toClient)}`);
    if (type !== "text" && type !== "binary") return new Refused(`type must be "text" or "binary", not ${shown(type)}`);
    list.push({ toClient, type, content });
  }
  return list;
};

/** The check of each change's value; gives the value built anew or why it is refused. */
export const valueChecks: { readonly [A in ChangeAddress]: Check<ChangeValues[A]> } = {
  "request.method": text((value) => isMethod(value) && value !== "CONNECT", "must be a method (a token of RFC 9110 §5.6.2, at most 64 bytes) other than CONNECT"),
  "request.scheme": scheme, "request.host": host, "request.port": port,
  "request.path": text(isPath, 'must begin with "/" (or be "*") and hold no white space, control characters or "#"'),
  "request.headers": fieldList(false, true), "request.trailers": fieldList(true, true),
  "request.body": attachment, "request.content": attachment, "request.stream": streaming,
  "response.make": made, "response.statusCode": status, "response.reason": reason,
  "response.headers": fieldList(false, false), "response.trailers": fieldList(true, false),
  "response.body": attachment, "response.content": attachment, "response.stream": streaming,
  "websocket.content": attachment, "websocket.drop": isTrue, "websocket.inject": injections,
  "flow.kill": isTrue, "flow.intercept": isTrue, "flow.resume": isTrue, "flow.marked": note, "flow.comment": note,
  "message.content": attachment,
  "server.address": address, "server.via": via, "server.kill": isTrue, "client.kill": isTrue,
  "layer.replace": layer, "stream.chunks": chunks,
};

/** A short rendering of a refused value for a message: one line, no control characters. */
function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  if (typeof value !== "string") return typeName(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value).replace(/[\x7f-\x9f]/g, "?");
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
