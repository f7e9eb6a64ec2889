// What a reverse proxy does to requests: names the server as the operator's address does, in place of the name under which the client
// knows the proxy. It rewrites nothing in responses.
import type { HeaderFields } from "../http/header-fields.ts";
import { formatAuthority } from "../http/request-target.ts";
import type { LayerScope, Link } from "./layer-scope.ts";

/** Whether requests on that link get the server's own name. */
export function isRenamed({ context, listener: { mode } }: LayerScope, { stage }: Link): boolean {
  return mode.kind === "reverse" && stage !== "inside" && !context.keepHostHeader;
}

/** Puts the name of that place into the Host field, where there is one, and gives it. */
export function nameAsServer(headers: HeaderFields, { scheme, host, port }: { readonly scheme: "http" | "https"; readonly host: string; readonly port: number }): string {
  const name = formatAuthority(host, port, scheme);
  if (headers.has("host")) headers.set("Host", name);
  return name;
}
