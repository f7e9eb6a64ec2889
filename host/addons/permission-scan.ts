// What an addon's code seems to touch, and which permission that needs: a table of patterns over its bundle. A hint for authors, never a
// wall: what is not found here is refused when it is done. Pure.
import { needsOf } from "../../sandbox-api/schema/edits.ts";
import { permissionNames, type PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import { maskCode } from "./masked-code.ts";

/** What can be asked for: a permission, or one of the services. */
export type Need = PermissionName | "fetch" | "storage";

interface Rule {
  readonly pattern: RegExp;
  readonly needs: readonly Need[];
  /** In the code as it stands, strings included. */
  readonly isOfText?: true;
}

const gap = String.raw`(?:\?\.|\.|!\.)`;
// The bundler numbers names that would hide others: `const { response } = flow` in `function response` is response2.
const request = String.raw`\brequest\d*${gap}`;
const response = String.raw`(?<!await )\bresponse\d*${gap}`;
const assigned = String.raw`\s*(?:[-+*/|&^%]|\*\*|<<|>>>?|&&|\|\||\?\?)?=(?![=>])`;
const edits = String.raw`${gap}(?:set|setAll|append|delete|insert)\s*\(|${gap}fields${assigned}`;
const rule = (pattern: string, ...needs: readonly Need[]): Rule => ({ pattern: new RegExp(pattern, "g"), needs });

/** An assignment reads nothing: `flow.response.text = "x"` needs no permission to read. */
const rules: readonly Rule[] = [
  rule(`${request}(?:body|content|text|urlencodedForm|multipartForm|json)\\b(?!\\s*=(?!=))`, "read:request.body"),
  rule(`${response}(?:body|content|text|json)\\b(?!\\s*=(?!=))`, "read:response.body"),
  rule(`${request}(?:body|content|text|stream)${assigned}|${request}(?:urlencodedForm|multipartForm)(?:${edits})`, "write:request.body"),
  rule(`${response}(?:body|content|text|stream)${assigned}`, "write:response.body"),
  rule(`${request}(?:method|path)${assigned}|${request}(?:headers|trailers|query|cookies)(?:${edits})`, "write:request"),
  rule(`${response}(?:statusCode|reason)${assigned}|${response}(?:headers|trailers|cookies)(?:${edits})`, "write:response"),
  rule(`${request}(?:host|port|scheme|url)${assigned}|\\b(?:serverConn|conn|server)${gap}(?:address|via)${assigned}`, "act:redirect"),
  rule(`${gap}response\\s*=(?![=>])`, "act:respond"),
  rule(`${gap}kill\\s*\\(`, "act:kill"), rule(`${gap}intercept\\s*\\(`, "act:intercept"), rule(`${gap}inject\\s*\\(`, "act:inject"), rule(`${gap}replay\\s*\\(`, "act:replay"),
  rule(`\\blayers${gap}(?:tcp|tls|http|passthrough|close)\\s*\\(`, "act:layer"),
  rule(`(?<![.\\w$])fetch\\s*\\(`, "fetch"), rule(`\\bctx\\d*${gap}storage\\b`, "storage"),
  rule(`${request}cookies\\b`, "header:cookie"), rule(`${response}cookies\\b`, "header:set-cookie"),
  rule(`${gap}(?:clientConn|serverConn)\\b`, "read:connection"),
  ...(["authorization", "proxy-authorization", "cookie", "set-cookie"] as const).map((name): Rule => ({ pattern: new RegExp(`headers${gap}\\w+\\(\\s*["']${name}["']`, "gi"), needs: [`header:${name}`], isOfText: true })),
  rule(`${gap}getSetCookie\\s*\\(`, "header:set-cookie"),
];

export interface FoundNeed {
  readonly need: Need;
  /** Where in the code, from 0. */
  readonly at: number;
  /** What stands there. */
  readonly text: string;
}

/** The first place of each need, in the order of the code. */
export function findNeeds(code: string): readonly FoundNeed[] {
  const masked = maskCode(code);
  const first = new Map<Need, FoundNeed>();
  for (const { pattern, needs, isOfText } of rules) {
    for (const match of (isOfText === true ? code : masked).matchAll(pattern)) {
      // A string that looks like code is none.
      if (isOfText === true && masked.slice(match.index, match.index + 7) !== "headers") continue;
      for (const need of needs) if ((first.get(need)?.at ?? Number.POSITIVE_INFINITY) > match.index) first.set(need, { need, at: match.index, text: code.slice(match.index, match.index + match[0].length).replace(/\s*=$|\($/, "").trim() });
    }
  }
  return [...first.values()].sort((a, b) => a.at - b.at);
}

/** Needs whose absence from the code says something: there is a rule for them. */
const judged: ReadonlySet<Need> = new Set(rules.flatMap(({ needs }) => needs));

/** Where a manifest asks for it, in words: `permissions.read "request.body"`. */
export function placeOf(need: Need): string {
  if (need === "fetch") return 'permissions.fetch ["https://…"]';
  if (need === "storage") return 'permissions.storage "1MiB"';
  const colon = need.indexOf(":");
  const kind = need.slice(0, colon);
  return `permissions.${kind === "header" ? "headers" : kind} "${need.slice(colon + 1)}"`;
}

const isAsked = (need: Need, manifest: Manifest | null): boolean => {
  if (need === "fetch") return (manifest?.fetch.length ?? 0) > 0;
  if (need === "storage") return (manifest?.storageBytes ?? 0) > 0;
  // Without a manifest an addon has everything on the flow.
  return manifest === null || manifest.permissions.has(need);
};

/** What the code touches and the manifest (null: none) does not ask for. */
export function missingNeeds(found: readonly FoundNeed[], manifest: Manifest | null): readonly FoundNeed[] {
  return found.filter(({ need }) => !isAsked(need, manifest));
}

/** Traces of a use by another name (`const { headers } = flow.request`): too weak to ask for a permission, enough not to call it unused. */
const traces: readonly (readonly [trace: RegExp, needs: readonly Need[]])[] = [
  [new RegExp(`${gap}(?:body|content|text|json|urlencodedForm|multipartForm)\\b`), ["read:request.body", "read:response.body"]],
  [new RegExp(`${gap}(?:body|content|text|stream)${assigned}|\\b\\w*[fF]orm\\w*${gap}(?:set|append|delete)\\s*\\(`), ["write:request.body", "write:response.body"]],
  [new RegExp(`\\b(?:headers|trailers|query|cookies)\\d*(?:${edits})|${gap}url${assigned}`), ["write:request", "write:response"]],
];

/** `code`: as it was searched. */
function tracedIn(code: string): ReadonlySet<Need> {
  const masked = maskCode(code);
  const named = (["authorization", "proxy-authorization", "cookie", "set-cookie"] as const).filter((name) => new RegExp(`["'\`]${name}["'\`]`, "i").test(code));
  return new Set<Need>([...traces.flatMap(([trace, needs]) => (trace.test(masked) ? needs : [])), ...named.map((name): Need => `header:${name}`)]);
}

/** What the manifest asks for and the code does not seem to touch, by any name. */
export function unusedNeeds(code: string, found: readonly FoundNeed[], manifest: Manifest | null): readonly Need[] {
  if (manifest === null) return [];
  const used = new Set<Need>([...found.map(({ need }) => need), ...manifest.edits.flatMap(needsOf)]);
  const asked: readonly Need[] = [...permissionNames.filter((name) => manifest.permissions.has(name)), ...(manifest.fetch.length > 0 ? ["fetch" as const] : []), ...(manifest.storageBytes > 0 ? ["storage" as const] : [])];
  const traced = tracedIn(code);
  return asked.filter((need) => judged.has(need) && !used.has(need) && !traced.has(need) && !isUsedOtherwise(need, used));
}

/** Whoever writes a part may have to read it by other ways than these patterns; and connections are what some events are about. */
function isUsedOtherwise(need: Need, used: ReadonlySet<Need>): boolean {
  return need === "read:connection" || (need === "read:request.body" && used.has("write:request.body")) || (need === "read:response.body" && used.has("write:response.body"));
}
