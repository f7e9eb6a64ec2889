// A request that cannot be served, or not even be read: it gets its page, and addons their `error`, with a flow that shows what is
// known of it. Who may use the proxy at all is not decided here, and is no flow.
import { refuse, type ExchangeEnd } from "../exchange/exchange.ts";
import { newHttpFlow, type RequestPlace } from "../exchange/new-flow.ts";
import type { ClientSide } from "../exchange/sides.ts";
import type { Address } from "../flows/connection.ts";
import type { ExchangeFault } from "../http/fault-status.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { HttpVersion, RequestHead } from "../http/http-event.ts";
import type { LayerScope } from "./layer-scope.ts";

/** What a flow shows of a head that nobody could read; RFC 2606 keeps the name from being anybody's. */
const unreadable = { method: "UNKNOWN", host: "unreadable.invalid", port: 80 } as const;

/** `head`: null where it could not be read; `destination`: of the tunnel, where there is one. */
export interface RefusedRequest {
  readonly fault: ExchangeFault;
  readonly head: RequestHead | null;
  readonly destination: Address | null;
  readonly isSecure: boolean;
  readonly version: HttpVersion;
}

/** Tells `error` and answers; the connection carries no other request. */
export async function refuseRequest(scope: LayerScope, client: ClientSide, { fault, head, destination, isSecure, version }: RefusedRequest): Promise<ExchangeEnd> {
  const { host, port } = destination ?? unreadable;
  const place: RequestPlace = { scheme: isSecure ? "https" : "http", host, port, path: head?.target.startsWith("/") === true ? head.target : "/", authority: "" };
  const record = scope.upstreams.records.make(destination);
  try {
    // Whatever follows such a request is not worth reading.
    const shown: RequestHead = head === null ? unreadableHead(version) : { ...head, keepAlive: false };
    return await refuse(scope, newHttpFlow(scope, shown, place, record), shown, client, fault);
  } finally {
    scope.context.gate.release(record);
  }
}

export function logRefusal({ context, client }: LayerScope, fault: ExchangeFault): void {
  context.log.info(fault.message, { event: "refused", cause: fault.cause, status: fault.status, client: `${client.address.host}:${client.address.port}` });
}

const unreadableHead = (version: HttpVersion): RequestHead => ({
  kind: "request-head", method: unreadable.method, target: "/", version, headers: HeaderFields.from([]), framing: { kind: "none" },
  endStream: true, keepAlive: false, upgrade: [], expectContinue: false,
});
