// Warns of credentials that go where they do not belong: keys and tokens in addresses, in what pages and scripts send back, and in
// requests without TLS. It logs what kind it is and where, never the secret itself.
// `flowcell run addons/secrets-detector`
import { ctx, type HTTPFlow, type Manifest } from "flowcell";

export const manifest = {
  description: "warns of credentials in addresses, responses and requests without TLS",
  permissions: { read: ["request", "request.body", "response", "response.body"], headers: ["authorization"] },
} satisfies Manifest;

/** LIMIT: characters of one body that are looked at. */
const mostLooked = 200_000;

const kinds: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["an AWS access key", /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ["a GitHub token", /\bgh[pousr]_[A-Za-z0-9]{36}\b/],
  ["a Slack token", /\bxox[abprs]-[A-Za-z0-9-]{10,80}/],
  ["a Stripe key", /\b[rs]k_live_[A-Za-z0-9]{16,64}\b/],
  ["a Google API key", /\bAIza[0-9A-Za-z_-]{35}\b/],
  ["a private key", /-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY-----/],
  ["a JSON Web Token", /\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}/],
];
const namedParameter = /^(?:access_token|api[-_]?key|apikey|auth|client_secret|id_token|passw(?:or)?d|pwd|secret|session(?:id)?|token)$/i;

const kindsIn = (text: string): string[] => kinds.filter(([, pattern]) => pattern.test(text)).map(([kind]) => kind);

/** Without the query, in which the secret may be. */
const whereOf = ({ request }: HTTPFlow): string => `${request.method} ${request.scheme}://${request.prettyHost}${request.path.replace(/\?.*$/s, "")}`;

function say(flow: HTTPFlow, found: Iterable<string>, place: string): void {
  for (const kind of new Set(found)) ctx.log.warn(`${whereOf(flow)}: ${kind} ${place}`);
}

export function request(flow: HTTPFlow): void {
  const { request } = flow;
  say(flow, [...kindsIn(request.path), ...Array.from(request.query, ([name]) => name).filter((name) => namedParameter.test(name)).map((name) => `the parameter "${name.toLowerCase()}"`)], "in the address, which logs and referrers keep");
  if (request.scheme !== "http") return;
  if (request.headers.has("authorization")) say(flow, ["an Authorization header"], "without TLS");
  if (request.body !== null) say(flow, kindsIn((request.text ?? "").slice(0, mostLooked)), "in a body without TLS");
}

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  if (response === null || !/^(?:text\/|application\/(?:javascript|json|xml))/i.test(response.headers.get("content-type") ?? "")) return;
  say(flow, kindsIn((response.text ?? "").slice(0, mostLooked)).filter((kind) => kind !== "a JSON Web Token"), "in what the server sent");
}
