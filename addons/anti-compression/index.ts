// Asks servers for uncompressed bodies; mitmproxy's anticomp. A constant edit: the proxy carries it out, and the addon is shown nothing.
// `flowcell run addons/anti-compression`
import type { Manifest } from "flowcell";

export const manifest = {
  description: "asks servers for uncompressed responses",
  permissions: { write: ["request"] },
  edits: [{ event: "requestheaders", set: { "Accept-Encoding": "identity" } }],
} satisfies Manifest;
