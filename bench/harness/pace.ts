// How fast the machine is just now: what the bare floor of peers/bare.ts costs, taken again and again while claims are measured, because a shared
// machine's pace changes within minutes. It judges nothing; harness/budgets.ts says what the floor cost where the budgets were set.
import { startBare } from "../peers/start-peer.ts";
import { median } from "./figures.ts";
import { perThousand, sample, type Contestant } from "./rounds.ts";
import { Stage } from "./stage.ts";

const warmUpRequests = 20_000;
const warmUpMs = 4_000;
const lapMs = 500;

export class Pace implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #floor: Contestant;
  #laps: number[] = [];

  private constructor(stage: Stage, floor: Contestant) {
    this.#stage = stage;
    this.#floor = floor;
  }

  static async open(): Promise<Pace> {
    const stage = await Stage.open();
    const bare = stage.use(await startBare(stage.origin));
    const floor: Contestant = { what: "bare node", pid: bare.pid, load: await stage.load(bare, "http") };
    await sample(floor, { ms: warmUpMs, requests: warmUpRequests });
    return new Pace(stage, floor);
  }

  /** Takes the floor once more, in half a second. */
  async lap(): Promise<void> {
    this.#laps.push(perThousand(await sample(this.#floor, { ms: lapMs })));
  }

  /** CPU seconds per 1,000 requests of the floor: the median of the laps since the last call. */
  take(): number {
    const floor = median(this.#laps);
    this.#laps = [];
    return floor;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stage[Symbol.asyncDispose]();
  }
}
