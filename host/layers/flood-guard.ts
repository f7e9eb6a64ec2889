// Counts what an HTTP/2 client can send for nothing and the proxy cannot: requests it takes back, PINGs, SETTINGS. Says once when it
// is too much. Frames that never reach JavaScript (CONTINUATION, empty DATA) are counted by nghttp2 and node:http2.
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { h2Codes, h2LimitTable as limits } from "../http/h2-limits.ts";

/** A bucket of tokens that fills up with time. `take` is false when it is empty. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /** `now` in milliseconds. */
  constructor(burst: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#burst = this.#tokens = burst;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#filledAt = now();
  }

  take(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1_000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Calls `onFlood` once, with the name of what there is too much of. */
export function floodGuard(session: ServerHttp2Session, onFlood: (what: string) => void): void {
  let isOver = false;
  const resets = new TokenBucket(limits.resetBurst.value, limits.resetsPerSecond.value);
  const pings = new TokenBucket(limits.pingBurst.value, limits.pingsPerSecond.value);
  const settings = new TokenBucket(limits.settingsBurst.value, limits.settingsPerSecond.value);
  const count = (bucket: TokenBucket, what: string): void => {
    if (isOver || bucket.take()) return;
    isOver = true;
    onFlood(what);
  };
  session.on("ping", () => count(pings, "PING frames"));
  session.on("remoteSettings", () => count(settings, "SETTINGS frames"));
  session.on("stream", (stream: ServerHttp2Stream) => {
    stream.once("close", () => {
      if (stream.rstCode !== h2Codes.noError) count(resets, "requests that it took back");
    });
  });
}
