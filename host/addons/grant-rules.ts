// What the operator says about single addons on the command line (`--grant ADDON:RULE`): rules that narrow or widen what a manifest
// asks for. Reads and applies them; whose addon it is and what it asked for comes from outside. Pure.
import { nearest } from "../../sandbox-api/schema/near-miss.ts";
import { everythingOnTheFlow, isPermissionName, permissionNames, type PermissionName } from "../../sandbox-api/schema/permissions.ts";
import { parseOrigin } from "../services/fetch-origins.ts";
import { hostPattern } from "./host-pattern.ts";

export type GrantRule =
  | { readonly kind: "none" | "all" }
  | { readonly kind: "add" | "remove"; readonly permissions: readonly PermissionName[] }
  /** Traffic to other hosts is kept from the addon, whatever its manifest says; several: any of them. */
  | { readonly kind: "host"; readonly pattern: string }
  /** An origin that the addon may, or may not, fetch from, whatever its manifest says. */
  | { readonly kind: "fetch"; readonly origin: string; readonly isGranted: boolean };

export type GrantRules = ReadonlyMap<string, readonly GrantRule[]>;

/** Why a word is no rule: the rest of a sentence that begins with the option. */
export class GrantProblem {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

const forms = "write ADDON:PERMISSION (or +PERMISSION), ADDON:-PERMISSION, ADDON:all, ADDON:none, ADDON:host=PATTERN or ADDON:fetch=ORIGIN";

/** Reads the words after each `--grant`; `addons`: the names there are. The first problem ends it. */
export function readGrants(words: readonly string[], addons: readonly string[]): GrantRules | GrantProblem {
  const rules = new Map<string, GrantRule[]>();
  for (const word of words) {
    const colon = word.indexOf(":");
    const name = word.slice(0, Math.max(0, colon));
    if (colon < 1) return new GrantProblem(`${word}: ${forms}`);
    if (!addons.includes(name)) return new GrantProblem(`${word}: there is no addon "${name}"${nearest(name, addons)}${addons.length === 0 ? "" : `; there are ${addons.join(", ")}`}`);
    const rule = readRule(word.slice(colon + 1));
    if (rule instanceof GrantProblem) return new GrantProblem(`${word}: ${rule.message}`);
    rules.set(name, [...(rules.get(name) ?? []), rule]);
  }
  return rules;
}

function readRule(word: string): GrantRule | GrantProblem {
  if (word === "none" || word === "all") return { kind: word };
  if (word.startsWith("host=")) {
    const pattern = word.slice(5);
    return hostPattern(pattern) === null ? new GrantProblem(`"${pattern}" is no host pattern such as "*.example.com" or "example.com:8443"`) : { kind: "host", pattern };
  }
  const kind = word.startsWith("-") ? "remove" : "add";
  const name = word.replace(/^[+-]/, "");
  if (name.startsWith("fetch=")) {
    const origin = name.slice(6);
    return parseOrigin(origin) === null ? new GrantProblem(`"${origin}" is no origin such as "https://api.example.com" or "https://*.example.com"`) : { kind: "fetch", origin, isGranted: kind === "add" };
  }
  if (isPermissionName(name)) return { kind, permissions: [name] };
  const group = name.endsWith(":*") ? permissionNames.filter((each) => each.startsWith(name.slice(0, -1))) : [];
  if (group.length > 0) return { kind, permissions: group };
  return new GrantProblem(`there is no permission "${name}"${nearest(name, permissionNames)}; docs/permissions.md lists them, and ${forms}`);
}

/** What is left of (or added to) what was asked for. Rules apply in the order given. */
export function applyRules(asked: ReadonlySet<PermissionName>, rules: readonly GrantRule[]): ReadonlySet<PermissionName> {
  let granted = new Set(asked);
  for (const rule of rules) {
    switch (rule.kind) {
      case "none": granted = new Set(); break;
      case "all": granted = new Set(everythingOnTheFlow); break;
      case "add": for (const name of rule.permissions) granted.add(name); break;
      case "remove": for (const name of rule.permissions) granted.delete(name); break;
      case "host": case "fetch": break;
    }
  }
  return granted;
}

/** Origins that are left of (or added to) those that were asked for; likewise in the order given. */
export function originsOf(asked: readonly string[], rules: readonly GrantRule[]): readonly string[] {
  let origins = asked;
  for (const rule of rules) {
    if (rule.kind === "none") origins = [];
    if (rule.kind !== "fetch") continue;
    origins = origins.filter((origin) => !isSameOrigin(origin, rule.origin));
    if (rule.isGranted) origins = [...origins, rule.origin];
  }
  return origins;
}

function isSameOrigin(one: string, other: string): boolean {
  const [a, b] = [parseOrigin(one), parseOrigin(other)];
  return a !== null && b !== null && a.protocol === b.protocol && a.host === b.host && a.port === b.port && a.isWildcard === b.isWildcard;
}

/** Whether everything was taken from the addon, its storage too. */
export const isStripped = (rules: readonly GrantRule[]): boolean => rules.some(({ kind }) => kind === "none");

/** Host patterns that the operator confines an addon to; null: none given. */
export function hostsOf(rules: readonly GrantRule[]): readonly string[] | null {
  const patterns = rules.flatMap((rule) => (rule.kind === "host" ? [rule.pattern] : []));
  return patterns.length === 0 ? null : patterns;
}
