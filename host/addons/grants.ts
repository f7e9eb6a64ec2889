// Who gets what: a manifest's requests, cut down by what the operator allows, become the grants of one addon (sandbox.md §3). Pure.
// An addon without a manifest that the operator starts by path gets everything on the flow and nothing off it.
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import { filterTexts, type Filter } from "../../sandbox-api/schema/filter.ts";
import { parseFilter } from "../../sandbox-api/schema/filter-parse.ts";
import { eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import { limitTable, type LimitName, type Limits } from "../../sandbox-api/schema/limits.ts";
import { everythingOnTheFlow, type PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { ServiceGrants } from "../../sandbox-api/schema/services.ts";
import { viewClass } from "../flows/view.ts";
import { compileEdits, type GrantedEdits } from "./declared-edits.ts";
import { applyRules, hostsOf, isStripped, originsOf, type GrantRule } from "./grant-rules.ts";
import { anyHost, type HostPattern } from "./host-pattern.ts";

export interface Grants {
  readonly permissions: ReadonlySet<PermissionName>;
  /** Addons of the same class get the same view of a flow: they may read the same, bodies of the same size. */
  readonly viewClass: string;
  /** Null: every host. */
  readonly isForHost: HostPattern | null;
  /** Patterns of which one matches every host that it is for; others may match, too. Null: every host. */
  readonly hosts: readonly string[] | null;
  /** The same for all that are for the same hosts by the same patterns; null: every host. */
  readonly hostScope: string | null;
  /** Null: every flow. */
  readonly filter: FlowFilter | null;
  /** Whether what it changes can decide if another addon, with a filter, takes part. */
  readonly mayAlter: boolean;
  /** Likewise one with hosts. */
  readonly mayRedirect: boolean;
  /** Whether it may see all that it may change, so that others of its view class may be told of its changes directly. */
  readonly seesItsChanges: boolean;
  /** `storageBytes` is what the manifest asked for, and 0 without one. */
  readonly limits: Limits;
  /** Origins that may be fetched from. */
  readonly fetch: readonly string[];
  readonly failure: "open" | "closed";
  /** Header edits that the host carries out. */
  readonly edits: GrantedEdits;
}

export interface FlowFilter {
  readonly tree: Filter;
  readonly readsBodies: boolean;
}

export interface OperatorPolicy {
  /** The most that anybody gets. */
  readonly permissions: ReadonlySet<PermissionName>;
  readonly limits: Limits;
  readonly failure: "open" | "closed";
  /** `--grant` for this addon. */
  readonly rules?: readonly GrantRule[];
}

/** What an addon with this manifest (null: none) is granted under the operator's policy. Limits are tightened, never widened. */
export function resolveGrants(manifest: Manifest | null, policy: OperatorPolicy): Grants {
  const asked = manifest?.permissions ?? everythingOnTheFlow;
  const rules = policy.rules ?? [];
  const permissions = new Set([...applyRules(asked, rules)].filter((name) => policy.permissions.has(name)));
  const limits = { ...tighten(policy.limits, manifest?.limits ?? {}), storageBytes: isStripped(rules) ? 0 : Math.min(policy.limits.storageBytes, manifest?.storageBytes ?? 0) };
  return {
    permissions, viewClass: `${viewClass(permissions)} ${limits.bodyBytes}`, isForHost: bothHosts(anyHost(manifest?.hosts ?? null), anyHost(hostsOf(rules))), hostScope: scopeOf(manifest?.hosts ?? null, hostsOf(rules)),
    hosts: manifest?.hosts ?? hostsOf(rules), filter: flowFilter(manifest?.filter ?? null), mayAlter: [...permissions].some(altersFlows), mayRedirect: permissions.has("act:redirect"),
    seesItsChanges: revealed.every(({ change, shows }) => !permissions.has(change) || shows.every((name) => permissions.has(name))),
    limits,
    fetch: originsOf(manifest?.fetch ?? [], rules),
    failure: policy.failure === "closed" ? "closed" : manifest?.failure ?? "open",
    edits: compileEdits(manifest?.edits ?? [], permissions),
  };
}

/** What the guest is told of its services; undefined: it has none. */
export function serviceGrants({ limits, fetch }: Grants): ServiceGrants | undefined {
  if (limits.storageBytes === 0 && fetch.length === 0) return undefined;
  return {
    storage: limits.storageBytes === 0 ? null : { keyBytes: limits.storageKeyBytes, valueBytes: limits.storageValueBytes },
    fetch: fetch.length === 0 ? null : { requestBytes: limits.fetchRequestBytes },
  };
}

/** What a change tells those who see it. A new body ends a chain, so it is told to nobody unasked. */
const revealed: readonly { readonly change: PermissionName; readonly shows: readonly PermissionName[] }[] = [
  { change: "write:request", shows: ["read:request"] }, { change: "write:response", shows: ["read:response"] }, { change: "write:websocket", shows: ["read:websocket"] }, { change: "write:tcp", shows: ["read:tcp"] },
  { change: "act:respond", shows: ["read:response", "read:response.body"] }, { change: "act:redirect", shows: ["read:request", "read:connection"] },
];

const altersFlows = (name: PermissionName): boolean => name.startsWith("write:") || name.startsWith("act:");

/** Whether an addon with these permissions is told of an event at all: something that the event is about must be granted. */
export function isToldOf(event: EventName, permissions: ReadonlySet<PermissionName>): boolean {
  const { about } = eventTable[event];
  return about.length === 0 || about.some((part) => permissions.has(`read:${part}`));
}

function bothHosts(one: HostPattern | null, other: HostPattern | null): HostPattern | null {
  if (one === null || other === null) return one ?? other;
  return (host, port) => one(host, port) && other(host, port);
}

/** Sets of patterns as one text. */
function scopeOf(...sets: readonly (readonly string[] | null)[]): string | null {
  const narrow = sets.filter((patterns) => patterns !== null && !patterns.includes("*"));
  return narrow.length === 0 ? null : JSON.stringify(narrow.map((patterns) => [...new Set(patterns?.map((pattern) => pattern.toLowerCase()))].sort()));
}

/** The filter of a manifest, which was checked with it. */
function flowFilter(text: string | null): FlowFilter | null {
  const parsed = text === null ? null : parseFilter(text);
  if (parsed === null || parsed.kind === "problem") return null;
  const texts = filterTexts(parsed.filter);
  return { tree: parsed.filter, readsBodies: texts.has("request.body") || texts.has("response.body") };
}

function tighten(limits: Limits, asked: { readonly [L in LimitName]?: number }): Limits {
  const least = (name: LimitName): number => Math.min(limits[name], Math.max(limitTable[name].min, asked[name] ?? limits[name]));
  return {
    ...limits, cpuMs: least("cpuMs"), wallMs: least("wallMs"), startupMs: least("startupMs"), memoryMiB: least("memoryMiB"), hostCalls: least("hostCalls"),
    bodyBytes: least("bodyBytes"), mutationBytes: least("mutationBytes"),
  };
}
