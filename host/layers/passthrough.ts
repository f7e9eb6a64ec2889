// A raw relay in which the proxy takes no part: the client's own bytes to the server and back, TLS and certificate included, no
// events about the content.
import { cutBoth, relay, relayTimes } from "../net/relay.ts";
import { openWatched } from "./first-speaker.ts";
import { end, targetOf, type LayerScope, type Link, type Next } from "./layer-scope.ts";

/** Needs a destination. Ends when both sides have. */
export async function passthroughLayer(scope: LayerScope, link: Link): Promise<Next> {
  const { destination } = link;
  if (destination === null) return end;
  // Plain TCP whatever the client speaks, unless we already took its TLS off.
  const target = targetOf(link, destination);
  const opened = scope.upstreams.takeUnspoken(target) ?? (await openWatched(scope, link, target));
  if ("cause" in opened) {
    if (opened.cause !== "client-left") scope.context.log.warn(opened.message, { event: "passthrough", host: destination.host, port: destination.port });
    link.duplex.reset();
    return end;
  }
  const server = opened;
  const { waker, alarm } = scope;
  const result = await relay(link.duplex, server.duplex, { waker, alarm, ...relayTimes(scope.context.timeouts), isOver: () => alarm.hasPassed });
  if (result.kind !== "ended") cutBoth(link.duplex, server.duplex);
  server.close(result.kind === "ended");
  return end;
}
