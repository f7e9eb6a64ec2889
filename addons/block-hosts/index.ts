// Refuses requests to unwanted hosts with 403, and CONNECT to them before any tunnel exists.
// `--set block_hosts=ads.example,tracker.example` replaces the built-in list; a host blocks its subdomains too.
import { Response, type HTTPFlow, type Options } from "flowcell";

let blocked: readonly string[] = ["ads.example", "tracker.example"];

export function configure(options: Options): void {
  const list = options["block_hosts"];
  if (typeof list === "string") blocked = list.split(",").map((host) => host.trim().toLowerCase()).filter((host) => host !== "");
}

function isBlocked(host: string): boolean {
  const name = host.toLowerCase();
  return blocked.some((entry) => name === entry || name.endsWith(`.${entry}`));
}

export function http_connect(flow: HTTPFlow): void {
  if (isBlocked(flow.request.host)) flow.response = Response.make(403, `${flow.request.host} is blocked here\n`, { "content-type": "text/plain" });
}

export function requestheaders(flow: HTTPFlow): void {
  if (isBlocked(flow.request.prettyHost)) flow.response = Response.make(403, `${flow.request.prettyHost} is blocked here\n`, { "content-type": "text/plain" });
}
