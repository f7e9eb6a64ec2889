// What an addon could do, in plain words for whoever decides to run it: what it asks for, and what could leave through it, by tables
// of what it takes in and the ways out. Pure: it is told what the addon asks for and judges combinations, not code.
import { hostOwnedFields, sensitiveFields } from "../../sandbox-api/schema/http.ts";
import { editEvents, editWords } from "../../sandbox-api/schema/edits.ts";
import type { EventName } from "../../sandbox-api/schema/events.ts";
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow, permissionNames, permissionTable, type PermissionName } from "../../sandbox-api/schema/permissions.ts";

export interface Inspection {
  readonly hasManifest: boolean;
  readonly permissions: readonly PermissionName[];
  /** Sentences: what it asks for. */
  readonly asks: readonly string[];
  /** What it has changed without being called, rule by rule, in words. */
  readonly edits: readonly string[];
  /** On which traffic. */
  readonly traffic: string;
  /** Sentences: what could leave, or be done in the user's name. Worst first. */
  readonly warnings: readonly string[];
}

/** What is worth taking, as the object of "can read". */
const treasures: readonly (readonly [permission: PermissionName, words: string])[] = [
  ["header:cookie", "cookies"], ["header:set-cookie", "new cookies"], ["header:authorization", "credentials (Authorization)"], ["header:proxy-authorization", "proxy credentials"],
  ["read:request.body", "what users send"], ["read:response.body", "what servers answer"], ["read:websocket", "WebSocket messages"], ["read:tcp", "raw TCP bytes"], ["read:request", "addresses of pages with their queries"], ["read:connection", "who connects where"],
];

/** A header is seen only where its message's head is. */
const headOf: { readonly [permission: string]: PermissionName | undefined } = {
  "header:cookie": "read:request", "header:authorization": "read:request", "header:proxy-authorization": "read:request", "header:set-cookie": "read:response",
};

/** Says what an addon with this manifest (null: none) could do. */
export function inspectAsks(manifest: Manifest | null): Inspection {
  const permissions = manifest?.permissions ?? everythingOnTheFlow;
  const hosts = manifest?.hosts ?? null;
  const where = hosts === null ? "every host" : hosts.length === 0 ? "no host" : joined(hosts);
  const asks: string[] = permissionNames.filter((name) => permissions.has(name)).map((name) => permissionTable[name]);
  for (const origin of manifest?.fetch ?? []) asks.push(`exchange data with ${origin}`);
  if (manifest !== null && manifest.storageBytes > 0) asks.push(`keep up to ${manifest.storageBytes} bytes between runs`);
  const edits = manifest?.edits.map(editWords) ?? [];
  for (const edit of edits) asks.push(`have the proxy change ${edit}`);
  return {
    hasManifest: manifest !== null, edits, permissions: permissionNames.filter((name) => permissions.has(name)), asks,
    traffic: `${where}${manifest?.filter == null ? "" : `, flows that match ${manifest.filter}`}`,
    warnings: warn(permissions, manifest?.fetch ?? [], where, manifest),
  };
}

function warn(permissions: ReadonlySet<PermissionName>, fetch: readonly string[], where: string, manifest: Manifest | null): readonly string[] {
  const has = (name: PermissionName): boolean => permissions.has(name);
  const taken = treasures.filter(([name]) => has(name) && (headOf[name] === undefined || has(headOf[name]))).map(([, words]) => words);
  const reads = taken.length === 0 ? null : `can read ${joined(taken)} of ${where}`;
  const warnings: string[] = [];
  if (manifest === null) warnings.push("has no manifest: it gets everything on every flow, and nothing off it (no network, no storage)");
  if (fetch.length > 0) warnings.push(reads === null ? `can send data to ${joined(fetch)}` : `${reads} and send data to ${joined(fetch)}`);
  if (has("act:redirect")) warnings.push(`can send requests for ${where} to any other server, with the cookies and credentials in them, whether it may read those or not`);
  if (has("act:replay")) warnings.push(`can send requests of ${where} again`);
  if (reads !== null && has("write:request") && has("read:request")) warnings.push(`${reads} and write it into requests, which the servers of ${where} see`);
  if (has("write:response.body") || has("act:respond")) warnings.push(`can put scripts into pages of ${where}, which act and send data in the user's name`);
  const editsResponses = manifest?.edits.some(({ event }) => editEvents[event] === "response") === true;
  if (has("write:response") && (has("read:response") || editsResponses)) warnings.push(`can change protections of pages of ${where} (Content-Security-Policy, CORS) in response headers`);
  if (has("act:inject") || has("write:websocket")) warnings.push(`can speak for either side in WebSocket connections of ${where}`);
  if (has("write:tcp")) warnings.push(`can change raw TCP bytes of ${where}`);
  if (has("act:layer")) warnings.push("can have connections pass without being looked at, or close them");
  if (manifest?.failure === "closed") warnings.push("has its flows refused while it fails");
  return warnings;
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

/** Names of headers that often carry secrets though they are not withheld. */
export const looksSecret = (lowerName: string): boolean =>
  !hostOwnedFields.has(lowerName) && !sensitiveFields.some((name) => name === lowerName) && /(?:^|[-_])(?:token|secret|password|passwd|session|csrf|xsrf|auth|jwt|signature|credential|apikey|api-key)s?(?:$|[-_])/.test(lowerName);

/** Handlers in the order of the event table. */
export const handlerWords = (handlers: readonly EventName[], hasEdits: boolean): string =>
  handlers.length > 0 ? handlers.join(", ") : hasEdits ? "nothing" : "nothing: export a function named like an event (docs/events.md)";
