// How often one addon may send requests again: so many at once, and so many in a second, over all its restarts. It knows neither
// flows nor how they are sent. LIMIT replaysAtOnce, replaysPerSecond.
import type { Limits } from "../../sandbox-api/schema/limits.ts";

type ReplayLimits = Pick<Limits, "replaysAtOnce" | "replaysPerSecond">;

export class AddonReplays {
  readonly #now: () => number;
  #underWay = 0;
  #begun: number[] = [];

  /** `now` gives milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins one unless that would be too many. `start` gives a promise of its end, which must not reject, or the reason why it cannot. Null: it was begun. */
  begin({ replaysAtOnce, replaysPerSecond }: ReplayLimits, start: () => Promise<void> | string): string | null {
    if (this.#underWay >= replaysAtOnce) return `${replaysAtOnce} replays are under way already (limit replaysAtOnce)`;
    const now = this.#now();
    this.#begun = this.#begun.filter((at) => at > now - 1_000);
    if (this.#begun.length >= replaysPerSecond) return `more than ${replaysPerSecond} replays in one second (limit replaysPerSecond)`;
    const started = start();
    if (typeof started === "string") return started;
    this.#begun.push(now);
    this.#underWay++;
    void started.then(() => { this.#underWay--; });
    return null;
  }
}
