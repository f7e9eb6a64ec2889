// Removes what would let a server answer "304 Not Modified", so that every response comes with its body; mitmproxy's anticache. Constant
// edits: the proxy carries them out, and the addon is shown nothing.
// `flowcell run addons/anti-cache`
import type { Manifest } from "flowcell";

export const manifest = {
  description: "asks servers for fresh responses",
  permissions: { write: ["request"] },
  edits: [{ event: "requestheaders", remove: ["If-Modified-Since", "If-None-Match"] }],
} satisfies Manifest;
