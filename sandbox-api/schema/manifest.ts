// The export `manifest` of an addon (spec: sandbox.md §3): its shape, and the check that turns what came out of an isolate into
// it. Unknown keys are errors with the likely word; nothing is granted here (host/addons/grants.ts).
import { readEdits, readsBodies, type EditRule } from "./edits.ts";
import { parseFilter } from "./filter-parse.ts";
import { nearest } from "./near-miss.ts";
import { readDeclarations, type OptionDeclaration } from "./options.ts";
import { isPermissionName, permissionNames, type PermissionName } from "./permissions.ts";

/** Limits that an addon may tighten for itself. */
export const tightenable = ["cpuMs", "wallMs", "startupMs", "memoryMiB", "hostCalls", "bodyBytes", "mutationBytes"] as const;
export type TightenedLimits = { readonly [L in (typeof tightenable)[number]]?: number };

export interface Manifest {
  readonly name: string | null;
  readonly version: string | null;
  readonly description: string | null;
  /** Match patterns; null: every host. */
  readonly hosts: readonly string[] | null;
  /** A flow filter (filter.ts), known to be one; null: every flow. */
  readonly filter: string | null;
  readonly permissions: ReadonlySet<PermissionName>;
  /** Origins; a later service checks them again. */
  readonly fetch: readonly string[];
  readonly storageBytes: number;
  readonly limits: TightenedLimits;
  readonly failure: "open" | "closed" | null;
  readonly options: ReadonlyMap<string, OptionDeclaration>;
  /** Header edits that the host carries out itself, in their order. */
  readonly edits: readonly EditRule[];
}

export type ManifestResult = { readonly kind: "manifest"; readonly manifest: Manifest } | { readonly kind: "problems"; readonly problems: readonly string[] };

