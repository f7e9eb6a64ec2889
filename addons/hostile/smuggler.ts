// Tries to write a second request into the first. Refused at the assignment; nothing of the call applies.
import type { HTTPFlow } from "flowcell";

export function request(flow: HTTPFlow): void {
  flow.request.headers.set("x-innocent", "yes");
  flow.request.headers.set("x-smuggled", "a\r\n\r\nGET /admin HTTP/1.1\r\nHost: internal\r\n\r\n");
}
