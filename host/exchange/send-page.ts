// Sends an answer of the proxy itself to a client: an error page, framed like any other response.
import { errorPage } from "../http/error-page.ts";
import type { ExchangeFault } from "../http/fault-status.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { RequestHead } from "../http/http-event.ts";
import { outgoingResponse } from "./outgoing.ts";
import type { ClientSide } from "./sides.ts";

export interface PageOptions {
  /** Of the request that failed; null when it could not be read. */
  readonly head: RequestHead | null;
  /** What was asked for, for the reader; "" when unknown. */
  readonly url: string;
  readonly mayPersist: boolean;
}

/** RFC 7617 §2. */
const challenge: [string, string] = ["Proxy-Authenticate", 'Basic realm="flowcell", charset="UTF-8"'];

/** Writes the whole page (not flushed); true when the connection lives on after it. */
export function sendErrorPage(client: ClientSide, fault: ExchangeFault, { head, url, mayPersist }: PageOptions): boolean {
  const page = errorPage(fault, head?.headers.getAll("accept").join(","), url);
  const requestMethod = head?.method ?? "GET";
  const fields: [string, string][] = [["Content-Type", page.contentType], ["Cache-Control", "no-store"], ["Content-Length", String(page.body.length)]];
  if (page.status === 407) fields.unshift(challenge);
  const response = outgoingResponse(HeaderFields.from(fields), {
    status: page.status, requestMethod, requestVersion: head?.version ?? "1.1", framing: { kind: "length", length: page.body.length },
    plan: { kind: "same" }, hasTrailers: false, isChanged: false, mayPersist,
  });
  client.sendHead({ status: page.status, reason: page.reason, headers: response.headers, framing: response.framing });
  if (response.framing.kind !== "none") client.sendData(page.body);
  client.sendEnd(null);
  return response.persists;
}
