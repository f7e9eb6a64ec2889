// What one client connection knows of the servers it goes to, beyond its open connections: what each is offered, how its next opening
// fails, what it was found to speak. It opens nothing. PERF: it keeps nothing for plain requests, of which there is nothing to know.
import type { ExchangeFault } from "../http/fault-status.ts";
import { keyOf, type Target, type TunnelOffer } from "./target.ts";

/** Of one target; `Opening` is an opening that several may wait for. */
export interface TargetFacts<Opening> {
  /** What it is offered, where that was said. */
  offer: TunnelOffer | null;
  /** How its next opening fails. */
  fault: ExchangeFault | null;
  /** It may speak HTTP/2, and a connection to it is being opened. */
  opening: Opening | null;
  /** It was found to speak HTTP/1 although it was offered HTTP/2: each exchange opens its own connection. */
  isH1: boolean;
}

export class KnownTargets<Opening> {
  #facts: Map<string, TargetFacts<Opening>> | null = null;

  /** What is known of it, if anything is. */
  get(target: Target): TargetFacts<Opening> | undefined {
    return this.#facts?.get(keyOf(target));
  }

  /** The same, to be written to. */
  noted(target: Target): TargetFacts<Opening> {
    const known = this.get(target);
    if (known !== undefined) return known;
    const fresh: TargetFacts<Opening> = { offer: null, fault: null, opening: null, isH1: false };
    (this.#facts ??= new Map()).set(keyOf(target), fresh);
    return fresh;
  }
}
