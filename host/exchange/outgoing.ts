// What goes on the wire for a flow: heads with the host's own framing and hop-by-hop fields, everything else as it came. Pure.
// WALL: framing fields always say what the body really is; whatever a head claims about its length is put right here.
import { isBodiless, listTokens, type BodyFraming } from "../http/body-framing.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import { endToEnd } from "../http/hop-by-hop.ts";
import type { HttpVersion } from "../http/http-event.ts";
import { defaultPort, formatAuthority, parseAuthority } from "../http/request-target.ts";

/** same: as it came. sized: that many bytes, known now. unknown: an addon's stream function makes it. */
export type BodyPlan = { readonly kind: "same" } | { readonly kind: "sized"; readonly bytes: number } | { readonly kind: "unknown" };

export const sameBody: BodyPlan = { kind: "same" };

export interface Head {
  readonly headers: HeaderFields;
  readonly framing: BodyFraming;
}

const none: BodyFraming = { kind: "none" };
const chunked: BodyFraming = { kind: "chunked" };
const close: BodyFraming = { kind: "close" };

export interface RequestFacts {
  readonly framing: BodyFraming;
  readonly plan: BodyPlan;
  readonly hasTrailers: boolean;
  /** The head may differ from what came in. */
  readonly isChanged: boolean;
  /** Protocols the client wants to switch to. */
  readonly upgrade: readonly string[];
  /** Of the client. */
  readonly version: HttpVersion;
  /** What the client called the server, where it did so outside the fields; "" otherwise. */
  readonly authority: string;
  /** Where it goes, for a request that came without any of the two (HTTP/1.0). */
  readonly host: string;
  readonly port: number;
  readonly scheme: "http" | "https";
}

/** Fields and framing of a request to an HTTP/1.1 server. */
export function outgoingRequest(headers: HeaderFields, facts: RequestFacts): Head {
  const isFromH2 = facts.version === "2";
  const known = requestFraming(facts);
  // HTTP/1 has a place for trailers in chunked bodies only (RFC 9112 §6.5), HTTP/2 behind any length.
  const framing = isFromH2 && known.kind === "length" && known.length > 0 && headers.has("trailer") ? chunked : known;
  // An Upgrade that is no wish (RFC 9110 §7.8) goes: a server that takes it for one would switch a connection that we read as HTTP.
  let fields = facts.upgrade.length === 0 ? withoutUpgrade(withoutHop(headers, "keep-alive"), headers) : upgradeFields(headers, facts.upgrade);
  if (!fields.has("host")) {
    fields = fields === headers ? headers.clone() : fields;
    fields.insert(0, "Host", nameOf(facts));
  }
  if (isFromH2) fields = fieldsForH1(fields, headers);
  return facts.isChanged || isFromH2 || framing !== facts.framing ? { headers: applyFraming(fields, headers, framing, false), framing } : { headers: fields, framing };
}

/** The fields for an upstream proxy that reads the request: with what is meant for it, and with nobody else's credentials. */
export function withFields(headers: HeaderFields, added: readonly (readonly [string, string])[]): HeaderFields {
  const fields = headers.clone();
  fields.delete("proxy-authorization");
  for (const [name, value] of added) fields.push(name, value);
  return fields;
}

/** The request-target for an upstream proxy that reads the request (RFC 9112 §3.2.2). */
export function absoluteTarget({ host, port, path }: { readonly host: string; readonly port: number; readonly path: string }): string {
  return `http://${formatAuthority(host, port, "http")}${path === "*" ? "" : path}`;
}

/**
 * Whether an upstream proxy that read the request would make something else of it: it forwards no switch of protocols, and calls the
 * server what the target says, whatever Host said.
 */
export function needsTunnel({ headers, authority, host, port }: Pick<RequestFacts, "authority" | "host" | "port"> & { readonly headers: HeaderFields }, upgrade: readonly string[]): boolean {
  if (upgrade.length > 0) return true;
  const name = headers.get("host") ?? authority;
  if (name === "") return false;
  const named = parseAuthority(name, defaultPort("http"));
  return named === null || named.port !== port || named.host.toLowerCase() !== host.toLowerCase();
}

