// When an addon may be called: strikes in a sliding window open a breaker, a token bucket bounds its CPU, a count bounds the calls
// that wait (spec: sandbox.md §2). Pure state machines: milliseconds are passed in, nothing is restarted here. Several of one addon, in
// several proxy processes, act as one when each hears the news and the spending of the others.

export const strikeWindowMs = 10_000;
export const strikesToOpen = 5;
export const firstSuspensionMs = 1_000;
export const longestSuspensionMs = 300_000;
/** After that long without a suspension the next one is a short one again. */
export const forgivenAfterMs = 300_000;
/** A second death of a cell by the same addon within this time suspends it until the operator resumes it. */
export const deathWindowMs = 600_000;

/** `trial`: the one call that is let through after a suspension; its outcome decides. */
export type Admission = "yes" | "trial" | "no";

/** What happened to one breaker, for others of the same addon. */
export type BreakerNews =
  | { readonly kind: "strike"; readonly weight: number }
  | { readonly kind: "death" }
  /** Suspended until then (ms), for `lastMs`. */
  | { readonly kind: "opened"; readonly until: number; readonly lastMs: number }
  /** Suspended until the operator resumes it. */
  | { readonly kind: "banned" }
  | { readonly kind: "closed" };

const nobody = (): void => {};

/** The breaker of one addon. */
export class Breaker {
  readonly #tell: (news: BreakerNews) => void;
  #strikes: number[] = [];
  #deaths: number[] = [];
  #state: "closed" | "open" | "trial" | "operator" = "closed";
  #until = 0;
  #lastMs = 0;

  /** `tell` hears what happens here, but for `reset` and what `heed` brings. */
  constructor(tell: (news: BreakerNews) => void = nobody) {
    this.#tell = tell;
  }

  /** Strikes that still count. */
  strikes(now: number): number {
    return this.#strikes.filter((at) => at > now - strikeWindowMs).length;
  }

  /** When the suspension ends (ms), "operator" when only the operator ends it, or null. */
  suspendedUntil(now: number): number | "operator" | null {
    if (this.#state === "operator") return "operator";
    return this.#state === "open" && now < this.#until ? this.#until : null;
  }

  /** Neither suspended nor on trial. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether a call may be made now. After "trial" report the outcome by `succeed` or `strike`. */
  admit(now: number): Admission {
    if (this.#state === "closed") return "yes";
    if (this.#state !== "open" || now < this.#until) return "no";
    this.#state = "trial";
    return "trial";
  }

  /** A call went well. */
  succeed(): void {
    if (this.#state !== "trial") return;
    this.#close();
    this.#tell({ kind: "closed" });
  }

  /** The trial ended with nobody to blame; the next call is one. */
  abandonTrial(): void {
    if (this.#state === "trial") this.#state = "open";
  }

  /** A failure of that weight; says whether it suspends the addon. Weight 0 counts for nothing but ends a trial. */
  strike(weight: number, now: number): boolean {
    if (this.#state === "operator") return false;
    if (weight > 0) this.#tell({ kind: "strike", weight });
    const opens = this.#state === "trial" ? this.#open(now) : this.#count(weight, now);
    if (opens) this.#tell({ kind: "opened", until: this.#until, lastMs: this.#lastMs });
    return opens;
  }

  /** The addon killed its cell; says whether that was the second time within ten minutes, so that it stays suspended. */
  die(now: number): boolean {
    this.#tell({ kind: "death" });
    const isBanned = this.#countDeath(now);
    if (isBanned) this.#tell({ kind: "banned" });
    return isBanned;
  }

  /**
   * What happened to another breaker of the same addon counts here too; nobody is told of it again. Breakers that hear of suspensions
   * and closings, their own included, in one order end up in one state.
   */
  heed(news: BreakerNews, now: number): void {
    if (news.kind === "death") this.#countDeath(now);
    else if (news.kind === "banned") this.#state = "operator";
    else if (this.#state === "operator") return;
    else if (news.kind === "strike") this.#count(news.weight, now);
    else if (news.kind === "closed") this.#close();
    else {
      this.#state = "open";
      this.#until = news.until;
      this.#lastMs = news.lastMs;
      this.#strikes = [];
    }
  }

  /** News that bring a breaker which knows of nothing to where this one is. */
  history(now: number): readonly BreakerNews[] {
    const deaths = this.#deaths.filter((at) => at > now - deathWindowMs).map((): BreakerNews => ({ kind: "death" }));
    if (this.#state === "operator") return [...deaths, { kind: "banned" }];
    if (this.#lastMs > 0 && this.#state !== "closed") return [...deaths, { kind: "opened", until: this.#until, lastMs: this.#lastMs }];
    const strikes = this.strikes(now);
    return strikes === 0 ? deaths : [...deaths, { kind: "strike", weight: strikes }];
  }

  /** The operator, or a new version of the addon, wipes the slate. */
  reset(): void {
    this.#strikes = [];
    this.#deaths = [];
    this.#state = "closed";
    this.#lastMs = 0;
  }

  #count(weight: number, now: number): boolean {
    if (weight <= 0) return false;
    this.#strikes = this.#strikes.filter((at) => at > now - strikeWindowMs);
    for (let i = 0; i < weight; i++) this.#strikes.push(now);
    return this.#state === "closed" && this.#strikes.length >= strikesToOpen ? this.#open(now) : false;
  }

  #countDeath(now: number): boolean {
    this.#deaths = this.#deaths.filter((at) => at > now - deathWindowMs);
    this.#deaths.push(now);
    if (this.#deaths.length < 2) return false;
    this.#state = "operator";
    return true;
  }

  #close(): void {
    this.#state = "closed";
    this.#strikes = [];
  }

  #open(now: number): boolean {
    const isForgiven = now > this.#until + forgivenAfterMs;
    this.#lastMs = this.#lastMs === 0 || isForgiven ? firstSuspensionMs : Math.min(this.#lastMs * 2, longestSuspensionMs);
    this.#until = now + this.#lastMs;
    this.#state = "open";
    this.#strikes = [];
    return true;
  }
}

/** LIMIT cpuBudgetShare, cpuBudgetBurstMs: a bucket of CPU time that refills with `share` of a core. */
export class CpuBudget {
  readonly #share: number;
  readonly #burstMicros: number;
  #micros: number;
  #at: number;
  #untoldMicros = 0;

  constructor(share: number, burstMs: number, now: number) {
    this.#share = share;
    this.#burstMicros = burstMs * 1_000;
    this.#micros = this.#burstMicros;
    this.#at = now;
  }

  /** CPU time that was used, by a call or by anything else the addon ran. May overdraw. */
  spend(cpuMicros: number, now: number): void {
    this.#untoldMicros += cpuMicros;
    this.spendAlone(cpuMicros, now);
  }

  /** CPU time that is no business of other buckets of the same addon: what loading it here costs, or what they spent themselves. */
  spendAlone(cpuMicros: number, now: number): void {
    this.#refill(now);
    this.#micros -= cpuMicros;
  }

  /** Spent (not alone) since this was last asked. */
  takeUntold(): number {
    const micros = this.#untoldMicros;
    this.#untoldMicros = 0;
    return micros;
  }

  /** What is missing to a full bucket, in µs. */
  missing(now: number): number {
    this.#refill(now);
    return this.#burstMicros - this.#micros;
  }

  isEmpty(now: number): boolean {
    this.#refill(now);
    return this.#micros <= 0;
  }

  #refill(now: number): void {
    this.#micros = Math.min(this.#burstMicros, this.#micros + Math.max(0, now - this.#at) * 1_000 * this.#share);
    this.#at = now;
  }
}
