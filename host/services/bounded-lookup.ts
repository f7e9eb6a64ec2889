// The system's resolver for addons: few questions at a time for all of them together, so that names which are slow to resolve cannot
// take every thread that the proxy itself resolves with. It checks no addresses.
import { lookup } from "node:dns/promises";
import type { LookupAddress } from "node:dns";

export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** LIMIT: libuv has four threads for this and for files. */
const mostAtOnce = 2;

/** Each name is asked for once, all its addresses in the order of the system. Rejects as `dns.lookup` does. */
export function boundedLookup(ask: Resolve = (hostname) => lookup(hostname, { all: true, order: "verbatim" })): Resolve {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (hostname) => {
    if (running >= mostAtOnce) await new Promise<void>((resolve) => { waiting.push(resolve); });
    else running++;
    try {
      return await ask(hostname);
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
