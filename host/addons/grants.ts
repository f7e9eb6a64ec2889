// Who gets what: a manifest's requests, cut down by what the operator allows, become the grants of one addon (sandbox.md §3). Pure.
// An addon without a manifest that the operator starts by path gets everything on the flow and nothing off it.
import type { Manifest } from "../../sandbox-api/schema/manifest.ts";
import { limitTable, type LimitName, type Limits } from "../../sandbox-api/schema/limits.ts";
import { everythingOnTheFlow, type PermissionName } from "../../sandbox-api/schema/permissions.ts";
import type { ServiceGrants } from "../../sandbox-api/schema/services.ts";
import { viewClass } from "../flows/view.ts";
import { anyHost, type HostPattern } from "./host-pattern.ts";

export interface Grants {
  readonly permissions: ReadonlySet<PermissionName>;
  /** Addons of the same class get the same view of a flow. */
  readonly viewClass: string;
  /** Null: every host. */
  readonly isForHost: HostPattern | null;
  /** `storageBytes` is what the manifest asked for, and 0 without one. */
  readonly limits: Limits;
  /** Origins that may be fetched from. */
  readonly fetch: readonly string[];
  readonly failure: "open" | "closed";
}

export interface OperatorPolicy {
  readonly permissions: ReadonlySet<PermissionName>;
  readonly limits: Limits;
  readonly failure: "open" | "closed";
}

/** What an addon with this manifest (null: none) is granted under the operator's policy. Limits are tightened, never widened. */
export function resolveGrants(manifest: Manifest | null, policy: OperatorPolicy): Grants {
  const asked = manifest?.permissions ?? everythingOnTheFlow;
  const permissions = new Set([...asked].filter((name) => policy.permissions.has(name)));
  return {
    permissions, viewClass: viewClass(permissions), isForHost: anyHost(manifest?.hosts ?? null), limits: { ...tighten(policy.limits, manifest?.limits ?? {}), storageBytes: Math.min(policy.limits.storageBytes, manifest?.storageBytes ?? 0) },
    fetch: manifest?.fetch ?? [],
    failure: policy.failure === "closed" ? "closed" : manifest?.failure ?? "open",
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

function tighten(limits: Limits, asked: { readonly [L in LimitName]?: number }): Limits {
  const least = (name: LimitName): number => Math.min(limits[name], Math.max(limitTable[name].min, asked[name] ?? limits[name]));
  return {
    ...limits, cpuMs: least("cpuMs"), wallMs: least("wallMs"), startupMs: least("startupMs"), memoryMiB: least("memoryMiB"), hostCalls: least("hostCalls"),
    bodyBytes: least("bodyBytes"), mutationBytes: least("mutationBytes"),
  };
}