/** Fields and framing of a request to an HTTP/2 server. Host and the fields of HTTP/1 connections go when they are mapped. */
export function outgoingH2Request(headers: HeaderFields, facts: RequestFacts): Head & { readonly authority: string } {
  const framing = requestFraming(facts);
  const fields = facts.isChanged || framing !== facts.framing ? applyFraming(headers, headers, framing, false) : headers;
  return { headers: fields, framing, authority: nameOf(facts) };
}

const nameOf = ({ authority, host, port, scheme }: RequestFacts): string => (authority === "" ? formatAuthority(host, port, scheme) : authority);

/** What HTTP/2 says in other words: cookies in one field (RFC 9113 §8.2.3), TE with its Connection option (RFC 9110 §10.1.4). */
function fieldsForH1(fields: HeaderFields, original: HeaderFields): HeaderFields {
  const cookies = fields.getAll("cookie");
  const hasTe = fields.has("te");
  if (cookies.length < 2 && !hasTe) return fields;
  const own = fields === original ? original.clone() : fields;
  if (cookies.length > 1) own.set("cookie", cookies.join("; "));
  if (hasTe) own.set("connection", "TE");
  return own;
}

function requestFraming({ framing, plan, hasTrailers }: RequestFacts): BodyFraming {
  if (plan.kind === "same") return framing;
  if (plan.kind === "unknown" || (hasTrailers && framing.kind === "chunked")) return chunked;
  return plan.bytes === 0 && framing.kind === "none" ? framing : { kind: "length", length: plan.bytes };
}

export interface ResponseFacts {
  readonly status: number;
  readonly requestMethod: string;
  /** Of the client. */
  readonly requestVersion: HttpVersion;
  /** Of the server's response; for one that an addon made, a length of 0 will do. */
  readonly framing: BodyFraming;
  readonly plan: BodyPlan;
  readonly hasTrailers: boolean;
  readonly isChanged: boolean;
  /** Whether the client's connection can live on, as far as everything but this body's framing goes. */
  readonly mayPersist: boolean;
}

/** Fields and framing of a response to the client, and whether its connection lives on after it. */
export function outgoingResponse(headers: HeaderFields, facts: ResponseFacts): Head & { readonly persists: boolean } {
  const { status, requestVersion, mayPersist } = facts;
  if (status === 101) return { headers, framing: none, persists: false };
  const bodiless = isBodiless(status, facts.requestMethod);
  const framing = responseFraming(facts, bodiless);
  if (requestVersion === "2") {
    // What belongs to HTTP/1 connections goes when the fields are mapped.
    const isReframed = facts.isChanged || framing !== facts.framing;
    return { headers: isReframed ? applyFraming(headers, headers, framing, bodiless && status !== 204) : headers, framing, persists: true };
  }
  const persists = mayPersist && framing.kind !== "close";
  let fields = withoutHop(headers, persists ? "keep-alive" : "close");
  if (status !== 426) fields = withoutUpgrade(fields, headers);
  if (facts.isChanged || framing !== facts.framing) fields = applyFraming(fields, headers, framing, bodiless && status !== 204);
  const says = persists ? (requestVersion === "1.0" ? "keep-alive" : null) : "close";
  if (says !== null && fields.get("connection")?.toLowerCase() !== says) {
    fields = fields === headers ? headers.clone() : fields;
    fields.push("Connection", says);
  }
  return { headers: fields, framing, persists };
}

function responseFraming({ framing, plan, requestVersion, hasTrailers }: ResponseFacts, bodiless: boolean): BodyFraming {
  if (bodiless) return framing.kind === "none" ? framing : none;
  const mayChunk = requestVersion !== "1.0";
  if (plan.kind === "same") return framing.kind === "chunked" && !mayChunk ? close : framing.kind === "none" ? { kind: "length", length: 0 } : framing;
  if (plan.kind === "unknown") return mayChunk && framing.kind !== "close" ? chunked : close;
  return hasTrailers && framing.kind === "chunked" && mayChunk ? chunked : { kind: "length", length: plan.bytes };
}

