// Answers a request itself; no server is contacted. Try: curl -x http://127.0.0.1:8080 http://flowcell.example/
import { Response, type HTTPFlow } from "flowcell";

export function request(flow: HTTPFlow): void {
  if (flow.request.prettyHost === "flowcell.example") {
    flow.response = Response.make(200, "Hello from an isolate.\n", { "content-type": "text/plain; charset=utf-8" });
  }
}
