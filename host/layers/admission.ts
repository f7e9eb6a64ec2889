// Who may use the proxy by HTTP: takes the credentials off each request that is addressed to the proxy itself and has them verified.
// WALL: the field is gone before there is a flow, so that neither servers nor addons nor the log ever see it.
import { readBasic, type Verdict } from "../access/proxy-auth.ts";
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import type { RequestHead } from "../http/http-event.ts";
import type { LayerContext, LayerScope, Link } from "./layer-scope.ts";

/** Whether requests on that link are addressed to the proxy, and not to a server that is reached through it. */
export function isAddressed({ listener: { mode } }: LayerScope, { stage }: Link): boolean {
  return stage !== "inside" && (mode.kind === "regular" || mode.kind === "upstream");
}

/** Null: it may go on. Refuses what has been here before. Takes Proxy-Authorization out of the head in any case; with no --proxy-auth it would only leak to servers. */
export function admit({ proxyAuth, loopMark }: LayerContext, { headers }: RequestHead): ExchangeFault | null | Promise<ExchangeFault | null> {
  const values = headers.has("proxy-authorization") ? headers.getAll("proxy-authorization") : [];
  if (values.length > 0) headers.delete("proxy-authorization");
  if (headers.has("via") && headers.getAll("via").some((value) => value.includes(loopMark))) return loop;
  if (proxyAuth === null) return null;
  const credentials = readBasic(values);
  if (credentials === null) return values.length === 0 ? missing : unreadable;
  const verdict = proxyAuth.verify(credentials);
  return verdict instanceof Promise ? verdict.then(faultOf) : faultOf(verdict);
}

const loop = exchangeFault("own-address", "The request has been through this proxy already: its upstream proxy leads back here.");
const missing = exchangeFault("proxy-auth-required", "This proxy wants a user and a password.");
const unreadable = exchangeFault("proxy-auth-required", "The request offers something other than a user and a password (Basic) to the proxy.");
const wrong = exchangeFault("proxy-auth-required", "The user or the password for this proxy is wrong.");
const busy = exchangeFault("overloaded", "The proxy is looking at too many users and passwords.");

const faultOf = (verdict: Verdict): ExchangeFault | null => (verdict === "right" ? null : verdict === "wrong" ? wrong : busy);
