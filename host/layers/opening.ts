// Refuses a client that does not speak what its listener wants, in words that it understands: a page for HTTP, SOCKS4's own refusal,
// and for the operator a line in the log.
import { H1ClientSide } from "../exchange/h1-client-side.ts";
import { sendErrorPage } from "../exchange/send-page.ts";
import { exchangeFault } from "../http/fault-status.ts";
import { socks4Refusal } from "../net/socks-messages.ts";
import { end, type LayerScope, type Link, type Next } from "./layer-scope.ts";

/** What the client spoke, and why that is not taken: one sentence. */
export interface RefusedOpening { readonly spoken: "http" | "socks4" | "other"; readonly why: string }

/** Ends the connection after what is said. */
export function refuseOpening({ context, client }: LayerScope, { duplex }: Link, { spoken, why }: RefusedOpening): Next {
  context.log.info(why, { event: "refused", client: `${client.address.host}:${client.address.port}` });
  if (spoken === "http") {
    const side = new H1ClientSide(duplex);
    sendErrorPage(side, exchangeFault("wrong-protocol", why), { head: null, url: "", mayPersist: false });
    side.flush();
  } else if (spoken === "socks4") duplex.write(socks4Refusal);
  return end;
}
