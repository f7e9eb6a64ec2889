// Lets pages of any origin read responses: answers preflights itself and sets the Access-Control headers of everything else. For trying
// things out in a browser of your own; it takes a protection away.
// `flowcell run addons/cors-unlock --set cors_hosts=api.example.com`
import { Response, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "lets pages of any origin read responses",
  permissions: { read: ["request", "response"], write: ["response"], act: ["respond"] },
  options: { cors_hosts: { type: "string[]", default: [], help: "only these hosts and their subdomains; none: all" } },
} satisfies Manifest;

let hosts: readonly string[] = [];

export function configure(options: OptionsOf<typeof manifest>): void {
  hosts = options.cors_hosts.map((host) => host.toLowerCase());
}

function isMeant({ request }: HTTPFlow): boolean {
  const name = request.prettyHost.toLowerCase();
  return request.headers.has("origin") && (hosts.length === 0 || hosts.some((host) => name === host || name.endsWith(`.${host}`)));
}

/** Of one origin, never "*", which browsers refuse for requests with credentials. */
function allow(flow: HTTPFlow): [string, string][] {
  return [["Access-Control-Allow-Origin", flow.request.headers.get("origin") ?? ""], ["Access-Control-Allow-Credentials", "true"]];
}

export function requestheaders(flow: HTTPFlow): void {
  const { headers, method } = flow.request;
  const wanted = headers.get("access-control-request-method");
  if (method !== "OPTIONS" || wanted === null || !isMeant(flow)) return;
  flow.response = Response.make(204, "", [...allow(flow), ["Access-Control-Allow-Methods", wanted], ["Access-Control-Allow-Headers", headers.get("access-control-request-headers") ?? ""], ["Access-Control-Max-Age", "600"], ["Vary", "Origin"]]);
}

export function responseheaders(flow: HTTPFlow): void {
  const { response } = flow;
  if (response === null || flow.request.method === "OPTIONS" || !isMeant(flow)) return;
  const exposed = [...new Set(Array.from(response.headers, ([name]) => name.toLowerCase()))].filter((name) => !name.startsWith("access-control-") && name !== "set-cookie");
  for (const [name, value] of allow(flow)) response.headers.set(name, value);
  response.headers.set("Access-Control-Expose-Headers", exposed.join(", "));
  response.headers.append("Vary", "Origin");
}
