// Host patterns of manifests: "*" (every host), "example.com" (that host), "*.example.com" (that host and all below it, as match
// patterns of browsers have it), each with an optional ":port". Pure; names are compared without case and without a final dot.

export type HostPattern = (host: string, port: number | null) => boolean;

const patternSyntax = /^(\*|(\*\.)?([\w.-]+|\[[0-9A-Fa-f:.]+\]))(?::(\d{1,5}))?$/;

const patternName = (host: string): string => withoutBrackets(withoutFinalDot(host.toLowerCase()));
const withoutFinalDot = (host: string): string => (host.endsWith(".") ? host.slice(0, -1) : host);
const withoutBrackets = (host: string): string => (host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host);

interface Pattern {
  /** Null: every host. */
  readonly name: string | null;
  /** And all hosts below it. */
  readonly isWide: boolean;
  /** Null: every port. */
  readonly port: number | null;
}

function parse(pattern: string): Pattern | null {
  const match = patternSyntax.exec(pattern);
  if (match === null) return null;
  const [, whole, star, name, port] = match;
  return { name: whole === "*" ? null : patternName(name ?? ""), isWide: star !== undefined, port: port === undefined ? null : Number(port) };
}

/** The predicate of one pattern; null when it is none. A port in the pattern must be the port; an unknown port (null) passes. */
export function hostPattern(pattern: string): HostPattern | null {
  const parsed = parse(pattern);
  if (parsed === null) return null;
  const { name, isWide, port: wanted } = parsed;
  const isPort = (port: number | null): boolean => wanted === null || port === null || port === wanted;
  if (name === null) return (_, port) => isPort(port);
  const ending = `.${name}`;
  return (host, port) => {
    const given = patternName(host);
    return isPort(port) && (given === name || (isWide && given.endsWith(ending)));
  };
}

/** One predicate for a list of patterns: any of them; null: every host. Patterns were checked with the manifest. */
export function anyHost(patterns: readonly string[] | null): HostPattern | null {
  if (patterns === null) return null;
  const all = patterns.map(hostPattern).filter((pattern) => pattern !== null);
  return (host, port) => all.some((matches) => matches(host, port));
}

/** Names are no longer than this (RFC 1035 §2.3.4). */
const longestName = 253;

/** Values by the hosts that their patterns name. Finding them costs what the host's labels do, however many values there are; ports are not looked at. */
export class HostIndex<T> {
  readonly #exact = new Map<string, Set<T>>();
  readonly #wide = new Map<string, Set<T>>();
  readonly #always = new Set<T>();

  /** Patterns that are none name no host. */
  add(patterns: readonly string[], value: T): void {
    for (const pattern of patterns) {
      const parsed = parse(pattern);
      if (parsed === null) continue;
      if (parsed.name === null || parsed.name.length > longestName) this.#always.add(value);
      else addTo(parsed.isWide ? this.#wide : this.#exact, parsed.name, value);
    }
  }

  /** Every value one of whose patterns matches at some port. Null: the host is no name, so ask each. */
  find(host: string): ReadonlySet<T> | null {
    const name = patternName(host);
    if (name.length > longestName) return null;
    const found = new Set(this.#always);
    for (const value of this.#exact.get(name) ?? []) found.add(value);
    for (let at = 0; ; ) {
      for (const value of this.#wide.get(name.slice(at)) ?? []) found.add(value);
      const dot = name.indexOf(".", at);
      if (dot < 0) return found;
      at = dot + 1;
    }
  }
}

function addTo<T>(table: Map<string, Set<T>>, name: string, value: T): void {
  const known = table.get(name);
  if (known === undefined) table.set(name, new Set([value]));
  else known.add(value);
}
