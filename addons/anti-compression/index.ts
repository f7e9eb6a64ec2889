// Asks servers for uncompressed bodies; mitmproxy's anticomp.
// `flowcell run addons/anti-compression`
import type { HTTPFlow, Manifest } from "flowcell";

export const manifest = { description: "asks servers for uncompressed responses", permissions: { read: ["request"], write: ["request"] } } satisfies Manifest;

export function requestheaders({ request }: HTTPFlow): void {
  request.headers.set("Accept-Encoding", "identity");
}
