// What follows a 101: a WebSocket whose messages addons look at, or bytes of a protocol we do not read, relayed as they are.
import type { Tunnel } from "../exchange/exchange.ts";
import type { BytePipe } from "../net/byte-pipe.ts";
import { cutBoth, relay, relayTimes } from "../net/relay.ts";
import type { LayerScope } from "./layer-scope.ts";
import { webSocketLayer } from "./websocket.ts";

/** Carries it to its end, and closes the server's side. False: the client must be cut, not closed. */
export async function tunnelLayer(scope: LayerScope, client: BytePipe, { upstream, webSocket }: Tunnel): Promise<boolean> {
  const { waker, alarm, context } = scope;
  const server = upstream.tunnel();
  if (webSocket !== null) {
    const isClean = await webSocketLayer(scope, webSocket.flow, { pipe: client, compression: webSocket.terms.client }, { pipe: server, compression: webSocket.terms.server });
    upstream.closeTunnel(isClean);
    webSocket.release();
    return isClean;
  }
  const result = await relay(client, server, { waker, alarm, ...relayTimes(context.timeouts), isOver: () => alarm.hasPassed });
  const isClean = result.kind === "ended";
  if (!isClean) cutBoth(client, server);
  upstream.closeTunnel(isClean);
  return isClean;
}
