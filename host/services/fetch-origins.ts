// Which URLs a grant covers: exact origins ("https://api.example.com", with a port where it is not the scheme's own) and whole
// subdomains ("https://*.example.com"). Pure; it knows no addresses but those written down in a grant, which cover themselves.
import { isIP } from "node:net";
import { isPublicAddress } from "./address-classes.ts";

/** A URL that is granted. `reach`: what it may connect to: only addresses of the internet, exactly this address, or this machine. */
export type OriginVerdict =
  | { readonly kind: "granted"; readonly reach: "public" | "literal" | "loopback" }
  | { readonly kind: "refused"; readonly reason: string };

interface Origin { readonly protocol: string; readonly host: string; readonly port: string; readonly isWildcard: boolean }

/** A grant that is none (a path, another scheme, `*.com`) covers nothing. */
export function parseOrigin(text: string): Origin | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return null;
  if (url.username !== "" || url.password !== "" || url.pathname !== "/" || url.search !== "" || url.hash !== "") return null;
  const isWildcard = url.hostname.startsWith("*.");
  const host = isWildcard ? url.hostname.slice(2) : url.hostname;
  // One label is a whole registry of names, or this network's own.
  if (host.includes("*") || (isWildcard && !host.includes("."))) return null;
  return { protocol: url.protocol, host, port: url.port, isWildcard };
}

/** Whether one of `grants` covers `url`. A name with a dot at its end is another name. */
export function judgeOrigin(url: URL, grants: readonly string[]): OriginVerdict {
  if (url.protocol !== "https:" && url.protocol !== "http:") return refused(`only http: and https: can be fetched, not ${url.protocol}`);
  if (url.username !== "" || url.password !== "") return refused("a URL with a user name or password cannot be fetched; send an Authorization header");
  for (const grant of grants) {
    const origin = parseOrigin(grant);
    if (origin === null || origin.protocol !== url.protocol || origin.port !== url.port) continue;
    if (origin.isWildcard ? url.hostname.endsWith(`.${origin.host}`) && url.hostname.length > origin.host.length + 1 : url.hostname === origin.host) return { kind: "granted", reach: origin.isWildcard ? "public" : reachOf(url.hostname) };
  }
  return refused(`the origin ${url.origin} is not granted (permissions.fetch)`);
}

/** What the operator should know of grants: those that reach into this machine or its network, and those that cover nothing. */
export function originWarnings(grants: readonly string[]): readonly string[] {
  return grants.flatMap((grant) => {
    const origin = parseOrigin(grant);
    if (origin === null) return [`the origin ${JSON.stringify(grant.slice(0, 100))} in permissions.fetch covers nothing: write one as "https://api.example.com" or "https://*.example.com"`];
    const reach = reachOf(origin.host);
    return reach === "loopback" || (reach === "literal" && !isPublicAddress(origin.host)) ? [`it may fetch from ${grant}, which is this machine or its network`] : [];
  });
}

const refused = (reason: string): OriginVerdict => ({ kind: "refused", reason });

/** An address or "localhost" that the operator has read in a manifest and let pass is meant. */
function reachOf(hostname: string): "public" | "literal" | "loopback" {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return "literal";
  return hostname === "localhost" || hostname.endsWith(".localhost") ? "loopback" : "public";
}
