// One CONNECT request: asks `http_connect`, answers, and opens the way to what is inside. It contacts no server: whatever is chosen
// inside does, when it needs to.
import type { HttpResponse } from "../flows/flow.ts";
import type { H1ClientSide } from "../exchange/h1-client-side.ts";
import { newHttpFlow } from "../exchange/new-flow.ts";
import { outgoingResponse } from "../exchange/outgoing.ts";
import { sendErrorPage } from "../exchange/send-page.ts";
import { exchangeFault } from "../http/fault-status.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { RequestHead } from "../http/http-event.ts";
import { parseAuthority } from "../http/request-target.ts";
import type { LayerScope, Link } from "./layer-scope.ts";

/** refused: answered, and another request may follow if `persists`. killed: close without a byte. */
export type ConnectEnd =
  | { readonly kind: "open"; readonly link: Link }
  | { readonly kind: "refused"; readonly persists: boolean }
  | { readonly kind: "killed" };

/** Handles a CONNECT whose head (and "end") was taken from the client. */
export async function connectLayer(scope: LayerScope, link: Link, head: RequestHead, client: H1ClientSide): Promise<ConnectEnd> {
  const { context } = scope;
  const address = parseAuthority(head.target, null);
  if (address === null) return refuse(client, head, exchangeFault("bad-target", "CONNECT needs a host and a port, such as example.com:443."));
  if (link.destination !== null) return refuse(client, head, exchangeFault("not-supported", scope.listener.mode.kind === "reverse" ? "This is a reverse proxy: it takes no CONNECT." : "CONNECT inside a tunnel is not supported."));
  const { server } = scope.root;
  // A second CONNECT comes only after a refused one; the record is then still unused.
  server.address = address;
  server.version++;
  const flow = newHttpFlow(scope, head, { scheme: "http", host: address.host, port: address.port, path: "", authority: head.target }, server);
  flow.request.body.complete(Buffer.alloc(0));
  const held = context.gate.held("http_connect", flow);
  if (held !== null) await held;
  flow.live = false;
  const { response, killedBy, refusal } = flow;
  const destination = { host: flow.request.host, port: flow.request.port };
  context.gate.release(flow);
  if (killedBy !== null) return { kind: "killed" };
  if (refusal !== null) return refuse(client, head, exchangeFault("refused-by-addon", `The addon "${refusal.addon}" failed in ${refusal.event}: ${refusal.fault.message}`));
  if (response !== null && (response.statusCode < 200 || response.statusCode > 299)) return answer(client, head, response);
  server.address = destination;
  server.version++;
  scope.upstreams.records.plan(destination, server);
  client.sendHead({ status: 200, reason: "Connection established", headers: HeaderFields.from([]), framing: { kind: "none" } });
  client.flush();
  const duplex = client.tunnel();
  return { kind: "open", link: { duplex, destination, isSecure: false, stage: "inside", alpn: null, depth: link.depth + 1 } };
}

function refuse(client: H1ClientSide, head: RequestHead, fault: ReturnType<typeof exchangeFault>): ConnectEnd {
  const persists = sendErrorPage(client, fault, { head, url: head.target, mayPersist: head.keepAlive });
  client.flush();
  return { kind: "refused", persists };
}

/** An addon's refusal, sent as any response is. */
function answer(client: H1ClientSide, head: RequestHead, response: HttpResponse): ConnectEnd {
  const body = response.body.raw ?? Buffer.alloc(0);
  const out = outgoingResponse(response.headers, {
    status: response.statusCode, requestMethod: head.method, requestVersion: head.version, framing: { kind: "length", length: 0 },
    plan: { kind: "sized", bytes: body.length }, hasTrailers: false, isChanged: true, mayPersist: head.keepAlive,
  });
  client.sendHead({ status: response.statusCode, reason: response.reason, headers: out.headers, framing: out.framing });
  if (body.length > 0) client.sendData(body);
  client.sendEnd(null);
  client.flush();
  return { kind: "refused", persists: out.persists };
}