const keys = ["name", "version", "description", "hosts", "filter", "permissions", "limits", "failure", "options", "edits"] as const;
const permissionKeys = ["read", "write", "act", "headers", "fetch", "storage"] as const;
const mostItems = 200;
const longestText = 1_000;
const hostPatternSyntax = /^(?:\*|(?:\*\.)?[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const originSyntax = /^https?:\/\/[^\s/?#@]+$/;
const storageSyntax = /^(\d{1,6}) ?(B|KiB|MiB)$/;
const storageUnits: ReadonlyMap<string, number> = new Map([["B", 1], ["KiB", 1024], ["MiB", 1024 * 1024]]);

type Plain = { readonly [key: string]: unknown };

/** Checks the plain data of a manifest. All problems are listed, each as a sentence that begins with where it is. */
export function checkManifest(value: unknown): ManifestResult {
  const reader = new ManifestReader();
  const manifest = reader.read(value);
  return manifest !== null && reader.problems.length === 0 ? { kind: "manifest", manifest } : { kind: "problems", problems: reader.problems };
}

class ManifestReader {
  readonly problems: string[] = [];

  read(value: unknown): Manifest | null {
    const top = this.#object(value, "manifest", keys);
    if (top === null) return null;
    const asked = top["permissions"] === undefined ? {} : this.#object(top["permissions"], "manifest.permissions", permissionKeys) ?? {};
    const permissions = this.#permissions(asked);
    const edits = readEdits(top["edits"], permissions, (where, what) => this.#say(where, what));
    return {
      name: this.#text(top["name"], "manifest.name", /^[\w.@/ -]{1,100}$/), version: this.#text(top["version"], "manifest.version"),
      description: this.#text(top["description"], "manifest.description"),
      hosts: top["hosts"] === undefined ? null : this.#texts(top["hosts"], "manifest.hosts", hostPatternSyntax, 'a host pattern such as "*.example.com" or "example.com:8443"'),
      filter: this.#filter(top["filter"], edits.length > 0),
      permissions, edits,
      fetch: asked["fetch"] === undefined ? [] : this.#texts(asked["fetch"], "manifest.permissions.fetch", originSyntax, 'an origin such as "https://api.example.com"'),
      storageBytes: this.#storage(asked["storage"]), limits: this.#limits(top["limits"]), failure: this.#failure(top["failure"]), options: readDeclarations(top["options"], (where, what) => this.#say(where, what)),
    };
  }

  #say(where: string, what: string): void {
    if (this.problems.length < 20) this.problems.push(`${where} ${what}`);
  }

  #object(value: unknown, where: string, known: readonly string[]): Plain | null {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#say(where, "must be an object");
      return null;
    }
    const plain: Plain = Object.assign(Object.create(null), Object.fromEntries(Object.entries(value)));
    for (const key of Object.keys(plain)) if (!known.includes(key)) this.#say(where, `has no key ${JSON.stringify(key.slice(0, 60))}${nearest(key, known)}`);
    return plain;
  }

  #text(value: unknown, where: string, syntax: RegExp | null = null): string | null {
    if (value === undefined) return null;
    if (typeof value === "string" && value.length <= longestText && (syntax === null || syntax.test(value))) return value;
    this.#say(where, syntax === null ? `must be a string of at most ${longestText} characters` : "must be a short name of letters, digits, spaces and . @ / _ -");
    return null;
  }

  #texts(value: unknown, where: string, syntax: RegExp | null, what: string): readonly string[] {
    if (!Array.isArray(value) || value.length > mostItems) {
      this.#say(where, `must be a list of at most ${mostItems} strings`);
      return [];
    }
    const good: string[] = [];
    for (const item of value as readonly unknown[]) {
      if (typeof item === "string" && item.length <= longestText && (syntax === null || syntax.test(item))) good.push(item);
      else this.#say(where, `holds ${typeof item === "string" ? JSON.stringify(item.slice(0, 60)) : `a ${typeof item}`}, which is not ${what}`);
    }
    return good;
  }

  #permissions(asked: Plain): ReadonlySet<PermissionName> {
    const granted = new Set<PermissionName>();
    for (const [key, prefix] of [["read", "read"], ["write", "write"], ["act", "act"], ["headers", "header"]] as const) {
      if (asked[key] === undefined) continue;
      const known = permissionNames.filter((name) => name.startsWith(`${prefix}:`)).map((name) => name.slice(prefix.length + 1));
      for (const word of this.#texts(asked[key], `manifest.permissions.${key}`, null, "a permission")) {
        const name = `${prefix}:${key === "headers" ? word.toLowerCase() : word}`;
        if (isPermissionName(name)) granted.add(name);
        else this.#say(`manifest.permissions.${key}`, `has no permission ${JSON.stringify(word.slice(0, 60))}${nearest(word, known)}; there are ${known.join(", ")}`);
      }
    }
    return granted;
  }

  #filter(value: unknown, hasEdits: boolean): string | null {
    const text = this.#text(value, "manifest.filter");
    if (text === null) return null;
    const parsed = parseFilter(text);
    if (parsed.kind === "problem") this.#say("manifest.filter", `is not a filter: ${parsed.message} (column ${parsed.column})`);
    // Metadata is the addon's own and never leaves its isolate.
    else if (parsed.operators.includes("meta")) this.#say("manifest.filter", 'cannot ask for "~meta", which only the addon itself knows');
    else if (hasEdits && readsBodies(parsed.filter)) this.#say("manifest.filter", "cannot look at bodies where there are edits, which take place before they have come");
    return text;
  }

  #storage(value: unknown): number {
    if (value === undefined) return 0;
    const match = typeof value === "string" ? storageSyntax.exec(value) : null;
    const bytes = Number(match?.[1]) * (storageUnits.get(match?.[2] ?? "") ?? Number.NaN);
    if (Number.isFinite(bytes)) return bytes;
    this.#say("manifest.permissions.storage", 'must be a size such as "1MiB"');
    return 0;
  }

  #limits(value: unknown): TightenedLimits {
    const limits = value === undefined ? {} : this.#object(value, "manifest.limits", tightenable) ?? {};
    const good: { [L in (typeof tightenable)[number]]?: number } = {};
    for (const name of tightenable) {
      const number = limits[name];
      if (number === undefined) continue;
      if (typeof number === "number" && Number.isFinite(number) && number >= 0) good[name] = number;
      else this.#say(`manifest.limits.${name}`, "must be a number that is not negative");
    }
    return good;
  }

  #failure(value: unknown): "open" | "closed" | null {
    if (value === undefined) return null;
    if (value === "open" || value === "closed") return value;
    this.#say("manifest.failure", 'must be "open" or "closed"');
    return null;
  }
}
