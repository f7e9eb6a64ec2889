// Meeting the server before it is known what the client speaks: opens its connection while the client is watched, and finds out who
// of the two speaks first where the client is silent. Reads nothing: what came stays in the duplexes.
import { exchangeFault, type ExchangeFault } from "../http/fault-status.ts";
import type { ServerLink } from "../exchange/server-link.ts";
import type { Target } from "../exchange/target.ts";
import type { Address } from "../flows/connection.ts";
import { targetOf, type LayerScope, type Link } from "./layer-scope.ts";

/** Opens a connection to the target and gives up when the client leaves meanwhile. */
export async function openWatched(scope: LayerScope, link: Link, target: Target): Promise<ServerLink | ExchangeFault> {
  const giveUp = new AbortController();
  let isSettled = false;
  const opening = scope.upstreams.openLink(target, giveUp.signal).finally(() => {
    isSettled = true;
    scope.waker.wake();
  });
  scope.alarm.clear();
  while (!isSettled && !link.duplex.isClosed) await scope.waker.wait();
  if (!isSettled) giveUp.abort();
  const result = await opening;
  if (result.kind === "fault") return result.fault;
  if (!link.duplex.isClosed) return result.link;
  result.link.close();
  return exchangeFault("client-left", "The client left while the server was being contacted.");
}

/**
 * The server of a tunnel whose client is silent, met so that it can speak first; its news wake the scope from now on. null: it could not
 * be met, which whoever opens it next hears. The caller keeps it with `keepUnspoken` or closes it.
 * Time alone cannot tell: a client that is only slow would pass addons by if silence were taken for a protocol of its server's.
 */
export async function meetSilently(scope: LayerScope, link: Link, destination: Address): Promise<ServerLink | null> {
  const target = targetOf(link, destination);
  const met = scope.upstreams.takeUnspoken(target) ?? (await openWatched(scope, link, target));
  if ("cause" in met) {
    scope.upstreams.failNext(target, met);
    return null;
  }
  met.duplex.onNews = scope.waker.wake;
  return met;
}

/** Bytes came from the server, or it has ended. */
export const hasSpoken = ({ duplex }: ServerLink): boolean => duplex.unreadBytes > 0 || duplex.hasEnd || duplex.isClosed;
