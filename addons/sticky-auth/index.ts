// Remembers the Authorization header that was last sent to each host and adds it to requests there that have none; mitmproxy's stickyauth.
// `flowcell run addons/sticky-auth --set 'stickyauth=~d api.example.com'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "repeats credentials to the hosts that they were sent to",
  permissions: { read: ["request"], write: ["request"], headers: ["authorization"] },
  options: { stickyauth: { type: "string", default: "~all", help: "flows that it takes part in" } },
} satisfies Manifest;

/** Hosts that are remembered; the oldest goes. */
const mostHosts = 1_000;
const known = new Map<string, string>();
let filter: FlowFilter | null = null;

export function configure({ stickyauth }: OptionsOf<typeof manifest>): void {
  filter = stickyauth === "" ? null : flowfilter.parse(stickyauth);
}

export function requestheaders(flow: HTTPFlow): void {
  if (filter === null) return;
  const { headers, scheme, host, port } = flow.request;
  const place = `${scheme}://${host}:${port}`;
  const sent = headers.get("authorization");
  if (sent !== null) {
    known.delete(place);
    known.set(place, sent);
    if (known.size > mostHosts) for (const oldest of known.keys()) { known.delete(oldest); break; }
  } else if (filter.matches(flow)) {
    const remembered = known.get(place);
    if (remembered !== undefined) headers.set("Authorization", remembered);
  }
}
