// Removes what would let a server answer "304 Not Modified", so that every response comes with its body; mitmproxy's anticache.
// `flowcell run addons/anti-cache`
import type { HTTPFlow, Manifest } from "flowcell";

export const manifest = { description: "asks servers for fresh responses", permissions: { read: ["request"], write: ["request"] } } satisfies Manifest;

export function requestheaders({ request }: HTTPFlow): void {
  request.headers.delete("if-modified-since");
  request.headers.delete("if-none-match");
}
