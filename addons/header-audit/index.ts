// Says once for each site which security headers its pages lack or weaken: HSTS, CSP, nosniff, framing, referrers, cookies' attributes, and
// headers that give away what the server runs.
// `flowcell run addons/header-audit`
import { ctx, type HTTPFlow, type Manifest } from "flowcell";

export const manifest = { description: "logs which security headers sites lack", permissions: { read: ["request", "response"], headers: ["set-cookie"] } } satisfies Manifest;

type Headers = NonNullable<HTTPFlow["response"]>["headers"];
interface Check { readonly finds: (headers: Headers, isSecure: boolean) => string | null }

const lacks = (name: string, why: string): Check => ({ finds: (headers) => (headers.has(name) ? null : `no ${name}: ${why}`) });

const checks: readonly Check[] = [
  { finds: (headers, isSecure) => {
    const age = /max-age\s*=\s*"?(\d+)/i.exec(headers.get("strict-transport-security") ?? "")?.[1];
    return !isSecure || Number(age ?? 0) >= 15_552_000 ? null : age === undefined ? "no strict-transport-security: the next visit may begin in the clear" : `strict-transport-security lasts ${age} s, less than half a year`;
  } },
  lacks("content-security-policy", "scripts that are put in run"),
  { finds: (headers) => (headers.get("x-content-type-options")?.toLowerCase() === "nosniff" ? null : "no x-content-type-options: nosniff: browsers guess types") },
  { finds: (headers) => (headers.has("x-frame-options") || /frame-ancestors/i.test(headers.get("content-security-policy") ?? "") ? null : "neither x-frame-options nor frame-ancestors: others may frame the page") },
  lacks("referrer-policy", "addresses go to other sites"),
  { finds: (headers) => (headers.get("access-control-allow-origin") === "*" && headers.get("access-control-allow-credentials") === "true" ? "access-control-allow-origin * with credentials" : null) },
  { finds: (headers) => (/unsafe-inline/i.test(headers.get("content-security-policy") ?? "") ? "content-security-policy allows unsafe-inline" : null) },
  { finds: (headers) => { const told = ["server", "x-powered-by", "x-aspnet-version"].filter((name) => /\d/.test(headers.get(name) ?? "")); return told.length === 0 ? null : `${told.join(" and ")} tell${told.length === 1 ? "s" : ""} a version`; } },
  { finds: (headers, isSecure) => {
    const weak = headers.getSetCookie().filter((cookie) => !/;\s*httponly/i.test(cookie) || !/;\s*samesite/i.test(cookie) || (isSecure && !/;\s*secure/i.test(cookie)));
    return weak.length === 0 ? null : `cookies without HttpOnly, SameSite or Secure: ${weak.map((cookie) => cookie.split("=")[0]).join(", ")}`;
  } },
];

/** Sites that were judged; the oldest go. */
const mostSites = 2_000;
const judged = new Set<string>();

export function responseheaders(flow: HTTPFlow): void {
  const { request, response } = flow;
  const site = `${request.scheme}://${request.prettyHost}`;
  if (response === null || judged.has(site) || !/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) return;
  judged.add(site);
  if (judged.size > mostSites) for (const oldest of judged) { judged.delete(oldest); break; }
  const found = checks.map(({ finds }) => finds(response.headers, request.scheme === "https")).filter((finding) => finding !== null);
  if (found.length === 0) ctx.log.info(`${site}: nothing is missing`);
  for (const finding of found) ctx.log.warn(`${site}: ${finding}`);
}
