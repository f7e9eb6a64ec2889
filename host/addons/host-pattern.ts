// Host patterns of manifests: "*" (every host), "example.com" (that host), "*.example.com" (that host and all below it, as match
// patterns of browsers have it), each with an optional ":port". Pure; names are compared without case and without a final dot.

export type HostPattern = (host: string, port: number | null) => boolean;

const patternSyntax = /^(\*|(\*\.)?([\w.-]+|\[[0-9A-Fa-f:.]+\]))(?::(\d{1,5}))?$/;

const normal = (host: string): string => host.toLowerCase().replace(/\.$/, "").replace(/^\[(.*)\]$/, "$1");

/** The predicate of one pattern; null when it is none. A port in the pattern must be the port; an unknown port (null) passes. */
export function hostPattern(pattern: string): HostPattern | null {
  const match = patternSyntax.exec(pattern);
  if (match === null) return null;
  const [, whole, star, name] = match;
  const wantedPort = match[4] === undefined ? null : Number(match[4]);
  const isPort = (port: number | null): boolean => wantedPort === null || port === null || port === wantedPort;
  if (whole === "*") return (_, port) => isPort(port);
  const wanted = normal(name ?? "");
  return (host, port) => {
    const given = normal(host);
    return isPort(port) && (given === wanted || (star !== undefined && given.endsWith(`.${wanted}`)));
  };
}

/** One predicate for a list of patterns: any of them; null: every host. Patterns were checked with the manifest. */
export function anyHost(patterns: readonly string[] | null): HostPattern | null {
  if (patterns === null) return null;
  const all = patterns.map(hostPattern).filter((pattern) => pattern !== null);
  return (host, port) => all.some((matches) => matches(host, port));
}
