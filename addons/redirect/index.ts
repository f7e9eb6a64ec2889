// Sends requests for one host to another server, without the client noticing.
// `--set redirect_from=example.org --set redirect_to=127.0.0.1:8000`
import type { HTTPFlow, Options } from "flowcell";

let from = "example.org";
let to = { host: "example.com", port: 0 };

export function configure(options: Options): void {
  if (typeof options["redirect_from"] === "string") from = options["redirect_from"];
  const target = options["redirect_to"];
  if (typeof target !== "string") return;
  const colon = target.lastIndexOf(":");
  const port = colon === -1 ? 0 : Number(target.slice(colon + 1));
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`redirect_to: "${target}" is not HOST or HOST:PORT`);
  to = { host: colon === -1 ? target : target.slice(0, colon), port };
}

export function request(flow: HTTPFlow): void {
  if (flow.request.prettyHost !== from) return;
  flow.request.host = to.host;
  if (to.port !== 0) flow.request.port = to.port;
}
