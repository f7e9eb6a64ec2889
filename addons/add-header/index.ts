// Adds a header to every response and counts the requests it has seen, so that one look at `curl -i` shows the addon at work.
import type { HTTPFlow } from "flowcell";

let seen = 0;

export function response(flow: HTTPFlow): void {
  seen += 1;
  flow.response?.headers.set("x-flowcell", `seen ${seen}`);
}