/** The fields without those of the other connection. A Connection field that says exactly what we would say stays, so that the head stays as it came. */
function withoutHop(headers: HeaderFields, says: "keep-alive" | "close"): HeaderFields {
  const at = headers.indexOf("connection");
  if (at < 0 || headers.has("keep-alive") || headers.has("proxy-connection") || headers.has("te")) return endToEnd(headers);
  const isOurs = headers.value(at).toLowerCase() === says && headers.indexOf("connection", at + 1) < 0;
  return isOurs ? headers : endToEnd(headers);
}

/** `fields` may be the `original`, which stays as it came. */
function withoutUpgrade(fields: HeaderFields, original: HeaderFields): HeaderFields {
  if (!fields.has("upgrade")) return fields;
  const own = fields === original ? original.clone() : fields;
  own.delete("upgrade");
  return own;
}

/**
 * The fields of a request that wants to switch protocols. Upgrade is forwarded, except h2c (RFC 9113 dropped it): it would take the
 * connection out of everybody's sight.
 */
function upgradeFields(headers: HeaderFields, upgrade: readonly string[]): HeaderFields {
  const isHidden = upgrade.some((protocol) => protocol.toLowerCase().startsWith("h2c"));
  const tokens = listTokens(headers, "connection");
  const isOurs = !isHidden && tokens.every((token) => token === "upgrade" || token === "keep-alive") && !headers.has("proxy-connection") && !headers.has("keep-alive") && !headers.has("te");
  if (isOurs) return headers;
  const stripped = endToEnd(headers);
  const fields = stripped === headers ? headers.clone() : stripped;
  if (isHidden) fields.delete("upgrade");
  else fields.set("Connection", "Upgrade");
  return fields;
}

/**
 * Makes Content-Length and Transfer-Encoding say that framing, in the place of the first field that did. `original` is never written to, and
 * given back where there is nothing to change.
 */
function applyFraming(fields: HeaderFields, original: HeaderFields, framing: BodyFraming, mayDeclare: boolean): HeaderFields {
  // A response to HEAD, or a 304, may say how long the body would have been.
  if ((framing.kind === "none" && mayDeclare) || saysAlready(fields, framing)) return fields;
  const own = fields === original ? original.clone() : fields;
  const wanted = framing.kind === "length" ? ["Content-Length", String(framing.length)] as const : framing.kind === "chunked" ? ["Transfer-Encoding", "chunked"] as const : null;
  const places = [...allIndexes(own, "content-length"), ...allIndexes(own, "transfer-encoding")].sort((a, b) => a - b);
  const [first] = places;
  if (first === undefined) {
    if (wanted !== null) own.push(wanted[0], wanted[1]);
    return own;
  }
  const removed = new Set(places);
  own.replaceAll(Array.from({ length: own.length }, (_, i) => i).flatMap((i): (number | readonly [string, string])[] => {
    if (!removed.has(i)) return [i];
    return i === first && wanted !== null ? [wanted] : [];
  }));
  return own;
}

/** Whether these fields frame a message so, and say it once. PERF: they nearly always do (docs/profiles/events.md). */
function saysAlready(fields: HeaderFields, framing: BodyFraming): boolean {
  const length = fields.indexOf("content-length");
  const coding = fields.indexOf("transfer-encoding");
  switch (framing.kind) {
    case "length": return coding < 0 && length >= 0 && fields.value(length) === String(framing.length) && fields.indexOf("content-length", length + 1) < 0;
    case "chunked": return length < 0 && coding >= 0 && fields.value(coding).toLowerCase() === "chunked" && fields.indexOf("transfer-encoding", coding + 1) < 0;
    case "none": case "close": return length < 0 && coding < 0;
  }
}

function allIndexes(fields: HeaderFields, lowerName: string): number[] {
  const found: number[] = [];
  for (let at = fields.indexOf(lowerName); at >= 0; at = fields.indexOf(lowerName, at + 1)) found.push(at);
  return found;
}
